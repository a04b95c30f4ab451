#include "core/parallel.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "core/fork.hpp"
#include "core/platform.hpp"
#include "core/pool.hpp"

namespace core {
namespace {

using std::chrono::milliseconds;

constexpr auto poll_interval = milliseconds(10);
constexpr auto report_interval = milliseconds(50);

// Nanoseconds of work on one thread, found by benchmarks/fork_join.py.
constexpr double worth_a_fork = 1'000;     // with a worker that spins; and as much for each further one
constexpr double worth_a_wake = 80'000;    // of a sleeping one
constexpr double longest_chunk = 250'000;  // Ctrl-C is noticed soon, even if the cost is underestimated many times
constexpr double shortest_chunk = 1'000;
constexpr double worth_a_look = 1'000'000;     // at the affinity, which takes 5 us after a sleep
constexpr double unattended_at_most = 50'000;  // before the caller looks at the clock

// How long a caller spins for a worker that is still at work, before it sleeps.
constexpr auto patience = std::chrono::microseconds(30);

// The units of one range are its grains; a part of it is a pair of unit numbers in one word.
constexpr std::size_t max_units = std::size_t{1} << 31;

struct Units {
  std::uint32_t begin;
  std::uint32_t end;

  explicit operator bool() const noexcept { return begin < end; }
  std::uint32_t count() const noexcept { return begin < end ? end - begin : 0; }
  static Units unpack(std::uint64_t packed) noexcept {
    return {static_cast<std::uint32_t>(packed), static_cast<std::uint32_t>(packed >> 32)};
  }
  std::uint64_t pack() const noexcept { return std::uint64_t{end} << 32 | begin; }
};

class Job;

// What one participant begins with.
struct alignas(128) Part final : Task {
  std::atomic<std::uint64_t> left{0};
  Job* job = nullptr;
  Worker* worker = nullptr;  // who was asked to do it
  unsigned participant = 0;
  std::atomic<std::size_t> done{0};  // indices, by this participant; kept for the progress only
};

// One range of at most max_units grains, on its caller's stack.
class Job {
 public:
  Job(Control& control, const Range& range, std::size_t base, std::size_t count, double cost, Body body,
      void* context) noexcept
      : control_(control),
        body_(body),
        context_(context),
        base_(base),
        count_(count),
        grain_(range.grain),
        units_(static_cast<std::uint32_t>((count - 1) / range.grain + 1)),
        schedule_(range.schedule),
        unit_cost_(cost * static_cast<double>(range.grain)),
        longest_(units_worth(longest_chunk)),
        shortest_(units_worth(shortest_chunk)) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Does it all, unless stopped. Returns how many indices are done and not yet reported. Throws Forked.
  std::size_t run(unsigned most);

 private:
  std::uint32_t units_worth(double nanoseconds) const noexcept;
  unsigned threads_worth(double nanoseconds_each, unsigned most) const noexcept;
  bool forked() const noexcept { return generation_ != fork_generation(); }

  void deal(unsigned participants) noexcept;
  void ask(Worker* workers, unsigned number, bool wake) noexcept;
  void help(Part& mine) noexcept;
  void do_own_and_others() noexcept;
  void wait_for_workers();

  std::uint32_t piece(std::uint32_t left) const noexcept;
  Units claim(Part& part, bool from_front) noexcept;
  void do_chunk(Part& mine, Units units) noexcept;
  template <class F>
  bool drain(Part& part, Part& mine, F&& go_on) noexcept;
  std::size_t newly_done() noexcept;

  static constexpr unsigned few = 8;
  alignas(Part) std::byte few_[few * sizeof(Part)];
  std::unique_ptr<Part[]> many_;
  Part* parts_ = nullptr;

  Control& control_;
  const Body body_;
  void* const context_;
  const std::size_t base_;
  const std::size_t count_;
  const std::size_t grain_;
  const std::uint32_t units_;
  const Schedule schedule_;
  const double unit_cost_;  // 0: unknown
  const std::uint32_t longest_;
  const std::uint32_t shortest_;
  const unsigned generation_ = fork_generation();
  unsigned participants_ = 1;
  bool shared_ = false;  // may one take from another's part? If not, who has come has claimed all of its own

