// Detached: without the GIL (or, where there is none, without holding up a stop-the-world).
//
// In a detached scope there is no Python: no reference count, no exception, no buffer to get or release. What comes
// out of it is plain data and C++ exceptions. Blocking is allowed in detached scopes only.
#pragma once

#include <exception>

#include "binding/boundary.hpp"
#include "binding/python.hpp"
#include "core/parallel.hpp"
#include "core/parking.hpp"
#include "core/platform.hpp"

namespace binding {

inline constexpr std::chrono::milliseconds max_nap{100};

inline void attach(PyThreadState* thread) noexcept {
  unless_ended([=] { PyEval_RestoreThread(thread); });
}

// Py_BEGIN_ALLOW_THREADS, body(), Py_END_ALLOW_THREADS; body's C++ exception is thrown on once attached again.
template <class F>
void detached(F&& body) {
  std::exception_ptr error;
  PyThreadState* thread = PyEval_SaveThread();
  try {
    body();
  } catch (...) {
    error = std::current_exception();
  }
  attach(thread);
  if (error) std::rethrow_exception(error);
}

// The same for work under a Control, which now and then attaches to run the handlers of signals that came. If one of
// them raises, the work is stopped, and the exception waits in the thread state.
template <class F>
void detached_with_signals(core::Control& control, F&& body) {
  PyThreadState* thread = PyThreadState_Get();
  control.set_poll(
      [](void* context) {
        attach(static_cast<PyThreadState*>(context));
        const bool ok = PyErr_CheckSignals() == 0;
        PyEval_SaveThread();
        return ok;
      },
      thread);
  detached(body);
}

// And besides calls progress(n) for each n elements that are done; what that raises ends the work too.
template <class F>
void detached_with_progress(core::Control& control, PyObject* progress, F&& body) {
  struct Context {
    PyThreadState* thread;
    PyObject* progress;
  } context{PyThreadState_Get(), progress};
  control.set_progress(
      [](void* opaque, std::size_t done) {
        const auto& caller = *static_cast<Context*>(opaque);
        attach(caller.thread);
        return unless_ended([&] {
          PyObject* result = PyObject_CallFunction(caller.progress, "n", static_cast<Py_ssize_t>(done));
          const bool ok = result != nullptr;
          Py_XDECREF(result);
          PyEval_SaveThread();
          return ok;
        });
      },
      &context);
  detached_with_signals(control, body);
}

// The one wait of the binding: blocks detached until wait(deadline) has been woken (true) or the deadline has passed
// (false). Signal handlers run in between, if may_run_handlers() does not say that it has been woken; what they raise
// ends the wait as a PythonError.
template <class Wait, class MayRunHandlers>
bool wait_until(core::Deadline deadline, Wait&& wait, MayRunHandlers&& may_run_handlers) {
  for (;;) {
    core::Wake wake{};
    // A signal between the check below and the sleep interrupts nothing. So the thread that runs Python's signal
    // handlers never sleeps for long.
    const core::Deadline nap = core::platform::is_main_thread() ? core::deadline_in(max_nap) : core::never;
    detached([&] { wake = wait(nap < deadline ? nap : deadline); });
    if (wake == core::Wake::woken) return true;
    if (wake == core::Wake::timed_out && deadline <= nap) return false;
    if (!may_run_handlers()) return true;
    check(PyErr_CheckSignals());
  }
}

template <class Wait>
bool wait_until(core::Deadline deadline, Wait&& wait) {
  return wait_until(deadline, wait, [] { return true; });
}

}  // namespace binding
