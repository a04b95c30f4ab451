// Hand-off: a wake that wakes.
//
// A woken thread needs a CPU, and Python's needs the GIL besides. Left to themselves it gets them when the one that
// woke it is done with its time slice: 5 ms later under the GIL, 2 ms on free-threaded builds, where the scheduler
// likes to put it behind its waker. So the waker steps aside: it gives up the GIL, wakes, and yields its CPU until the
// other one says that it has arrived. Yielding, the other one runs at once on this very CPU, and no idle one has to be
// woken up.
//
// It costs two changes of thread. They are free for a thread that would park next anyway, as in ping-pong, and ruin
// the throughput of one that would not, as a producer with a lot to say. So each thread remembers what became of its
// last wakes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/deadline.hpp"

namespace core {

// The longest that a waker waits for the arrival.
inline constexpr std::chrono::microseconds hand_off_patience{50};

// A thread that parks this soon after a wake would have lost nothing by a hand-off.
inline constexpr std::chrono::microseconds parks_soon{20};

// How long between two hand-offs of a thread that does not park soon.
inline constexpr std::chrono::microseconds hand_off_pause{500};

// Where a thread says that it runs again. They are shared by several threads, for ever: so nobody has to ask whether
// the other one still lives, and the worst of a mistake is a hand-off that ends early.
using Arrivals = std::atomic<std::uint32_t>;

// This thread's.
Arrivals& my_arrivals() noexcept;

// This thread is about to park.
void note_parking(const void* monitor) noexcept;

// This thread is about to wake another. Should it hand over?
bool hand_off_is_due() noexcept;

// It has woken it.
void note_waking(const void* monitor) noexcept;

// Yields the CPU until `arrivals` is no longer `before`, or the patience ends.
void await_arrival(const Arrivals& arrivals, std::uint32_t before) noexcept;

// Before a thread parks, if it has been woken soon lately: yields the CPU until `word` changes, or the patience ends.
void linger(const std::atomic<std::uint32_t>& word, const void* monitor) noexcept;

// It runs again, after it has been parked since note_parking().
void note_woken() noexcept;

}  // namespace core
