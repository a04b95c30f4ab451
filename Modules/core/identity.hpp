// Who is who: a number for each thread that is never given to another one. pthread_self() is, as soon as a thread has
// ended, and then a lock that it left locked would have a new owner.
#pragma once

#include <atomic>
#include <cstdint>

namespace core {

using Ident = std::uint64_t;  // 0 is nobody

namespace detail {
inline std::atomic<Ident> threads_seen{0};
inline constinit thread_local Ident ident = 0;
}  // namespace detail

inline Ident this_thread() noexcept {
  if (detail::ident == 0) [[unlikely]]
    detail::ident = detail::threads_seen.fetch_add(1, std::memory_order_relaxed) + 1;
  return detail::ident;
}

}  // namespace core
