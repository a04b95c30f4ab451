// How a thread without an interpreter uses a primitive:
//
//     lock.acquire(1, never, native_block);
//     waking([&](Wakeups& wakeups) { return lock.release(wakeups); });
#pragma once

#include "core/sync/monitor.hpp"

namespace core {

struct NativeBlock {
  static constexpr unsigned spins = 20;

  Wake operator()(Waiter& waiter, Deadline deadline) const noexcept {
    note_parking(waiter.home());
    waiter.arrive();
    Wake wake{};
    do {
      wake = waiter.park(deadline);
    } while (wake == Wake::interrupted);
    waiter.arrive();
    note_woken();
    return wake;
  }
};

inline constexpr NativeBlock native_block;

// change(wakeups), and wakes at once whom it concerns.
template <class F>
auto waking(F&& change) {
  Wakeups wakeups;
  return change(wakeups);
}

}  // namespace core
