// How attached code waits at a monitor of the core, and wakes those who do.
#pragma once

#include "binding/detached.hpp"
#include "core/hand_off.hpp"
#include "core/sync/monitor.hpp"

namespace binding {

// The `block` of every wait in the core.
struct Block {
  static constexpr unsigned spins = free_threaded ? 20 : 0;
  core::Wake operator()(core::Waiter& waiter, core::Deadline deadline) const {
    core::note_parking(waiter.home());
    const bool woken = wait_until(
        deadline,
        [&](core::Deadline until) {
          waiter.arrive();
          return waiter.park(until);
        },
        [&] { waiter.arrive(); });
    core::note_woken();
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
