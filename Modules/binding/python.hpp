// Python.h, and every difference between the Python versions that this module runs on (3.11 to 3.15, with and
// without the GIL). The only `#if` on versions in the binding.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030B0000
#error "threadmodule needs Python 3.11 or newer"
#endif

// 3.12: the constants of PyMemberDef have a prefix.
#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_T_BOOL T_BOOL
#define Py_READONLY READONLY
#endif

// 3.14: every tp_dealloc that goes too deep is put off. Before, each has to say so itself.
#if PY_VERSION_HEX >= 0x030E0000
#define THREADMODULE_TRASHCAN_BEGIN(self, dealloc)
#define THREADMODULE_TRASHCAN_END
#else
#define THREADMODULE_TRASHCAN_BEGIN(self, dealloc) Py_TRASHCAN_BEGIN(self, dealloc)
#define THREADMODULE_TRASHCAN_END Py_TRASHCAN_END
#endif

namespace binding {

// Several threads may be attached at once.
#ifdef Py_GIL_DISABLED
inline constexpr bool free_threaded = true;
#else
inline constexpr bool free_threaded = false;
#endif

// Then, a Python object's own lock while its references change hands. Under the GIL there is nothing to do.
class CriticalSection {
 public:
  CriticalSection(const CriticalSection&) = delete;
  CriticalSection& operator=(const CriticalSection&) = delete;
#ifdef Py_GIL_DISABLED
  explicit CriticalSection(PyObject* object) noexcept { PyCriticalSection_Begin(&section_, object); }
  ~CriticalSection() { PyCriticalSection_End(&section_); }

 private:
  PyCriticalSection section_;
#else
  explicit CriticalSection(PyObject*) noexcept {}
#endif
};

// 3.12: an exception is one object, no longer a triple.
inline PyObject* get_raised_exception() noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (value != nullptr && traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

// Takes the reference to `exception`, as PyErr_SetRaisedException does.
inline void set_raised_exception(PyObject* exception) noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception);
#else
  if (exception == nullptr) {
    PyErr_Clear();
  } else {
    PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), exception,
                  PyException_GetTraceback(exception));
  }
#endif
}

// 3.13: the dummies that threading makes for foreign threads go with these.
inline constexpr bool threading_keeps_dummies = PY_VERSION_HEX < 0x030D0000;

// 3.13: queues can be shut down.
inline constexpr bool queue_has_shutdown = PY_VERSION_HEX >= 0x030D0000;

// 3.14: a thread that wants to attach too late sleeps, and is not ended by pthread_exit (see thread_exit.hpp).
inline constexpr bool thread_exit_unwinds = PY_VERSION_HEX < 0x030E0000;

// 3.13: a public and quick way to ask whether this thread is attached. Before, the quick ways do not know of threads.
inline bool is_attached() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  return PyThreadState_GetUnchecked() != nullptr;
#else
  return PyGILState_Check() != 0;
#endif
}

// 3.13: what a weak reference refers to, as a new reference; NULL if that is gone.
inline PyObject* weak_reference_target(PyObject* reference) noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* target = nullptr;
  PyWeakref_GetRef(reference, &target);
  return target;
#else
  PyObject* target = PyWeakref_GetObject(reference);
  return target == Py_None ? nullptr : Py_NewRef(target);
#endif
}

// 3.13: public. Has the end of the whole runtime begun, so that no other thread can attach any more?
inline bool is_finalizing() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// Slots that tell the interpreter what this module is ready for. Where there is no such slot yet, it is the end of the
// table: so these come last, the younger one behind the older.
#if PY_VERSION_HEX >= 0x030C0000
inline const PyModuleDef_Slot slot_interpreters = {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED};
#else
inline const PyModuleDef_Slot slot_interpreters = {0, nullptr};
#endif
#if PY_VERSION_HEX >= 0x030D0000
inline const PyModuleDef_Slot slot_gil = {Py_mod_gil, Py_MOD_GIL_NOT_USED};
#else
inline const PyModuleDef_Slot slot_gil = {0, nullptr};
#endif

}  // namespace binding
