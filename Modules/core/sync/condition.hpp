// Waiters for a condition that a lock guards: the core of Condition.
//
// A notified thread needs the lock, which the notifier still holds. So it is not woken: it is moved to those who wait
// for the lock, and the release wakes it (POSIX calls this wait morphing).
#pragma once

#include "core/sync/semaphore.hpp"

namespace core {

template <class World>
class BasicCondition final : BasicMonitor<World> {
 public:
  using Monitor = BasicMonitor<World>;
  using Guard = typename Monitor::Guard;
  using Waiter = BasicWaiter<World>;
  using Wakeups = BasicWakeups<World>;
  using Semaphore = BasicSemaphore<World>;

  // Does anybody wait? A hint, unless the caller holds the lock.
  bool has_waiters() const noexcept { return this->is_queued(); }

  // How many do?
  std::size_t waiting() noexcept {
    const Guard guard(*this);
    return guard.count();
  }

  // The caller holds the lock, and releases it next.
  void enlist(Waiter& waiter) noexcept {
    Guard guard(*this);
    guard.push_back(waiter);
  }

  // Ends the wait of one that has not been notified. False: it has, and stands in the queue of the lock if it has been
  // moved there, or else has its message when this returns.
  bool leave(Waiter& waiter, bool may_have_moved) noexcept {
    {
      Guard guard(*this);
      if (guard.has(waiter)) {
        guard.remove(waiter);
        return true;
      }
    }
    if (!may_have_moved) waiter.await_message();
    return waiter.is_stale();
  }

  // Moves up to n of them to `lock`, which the caller holds, or wakes them if that is NULL.
  void notify(std::uint64_t n, Semaphore* lock, Wakeups& wakeups) noexcept {
    if (!has_waiters()) return;
    Guard guard(*this);
    for (; n > 0 && guard.front() != nullptr; --n) {
      if (lock == nullptr || guard.front()->in_handlers.load(std::memory_order_relaxed) != 0) {
        guard.pop_front(wakeups, Waiter::look);
      } else {
        Waiter& waiter = *guard.front();
        guard.remove(waiter);
        lock->adopt(waiter, wakeups);
      }
    }
  }

  // For native code: waits, with the one permit of `lock` held before and after. False if the deadline has passed.
  template <class Block>
  bool wait(Semaphore& lock, Deadline deadline, Block&& block) {
    Waiter waiter;
    enlist(waiter);
    Wakeups wakeups;
    lock.release(wakeups);
    wakeups.send();
    const bool notified = block(waiter, deadline) == Wake::woken || !leave(waiter, true);
    notified ? lock.acquire_adopted(waiter, block) : void(lock.acquire(1, never, block));
    return notified;
  }

 private:
  // It stays here, to be notified, but must not be moved to the queue of the lock, which the handlers may want.
  void make_way(Guard&, Wakeups&, Waiter& waiter) noexcept override {
    waiter.in_handlers.store(1, std::memory_order_relaxed);
  }
};

using Condition = BasicCondition<RealWorld>;

}  // namespace core
