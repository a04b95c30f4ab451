#include "binding/sync/queue_protocol.hpp"

#include <string_view>

#include "binding/number.hpp"
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

Py_ssize_t get_many_count(const Arguments& arguments) {
  PyObject* const n = arguments[0];
  if (n == nullptr || n == Py_None) return PY_SSIZE_T_MAX;
  return static_cast<Py_ssize_t>(integer_from(arguments.function(), "n", n, 1, PY_SSIZE_T_MAX));
}

}  // namespace binding