  std::size_t reported_ = 0;
};

// Short calls in a row. None of them is worth a wake, but once they are together, they are: a worker that is woken now
// will be there for the next, and stay as long as no gap is longer than its patience. What they take is measured, for
// their costs are rough: on a machine four times as slow as the one on which they were found, a series that went by
// them saw gaps between calls of 200 us, and woke nobody. (A call during which the thread lost its CPU seems long: then
// one wake comes early.)
class Series {
 public:
  constexpr Series() noexcept = default;
  bool asks_for_a_wake(Deadline now, double cost) noexcept {
    if (now > end_ + longest_gap) time_ = 0;
    if (time_ + cost < worth_a_wake) return false;
    time_ = 0;
    return true;
  }
  void add_call(Deadline begin, Deadline end) noexcept {
    time_ += std::chrono::duration<double, std::nano>(end - begin).count();
    end_ = end;
  }

 private:
  static constexpr auto longest_gap = std::chrono::microseconds(40);
  Deadline end_{};
  double time_ = 0;  // nanoseconds of calls on too few threads since the last gap, or wake
};
constinit thread_local Series series;

// Other programs want the CPUs too. A worker that loses its CPU in the middle of a chunk keeps the caller waiting for
// milliseconds. A caller that has lost more time so than it has gained by sharing works alone for a while.
class Account {
 public:
  constexpr Account() noexcept = default;

  bool is_overdrawn() noexcept {
    if (balance_ > -credit) return false;
    if (Clock::now() < end_) return true;
    balance_ = 0;
    return false;
  }
  void gain(double nanoseconds) noexcept { balance_ = std::min(balance_ + nanoseconds, credit); }
  void lose(Clock::duration time) noexcept {
    // Half of it: to a thread that has slept the scheduler gives some of its time back.
    balance_ -= std::chrono::duration<double, std::nano>(time).count() / 2;
    end_ = Clock::now() + milliseconds(50);
  }

