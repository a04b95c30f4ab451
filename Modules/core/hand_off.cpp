#include "core/hand_off.hpp"

#include <sched.h>

#include <algorithm>
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
  Line* line = nullptr;

  const void* last_woken_at = nullptr;
  Clock::time_point waking_since{};
  Clock::time_point woke_at{};
  Clock::time_point next_hand_off{};
  unsigned credit = 0;

  Clock::time_point parking_since{};
  bool woken_soon = false;
};

constinit thread_local Habits habits;  // NOLINT(bugprone-throwing-static-initialization): nothing runs

}  // namespace

Arrivals& my_arrivals() noexcept {
  if (habits.line == nullptr) habits.line = &lines[next_line.fetch_add(1, std::memory_order_relaxed) % lines.size()];
  return habits.line->arrivals;
}

bool hand_off_is_due() noexcept {
  habits.waking_since = Clock::now();
  return habits.credit > 0 || habits.waking_since >= habits.next_hand_off;
}

void note_waking(const void* monitor, bool handed_over) noexcept {
  habits.last_woken_at = monitor;
  habits.woke_at = Clock::now();
  if (!handed_over) return;
  if (habits.credit > 0) --habits.credit;
  const Clock::duration took = habits.woke_at - habits.waking_since;
  habits.next_hand_off = habits.woke_at + std::max<Clock::duration>(hand_off_pause, hand_off_share * took);
}

void await_arrival(const Arrivals& arrivals, std::uint32_t before) noexcept {
  const auto events = [&] { return arrivals.load(std::memory_order_acquire) - before; };
  const Clock::time_point late = Clock::now() + arrival_patience;
  while (events() == 0 && Clock::now() < late) sched_yield();
  const Clock::time_point end = Clock::now() + parking_patience;
  while (events() == 1 && Clock::now() < end) sched_yield();
}

void note_parking(const void* monitor) noexcept {
  habits.parking_since = Clock::now();
  const bool soon = habits.parking_since - habits.woke_at <= parks_soon;
  if (soon && monitor != habits.last_woken_at) habits.credit = hand_off_credit;
}

void linger(const std::atomic<std::uint32_t>& word, const void* monitor) noexcept {
  if (!habits.woken_soon || monitor == habits.last_woken_at) return;
  const Clock::time_point end = Clock::now() + parking_patience;
  while (word.load(std::memory_order_acquire) == 0 && Clock::now() < end) sched_yield();
}

void note_woken() noexcept { habits.woken_soon = Clock::now() - habits.parking_since < parking_patience; }

bool is_worth_spinning(const void* monitor) noexcept { return habits.woken_soon || monitor == habits.last_woken_at; }

}  // namespace core
