#include "core/parking.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "core/platform.hpp"

#if THREADMODULE_LINUX
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace core {

#if THREADMODULE_LINUX

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

// Without a futex: look at the word every millisecond. It holds no lock that a fork could leave locked in the child.
Wake park(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
  constexpr auto slice = std::chrono::milliseconds(1);
  while (word.load(std::memory_order_acquire) == expected) {
    const auto left = std::chrono::nanoseconds(deadline - Clock::now());
    if (left.count() <= 0) return Wake::timed_out;
    timespec pause{0, static_cast<long>(left < slice ? left.count() : std::chrono::nanoseconds(slice).count())};
    if (nanosleep(&pause, nullptr) != 0 && errno == EINTR) return Wake::interrupted;
  }
  return Wake::woken;
}

void unpark_all(const std::atomic<std::uint32_t>&) noexcept {}

#endif

}  // namespace core
