#include "core/fork.hpp"

#include <pthread.h>

#include <new>

namespace core {

void watch_forks() {
  static const int error = pthread_atfork(nullptr, nullptr, [] {
    detail::survivor.store(this_thread(), std::memory_order_relaxed);
    detail::renewing.store(false, std::memory_order_relaxed);  // another thread's, which is gone
    detail::forks.fetch_add(1, std::memory_order_release);
  });
  if (error != 0) throw std::bad_alloc();  // ENOMEM is its only error
}

}  // namespace core
