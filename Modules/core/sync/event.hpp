// A flag to wait for: the core of Event.
#pragma once

#include "core/sync/monitor.hpp"

namespace core {

template <class World>
class BasicEvent final : BasicMonitor<World> {
 public:
  using Monitor = BasicMonitor<World>;
  using Guard = typename Monitor::Guard;
  using Waiter = BasicWaiter<World>;
  using Wakeups = BasicWakeups<World>;

  bool is_set() const noexcept { return this->state() != 0; }

  void set(Wakeups& wakeups) noexcept {
    const auto raise = [](auto& flag) { return std::exchange(flag, 1) == 0; };
    if (this->update(raise) != Monitor::Update::busy) return;
    Guard guard(*this);
    guard.state = 1;
    guard.pop_all(wakeups, Waiter::granted);
  }

  void clear() noexcept {
    const auto lower = [](auto& flag) { return std::exchange(flag, 0) == 1; };
    if (this->update(lower) != Monitor::Update::busy) return;
    Guard guard(*this);
    guard.state = 0;
  }

  // True if it was set, even if it has been cleared again since.
  template <class Block>
  bool wait(Deadline deadline, Block&& block) {
    if (is_set()) return true;
    if (deadline == at_once) return false;
    Waiter waiter;
    const auto attempt = [](Guard& guard, bool) { return guard.state != 0; };
    const auto abandon = [](Guard&, Wakeups&, typename Waiter::Message) {};
    return Monitor::wait(waiter, deadline, block, attempt, abandon) == Waiter::granted;
  }
};

using Event = BasicEvent<RealWorld>;

}  // namespace core
