#include "core/hand_off.hpp"

#include <sched.h>

#include <array>

namespace core {
namespace {

struct alignas(64) Line {
  Arrivals arrivals{0};
};

std::array<Line, 64> lines;
std::atomic<unsigned> next_line{0};

// What this thread did lately.
struct Habits {
  unsigned line = next_line.fetch_add(1, std::memory_order_relaxed) % lines.size();
  unsigned credit = 0;  // hand-offs that it may do without another proof that it parks soon
  const void* last_woken_at = nullptr;
  bool woken_soon = false;
  Clock::time_point parked_since{};
  Clock::time_point last_wake = Clock::time_point::min();
  Clock::time_point last_hand_off = Clock::time_point::min();
};

constexpr unsigned credit = 16;

thread_local Habits habits;

bool within(Clock::time_point past, std::chrono::microseconds limit, Clock::time_point now) noexcept {
  return past != Clock::time_point::min() && now - past <= limit;
}

}  // namespace

Arrivals& my_arrivals() noexcept { return lines[habits.line].arrivals; }

void note_parking(const void* monitor) noexcept {
  habits.parked_since = Clock::now();
  if (monitor != habits.last_woken_at && within(habits.last_wake, parks_soon, habits.parked_since))
    habits.credit = credit;
}

void note_woken() noexcept { habits.woken_soon = Clock::now() - habits.parked_since < hand_off_patience; }

void linger(const std::atomic<std::uint32_t>& word, const void* monitor) noexcept {
  if (!habits.woken_soon || monitor == habits.last_woken_at) return;
  const Clock::time_point end = Clock::now() + hand_off_patience;
  do {
    if (word.load(std::memory_order_acquire) != 0) return;
    sched_yield();
  } while (Clock::now() < end);
}

bool hand_off_is_due() noexcept {
  const Clock::time_point now = Clock::now();
  const bool due = habits.credit > 0 || !within(habits.last_hand_off, hand_off_pause, now);
  if (habits.credit > 0) --habits.credit;
  if (due) habits.last_hand_off = now;
  return due;
}

void note_waking(const void* monitor) noexcept {
  habits.last_woken_at = monitor;
  habits.last_wake = Clock::now();
}

void await_arrival(const Arrivals& arrivals, std::uint32_t before) noexcept {
  const Clock::time_point end = Clock::now() + hand_off_patience;
  while (arrivals.load(std::memory_order_acquire) - before < 2 && Clock::now() < end) sched_yield();
}

}  // namespace core
