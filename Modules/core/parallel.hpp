// parallel_for: a range, cut into chunks, run by the calling thread and helpers that are started and joined.
//
// The chunks depend on the range and the grain alone, never on the number of threads: a kernel that keeps one
// partial result per chunk and combines them in order gives the same bits on any number of threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>

#include "core/deadline.hpp"

namespace core {

// How one call runs and how it is stopped. The caller owns it; the helpers see it until the call returns.
class Control {
 public:
  using Poll = bool (*)(void* context);  // false: stop

  unsigned threads = 0;  // at most so many, the calling one included; 0: as the work is worth, up to cpu_count()

  // `poll` is called now and then (about every 10 ms) by the thread that called parallel_for, between two chunks.
  void set_poll(Poll poll, void* context) noexcept;

  // From any thread: the chunks that run are finished, no more are begun.
  void stop() noexcept { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

  void poll_if_due() noexcept;

 private:
  std::atomic<bool> stopped_{false};
  Poll poll_ = nullptr;
  void* context_ = nullptr;
  Deadline due_{};
};

// The call was stopped before its end: its result does not exist.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "the kernel was stopped before its end"; }
};

using Body = void (*)(void* context, std::size_t begin, std::size_t end) noexcept;

// Calls body(context, begin, end) for chunks of at most `grain` (> 0) indices that together are [0, count), each
// once, in no order. Returns when all are done; throws Stopped, and nothing else: where no helper can be started, the
// calling thread does the work alone. Fit for threads without an interpreter.
void parallel_for(Control& control, std::size_t count, std::size_t grain, Body body, void* context);

// The same for a callable object, which must not throw.
template <class F>
void parallel_for(Control& control, std::size_t count, std::size_t grain, F& body) {
  parallel_for(
      control, count, grain,
      [](void* context, std::size_t begin, std::size_t end) noexcept { (*static_cast<F*>(context))(begin, end); },
      &body);
}

}  // namespace core
