// How attached code waits at a monitor of the core, and wakes those who do.
#pragma once

#include "binding/detached.hpp"
#include "core/hand_off.hpp"
#include "core/sync/monitor.hpp"

namespace binding {

// The `block` of every wait in the core.
struct Block {
  static constexpr unsigned spins = free_threaded ? 20 : 0;  // under the GIL, who holds a lock cannot release it now

  core::Wake operator()(core::Waiter& waiter, core::Deadline deadline) const {
    core::note_parking(waiter.home());
    const auto park = [&](core::Deadline until) {
      if (waiter.is_aside()) return core::Wake::woken;
      waiter.arrive();  // whoever has woken this thread lately need not wait for it any more: the GIL is free
      return waiter.park(until);
    };
    const bool woken = wait_until(deadline, park, [&] { return waiter.step_aside(); });
    waiter.arrive();
    core::note_woken();
    waiter.in_handlers.store(0, std::memory_order_relaxed);
    if (waiter.is_aside()) return core::Wake::interrupted;
    return woken ? core::Wake::woken : core::Wake::timed_out;
  }
};

inline constexpr Block block;

// Wakes those who have been taken out of their queues.
inline void wake(core::Wakeups& wakeups, bool hand_off) {
  if (wakeups.empty()) return;
  const void* monitor = wakeups.from();
  hand_off = hand_off && core::hand_off_is_due();
  if (hand_off) {
    detached([&] { wakeups.hand_over(); });
  } else {
    wakeups.send();
  }
  core::note_waking(monitor, hand_off);
}

}  // namespace binding
