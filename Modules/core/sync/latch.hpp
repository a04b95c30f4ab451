// A count down to zero, once: the core of Latch.
#pragma once

#include "core/sync/monitor.hpp"

namespace core {

class Latch final : Monitor {
 public:
  // Begins anew: for __init__, which Python may call late, and twice.
  void reset(std::uint64_t count) noexcept {
    Wakeups wakeups;
    Guard guard(*this);
    guard.state = count;
    if (count == 0) guard.pop_all(wakeups, Waiter::granted);
  }

  std::uint64_t count() const noexcept { return Monitor::state(); }

  // False: there is less than n to count.
  bool count_down(Wakeups& wakeups, std::uint64_t n) noexcept {
    const auto lower = [n](auto& count) {
      if (count < n) return false;
      count -= n;
      return true;
    };
    const Update result = update(lower);
    if (result != Update::busy) return result == Update::done;
    Guard guard(*this);
    if (!lower(guard.state)) return false;
    if (guard.state == 0) guard.pop_all(wakeups, Waiter::granted);
    return true;
  }

  // True at zero, false if the deadline has passed.
  template <class Block>
  bool wait(Deadline deadline, Block&& block) {
    if (count() == 0) return true;
    if (deadline == at_once) return false;
    Waiter waiter;
    const auto attempt = [](Guard& guard, bool) { return guard.state == 0; };
    const auto abandon = [](Guard&, Wakeups&, Waiter::Message) {};
    return Monitor::wait(waiter, deadline, block, attempt, abandon) == Waiter::granted;
  }
};

}  // namespace core
