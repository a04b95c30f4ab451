#include "binding/sync/queue_errors.hpp"

#include <string_view>

#include "binding/state.hpp"
#include "binding/timeout.hpp"

namespace binding {

Ref queue_error(const State& state, const char* name) {
  if (state.shutdown_error && name == std::string_view("ShutDown")) return Ref::copy(state.shutdown_error.get());
  const Ref queue = own(PyImport_ImportModule("queue"));
  return own(PyObject_GetAttrString(queue.get(), name));
}

void raise_queue_error(const State& state, const char* name) {
  PyErr_SetNone(queue_error(state, name).get());
  throw PythonError();
}

core::Deadline queue_deadline(const Arguments& arguments, std::size_t first) {
  if (!is_true(arguments[first], true)) return core::at_once;
  return deadline_from(arguments.function(), arguments[first + 1], Negative::is_refused);
}

}  // namespace binding
