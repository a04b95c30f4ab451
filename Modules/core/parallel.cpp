#include "core/parallel.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "core/cpus.hpp"
#include "core/thread.hpp"

namespace core {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(10);

// Starting and joining a helper takes 50 to 60 microseconds: it has to be worth several chunks.
constexpr std::size_t min_chunks_per_thread = 8;

struct Job {
  Control& control;
  const std::size_t count;
  const std::size_t grain;
  const Body body;
  void* const context;
  std::atomic<std::size_t> next{0};  // the first chunk nobody has claimed

  std::size_t chunks() const noexcept { return count / grain + (count % grain != 0 ? 1 : 0); }

  // Runs one chunk. False: there was none left, or the call is stopped.
  bool step() noexcept {
    if (control.stopped()) return false;
    const std::size_t chunk = next.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= chunks()) return false;
    const std::size_t begin = chunk * grain;
    body(context, begin, begin + std::min(grain, count - begin));
    return true;
  }
};

class Helper final : public Thread {
 public:
  explicit Helper(Job& job) : job_(job) {}

 private:
  void run() noexcept override {
    while (job_.step()) {
    }
  }
  Job& job_;
};

// The helpers refer to the Job on the caller's stack: whatever happens, they are joined before it goes.
class Helpers {
 public:
  Helpers(Job& job, std::size_t number) {
    try {
      helpers_.reserve(number);
      while (helpers_.size() < number) {
        auto helper = std::make_shared<Helper>(job);
        helper->spawn("threadmodule", Thread::Signals::faults);
        helpers_.push_back(std::move(helper));
      }
    } catch (const CannotStartThread&) {
      // `threads` is an upper bound, and the work may have begun: those that there are will do it.
    } catch (const std::bad_alloc&) {
    }
  }
  ~Helpers() { join(); }
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

 private:
  void join() noexcept {
    for (const auto& helper : helpers_) {
      while (helper->join(never) != Wake::woken) {  // a signal: poll() has its turn between chunks, not here
      }
    }
  }

  std::vector<std::shared_ptr<Helper>> helpers_;
};

std::size_t threads_for(const Control& control, std::size_t chunks) noexcept {
  if (control.threads != 0) return std::min<std::size_t>(control.threads, chunks);
  const std::size_t worth = chunks / min_chunks_per_thread;
  return worth < 2 ? 1 : std::min<std::size_t>(cpu_count(), worth);
}

}  // namespace

void Control::set_poll(Poll poll, void* context) noexcept {
  poll_ = poll;
  context_ = context;
  due_ = Clock::now() + poll_interval;
}

void Control::poll_if_due() noexcept {
  if (poll_ == nullptr) return;
  const auto begin = Clock::now();
  if (begin < due_) return;
  if (!poll_(context_)) stop();
  // A poll that had to wait (5 ms for a GIL that another thread keeps busy) may cost 5 % of the time, not half.
  const auto end = Clock::now();
  due_ = end + std::max<Clock::duration>(poll_interval, 20 * (end - begin));
}

void parallel_for(Control& control, std::size_t count, std::size_t grain, Body body, void* context) {
  if (count == 0) return;
  if (count <= grain) {
    body(context, 0, count);
    return;
  }
  Job job{control, count, grain, body, context};
  {
    const Helpers helpers(job, threads_for(control, job.chunks()) - 1);
    while (job.step()) control.poll_if_due();
  }
  if (control.stopped()) throw Stopped();
}

}  // namespace core
