// A point that a number of threads pass together: the core of Barrier.
//
//     filling --the last one arrives--> acting --the action is done--> filling, and all have passed
//        \--a time-out, abort()--> broken --reset()--> filling
//
// While the last one acts, those of the next round wait at the gate.
#pragma once

#include "core/sync/monitor.hpp"

namespace core {

class Barrier final : Monitor {
 public:
  enum class Outcome { passed, last, broken };
  struct Arrival {
    Outcome outcome;
    std::uint64_t index;  // how many of the round came before
  };

  void set_parties(std::uint64_t parties) noexcept { parties_ = parties; }
  std::uint64_t parties() const noexcept { return parties_; }

  // How many stand at it, and is it broken?
  std::uint64_t waiting() noexcept {
    const Guard guard(*this);
    return acting_ ? 0 : arrived_;
  }
  bool broken() noexcept {
    const Guard guard(*this);
    return broken_;
  }

  // Arrives and waits for the others. The last one is told so at once, and must call open() when it has acted.
  template <class Block>
  Arrival arrive(Deadline deadline, Block&& block) {
    Waiter waiter;
    Arrival arrival{Outcome::passed, 0};
    const auto attempt = [&](Guard&, bool) {
      if (broken_) {
        arrival.outcome = Outcome::broken;
        return true;
      }
      waiter.wants = acting_ ? gate : passage;
      if (acting_) return false;
      arrival.index = arrived_++;
      if (arrived_ < parties_) return false;
      acting_ = true;
      arrival.outcome = Outcome::last;
      return true;
    };
    // Who goes away does not count any more.
    const auto abandon = [&](Guard&, Wakeups&, Waiter::Message message) {
      if (message == Waiter::nothing && waiter.wants == passage && !acting_) --arrived_;
    };
    // Who waits for the action only is not too late.
    const auto patient = [&](Waiter& self, Deadline until) {
      for (;;) {
        const Wake wake = block(self, until);
        if (wake == Wake::woken) return wake;
        {
          const Guard guard(*this);
          if (!acting_ || self.wants == gate) return wake;
        }
        until = never;
      }
    };
    const Waiter::Message message = Monitor::wait(waiter, deadline, patient, attempt, abandon);
    if (message == Waiter::granted) return arrival;
    if (message == Waiter::nothing) {  // its time was up: nobody shall wait for it in vain
      Wakeups wakeups;
      abort(wakeups);
    }
    return {Outcome::broken, 0};
  }

  // The action is done, or has failed: all may go.
  void open(bool success, Wakeups& wakeups) noexcept {
    Guard guard(*this);
    if (!std::exchange(acting_, false)) return;  // the child of a fork in the action
    arrived_ = 0;
    if (!success) broken_ = true;
    while (guard.front() != nullptr) {
      const bool passes = guard.front()->wants == passage;
      guard.pop_front(wakeups, !passes ? Waiter::look : success ? Waiter::granted : Waiter::broken);
    }
  }

  void abort(Wakeups& wakeups) noexcept {
    Guard guard(*this);
    break_it(guard, wakeups);
  }

  // Those who wait are told that it broke; for those who come it is whole.
  void reset(Wakeups& wakeups) noexcept {
    Guard guard(*this);
    break_it(guard, wakeups);
    broken_ = false;
  }

 private:
  using Guard = Monitor::Guard;
  static constexpr std::uint64_t gate = 0;
  static constexpr std::uint64_t passage = 1;

  void break_it(Guard& guard, Wakeups& wakeups) noexcept {
    broken_ = true;
    if (acting_) return;  // they have all arrived: it breaks for those at the gate, when they look
    arrived_ = 0;
    guard.pop_all(wakeups, Waiter::broken);
  }
  void after_fork(State&) noexcept override {
    arrived_ = 0;
    acting_ = false;
  }

  std::atomic<std::uint64_t> parties_{1};
  // Guarded.
  std::uint64_t arrived_ = 0;
  bool acting_ = false;
  bool broken_ = false;
};

}  // namespace core
