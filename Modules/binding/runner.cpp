#include "binding/runner.hpp"

#include <new>

#include "binding/detached.hpp"

namespace binding {

// A kernel

KernelRunner::KernelRunner(bool is_daemon, std::shared_ptr<Call> prepared) : Runner(is_daemon) {
  call = std::move(prepared);
  control_.threads = call->threads == 0 ? 1 : call->threads;  // one POSIX thread, this one, unless told otherwise
}

void KernelRunner::run() noexcept {
  try {
    call->run(control_);
  } catch (...) {
    error_ = std::current_exception();
  }
}

void KernelRunner::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

void KernelRunner::quiesce() noexcept {
  control_.stop();
  while (join(core::never) != core::Wake::woken) {
  }
}

// Python code

PythonRunner::PythonRunner(bool is_daemon, PyObject* thread, Body body)
    : Runner(is_daemon), thread_(thread), body_(body), interpreter_(PyInterpreterState_Get()) {}

void PythonRunner::start(std::string name) {
  Ref owned = Ref::copy(thread_);
  try {
    spawn(std::move(name), Signals::inherited);
  } catch (...) {
    set_birth(dead);
    throw;
  }
  detached([&] { quiesce(); });
  if (birth_.load(std::memory_order_relaxed) == dead) throw std::bad_alloc();
  owned.release();  // to the thread
}

void PythonRunner::set_birth(Birth birth) noexcept {
  birth_.store(birth, std::memory_order_release);
  core::unpark_all(birth_);
}

// The new thread needs the interpreter to be there until it has a thread state. Whoever starts it waits for that, but
// a daemon that starts a daemon does not keep the interpreter alive: so the exit hook waits too.
void PythonRunner::quiesce() noexcept {
  while (birth_.load(std::memory_order_acquire) == unborn) core::park(birth_, unborn, core::never);
}

void PythonRunner::run() noexcept {
  PyThreadState* state = PyThreadState_New(interpreter_);
  set_birth(state == nullptr ? dead : alive);
  if (state == nullptr) return;
  attach(state);
  body_(thread_);
  drop(thread_);
  unless_ended([=] { PyThreadState_Clear(state); });
  PyThreadState_DeleteCurrent();
}

}  // namespace binding
