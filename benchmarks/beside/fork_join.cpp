// What it costs to have two threads do something and to wait for both: our parallel_for, OpenMP, TBB, and bare
// spinning. All calls prove that both were there: the caller, in its part, waits until the other one has begun its own.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>
#ifdef FORK_JOIN_OURS
#include "core/parallel.hpp"
#endif
#if __has_include(<tbb/parallel_for.h>) && defined(FORK_JOIN_TBB)
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

constexpr int batch = 10;  // calls, between two looks at the clock

// What different threads write is 128 bytes apart, since lines may be fetched in pairs.
alignas(128) std::atomic<long> came{0};  // how often the other thread has; it only reads what it has written
alignas(128) long expected = 0;
long missed = 0;
thread_local bool is_caller = false;

void part() noexcept {
  if (!is_caller) {
    came.store(came.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return;
  }
  for (int i = 0; came.load(std::memory_order_acquire) < expected; i++) {
    if (i == 100'000) {
      missed++;
      return;
    }
  }
}

#ifdef FORK_JOIN_OURS
void ours() {
  // Nanoseconds of a part: worth a worker that spins. Where none came, one has to be woken, which more has to be worth.
  static long missed_before = -1;
  const double cost = missed == missed_before ? 5e3 : 1e6;
  missed_before = missed;
  core::Control control;
  control.threads = 2;
  auto body = [](const core::Chunk&) noexcept { part(); };
  core::parallel_for(control, {.count = 2, .grain = 1, .cost = cost, .schedule = core::Schedule::static_}, body);
}
#endif

#ifdef _OPENMP
void openmp() {
#pragma omp parallel num_threads(2)
  part();
}
#endif

#ifdef TBB_VERSION_MAJOR
void tbb_for() {
  static tbb::task_arena two(2);
  two.execute([] { tbb::parallel_for(0, 2, [](int) { part(); }, tbb::static_partitioner{}); });
}
#endif

// Two threads that only spin for each other, on two CPUs: a word there and a word back.
struct Spinner {
  alignas(128) std::atomic<long> ping{0};
  alignas(128) std::atomic<long> pong{0};

  Spinner() {
    const int elsewhere = sched_getcpu();
    std::thread([this, elsewhere] {
      cpu_set_t cpus;
      pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
      CPU_CLR(elsewhere, &cpus);
      pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
      for (long i = 1;; i++) {
        long seen;
        while ((seen = ping.load(std::memory_order_acquire)) < i) {
        }
        if (seen == stop) break;
        pong.store(i, std::memory_order_release);
      }
      pong.store(stop, std::memory_order_release);
    }).detach();
  }
  ~Spinner() {
    ping.store(stop, std::memory_order_release);
    while (pong.load(std::memory_order_acquire) != stop) {
    }
  }
  void trip() {
    ping.store(++trips, std::memory_order_release);
    while (pong.load(std::memory_order_acquire) < trips) {
    }
  }

  static constexpr long stop = 1L << 62;
  alignas(128) long trips = 0;
};

template <class Call>
void again(Call& call) {
  expected = came.load(std::memory_order_relaxed) + 1;
  call();
}

template <class Call>
double timed(Call call, long repeat) {
  const auto warm = Clock::now() + std::chrono::milliseconds(3);
  is_caller = true;
  while (Clock::now() < warm) {
    again(call);
  }
  missed = 0;
  std::vector<double> batches;
  for (long i = 0; i < repeat; i += batch) {
    const long missed_before = missed;
    const auto begin = Clock::now();
    for (long j = 0; j < batch; j++) again(call);
    const std::chrono::duration<double> spent = Clock::now() - begin;
    if (missed == missed_before) batches.push_back(spent.count() / batch);
  }
  is_caller = false;
  if (batches.empty()) return -1;
  const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
  std::nth_element(batches.begin(), middle, batches.end());
  return *middle;
}

struct Kind {
  const char* name;
  void (*call)();
};

constexpr Kind kinds[] = {
#ifdef FORK_JOIN_OURS
    {"ours", ours},
#endif
#ifdef _OPENMP
    {"OpenMP", openmp},
#endif
#ifdef TBB_VERSION_MAJOR
    {"TBB", tbb_for},
#endif
    {"round trip", nullptr},
};

}  // namespace

// The name of a kind; null behind the last one.
extern "C" const char* kind_name(std::size_t kind) {
  return kind < sizeof kinds / sizeof *kinds ? kinds[kind].name : nullptr;
}

// Seconds of a call, the median of those to which the other thread came, or -1; and to how many of `repeat` it did not.
extern "C" double fork_join(std::size_t kind, long repeat, long* absent) {
  double median;
  if (kinds[kind].call != nullptr) {
    median = timed(kinds[kind].call, repeat);
  } else {
    Spinner spinner;
    median = timed([&] { spinner.trip(); }, repeat);
  }
  *absent = missed;
  return median;
}