 private:
  static constexpr double credit = 4e6;
  double balance_ = 0;
  Deadline end_{};
};
constinit thread_local Account account;

std::uint32_t Job::units_worth(double nanoseconds) const noexcept {
  if (unit_cost_ <= 0) return 1;
  return static_cast<std::uint32_t>(std::clamp(nanoseconds / unit_cost_, 1.0, static_cast<double>(max_units)));
}

unsigned Job::threads_worth(double nanoseconds_each, unsigned most) const noexcept {
  const double threads = unit_cost_ * units_ / nanoseconds_each;
  return unit_cost_ <= 0 || threads >= most ? most : static_cast<unsigned>(threads);
}

std::size_t Job::run(unsigned most) {
  most = std::min<unsigned>(most, units_);
  const unsigned useful = 1 + threads_worth(worth_a_fork, most - 1);
  if (useful == 1 || (unit_cost_ > 0 && account.is_overdrawn())) {
    deal(1);
    do_own_and_others();
    return newly_done();
  }
  Worker* const workers = pool::workers(most - 1);
  unsigned here = 1;
  for (unsigned i = 0; i + 1 < most && here < useful; ++i) {
    if (workers[i].phase() == Worker::idle) ++here;
  }
  unsigned wanted = std::max(here, threads_worth(worth_a_wake / 2, most));
  const bool wants_more = wanted < useful && wanted == here;
  const Deadline begin = wants_more ? Clock::now() : Deadline();
  const bool wakes_more = wants_more && series.asks_for_a_wake(begin, unit_cost_ * units_);
  if (wakes_more) wanted = useful;
  deal(wanted);
  if (wanted > 1) ask(workers, most - 1, wanted > here);
  do_own_and_others();
  if (participants_ > 1) wait_for_workers();
  if (wants_more && !wakes_more) series.add_call(begin, Clock::now());
  return newly_done();
}

// Equal parts, each a run of neighbours, and the caller's the first: called again, everybody has the same memory again,
// and finds it in its CPU's cache.
void Job::deal(unsigned participants) noexcept {
  parts_ = reinterpret_cast<Part*>(few_);
  if (participants > few) {
    many_.reset(new (std::nothrow) Part[participants]);
    if (many_) {
      parts_ = many_.get();
    } else {
      participants = few;
    }
  }
  participants_ = participants;
  shared_ = participants > 1 && schedule_ != Schedule::static_ && units_ > participants;
  std::uint32_t begin = 0;
  for (unsigned k = 0; k < participants; ++k) {
    const auto end = static_cast<std::uint32_t>(std::uint64_t{units_} * (k + 1) / participants);
    Part& part = *std::construct_at(parts_ + k);
    part.run = [](Task& self) noexcept {
      auto& mine = static_cast<Part&>(self);
      mine.job->help(mine);
    };
    part.left.store(Units{begin, end}.pack(), std::memory_order_relaxed);
    part.job = this;
    part.participant = k;
    begin = end;
  }
}

// Finds a worker for each part but the first. A part that has none is done by the others.
void Job::ask(Worker* workers, unsigned number, bool wake) noexcept {
  unsigned next = 1;
  for (unsigned i = 0; i < number && next < participants_; ++i) {
    if (workers[i].phase() == Worker::idle && workers[i].offer(parts_[next])) parts_[next++].worker = &workers[i];
  }
  if (!wake || next == participants_) return;
  platform::CpuSet cpus = platform::affinity();
  if (!cpus.empty()) {
    cpus.remove(platform::current_cpu());
    if (cpus.empty()) return;  // a worker could only take turns with the caller
  }
  for (unsigned i = 0; i < number && next < participants_; ++i) {
    if (workers[i].wake(parts_[next], cpus)) parts_[next++].worker = &workers[i];
  }
}

std::uint32_t Job::piece(std::uint32_t left) const noexcept {
  switch (schedule_) {
    case Schedule::static_: return std::min(left, longest_);
    case Schedule::dynamic: return 1;
    case Schedule::guided: break;
  }
  const std::uint32_t wanted = shared_ ? std::max(left / 4, shortest_) : left;
  return std::min({wanted, longest_, left});
}

// From the front of one's own part, from the end of another's. There is no order between parts to keep: what a chunk
// leaves in memory is seen by the caller because it has seen the worker leave.
Units Job::claim(Part& part, bool from_front) noexcept {
  std::uint64_t packed = part.left.load(std::memory_order_relaxed);
  for (;;) {
    const Units left = Units::unpack(packed);
    if (!left) return left;
    const std::uint32_t count = piece(left.count());
    const Units taken = from_front ? Units{left.begin, left.begin + count} : Units{left.end - count, left.end};
    const Units rest = from_front ? Units{taken.end, left.end} : Units{left.begin, taken.begin};
    if (!shared_) {
      part.left.store(rest.pack(), std::memory_order_relaxed);
      return taken;
    }
    if (part.left.compare_exchange_weak(packed, rest.pack(), std::memory_order_relaxed)) return taken;
  }
}

void Job::do_chunk(Part& mine, Units units) noexcept {
  const std::size_t begin = units.begin * grain_;
  const std::size_t end = units.end == units_ ? count_ : units.end * grain_;
  body_(context_, {base_ + begin, base_ + end, mine.participant});
  if (control_.has_progress()) {
    mine.done.store(mine.done.load(std::memory_order_relaxed) + (end - begin), std::memory_order_relaxed);
  }
}

template <class F>
bool Job::drain(Part& part, Part& mine, F&& go_on) noexcept {
  while (const Units units = claim(part, &part == &mine)) {
    do_chunk(mine, units);
    if (!go_on(units)) return false;
  }
  return true;
}

void Job::help(Part& mine) noexcept {
  const auto go_on = [this](Units) { return !control_.stopped(); };
  unsigned k = mine.participant;
  do {
    if (!drain(parts_[k], mine, go_on)) return;
    if (++k == participants_) k = 0;
  } while (shared_ && k != mine.participant);
}

void Job::do_own_and_others() noexcept {
  double unattended = 0;  // nanoseconds of work since the caller looked at the clock
  const auto go_on = [&, this](Units units) {
    unattended += units.count() * unit_cost_;
    if (unit_cost_ <= 0 || unattended >= unattended_at_most) {
      unattended = 0;
      control_.poll_if_due([this] { return newly_done(); });
    }
    // In the child of a fork, who has asked nobody misses nobody, and goes on.
    return !control_.stopped() && (participants_ == 1 || !forked());
  };
  for (unsigned k = 0; k < participants_; ++k) {
    Part& part = parts_[k];
    if (k > 0 && !shared_ && part.worker != nullptr) {
      if (!part.worker->withdraw(part)) continue;
      part.worker = nullptr;
    }
    if (!drain(part, parts_[0], go_on)) return;
  }
}

void Job::wait_for_workers() {
  unsigned came = 0;
  for (unsigned k = 1; k < participants_; ++k) {
    Part& part = parts_[k];
    if (part.worker == nullptr || part.worker->withdraw(part)) continue;
    Deadline end = never;
    for (unsigned round = 1;; ++round) {
      if (forked()) throw Forked();
      if (part.worker->gone(part)) break;
      platform::pause();
      if (round % 16 != 0) continue;
      const Deadline now = Clock::now();
      if (end == never) end = now + patience;
      if (now < end) continue;
      part.worker->wait(part, control_.due());
      control_.poll_if_due([this] { return newly_done(); });
    }
    ++came;
    if (end != never && unit_cost_ > 0) account.lose(std::max(Clock::now() - end, Clock::duration{}));
  }
  account.gain(unit_cost_ * units_ * came / participants_);
  if (forked()) throw Forked();  // some of the workers may have left after the fork: in the other process
}

std::size_t Job::newly_done() noexcept {
  if (!control_.has_progress()) return 0;
  std::size_t done = 0;
  for (unsigned k = 0; k < participants_; ++k) done += parts_[k].done.load(std::memory_order_relaxed);
  return done - std::exchange(reported_, done);
}

// Nanoseconds of one index: does grain after grain until the clock can tell.
double time_first_chunks(Control& control, const Range& range, std::size_t& begin, Body body, void* context) noexcept {
  const Deadline start = Clock::now();
  std::chrono::duration<double, std::nano> taken{};
  do {
    const std::size_t end = begin + std::min(range.grain, range.count - begin);
    body(context, {begin, end, 0});
    begin = end;
    taken = Clock::now() - start;
  } while (taken.count() < shortest_chunk && begin < range.count && !control.stopped());
  return std::max(taken.count() / static_cast<double>(begin), 1e-3);
}

}  // namespace

void Control::set_poll(Poll poll, void* context) noexcept {
  poll_ = poll;
  poll_context_ = context;
  due_ = Clock::now() + poll_interval;
}

void Control::set_progress(Progress progress, void* context) noexcept {
  progress_ = progress;
  progress_context_ = context;
  due_ = Clock::now() + poll_interval;
  report_due_ = Clock::now() + report_interval;
}

void Control::attend(std::size_t done) noexcept {
  unreported_ += done;
  const auto begin = Clock::now();
  if (poll_ != nullptr && !poll_(poll_context_)) stop();
  if (progress_ != nullptr && begin >= report_due_ && !stopped()) {
    report();
    report_due_ = begin + report_interval;
  }
  if (stopped()) {
    due_ = never;
    return;
  }
  // A poll that had to wait (5 ms for a GIL that another thread keeps busy) may cost 5 % of the time, not half.
  const auto end = Clock::now();
  due_ = end + std::max<Clock::duration>(poll_interval, 20 * (end - begin));
}

void Control::report() noexcept {
  if (!progress_(progress_context_, std::exchange(unreported_, 0))) stop();
}

void Control::finish(std::size_t done) noexcept {
  unreported_ += done;
  if (progress_ != nullptr && unreported_ != 0 && !stopped()) report();
}

// Affinity is the thread's own, and to ask for it is a system call: a thread that makes many short calls asks for it
// now and then only.
unsigned Control::limit(bool precious) const noexcept {
  if (const unsigned known = limit_.load(std::memory_order_relaxed)) return known;
  constexpr unsigned fresh_for = 64;
  static thread_local unsigned number = 0;
  static thread_local unsigned uses = 0;
  if (!precious || num_threads_set() != 0 || uses++ % fresh_for == 0) number = get_num_threads();
  const unsigned found = threads == 0 ? number : std::min(threads, number);
  limit_.store(found, std::memory_order_relaxed);
  return found;
}

unsigned participants(const Control& control, const Range& range) noexcept {
  if (range.count <= range.grain) return 1;
  const std::size_t grains = (range.count - 1) / range.grain + 1;
  const unsigned most = range.threads == 0 ? control.limit() : std::min(control.limit(), range.threads);
  return static_cast<unsigned>(std::min<std::size_t>(most, grains));
}

void parallel_for(Control& control, const Range& range, Body body, void* context) {
  if (control.stopped()) throw Stopped();
  if (range.count == 0) return;
  double cost = range.cost;
  std::size_t begin = 0;
  std::size_t done = 0;
  const bool worth_sharing = cost <= 0 || cost * static_cast<double>(range.count) >= worth_a_fork;
  if (range.count <= range.grain || (!worth_sharing && range.schedule != Schedule::dynamic)) {
    body(context, {0, range.count, 0});
    begin = done = range.count;
  } else if (cost <= 0 && control.threads == 0) {
    cost = time_first_chunks(control, range, begin, body, context);
    done = begin;
  }
  while (begin < range.count && !control.stopped()) {
    const std::size_t units = (range.count - begin - 1) / range.grain + 1;
    const std::size_t size = units <= max_units ? range.count - begin : max_units * range.grain;
    const double nanoseconds = cost * static_cast<double>(size);
    const bool serial = cost > 0 && nanoseconds < worth_a_fork;
    Job job(control, range, begin, size, cost, body, context);
    const unsigned most = serial ? 1 : control.limit(cost > 0 && nanoseconds < worth_a_look);
    done += job.run(range.threads == 0 ? most : std::min(most, range.threads));
    begin += size;
  }
  control.finish(done);
  if (control.stopped()) throw Stopped();
}

}  // namespace core
