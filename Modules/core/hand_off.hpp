// Hand-off: a wake that wakes.
//
// A woken thread needs a CPU, and Python's needs the GIL besides. Left to themselves they get them when the one that
// woke them is done with its time slice: 5 ms later under the GIL, some milliseconds on free-threaded builds, where the
// scheduler likes to put a thread behind its waker. So the waker steps aside: it gives up the GIL, wakes, and yields
// its CPU until the other one says that it runs, and, if it does not take long, that it has parked again: then the GIL
// is free. And a thread that has been woken soon after it parked lately does not park at once the next time, but
// yields its CPU for a while. Two threads that take turns so do it without any system call that sleeps or wakes: there
// and back in 3.3 us, on one CPU or two (Python 3.13; parking at once 4.3 and 24 us, threading.Lock 11.5 and 43 us).
//
// Stepping aside costs two changes of thread. They are free for one that would park next anyway, and ruin the
// throughput of one that would not, such as a producer with a lot to say. So each thread remembers its habits: whether
// it parks soon after it has woken somebody. If not, it steps aside now and then only. A thread that parks at the very
// monitor whose waiter it has woken fights for it, and is no proof of that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/deadline.hpp"

namespace core {

// The longest that a waker waits for the other one to run; an idle CPU takes 20 to 60 us to wake up.
inline constexpr std::chrono::microseconds arrival_patience{200};

// And how long after that for it to park, and a thread that wants to park for a wake.
inline constexpr std::chrono::microseconds parking_patience{50};

// A thread that parks this soon after a wake has lost nothing by a hand-off.
inline constexpr std::chrono::microseconds parks_soon{20};

// How long between two hand-offs of a thread that does not park soon; at least this many times what the last one took.
inline constexpr std::chrono::microseconds hand_off_pause{500};
inline constexpr int hand_off_share = 10;

// Hand-offs that a thread may do without another proof that it parks soon: during one, the other thread may release
// what this one would have parked for, and then there is no proof.
inline constexpr unsigned hand_off_credit = 16;

// Where a thread says that it runs, and that it parks again. Several threads share one, and it stays for ever: so
// nobody has to ask whether the other one still lives, and the worst of a mistake is a hand-off that ends early.
using Arrivals = std::atomic<std::uint32_t>;

// This thread's.
Arrivals& my_arrivals() noexcept;

// The waker: should it hand over? Then the wake, and what it did.
bool hand_off_is_due() noexcept;
void note_waking(const void* monitor, bool handed_over) noexcept;

// Yields the CPU until the other thread has arrived, and parked again, or the patience ends.
void await_arrival(const Arrivals& arrivals, std::uint32_t before) noexcept;

// The waiter: it will park at `monitor`; it yields the CPU for a while, until `word` is not 0; it was woken.
void note_parking(const void* monitor) noexcept;
void linger(const std::atomic<std::uint32_t>& word, const void* monitor) noexcept;
void note_woken() noexcept;

// Before it queues at `monitor`: may what it wants be free in a moment?
bool is_worth_spinning(const void* monitor) noexcept;

}  // namespace core
