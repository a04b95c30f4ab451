// What runs in the POSIX thread of a threadmodule.Thread: a kernel, or Python code.
//
// A Runner is one start of a Thread. It is counted apart from the Python object, because a thread may outlive that.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <string>

#include "binding/call.hpp"
#include "binding/python.hpp"
#include "core/thread.hpp"

namespace binding {

class Runner : public core::Thread {
 public:
  explicit Runner(bool is_daemon) : daemon(is_daemon) {}

  // Starts the POSIX thread. Attached. Throws CannotStartThread or std::bad_alloc, and then nothing runs.
  virtual void start(std::string name) = 0;

  // Could it not be started after all?
  virtual bool stillborn() const noexcept { return failed(); }

  // At exit, detached: a kernel is stopped and joined. Of a Python thread, only the birth is awaited: from then on
  // the interpreter knows it.
  virtual void quiesce() noexcept = 0;

  // The Thread object, borrowed, for code that runs in this very thread; NULL if that is a kernel.
  virtual PyObject* thread() const noexcept { return nullptr; }

  virtual bool stopped() const noexcept { return false; }

  // After join(), attached: throws what a kernel threw.
  virtual void rethrow() const {}

  const bool daemon;

  // These two are guarded by Registry::mutex.
  // The kernel's call with its buffers, NULL for Python code. The thread itself drops its reference to the runner
  // detached, so whoever is done with the call takes it out of here, attached, once the thread is done.
  std::shared_ptr<Call> call;
  bool orphaned = false;  // the Thread object is gone, nobody else will take the call
};

// Runs a kernel without ever touching the interpreter.
class KernelRunner final : public Runner {
 public:
  KernelRunner(bool is_daemon, std::shared_ptr<Call> prepared);

  void start(std::string name) override { spawn(std::move(name), Signals::faults); }
  void quiesce() noexcept override;
  bool stopped() const noexcept override { return control_.stopped(); }
  void rethrow() const override;

 private:
  void run() noexcept override;

  core::Control control_;
  std::exception_ptr error_;
};

// Runs body(thread) attached, with a thread state of its own, made for the interpreter that started it. PyGILState
// knows the main interpreter only, and is fatal where PyThreadState_New says NULL.
class PythonRunner final : public Runner {
 public:
  using Body = void (*)(PyObject* thread) noexcept;

  // Borrows `thread`; start() owns a reference to it until body() has returned.
  PythonRunner(bool is_daemon, PyObject* thread, Body body);

  void start(std::string name) override;
  PyObject* thread() const noexcept override { return thread_; }
  bool stillborn() const noexcept override { return failed() || birth_.load(std::memory_order_acquire) == dead; }
  void quiesce() noexcept override;

 private:
  enum Birth : std::uint32_t { unborn, alive, dead };  // dead: no thread, or no memory for its state

  void run() noexcept override;
  void set_birth(Birth birth) noexcept;

  PyObject* const thread_;
  const Body body_;
  PyInterpreterState* const interpreter_;
  std::atomic<std::uint32_t> birth_{unborn};
};

}  // namespace binding
