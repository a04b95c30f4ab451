// Forks: a child process has one thread, the one that forked, and its own copy of everything.
//
// Nothing is done at fork() itself. What a fork makes obsolete (threads, the queues of those that waited) remembers in
// which generation it was made, and whoever finds it older than the process brings it up to date. So there is no list
// of all objects to keep, and a raw fork() from C is as good as os.fork().
#pragma once

#include <atomic>

#include "core/identity.hpp"

namespace core {

namespace detail {
// A fork happens to the process, not to an object of ours, and its handler takes no argument: hence statics.
inline std::atomic<unsigned> forks{0};
inline std::atomic<Ident> survivor{0};
inline std::atomic<bool> renewing{false};
}  // namespace detail

// Before the first object that cares. Throws std::bad_alloc.
void watch_forks();

// How often this process is a fork of the one that loaded the module: 0, or more in a child.
inline unsigned fork_generation() noexcept { return detail::forks.load(std::memory_order_acquire); }

// The thread that forked last: the only one that a child has of its parent's.
inline Ident fork_survivor() noexcept { return detail::survivor.load(std::memory_order_relaxed); }

// Brings an object of generation `made` up to date, once, whoever comes first.
template <class F>
void renew_after_fork(std::atomic<unsigned>& made, F&& reset) noexcept {
  while (detail::renewing.exchange(true, std::memory_order_acquire)) {
  }
  if (made.load(std::memory_order_relaxed) != fork_generation()) {
    reset();
    made.store(fork_generation(), std::memory_order_release);
  }
  detail::renewing.store(false, std::memory_order_release);
}

}  // namespace core
