// A flag to wait for: the core of Event.
#pragma once

#include "core/sync/monitor.hpp"

namespace core {

template <class World>
class BasicEvent {
 public:
  using Monitor = BasicMonitor<World>;
  using Guard = typename Monitor::Guard;
  using Waiter = BasicWaiter<World>;
  using Wakeups = BasicWakeups<World>;

  bool is_set() const noexcept { return monitor_.state() != 0; }

  void set(Wakeups& wakeups) noexcept {
    renew();
    const auto raise = [](auto& flag) { return std::exchange(flag, 1) == 0; };
    if (monitor_.update(raise) != Monitor::Update::busy) return;
    Guard guard(monitor_);
    guard.state = 1;
    guard.pop_all(wakeups, Waiter::granted);
  }

  void clear() noexcept {
    renew();
    const auto lower = [](auto& flag) { return std::exchange(flag, 0) == 1; };
    if (monitor_.update(lower) != Monitor::Update::busy) return;
    Guard guard(monitor_);
    guard.state = 0;
  }

  // True if it was set, even if it has been cleared again since.
  template <class Block>
  bool wait(Deadline deadline, Block&& block) {
    if (is_set()) return true;
    if (deadline == at_once) return false;
    renew();
    Waiter waiter;
    const auto attempt = [](Guard& guard, bool) { return guard.state != 0; };
    const auto abandon = [](Guard&, Wakeups&, typename Waiter::Message) {};
    return monitor_.wait(waiter, deadline, block, attempt, abandon) == Waiter::granted;
  }

 private:
  void renew() noexcept {
    monitor_.renew([](auto&) {});  // set stays set
  }

  Monitor monitor_{0};
};

using Event = BasicEvent<RealWorld>;

}  // namespace core
