// What all locks have in common for Python: acquire(), release(), `with`, and the constructor T(*, handoff=True); and
// the signature of wait().
//
// A T has acquire(deadline), which says whether it has, release(), which raises if that is an error, handoff, and
// init_format, for PyArg_ParseTupleAndKeywords.
#pragma once

#include "binding/arguments.hpp"
#include "binding/boundary.hpp"
#include "binding/object.hpp"
#include "binding/sync/waiting.hpp"
#include "binding/timeout.hpp"

namespace binding {

// acquire(blocking=True, timeout=-1)
inline constexpr std::array<const char*, 2> acquire_names{"blocking", "timeout"};
inline constexpr Signature acquire_signature{"acquire", acquire_names, 0};

// wait(timeout=None), of all that is waited for
inline constexpr std::array<const char*, 1> wait_names{"timeout"};
inline constexpr Signature wait_signature{"wait", wait_names, 0};

inline core::Deadline acquire_deadline(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count == 0 && keywords == nullptr) return core::never;
  return lock_deadline(Arguments(acquire_signature, args, static_cast<std::size_t>(count), keywords));
}

template <class T>
Ref Lockable_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return Ref::copy(value_of<T>(self).acquire(acquire_deadline(args, count, keywords)) ? Py_True : Py_False);
}

template <class T>
Ref Lockable_release(PyObject* self, PyObject*) {
  value_of<T>(self).release();
  return Ref::copy(Py_None);
}

template <class T>
Ref Lockable_enter(PyObject* self, PyObject*) {
  value_of<T>(self).acquire(core::never);
  return Ref::copy(Py_True);
}

template <class T>
Ref Lockable_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  value_of<T>(self).release();
  return Ref::copy(Py_None);
}

template <class T>
int Lockable_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"handoff", nullptr};
  int handoff = 1;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, T::init_format, const_cast<char**>(keywords), &handoff) == 0) {
    throw PythonError();
  }
  value_of<T>(self).handoff = handoff != 0;
  return 0;
}

inline constexpr const char* acquire_doc =
    "acquire($self, /, blocking=True, timeout=-1)\n--\n\n"
    "Acquire the lock and return True; return False if it is not to be had without blocking (blocking=False) or\n"
    "within timeout seconds (-1 and None: however long it takes).\n\n"
    "Blocks without the GIL. Ctrl-C ends the wait. ValueError for a timeout with blocking=False, one that is\n"
    "negative (but -1) or NaN; OverflowError above TIMEOUT_MAX.";
inline constexpr const char* enter_doc = "__enter__($self, /)\n--\n\nAcquire the lock, as acquire() does.";
inline constexpr const char* exit_doc = "__exit__($self, type, value, traceback, /)\n--\n\nRelease the lock.";

}  // namespace binding
