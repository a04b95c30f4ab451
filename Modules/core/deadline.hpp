// The one timeout rule of the core: an absolute point on the monotonic clock, or never.
#pragma once

#include <chrono>

namespace core {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: setting the wall clock moves no deadline
using Deadline = Clock::time_point;

inline constexpr Deadline never = Deadline::max();
inline constexpr Deadline at_once = Deadline::min();  // look, do not wait

// `timeout` from now. A sum past the end of the clock (292 years) is never.
inline Deadline deadline_in(std::chrono::nanoseconds timeout) noexcept {
  if (timeout.count() <= 0) return at_once;
  const Deadline now = Clock::now();
  return timeout < never - now ? now + timeout : never;
}

}  // namespace core
