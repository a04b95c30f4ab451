#include "core/pool.hpp"

#include <algorithm>
#include <cstdio>

#include "core/cpus.hpp"
#include "core/fork.hpp"
#include "core/parking.hpp"
#include "core/thread.hpp"

namespace core {
namespace {

// A worker that finds nothing to do spins for so long before it sleeps: about as long as waking it would take.
constexpr auto patience = std::chrono::microseconds(50);

// The pool belongs to the process, hence statics. They begin as zeros, which take no memory before they are touched,
// and are never freed: a worker looks at itself until the process is gone.
constinit Worker all_workers[pool::max_workers];
constinit std::atomic<unsigned> pool_generation{0};
constinit std::atomic<unsigned> started{0};      // none of those behind has ever been
constinit std::atomic<unsigned> num_threads{0};  // set_num_threads()
constinit std::atomic<unsigned> limit{0};        // workers behind it retire when they are idle

unsigned index_of(const Worker& worker) noexcept { return static_cast<unsigned>(&worker - all_workers); }

}  // namespace

// For the caller

bool Worker::offer(Task& task) noexcept { return change(idle, state(task, posted)); }

bool Worker::wake(Task& task, const platform::CpuSet& cpus) noexcept {
  const Phase found = phase();
  if ((found != asleep && found != late && found != absent) || !change(found, hiring)) return false;
  if (found == absent && !start()) {
    state_.store(absent, std::memory_order_release);
    return false;
  }
  steer(cpus);
  state_.store(state(task, posted), std::memory_order_release);
  ring();
  return true;
}

bool Worker::withdraw(Task& task) noexcept {
  // A failed exchange would take the line away from a worker that is about to need it.
  return state_.load(std::memory_order_relaxed) == state(task, posted) && change(state(task, posted), late);
}

bool Worker::gone(const Task& task) const noexcept {
  const std::uint64_t now = state_.load(std::memory_order_acquire);
  return now != state(task, working) && now != state(task, awaited);
}

void Worker::wait(const Task& task, Deadline deadline) noexcept {
  const std::uint32_t bell = bell_.load(std::memory_order_acquire);
  change(state(task, working), state(task, awaited));
  if (!gone(task)) park(bell_, bell, deadline);
}

void Worker::ring() noexcept {
  bell_.fetch_add(1, std::memory_order_release);
  unpark_all(bell_);
}

bool Worker::start() noexcept {
  const unsigned index = index_of(*this);
  unsigned before = started.load();
  while (before <= index && !started.compare_exchange_weak(before, index + 1)) {
  }
  native_id_.store(0, std::memory_order_relaxed);
  cpus_ = {};
  try {
    start_daemon(main, this);
    return true;
  } catch (const CannotStartThread&) {
    return false;
  }
}

// The kernel likes to wake a thread on the CPU of the one that wakes it. A caller who is about to be busy there keeps
// it waiting for a whole time slice, 2 to 4 ms: longer than most kernels run.
void Worker::steer(const platform::CpuSet& cpus) noexcept {
  const std::uint64_t thread = native_id_.load(std::memory_order_relaxed);
  if (thread == 0 || cpus.empty() || cpus == cpus_) return;
  platform::set_affinity(thread, cpus);
  cpus_ = cpus;
}

// In the worker's own thread

void* Worker::main(void* self) noexcept {
  auto& worker = *static_cast<Worker*>(self);
  char name[24];
  std::snprintf(name, sizeof name, "threadmodule/%u", index_of(worker) + 1);
  platform::name_this_thread(name);
  worker.live();
  return nullptr;
}

void Worker::live() noexcept {
  const unsigned generation = fork_generation();
  native_id_.store(platform::native_thread_id(), std::memory_order_relaxed);
  while (Task* task = next()) {
    task->run(*task);
    if (fork_generation() != generation) return;  // the task forked: this is the child, where nobody waits for it
    const std::uint64_t before = state_.exchange(idle);
    if ((before & phases) == awaited) ring();
  }
}

// The next task; NULL: to retire. The worker is no more, and may be started anew, as soon as the state says so.
Task* Worker::next() noexcept {
  Deadline end = never;
  for (unsigned round = 0;; ++round) {
    const std::uint64_t now = state_.load(std::memory_order_acquire);
    switch (now & phases) {
      case posted:
        if (change(now, now - posted + working)) return reinterpret_cast<Task*>(now - posted);
        break;
      case idle:
        platform::pause();
        if (round % 16 != 0) break;
        if (index_of(*this) >= limit.load()) {
          change(idle, retiring);
        } else if (end == never) {
          end = Clock::now() + patience;
        } else if (Clock::now() >= end) {
          change(idle, asleep);
        }
        break;
      case asleep: {
        const std::uint32_t bell = bell_.load(std::memory_order_acquire);
        if (phase() == asleep) park(bell_, bell, never);
        end = never;
        break;
      }
      case retiring: state_.store(absent, std::memory_order_release); return nullptr;
      case late: change(now, idle); break;
      default: platform::pause();
    }
  }
}

void Worker::retire() noexcept {
  if (change(idle, retiring) || change(asleep, retiring)) ring();  // a late one sees to it when it comes
}

void Worker::reset() noexcept {
  state_.store(absent, std::memory_order_relaxed);
  bell_.store(0, std::memory_order_relaxed);
}

// The pool

namespace pool {

Worker* workers(unsigned number) noexcept {
  if (pool_generation.load(std::memory_order_acquire) != fork_generation()) {
    renew_after_fork(pool_generation,
                     [] { std::for_each_n(all_workers, started.load(), [](Worker& w) { w.reset(); }); });
  }
  if (const unsigned most = num_threads.load(); most != 0) number = std::min(number, most - 1);
  unsigned before = limit.load();
  while (before < number && !limit.compare_exchange_weak(before, number)) {
  }
  return all_workers;
}

}  // namespace pool

unsigned num_threads_set() noexcept { return num_threads.load(std::memory_order_relaxed); }

unsigned get_num_threads() noexcept {
  const unsigned number = num_threads_set();
  return number != 0 ? number : std::min(cpu_count(), max_num_threads);
}

void set_num_threads(unsigned number) noexcept {
  pool::workers(0);
  num_threads.store(std::min(number, max_num_threads));
  limit.store(get_num_threads() - 1);
  const unsigned end = started.load();
  for (unsigned i = limit.load(); i < end; ++i) all_workers[i].retire();
}

}  // namespace core
