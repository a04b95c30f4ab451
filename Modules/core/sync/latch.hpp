// A count down to zero, once: the core of Latch.
#pragma once

#include "core/sync/monitor.hpp"

namespace core {

class Latch {
 public:
  // For __init__, before anybody waits.
  void reset(std::uint64_t count) noexcept {
    renew();
    Monitor::Guard guard(monitor_);
    guard.state = count;
  }

  std::uint64_t count() const noexcept { return monitor_.state(); }

  // False: there is less than n to count.
  bool count_down(Wakeups& wakeups, std::uint64_t n) noexcept {
    renew();
    const auto lower = [n](auto& count) {
      if (count < n) return false;
      count -= n;
      return true;
    };
    const Monitor::Update update = monitor_.update(lower);
    if (update != Monitor::Update::busy) return update == Monitor::Update::done;
    Monitor::Guard guard(monitor_);
    if (!lower(guard.state)) return false;
    if (guard.state == 0) guard.pop_all(wakeups, Waiter::granted);
    return true;
  }

  // True at zero, false if the deadline has passed.
  template <class Block>
  bool wait(Deadline deadline, Block&& block) {
    if (count() == 0) return true;
    if (deadline == at_once) return false;
    renew();
    Waiter waiter;
    const auto attempt = [](Monitor::Guard& guard, bool) { return guard.state == 0; };
    const auto abandon = [](Monitor::Guard&, Wakeups&, Waiter::Message) {};
    return monitor_.wait(waiter, deadline, block, attempt, abandon) == Waiter::granted;
  }

 private:
  void renew() noexcept {
    monitor_.renew([](auto&) {});  // what has been counted is counted
  }

  Monitor monitor_{0};
};

}  // namespace core
