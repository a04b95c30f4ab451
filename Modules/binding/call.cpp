#include "binding/call.hpp"

#include "binding/detached.hpp"
#include "binding/number.hpp"
#include "core/thread.hpp"

namespace binding {

Call::Call(const KernelDef& def, const Arguments& arguments) {
  PyObject* number = arguments[def.threads];
  if (number != nullptr && number != Py_None) {
    threads = static_cast<unsigned>(
        integer_from(arguments.function(), arguments.name(def.threads), number, 1, core::max_threads));
  }
  const std::size_t last = def.signature.names.size() - 1;
  PyObject* callable = arguments[last];
  if (callable != nullptr && callable != Py_None) {
    if (PyCallable_Check(callable) == 0) {
      raise(PyExc_TypeError, "%s() argument 'progress' must be callable, not %s", arguments.function(),
            Py_TYPE(callable)->tp_name);
    }
    progress = Ref::copy(callable);
  }
}

void run_detached(Call& call, core::Control& control) {
  if (call.progress) {
    detached_with_progress(control, call.progress.get(), [&] { call.run(control); });
  } else {
    detached_with_signals(control, [&] { call.run(control); });
  }
}

}  // namespace binding
