// A number of permits: the core of Lock and RLock (one permit), Semaphore and BoundedSemaphore.
//
//     state = permits available
//
// A release wakes the oldest waiters whom the permits suffice for, and leaves the permits there: a thread that runs may
// take them first. One that has waited too long is given them directly.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "core/sync/monitor.hpp"

namespace core {

template <class World>
class BasicSemaphore final : BasicMonitor<World> {
 public:
  using Monitor = BasicMonitor<World>;
  using Guard = typename Monitor::Guard;
  using Update = typename Monitor::Update;
  using Waiter = BasicWaiter<World>;
  using Wakeups = BasicWakeups<World>;

  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max() >> 3;

  // `permits` to begin with, and never more than `limit`.
  explicit BasicSemaphore(std::uint64_t permits, std::uint64_t limit = no_limit) noexcept
      : Monitor(permits), initial_(permits), limit_(limit) {}

  std::uint64_t available() noexcept { return this->state(); }
  // Begins anew: for __init__, which Python may call late, and twice.
  void reset(std::uint64_t permits, std::uint64_t limit) noexcept {
    Wakeups wakeups;
    Guard guard(*this);
    initial_ = guard.state = permits;
    limit_ = limit;
    wake(guard, wakeups);
  }
  std::uint64_t limit() const noexcept { return limit_; }

  // Takes n permits if they are there, and nobody has waited for them too long.
  bool try_acquire(std::uint64_t n = 1) noexcept {
    const Update update = this->update([n](auto& permits) { return take(permits, n); });
    if (update != Update::busy) return update == Update::done;
    Guard guard(*this);
    return !guard.front_is_starving() && take(guard.state, n);
  }

  // True when the permits are the caller's, false if the deadline has passed.
  template <class Block>
  bool acquire(std::uint64_t n, Deadline deadline, Block&& block) {
    if (try_acquire(n)) return true;
    if (deadline == at_once) return false;
    if (block.spins > 0 && World::is_worth_spinning(this)) {
      for (unsigned round = 0; round < block.spins; ++round) {
        World::yield();
        if (try_acquire(n)) return true;
      }
    }
    Waiter waiter(n);
    return this->wait(waiter, deadline, block, attempt(n), abandon(n)) == Waiter::granted;
  }

  // Gives n permits. False: there would be more than the limit.
  bool release(Wakeups& wakeups, std::uint64_t n = 1) noexcept {
    this->renew();
    if (forgiven_.load(std::memory_order_relaxed) != 0 && forgive(n)) return true;
    const Update update = this->update([&](auto& permits) { return give(permits, n); });
    if (update != Update::busy) return update == Update::done;
    Guard guard(*this);
    if (!give(guard.state, n)) return false;
    wake(guard, wakeups);
    return true;
  }

  // For conditions: a waiter of somebody else's shall wait here for one permit instead, if there is none.
  void adopt(Waiter& waiter, Wakeups& wakeups) noexcept {
    Guard guard(*this);
    if (guard.state > 0) {
      wakeups.add(waiter, Waiter::look);
    } else {
      waiter.wants = 1;
      guard.adopt(waiter);
    }
  }

  // And goes on waiting here, wherever it stands. `block` must not throw.
  template <class Block>
  void acquire_adopted(Waiter& waiter, Block&& block) {
    if (!waiter.woken() && !waiter.is_aside()) block(waiter, never);
    if (!waiter.is_aside() && waiter.message() == Waiter::granted) return;
    waiter.begin_anew(1);
    this->wait(waiter, never, block, attempt(1), abandon(1), false);
  }

  // In a child, permits that other threads held are back, and those of the thread that forked are its own if it says
  // that it owns them. Otherwise it is forgiven when it releases what it does not hold any more.
  void set_owner(Ident owner) noexcept { owner_.store(owner, std::memory_order_relaxed); }
  Ident owner() noexcept {
    this->renew();
    return owner_.load(std::memory_order_relaxed);
  }

 private:
  static bool take(std::uint64_t& permits, std::uint64_t n) noexcept {
    if (permits < n) return false;
    permits -= n;
    return true;
  }
  bool give(std::uint64_t& permits, std::uint64_t n) const noexcept {
    if (limit_ - permits < n) return false;
    permits += n;
    return true;
  }
  auto attempt(std::uint64_t n) noexcept {
    return
        [n](Guard& guard, bool newcomer) { return !(newcomer && guard.front_is_starving()) && take(guard.state, n); };
  }
  auto abandon(std::uint64_t n) noexcept {
    return [n](Guard& guard, Wakeups& wakeups, typename Waiter::Message message) {
      if (message == Waiter::granted) guard.state += n;
      wake(guard, wakeups);
    };
  }
  static void wake(Guard& guard, Wakeups& wakeups) noexcept {
    for (std::uint64_t left = guard.state; guard.front() != nullptr && take(left, guard.front()->wants);) {
      if (guard.front_is_starving()) {
        guard.state -= guard.front()->wants;
        guard.pop_front(wakeups, Waiter::granted);
      } else {
        guard.pop_front(wakeups, Waiter::look);
      }
    }
  }
  void make_way(Guard& guard, Wakeups& wakeups, Waiter& waiter) noexcept override {
    guard.put_aside(waiter);
    wake(guard, wakeups);
  }
  void after_fork(std::uint64_t& permits) noexcept override {
    const Ident owner = owner_.load(std::memory_order_relaxed);
    if (owner != 0 && owner == fork_survivor()) return;
    owner_.store(0, std::memory_order_relaxed);
    forgiven_ = permits < initial_ ? initial_ - permits : 0;
    permits += forgiven_;
  }
  bool forgive(std::uint64_t n) noexcept {
    if (this->state() < initial_) return false;
    std::uint64_t left = forgiven_.load(std::memory_order_relaxed);
    while (left >= n) {
      if (forgiven_.compare_exchange_weak(left, left - n)) return true;
    }
    return false;
  }

  std::atomic<std::uint64_t> initial_;
  std::atomic<std::uint64_t> limit_;
  std::atomic<std::uint64_t> forgiven_{0};
  std::atomic<Ident> owner_{0};
};

using Semaphore = BasicSemaphore<RealWorld>;

}  // namespace core
