// Threads that CPython ends. Before 3.14, a thread that wants to attach to an interpreter which is being finalized is
// ended by pthread_exit, and glibc does that by unwinding its stack, out of any C function that may run Python code:
// destructors run detached, and the first noexcept function aborts the process. Since 3.14 such a thread sleeps for
// ever. Here it always does.
#pragma once

#include <exception>
#include <utility>

#include "binding/python.hpp"

namespace binding {

[[noreturn]] void sleep_for_ever() noexcept;

// In a catch (...) block: is this no C++ exception, but pthread_exit?
inline bool is_thread_exit() noexcept { return std::current_exception() == nullptr; }

// Runs C API functions, which throw nothing, where pthread_exit must not pass: in destructors and in slots.
template <class F>
decltype(auto) unless_ended(F&& calls) noexcept {
  try {
    return calls();
  } catch (...) {
    sleep_for_ever();
  }
}

// May destructors release what they hold? Not while pthread_exit runs them; then it goes with the process.
inline bool may_release() noexcept { return !thread_exit_unwinds || is_attached(); }

// Py_XDECREF for destructors.
inline void drop(PyObject* object) noexcept {
  if (object != nullptr && may_release()) unless_ended([=] { Py_DECREF(object); });
}

}  // namespace binding
