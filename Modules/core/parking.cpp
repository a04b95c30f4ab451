#include "core/parking.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "core/platform.hpp"

#if THREADMODULE_FUTEX
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <condition_variable>
#include <mutex>
#include <new>

#include "core/fork.hpp"
#endif

namespace core {

#if THREADMODULE_FUTEX

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t), "a futex is a bare 32-bit word");

Wake park(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
  timespec until{};
  const timespec* timeout = nullptr;
  if (deadline != never) {
    // steady_clock counts from CLOCK_MONOTONIC's zero, which FUTEX_WAIT_BITSET takes as an absolute time.
    const auto since_boot = std::max(deadline, Deadline{}).time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    until.tv_sec = seconds.count();
    until.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
    timeout = &until;
  }
  const long result =
      syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
  if (result == 0) return Wake::woken;
  switch (errno) {
    case ETIMEDOUT: return Wake::timed_out;
    case EINTR: return Wake::interrupted;
    default: return Wake::woken;  // EAGAIN: the word had changed already
  }
}

void unpark_all(const std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

#else

// Without a futex: a condition variable for each word, or rather for each of some buckets of words. Who parks in a
// bucket is woken for all its words, and looks at its own again. A signal handler interrupts none of this; the thread
// that runs Python's never parks for long.
namespace {

struct Bucket {
  std::mutex mutex;
  std::condition_variable changed;
};

constexpr std::size_t buckets = 64;

// In the child of a fork these are other buckets: those of the parent may be locked by threads that are gone. They are
// a few kilobytes, and stay for ever: a thread may park at exit.
Bucket& bucket_of(const std::atomic<std::uint32_t>& word) noexcept {
  static std::atomic<std::array<Bucket, buckets>*> table{new std::array<Bucket, buckets>};
  static std::atomic<unsigned> generation{fork_generation()};
  if (generation.load(std::memory_order_acquire) != fork_generation()) {
    renew_after_fork(generation, [] { table.store(new std::array<Bucket, buckets>, std::memory_order_release); });
  }
  const auto address = reinterpret_cast<std::uintptr_t>(&word);
  return (*table.load(std::memory_order_acquire))[(address >> 4 ^ address >> 12) % buckets];
}

}  // namespace

Wake park(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
  Bucket& bucket = bucket_of(word);
  std::unique_lock lock(bucket.mutex);
  if (word.load(std::memory_order_acquire) != expected) return Wake::woken;
  if (deadline <= Clock::now()) return Wake::timed_out;
  if (deadline == never) {
    bucket.changed.wait(lock);
    return Wake::woken;
  }
  return bucket.changed.wait_until(lock, deadline) == std::cv_status::timeout ? Wake::timed_out : Wake::woken;
}

void unpark_all(const std::atomic<std::uint32_t>& word) noexcept {
  Bucket& bucket = bucket_of(word);
  // Whoever has seen the word as it was before is in wait() once this lock is free.
  {
    const std::scoped_lock lock(bucket.mutex);
  }
  bucket.changed.notify_all();
}

#endif

}  // namespace core
