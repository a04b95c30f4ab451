#include "core/thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <cstddef>
#include <exception>
#include <utility>

#include "core/fork.hpp"
#include "core/platform.hpp"

namespace core {
namespace {

// Python code recurses on the C stack: below 2 MiB deep recursion crashes before Python's own limit stops it.
constexpr std::size_t min_stack_size = std::size_t{2} << 20;

void check(int error) {
  if (error != 0) throw CannotStartThread(error);
}

// For calls that fail only if this file is wrong: better a crash here than a thread nobody joins.
void must(int error) noexcept {
  if (error != 0) std::terminate();
}

class Attributes {
 public:
  Attributes() {
    check(pthread_attr_init(&attributes_));
    std::size_t size = 0;
    must(pthread_attr_getstacksize(&attributes_, &size));
    if (size < min_stack_size) {  // musl's default is 128 KiB, macOS' 512
      must(pthread_attr_setstacksize(&attributes_, min_stack_size));
    }
  }
  ~Attributes() { must(pthread_attr_destroy(&attributes_)); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const pthread_attr_t* get() const noexcept { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

// A new thread inherits the signal mask of the one that creates it.
class SignalMask {
 public:
  explicit SignalMask(Thread::Signals signals) {
    sigset_t blocked;
    must(sigemptyset(&blocked));
    if (signals == Thread::Signals::faults) {
      must(sigfillset(&blocked));
      for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
        must(sigdelset(&blocked, fault));
      }
    }
    must(pthread_sigmask(SIG_BLOCK, &blocked, &before_));
  }
  ~SignalMask() { must(pthread_sigmask(SIG_SETMASK, &before_, nullptr)); }
  SignalMask(const SignalMask&) = delete;
  SignalMask& operator=(const SignalMask&) = delete;

 private:
  sigset_t before_;
};

pthread_t create(void* (*main)(void*), void* argument, Thread::Signals signals) {
  const Attributes attributes;
  const SignalMask mask(signals);
  pthread_t thread;
  check(pthread_create(&thread, attributes.get(), main, argument));
  return thread;
}

}  // namespace

void start_daemon(void* (*main)(void*), void* argument) {
  must(pthread_detach(create(main, argument, Thread::Signals::faults)));
}

Thread::~Thread() {
  if (ident() != 0 && !of_another_process() && !reaped_.exchange(true)) {
    must(pthread_detach(reinterpret_cast<pthread_t>(ident())));
  }
}

void Thread::set_state(State state) noexcept {
  state_.store(state, std::memory_order_release);
  unpark_all(state_);
}

void Thread::spawn(std::string name, Signals signals) {
  name_ = std::move(name);
  generation_ = fork_generation();
  try {
    self_ = shared_from_this();
    const pthread_t thread = create(main, this, signals);
    // The new thread stores the same number. Whoever comes first, nobody sees a started thread without it.
    ident_.store(reinterpret_cast<std::uintptr_t>(thread), std::memory_order_release);
  } catch (...) {
    self_.reset();
    set_state(failed_);
    throw;
  }
  std::uint32_t expected = not_started;
  state_.compare_exchange_strong(expected, starting);  // unless the thread is further already
}

void* Thread::main(void* argument) noexcept {
  Thread& thread = *static_cast<Thread*>(argument);
  const std::shared_ptr<Thread> keep_alive = std::move(thread.self_);
  platform::name_this_thread(thread.name_.c_str());
  thread.ident_.store(reinterpret_cast<std::uintptr_t>(pthread_self()), std::memory_order_release);
  thread.native_id_.store(platform::native_thread_id(), std::memory_order_release);
  thread.set_state(running);
  thread.run();
  thread.set_state(finished);
  return nullptr;
}

bool Thread::of_another_process() const noexcept { return generation_ != fork_generation() && !is_current(); }

bool Thread::lost_in_fork() const noexcept {
  const std::uint32_t state = state_.load(std::memory_order_acquire);
  return (state == starting || state == running) && of_another_process();
}

bool Thread::is_current() const noexcept {
  return ident() == reinterpret_cast<std::uintptr_t>(pthread_self()) &&
         state_.load(std::memory_order_acquire) == running;
}

bool Thread::done() const noexcept {
  const std::uint32_t state = state_.load(std::memory_order_acquire);
  return state == finished || state == failed_ || lost_in_fork();
}

std::uint64_t Thread::native_id() const noexcept {
  while (state_.load(std::memory_order_acquire) == starting && !lost_in_fork()) park(state_, starting, never);
  return native_id_.load(std::memory_order_acquire);
}

Wake Thread::join(Deadline deadline) noexcept {
  while (!done()) {
    const std::uint32_t state = state_.load(std::memory_order_acquire);
    if (state == finished || state == failed_) break;
    const Wake wake = park(state_, state, deadline);
    if (wake != Wake::woken) return wake;
  }
  // run() is over: the thread has nothing left to do but return, so this does not block for long.
  if (ident() != 0 && !of_another_process() && !reaped_.exchange(true)) {
    must(pthread_join(reinterpret_cast<pthread_t>(ident()), nullptr));
  }
  return Wake::woken;
}

}  // namespace core
