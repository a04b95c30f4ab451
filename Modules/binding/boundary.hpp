// The boundary between CPython's C and our C++: nothing may be thrown across it.
#pragma once

#include <exception>

#include "binding/errors.hpp"
#include "binding/python.hpp"
#include "binding/reference.hpp"

namespace binding {

// In a catch block: sets the Python exception for the C++ exception in flight.
//     PythonError                 is set already
//     core::Stopped               is set already by the poll that stopped the kernel, or else RuntimeError
//     core::Forked                RuntimeError
//     core::OutOfMemory           MemoryError, which says for how much
//     std::bad_alloc              MemoryError
//     core::CannotStartThread     RuntimeError("can't start new thread")
//     std::system_error           OSError(errno), or its subclass for that errno
//     std::invalid_argument       ValueError
//     std::overflow_error         OverflowError
//     any other                   SystemError: a bug of this module
void set_python_exception() noexcept;

// Runs body(). A C++ exception becomes a Python exception and `failure`, which is NULL or -1 as the caller knows it.
template <class Result, class F>
Result boundary(Result failure, F&& body) noexcept {
  try {
    return body();
  } catch (...) {
    if (is_thread_exit()) sleep_for_ever();
    set_python_exception();
    return failure;
  }
}

// entry<function> is what a method table holds: `function` with the boundary around it. The function returns a Ref,
// the entry a new reference or NULL; for tp_init and setters both return int.
template <auto function>
struct Entry;

template <class... Args, Ref (*function)(Args...)>
struct Entry<function> {
  static PyObject* call(Args... args) noexcept {
    return boundary<PyObject*>(nullptr, [&] { return function(args...).release(); });
  }
};

template <class... Args, int (*function)(Args...)>
struct Entry<function> {
  static int call(Args... args) noexcept {
    return boundary(-1, [&] { return function(args...); });
  }
};

template <auto function>
inline constexpr auto entry = &Entry<function>::call;

// The same as PyCFunction, the type that PyMethodDef wants whatever the flags say.
template <auto function>
inline const PyCFunction method = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&Entry<function>::call));

}  // namespace binding
