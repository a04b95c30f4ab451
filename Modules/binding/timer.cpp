#include "binding/timer.hpp"

#include "binding/boundary.hpp"
#include "binding/state.hpp"

namespace binding {
namespace {

// What a Timer has besides a Thread stands in its __dict__, as in threading: programs look at it, and change it.

int Timer_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"interval", "function", "args", "kwargs", nullptr};
  PyObject* interval = nullptr;
  PyObject* function = nullptr;
  PyObject* function_args = Py_None;
  PyObject* function_kwargs = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OO:Timer", const_cast<char**>(keywords), &interval, &function,
                                  &function_args, &function_kwargs) == 0) {
    throw PythonError();
  }
  const State& state = *state_slot(module_of(Py_TYPE(self)));
  own(PyObject_CallMethod(state.thread_type.get(), "__init__", "(O)", self));
  const auto set = [self](const char* name, const Ref& value) {
    check(PyObject_SetAttrString(self, name, value.get()));
  };
  set("interval", Ref::copy(interval));
  set("function", Ref::copy(function));
  set("args", function_args == Py_None ? own(PyList_New(0)) : Ref::copy(function_args));
  set("kwargs", function_kwargs == Py_None ? own(PyDict_New()) : Ref::copy(function_kwargs));
  set("finished", own(PyObject_CallNoArgs(state.event_type.get())));
  return 0;
}

Ref attribute(PyObject* self, const char* name) { return own(PyObject_GetAttrString(self, name)); }

Ref Timer_run(PyObject* self, PyObject*) {
  const Ref finished = attribute(self, "finished");
  const Ref cancelled = own(PyObject_CallMethod(finished.get(), "wait", "(O)", attribute(self, "interval").get()));
  const int is_cancelled = PyObject_IsTrue(cancelled.get());
  check(is_cancelled);
  if (is_cancelled == 0) {
    const Ref args = own(PySequence_Tuple(attribute(self, "args").get()));
    own(PyObject_Call(attribute(self, "function").get(), args.get(), attribute(self, "kwargs").get()));
  }
  own(PyObject_CallMethod(finished.get(), "set", nullptr));
  return Ref::copy(Py_None);
}

Ref Timer_cancel(PyObject* self, PyObject*) {
  own(PyObject_CallMethod(attribute(self, "finished").get(), "set", nullptr));
  return Ref::copy(Py_None);
}

PyMethodDef Timer_methods[] = {
    {"run", method<Timer_run>, METH_NOARGS,
     "run($self, /)\n--\n\nWait for interval seconds or until cancelled; if not cancelled, call the function."},
    {"cancel", method<Timer_cancel>, METH_NOARGS,
     "cancel($self, /)\n--\n\nIf the function has not been called yet, it will not be. Does not block."},
    {nullptr, nullptr, 0, nullptr},
};

constexpr const char* Timer_doc =
    "Timer(interval, function, args=None, kwargs=None)\n--\n\n"
    "A Thread that calls function(*args, **kwargs) after interval seconds, unless it is cancelled before:\n"
    "threading.Timer. It begins to count at start().";

PyType_Slot Timer_slots[] = {
    {Py_tp_doc, const_cast<char*>(Timer_doc)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Timer_init>)},
    {Py_tp_methods, Timer_methods},
    {0, nullptr},
};

}  // namespace

PyType_Spec Timer_spec = {"threadmodule.Timer", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, Timer_slots};

}  // namespace binding
