// Parking: a thread sleeps until a word changes. Every wait of this module comes down to these two functions.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/deadline.hpp"

namespace core {

enum class Wake {
  woken,        // the word changed, or a spurious wake: look at the word again
  timed_out,    // the deadline passed
  interrupted,  // a signal handler ran in this thread
};

// Sleeps while `word` holds `expected`. A change made before a matching unpark_all() is never slept through.
Wake park(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept;

// Wakes every thread parked on `word`. Touches the address only, never the memory behind it, so that a waiter
// that has already seen the change may free it.
void unpark_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace core
