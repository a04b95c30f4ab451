// What it costs to have two threads do something and to wait for both: our parallel_for, OpenMP, TBB, and bare
// spinning. All calls prove that both were there: the caller, in its part, waits until the other one has begun its own.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#ifdef FORK_JOIN_OURS
#include "core/parallel.hpp"
#endif
#if __has_include(<tbb/parallel_for.h>) && defined(FORK_JOIN_TBB)
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

struct Meeting {
  alignas(64) std::atomic<long> other{0};  // how often it has come
  alignas(64) long call = 0;
  long missed = 0;
};

Meeting meeting;
thread_local bool is_caller = false;

void part() noexcept {
  if (!is_caller) {
    meeting.other.store(meeting.call, std::memory_order_release);
    return;
  }
  for (int i = 0; meeting.other.load(std::memory_order_acquire) < meeting.call; i++) {
    if (i == 20'000) {
      meeting.missed++;
      return;
    }
  }
}

#ifdef FORK_JOIN_OURS
void ours() {
  core::Control control;
  control.threads = 2;
  auto body = [](const core::Chunk&) noexcept { part(); };
  // As costly as that each of them is worth a thread.
  core::parallel_for(control, {.count = 2, .grain = 1, .cost = 1e6, .schedule = core::Schedule::static_}, body);
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

// Two threads that only spin for each other: a word there and a word back.
struct Spinner {
  alignas(64) std::atomic<long> ping{0};
  alignas(64) std::atomic<long> pong{0};

  Spinner() {
    std::thread([this] {
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
  long trips = 0;
};

template <class Call>
double timed(Call call, long repeat, long* missed) {
  const auto warm = Clock::now() + std::chrono::milliseconds(3);
  is_caller = true;
  while (Clock::now() < warm) {
    meeting.call++;
    call();
  }
  meeting.missed = 0;
  const auto begin = Clock::now();
  for (long i = 0; i < repeat; i++) {
    meeting.call++;
    call();
  }
  const std::chrono::duration<double> spent = Clock::now() - begin;
  is_caller = false;
  *missed = meeting.missed;
  return spent.count() / static_cast<double>(repeat);
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

// Seconds of a call, the mean of `repeat`; and how often the other thread did not come.
extern "C" double fork_join(std::size_t kind, long repeat, long* missed) {
  if (kinds[kind].call != nullptr) return timed(kinds[kind].call, repeat, missed);
  Spinner spinner;
  return timed([&] { spinner.trip(); }, repeat, missed);
}
