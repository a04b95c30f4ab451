// One POSIX thread, from its creation to its join.
//
//     not_started --spawn()--> starting --first thing in the thread--> running --run() returned--> finished
//          |
//          +------pthread_create said no--> failed
//
// A Thread belongs to std::shared_ptr: while it runs it holds one reference to itself, so that whoever started it may
// forget it. Derive from it and say in run() what the thread does.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include "core/deadline.hpp"
#include "core/parking.hpp"

namespace core {

// pthread_create failed; code() says why (EAGAIN: out of threads or memory).
class CannotStartThread : public std::system_error {
 public:
  explicit CannotStartThread(int error) : std::system_error(error, std::generic_category(), "pthread_create") {}
};

// More threads than this in one call is a mistake, and no system's default limits allow it
// (Linux: two memory maps for each stack, and vm.max_map_count is 65,530).
inline constexpr unsigned max_threads = 32768;

// A thread of native code that nobody joins: the process ends without asking it. Lets in the signals of its own faults.
// Throws CannotStartThread.
void start_daemon(void* (*main)(void* argument), void* argument);

class Thread : public std::enable_shared_from_this<Thread> {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  virtual ~Thread();

  // Which signals the new thread lets in: those of its creator, as Python's own threads do, so that what is started
  // from it (a process, say) inherits nothing odd; or, for native code, only those that its own faults raise.
  enum class Signals { inherited, faults };

  // Creates the thread; at most once. Throws CannotStartThread, and has failed.
  void spawn(std::string name, Signals signals);

  // Waits until run() has returned; `woken` means that it has. The first one to come also waits for the POSIX thread
  // to be gone. Any number of threads may join, at once and again. The thread itself must not.
  Wake join(Deadline deadline) noexcept;

  bool started() const noexcept {
    const std::uint32_t state = state_.load(std::memory_order_acquire);
    return state != not_started && state != failed_;
  }
  bool failed() const noexcept { return state_.load(std::memory_order_acquire) == failed_; }
  bool done() const noexcept;  // or failed, or lost in a fork

  // Did this process fork before the thread was done? Then it stayed behind in the parent.
  bool lost_in_fork() const noexcept;
  bool is_current() const noexcept;

  // pthread_self() as a number; 0 before spawn().
  std::uintptr_t ident() const noexcept { return ident_.load(std::memory_order_acquire); }
  // The kernel's number. Waits for the thread to begin, if it has been spawned just now; 0 before spawn().
  std::uint64_t native_id() const noexcept;

 protected:
  virtual void run() noexcept = 0;

 private:
  enum State : std::uint32_t { not_started, starting, running, finished, failed_ };

  static void* main(void* self) noexcept;
  bool of_another_process() const noexcept;
  void set_state(State state) noexcept;

  std::atomic<std::uint32_t> state_{not_started};
  std::atomic<bool> reaped_{false};  // one pthread_join or pthread_detach, no more
  std::atomic<std::uintptr_t> ident_{0};
  std::atomic<std::uint64_t> native_id_{0};
  unsigned generation_ = 0;
  std::string name_;
  std::shared_ptr<Thread> self_;  // set while the thread is being born, then moved into its own stack
};

}  // namespace core
