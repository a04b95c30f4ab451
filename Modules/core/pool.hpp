// The pool: threads that wait for something to do, shared by all of the process.
//
// A worker is one word, its state: a phase, and the task that it is about. Whoever changes it does so by
// compare-and-swap, so there is no lock, and a caller who finds a worker taken goes on without it.
//
//     idle ---------------------offer()--> posted --the worker comes--> working --wait()--> awaited
//     asleep, late --> hiring ---wake()--> posted                       working, awaited --> idle --50 us--> asleep
//     absent --------> hiring ---wake()--> posted --withdraw()--> late --the worker comes--> idle
//                                                                       idle, asleep --retire()--> retiring --> absent
//
// `idle` is what the worker says of itself while it spins. One that did not come in time is `late`: it has no CPU.
//
// The one rule that matters: a caller waits for workers that are `working`, never for those that are still `posted`.
// Those it withdraws the task from, and does it itself. So a worker whose CPU somebody else uses delays nobody.
//
// A caller who has returned may be forgotten by all: who waits or leaves touches the worker, which is never freed, and
// not the task. And a task is in a state only while its caller is there, so one address means one task.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/deadline.hpp"
#include "core/platform.hpp"

namespace core {

struct alignas(64) Task {
  void (*run)(Task& self) noexcept;
};

class alignas(128) Worker {
 public:
  enum Phase : std::uint64_t { absent, idle, asleep, late, hiring, posted, working, awaited, retiring };

  Phase phase() const noexcept { return static_cast<Phase>(state_.load(std::memory_order_relaxed) & phases); }

  // For the caller. To a worker that spins idle; false: it does not any more.
  bool offer(Task& task) noexcept;
  // To one that is asleep or late or has yet to be started. It is kept away from the calling thread's CPU: see
  // pool.cpp. False: it is neither, there is no CPU for it, or no thread.
  bool wake(Task& task, const platform::CpuSet& cpus) noexcept;
  // True: the worker has not come, and will not. False: it is, or was, working.
  bool withdraw(Task& task) noexcept;
  bool gone(const Task& task) const noexcept;
  // Until it is gone(), or the deadline has passed, or for no reason.
  void wait(const Task& task, Deadline deadline) noexcept;

  // For the pool.
  void retire() noexcept;  // unless it is at work: then it sees to it itself
  void reset() noexcept;   // in the child of a fork, where its thread is not

 private:
  static constexpr std::uint64_t phases = 63;  // a task's address has zeros there
  static std::uint64_t state(const Task& task, Phase phase) noexcept {
    return reinterpret_cast<std::uintptr_t>(&task) | phase;
  }
  bool change(std::uint64_t from, std::uint64_t to) noexcept {
    return state_.compare_exchange_strong(from, to, std::memory_order_seq_cst, std::memory_order_relaxed);
  }
  void ring() noexcept;
  bool start() noexcept;
  void steer(const platform::CpuSet& cpus) noexcept;

  // In the worker's own thread.
  static void* main(void* self) noexcept;
  void live() noexcept;
  Task* next() noexcept;

  std::atomic<std::uint64_t> state_;  // a line that the worker and its caller pass to and fro
  // What changes seldom.
  alignas(64) std::atomic<std::uint32_t> bell_;  // counts what somebody may be asleep for
  std::atomic<std::uint64_t> native_id_;         // 0: not yet known
  platform::CpuSet cpus_;                        // where it may run, as far as we have asked
};

namespace pool {

inline constexpr unsigned max_workers = 1023;

// The first `number` workers, in the order in which to ask them: those that there are and those that there may be.
// Brings the pool up to date after a fork.
Worker* workers(unsigned number) noexcept;

}  // namespace pool

// How many threads a kernel runs on at most, its caller included: cpu_count(), unless set otherwise.
inline constexpr unsigned max_num_threads = pool::max_workers + 1;
unsigned get_num_threads() noexcept;
unsigned num_threads_set() noexcept;             // 0: none
void set_num_threads(unsigned number) noexcept;  // 0: cpu_count() again

}  // namespace core
