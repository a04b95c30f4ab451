// A lock that its owner may acquire again: the core of RLock.
#pragma once

#include <pthread.h>

#include "core/sync/semaphore.hpp"

namespace core {

class RLock {
 public:
  bool is_owned() noexcept { return permit_.owner() == this_thread(); }
  bool is_locked() noexcept { return permit_.owner() != 0; }
  // pthread_self() of the owner, for people to read; 0 if there is none.
  std::uintptr_t owner_pthread() noexcept { return is_locked() ? owner_pthread_.load(std::memory_order_relaxed) : 0; }
  std::uint64_t count() noexcept { return permit_.owner() == 0 ? 0 : count_.load(std::memory_order_relaxed); }

  template <class Block>
  bool acquire(Deadline deadline, Block&& block) {
    if (is_owned()) {
      set_count(count() + 1);
      return true;
    }
    if (!permit_.acquire(1, deadline, block)) return false;
    own(1);
    return true;
  }

  // False: the caller does not own it.
  bool release(Wakeups& wakeups) noexcept {
    if (!is_owned()) return false;
    const std::uint64_t count = this->count();
    set_count(count - 1);
    if (count == 1) let_go(wakeups);
    return true;
  }

  // For conditions: releases however often it is held; and has it again, as often.
  std::uint64_t release_all(Wakeups& wakeups) noexcept {
    const std::uint64_t count = this->count();
    let_go(wakeups);
    return count;
  }
  void own(std::uint64_t count) noexcept {
    permit_.set_owner(this_thread());
    owner_pthread_.store(reinterpret_cast<std::uintptr_t>(pthread_self()), std::memory_order_relaxed);
    set_count(count);
  }
  // For _at_fork_reinit(): whoever owns it, does not any more.
  void reset() noexcept {
    permit_.set_owner(0);
    permit_.reset(1, 1);
  }
  Semaphore& permit() noexcept { return permit_; }

 private:
  void set_count(std::uint64_t count) noexcept { count_.store(count, std::memory_order_relaxed); }
  void let_go(Wakeups& wakeups) noexcept {
    permit_.set_owner(0);
    permit_.release(wakeups);
  }

  Semaphore permit_{1, 1};
  std::atomic<std::uint64_t> count_{0};  // the owner's, others look at it
  std::atomic<std::uintptr_t> owner_pthread_{0};
};

}  // namespace core
