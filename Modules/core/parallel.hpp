// parallel_for: a range, cut into chunks, run by the calling thread and by workers of the pool.
//
// Every chunk begins at a multiple of the grain. So a kernel that keeps one partial result for each grain and combines
// them in order gives the same bits on any number of threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <utility>

#include "core/deadline.hpp"

namespace core {

// How one call runs and how it is stopped. The caller owns it; the workers see it until the call returns.
class Control {
 public:
  using Poll = bool (*)(void* context);  // false: stop
  using Progress = bool (*)(void* context, std::size_t done);

  unsigned threads = 0;  // at most so many, the calling one included; 0: get_num_threads()

  // `poll` is called now and then (about every 10 ms) by the thread that called parallel_for, between two chunks.
  void set_poll(Poll poll, void* context) noexcept;

  // `progress` likewise, but less often, with the number of indices that are done since it was called last, and once
  // more at the end of each parallel_for: all in all with the size of the range, unless the call is stopped.
  void set_progress(Progress progress, void* context) noexcept;

  // From any thread: the chunks that run are finished, no more are begun.
  void stop() noexcept { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

  // For whoever works under this Control, in the thread that the calls are made from: now and then between two pieces
  // of work; newly_done() says how many indices are done since it was asked last. At the end, what is left of them.
  template <class F>
  void poll_if_due(F&& newly_done) noexcept {
    if (due_ != never && due_ <= Clock::now()) attend(newly_done());
  }
  void poll_if_due() noexcept {
    poll_if_due([] { return std::size_t{0}; });
  }
  void finish(std::size_t done) noexcept;
  Deadline due() const noexcept { return due_; }
  bool has_progress() const noexcept { return progress_ != nullptr; }

  // get_num_threads() or `threads`, whichever is less. The first answer holds, so that a table of so many entries stays
  // large enough. `precious`: there is no time for a system call, if an answer that is not quite fresh will do.
  unsigned limit(bool precious = false) const noexcept;

  // For a pass before or after the one whose progress counts.
  class Silence {
   public:
    explicit Silence(Control& control) noexcept
        : control_(control), progress_(std::exchange(control.progress_, nullptr)), unreported_(control.unreported_) {}
    ~Silence() {
      control_.progress_ = progress_;
      control_.unreported_ = unreported_;
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

   private:
    Control& control_;
    Progress progress_;
    std::size_t unreported_;
  };

 private:
  void attend(std::size_t done) noexcept;
  void report() noexcept;

  std::atomic<bool> stopped_{false};
  mutable std::atomic<unsigned> limit_{0};
  Poll poll_ = nullptr;
  void* poll_context_ = nullptr;
  Progress progress_ = nullptr;
  void* progress_context_ = nullptr;
  std::size_t unreported_ = 0;
  Deadline due_ = never;
  Deadline report_due_{};
};

// The call was stopped before its end: its result does not exist.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "the kernel was stopped before its end"; }
};

// This is the child of a fork that the calling thread made while workers, which the child does not have, were at work.
class Forked : public std::runtime_error {
 public:
  Forked() : std::runtime_error("the process forked during the kernel") {}
};

// Who does what:
enum class Schedule {
  static_,  // everybody an equal part; only the part of a worker that does not come is done by another
  dynamic,  // one grain at a time; who is done with its part helps the others
  guided,   // likewise, in larger pieces first: for nearly all kernels
};

struct Range {
  std::size_t count;
  std::size_t grain = 1;  // > 0
  double cost = 0;        // of one index, in nanoseconds on one thread, roughly; 0: unknown, the first chunk is timed
  Schedule schedule = Schedule::guided;
  unsigned threads = 0;  // at most so many take part; 0: as many as it is worth
};

struct Chunk {
  std::size_t begin;     // a multiple of the grain
  std::size_t end;       // too, or the end of the range
  unsigned participant;  // < participants(): no two chunks that run at the same time have the same
};

using Body = void (*)(void* context, const Chunk& chunk) noexcept;

// How many threads at most take part in a parallel_for of this Control and range; at least 1.
unsigned participants(const Control& control, const Range& range) noexcept;

// Calls body(context, chunk) for chunks that together are [0, count), each index once, in no order; under `dynamic`
// a chunk has no more than `grain` indices. Returns when all are done; throws Stopped or Forked, and nothing else: a
// worker that cannot be started is done without. Fit for threads without an interpreter, for many at once, and for
// bodies that call it themselves.
void parallel_for(Control& control, const Range& range, Body body, void* context);

// The same for a callable object, which must not throw.
template <class F>
void parallel_for(Control& control, const Range& range, F& body) {
  parallel_for(
      control, range, [](void* context, const Chunk& chunk) noexcept { (*static_cast<F*>(context))(chunk); }, &body);
}

}  // namespace core
