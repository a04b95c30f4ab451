// The parking core in a world where everything happens that may: Relacy runs the primitives in every order of their
// atomic operations, and lets loads see old values as far as their memory order allows. Waits are interrupted, time
// out, and end for no reason. And it is checked that the check is worth something: with one memory order weakened, or a
// wake lost, it must fail.
//
//     model [name]    the cases whose name contains this; prints the history of one that fails
//
// test_model.py builds and runs it.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

// Before Relacy, which defines `new`, `memory_order_acquire` and others as macros.
#include "core/sync/condition.hpp"
#include "core/sync/event.hpp"
#include "core/sync/semaphore.hpp"

#include <relacy/relacy.hpp>

#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace {

using core::Clock;
using core::Deadline;
using core::never;
using core::Wake;

// What is taken from the code under test, to see whether it is missed.
enum class Mutant {
  none,
  unlock_release,   // of the guard
  lock_acquire,     // of the guard
  update_release,   // of the fast path
  update_acquire,   // of the fast path
  message_release,  // of the waker
  message_acquire,  // of the waiter
  queued_bit,       // is not published when the guard is unlocked
  unpark,           // of a sleeping waiter
};

enum class Time {
  stands,  // nobody starves
  flies,   // whoever is queued, starves
  either,
};

constexpr unsigned unbounded = ~0U;

struct Options {
  unsigned switches = unbounded;  // of threads that could go on
  unsigned surprises = 0;         // interrupts and spurious wakes, for each thread
  Time time = Time::stands;
  bool weak = false;  // compare_exchange_weak may fail for no reason
  Mutant mutant = Mutant::none;
};
Options options;

// The state of the world, new in each schedule.
struct State {
  struct Thread {
    const void* sleeps_at = nullptr;
    bool spins = false;
    bool must_retry = false;
    unsigned surprises = 0;
  };
  std::array<Thread, 4> threads;
  Clock::time_point now{};
};
State state;

State::Thread& self() { return state.threads[rl::thread_index()]; }

rl::memory_order relacy(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return rl::mo_relaxed;
    case std::memory_order_consume: return rl::mo_consume;
    case std::memory_order_acquire: return rl::mo_acquire;
    case std::memory_order_release: return rl::mo_release;
    case std::memory_order_acq_rel: return rl::mo_acq_rel;
    case std::memory_order_seq_cst: break;
  }
  return rl::mo_seq_cst;
}

// Where the default argument of a function is evaluated: at its call. std::source_location is not in every clang yet.
rl::debug_info here(const char* function = __builtin_FUNCTION(), const char* file = __builtin_FILE(),
                    unsigned line = __builtin_LINE()) {
  return {function, file, line};
}

// Whatever this thread has seen, it does not see again once it has been overwritten: stores arrive some time. Relacy
// supposes it of threads that yield.
void see_what_is_new() {
  rl::thread_info_base& thread = *rl::ctx().threadx_;
  thread.last_yield_ = thread.own_acq_rel_order_;
}

template <class Choose>
void wake_threads(Choose&& choose) {
  for (std::size_t i = 0; i < state.threads.size(); ++i) {
    if (choose(state.threads[i])) rl::ctx().unpark_thread(static_cast<rl::thread_id_t>(i), false, RL_INFO);
  }
}

// The words of monitors are std::uint64_t, those of waiters std::uint32_t. Other threads may run before each operation
// on them, but not before those on anything else: that is only ever changed under a guard.
template <class T>
class Atomic {
 public:
  static constexpr bool of_monitor = std::is_same_v<T, std::uint64_t>;
  static constexpr bool of_waiter = std::is_same_v<T, std::uint32_t>;

  Atomic(T value) {
    const rl::preemption_disabler undisturbed(rl::ctx());  // nobody else knows it yet
    word_.store(stored(value), rl::mo_relaxed, RL_INFO);
  }

  T load(std::memory_order order, rl::debug_info where = here()) const {
    if (of_waiter && options.mutant == Mutant::message_acquire) order = std::memory_order_relaxed;
    const Undisturbed undisturbed;
    const T value = static_cast<T>(word_.load(relacy(order), where));
    if (of_monitor) self().must_retry = value != latest();
    return value;
  }
  void store(T value, std::memory_order order, rl::debug_info where = here()) {
    if (of_monitor && options.mutant == Mutant::unlock_release) order = std::memory_order_relaxed;
    if constexpr (of_monitor) {
      if (options.mutant == Mutant::queued_bit) value &= ~T{2};
    }
    const Undisturbed undisturbed;
    word_.store(stored(value), relacy(order), where);
    written();
  }
  T exchange(T value, std::memory_order order, rl::debug_info where = here()) {
    if (options.mutant == Mutant::message_release) order = std::memory_order_acquire;
    return word_.exchange(value, relacy(order), where);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order order, rl::debug_info where = here()) {
    return word_.compare_exchange_strong(expected, value, relacy(order), where);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order order, std::memory_order failure,
                             rl::debug_info where = here()) {
    const bool of_update = order == std::memory_order_acq_rel;
    if (of_update && options.mutant == Mutant::update_release) order = std::memory_order_acquire;
    if ((of_update && options.mutant == Mutant::update_acquire) ||
        (!of_update && options.mutant == Mutant::lock_acquire)) {
      order = of_update ? std::memory_order_release : std::memory_order_relaxed;
      failure = std::memory_order_relaxed;  // Relacy wants none that is stronger
    }
    const bool done =
        options.weak ? word_.compare_exchange_weak(expected, value, relacy(order), where, relacy(failure), where)
                     : word_.compare_exchange_strong(expected, value, relacy(order), where, relacy(failure), where);
    if (of_monitor) self().must_retry = !done;
    if (done) written();
    return done;
  }

  // As the kernel sees it.
  T latest() const { return static_cast<T>(word_.debug_value()); }

 private:
  struct Undisturbed {
    Undisturbed() {
      if (!of_monitor && !of_waiter) rl::ctx().disable_preemption();
    }
    ~Undisturbed() {
      if (!of_monitor && !of_waiter) rl::ctx().enable_preemption();
    }
  };

  // Who spins for the guard, looks again when a monitor's word has been written.
  void written() {
    if (of_monitor) wake_threads([](auto& thread) { return std::exchange(thread.spins, false); });
  }

  // Relacy knows no pointers to what is const.
  using Stored = std::conditional_t<std::is_pointer_v<T>, void*, T>;
  static Stored stored(T value) {
    if constexpr (std::is_pointer_v<T>)
      return const_cast<void*>(static_cast<const void*>(value));
    else
      return value;
  }

  rl::atomic<Stored> word_;
};

template <class T>
class Plain {
 public:
  Plain(T value) : variable_(value) {}
  Plain(const Plain& other) = delete;
  ~Plain() { *this = T{}; }  // the memory is somebody else's now, who writes to it
  Plain& operator=(T value) {
    variable_(RL_INFO).store(value);
    return *this;
  }
  Plain& operator=(const Plain& other) { return *this = static_cast<T>(other); }
  operator T() const { return variable_(RL_INFO).load(); }

 private:
  rl::var<T> variable_;
};

bool surprise() {
  unsigned& left = self().surprises;
  if (left == 0 || rl::rand(2) == 0) return false;
  --left;
  return true;
}

struct ModelWorld {
  template <class T>
  using Atomic = ::Atomic<T>;
  template <class T>
  using Plain = ::Plain<T>;

  // A futex. It orders nothing: whatever the sleeper relies on, must come with the word. A time-out or a signal that
  // comes at any time while it sleeps is one that comes at once, and before it goes on others may run.
  static Wake park(const Atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
    see_what_is_new();
    if (word.latest() != expected) return Wake::woken;
    if (deadline != never && rl::rand(2) == 1) return Wake::timed_out;
    if (surprise()) return rl::rand(2) == 0 ? Wake::woken : Wake::interrupted;
    self().sleeps_at = &word;
    const rl::unpark_reason reason = rl::ctx().park_current_thread(deadline != never, false, false, RL_INFO);
    see_what_is_new();
    self().sleeps_at = nullptr;
    return reason == rl::unpark_reason_timeout ? Wake::timed_out : Wake::woken;
  }
  static void unpark(const Atomic<std::uint32_t>& word) noexcept {
    if (options.mutant == Mutant::unpark) return;
    rl::ctx().sched();  // it comes late: the address may be another waiter's
    wake_threads([&](auto& thread) {
      if (thread.sleeps_at != &word) return false;
      thread.sleeps_at = nullptr;
      return true;
    });
  }
  static void linger(const Atomic<std::uint32_t>&, const void*) noexcept {}

  // To spin until something changes is to sleep until then. So there are no endless schedules, and a guard that is
  // never unlocked is a deadlock.
  static void relax(unsigned) noexcept {
    see_what_is_new();
    if (std::exchange(self().must_retry, false)) return;
    self().spins = true;
    rl::ctx().park_current_thread(false, false, false, RL_INFO);
  }
  static bool is_worth_spinning(const void*) noexcept { return false; }
  static void yield() noexcept {}

  static Clock::time_point now() noexcept {
    if (options.time == Time::flies || (options.time == Time::either && rl::rand(2) == 1)) {
      state.now += std::chrono::seconds(1);
    }
    return state.now;
  }

  // No hand-off and no fork here.
  static core::Arrivals& arrivals() noexcept {
    static core::Arrivals nobodys{0};
    return nobodys;
  }
  static unsigned generation() noexcept { return 0; }
  static core::Ident this_thread() noexcept { return rl::thread_index() + 1; }
};

using Condition = core::BasicCondition<ModelWorld>;
using Event = core::BasicEvent<ModelWorld>;
using Semaphore = core::BasicSemaphore<ModelWorld>;
using Waiter = core::BasicWaiter<ModelWorld>;
using Wakeups = core::BasicWakeups<ModelWorld>;

// As the binding waits.
struct Block {
  static constexpr unsigned spins = 0;
  Wake operator()(Waiter& waiter, Deadline deadline) const {
    for (;;) {
      const Wake wake = waiter.park(deadline);
      if (wake != Wake::interrupted) return wake;
    }
  }
};
constexpr Block block;

// The same, where a signal handler raises an exception.
struct Interrupt {};
struct BlockOrThrow {
  static constexpr unsigned spins = 0;
  Wake operator()(Waiter& waiter, Deadline deadline) const {
    const Wake wake = waiter.park(deadline);
    if (wake == Wake::interrupted) throw Interrupt();
    return wake;
  }
};

constexpr Deadline some_time{};

void release(Semaphore& semaphore, std::uint64_t n = 1) {
  Wakeups wakeups;
  RL_ASSERT(semaphore.release(wakeups, n));
}
bool acquire(Semaphore& semaphore, std::uint64_t n = 1, Deadline deadline = never) {
  return semaphore.acquire(n, deadline, block);
}

// At the end so many permits are there, and nobody is in the queue: a waiter that had been left there would be woken.
void require_at_rest(Semaphore& semaphore, std::uint64_t permits) {
  RL_ASSERT(semaphore.available() == permits);
  Wakeups wakeups;
  RL_ASSERT(semaphore.release(wakeups) || semaphore.try_acquire());
  RL_ASSERT(wakeups.empty());
}

template <class Derived, int threads>
struct Case : rl::test_suite<Derived, threads> {
  Case() {
    state = {};
    for (auto& thread : state.threads) thread.surprises = options.surprises;
  }
};

// The cases

template <int threads>
struct Exclusion : Case<Exclusion<threads>, threads> {
  Semaphore lock{1, 1};
  rl::var<int> count{0};

  void thread(unsigned) {
    acquire(lock);
    count(RL_INFO) += 1;
    release(lock);
  }
  void after() {
    RL_ASSERT(count(RL_INFO) == threads);
    require_at_rest(lock, 1);
  }
};

struct Release : Case<Release, 2> {
  Semaphore semaphore{0};
  rl::var<int> message{0};

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(acquire(semaphore));
      RL_ASSERT(message(RL_INFO) == 1);
    } else {
      message(RL_INFO) = 1;
      release(semaphore);
    }
  }
  void after() { require_at_rest(semaphore, 0); }
};

// Who has been woken may take the semaphore down: the release does not touch it any more.
struct Destruction : Case<Destruction, 2> {
  std::optional<Semaphore> semaphore{std::in_place, 0U};

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(acquire(*semaphore));
      semaphore.reset();
    } else {
      release(*semaphore);
    }
  }
};

struct TimedRelease : Case<TimedRelease, 2> {
  Semaphore semaphore{0};
  rl::var<int> message{0};
  bool acquired = false;

  void thread(unsigned index) {
    if (index == 0) {
      acquired = acquire(semaphore, 1, some_time);
      if (acquired) RL_ASSERT(message(RL_INFO) == 1);
    } else {
      message(RL_INFO) = 1;
      release(semaphore);
    }
  }
  void after() { require_at_rest(semaphore, acquired ? 0 : 1); }
};

template <int rounds>
struct PingPong : Case<PingPong<rounds>, 2> {
  std::array<Semaphore, 2> turns{Semaphore{1}, Semaphore{0}};
  rl::var<int> count{0};

  void thread(unsigned index) {
    for (int round = 0; round < rounds; ++round) {
      acquire(turns[index]);
      RL_ASSERT(count(RL_INFO) % 2 == static_cast<int>(index));
      count(RL_INFO) += 1;
      release(turns[1 - index]);
    }
  }
  void after() {
    RL_ASSERT(count(RL_INFO) == 2 * rounds);
    require_at_rest(turns[0], 1);
    require_at_rest(turns[1], 0);
  }
};

// One wants two, and two bring one each.
struct Bulk : Case<Bulk, 3> {
  Semaphore semaphore{0};
  rl::var<int> first{0}, second{0};

  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(acquire(semaphore, 2));
      RL_ASSERT(first(RL_INFO) + second(RL_INFO) == 2);
    } else {
      (index == 1 ? first : second)(RL_INFO) = 1;
      release(semaphore);
    }
  }
  void after() { require_at_rest(semaphore, 0); }
};

// One that wants two stands before one that wants one, and goes away: the second one must not sleep on.
struct BulkLeaves : Case<BulkLeaves, 3> {
  Semaphore semaphore{0};
  bool acquired = false;

  void thread(unsigned index) {
    switch (index) {
      case 0:
        acquired = acquire(semaphore, 2, some_time);
        if (acquired) release(semaphore, 2);
        break;
      case 1: RL_ASSERT(acquire(semaphore)); break;
      case 2: release(semaphore); break;
    }
  }
  void after() { require_at_rest(semaphore, 0); }
};

// Whom an exception takes away passes on what it has been woken for.
struct Interrupted : Case<Interrupted, 3> {
  Semaphore lock{0, 1};
  rl::var<int> count{0};

  void thread(unsigned index) {
    if (index == 0) {
      try {
        lock.acquire(1, never, BlockOrThrow{});
      } catch (const Interrupt&) {
        return;
      }
    } else if (index == 1) {
      acquire(lock);
    }
    count(RL_INFO) += 1;
    release(lock);
  }
  void after() { require_at_rest(lock, 1); }
};

// One announces, the others wait for it, and may get tired of it.
template <int threads>
struct Announcement : Case<Announcement<threads>, threads> {
  Semaphore lock{1, 1};
  Condition condition;
  rl::var<int> announced{0};
  Deadline deadline = never;

  void thread(unsigned index) {
    acquire(lock);
    if (index == 0) {
      announced(RL_INFO) = 1;
      Wakeups wakeups;
      condition.notify(threads, &lock, wakeups);
      RL_ASSERT(lock.release(wakeups));
    } else {
      while (announced(RL_INFO) == 0 && condition.wait(lock, deadline, block)) {
      }
      RL_ASSERT(announced(RL_INFO) == 1 || deadline != never);
      release(lock);
    }
  }
  void after() {
    require_at_rest(lock, 1);
    RL_ASSERT(!condition.has_waiters());
  }
};

template <int threads>
struct TimedAnnouncement : Announcement<threads> {
  TimedAnnouncement() { this->deadline = some_time; }
};

template <int threads>
struct Flag : Case<Flag<threads>, threads> {
  Event event;
  rl::var<int> message{0};
  Deadline deadline = never;

  void thread(unsigned index) {
    if (index == 0) {
      message(RL_INFO) = 1;
      Wakeups wakeups;
      event.set(wakeups);
    } else {
      const bool seen = event.wait(deadline, block);
      RL_ASSERT(seen || deadline != never);
      if (seen) RL_ASSERT(message(RL_INFO) == 1);
    }
  }
};

template <int threads>
struct TimedFlag : Flag<threads> {
  TimedFlag() { this->deadline = some_time; }
};

// Runs

// Depth first, through all choices. Relacy's own schedulers are fair to threads that yield, in a way that keeps some
// schedules of three threads from happening; here nobody yields.
template <rl::thread_id_t threads>
class Search final
    : public rl::tree_search_scheduler<Search<threads>, rl::tree_search_scheduler_thread_info<threads>, threads> {
 public:
  using Base = rl::tree_search_scheduler<Search, rl::tree_search_scheduler_thread_info<threads>, threads>;
  using Base::Base;

  rl::thread_id_t iteration_begin_impl() {
    switches_ = options.switches;
    return Base::iteration_begin_impl();
  }
  rl::thread_id_t schedule_impl(rl::unpark_reason& reason, unsigned) {
    reason = rl::unpark_reason_normal;
    if (this->running_threads_count == 0) {  // all sleep: it is time for those who have a deadline
      const unsigned count = static_cast<unsigned>(this->timed_thread_count_);
      const rl::thread_id_t index = this->timed_threads_[this->rand(count, rl::sched_type_user)]->index_;
      this->unpark_thread(index);
      reason = rl::unpark_reason_timeout;
      return index;
    }
    const bool can_stay = this->thread_->state_ == rl::thread_state_running;
    if (can_stay && switches_ == 0) return this->thread_->index_;
    const unsigned count = static_cast<unsigned>(this->running_threads_count);
    const rl::thread_id_t index = this->running_threads[count == 1 ? 0 : this->rand(count, rl::sched_type_sched)];
    if (can_stay && index != this->thread_->index_) --switches_;
    return index;
  }
  double iteration_count_approx() { return 1; }

 private:
  unsigned switches_ = 0;
};

const char* only = "";
int passed = 0;
int failed = 0;

template <class Test>
rl::test_params explore(bool with_history, const rl::test_params& before = {}) {
  static std::ostream nowhere(nullptr);
  rl::test_params params;
  params.progress_stream = &nowhere;
  params.output_stream = with_history ? &std::cerr : &nowhere;
  params.collect_history = with_history;
  params.search_type = rl::sched_full;
  params.initial_state = before.final_state;
  rl::ostringstream failure;
  rl::run_test<Test, Search<Test::params::thread_count>>(params, failure, with_history);
  params.final_state = failure.str();
  return params;
}

template <class Test>
void check(const std::string& name, const Options& wanted) {
  if (name.find(only) == std::string::npos) return;
  options = wanted;
  const rl::test_params result = explore<Test>(false);
  const bool good = result.test_result == rl::test_result_success;
  std::printf("%s: %llu schedules, %s\n", name.c_str(), static_cast<unsigned long long>(result.stop_iteration),
              good ? "ok" : rl::test_result_str(result.test_result));
  std::fflush(stdout);
  ++(good ? passed : failed);
  if (!good) explore<Test>(true, result);
}

template <class Test>
void check_caught(const std::string& name, const Options& wanted) {
  if (name.find(only) == std::string::npos) return;
  options = wanted;
  const rl::test_params result = explore<Test>(false);
  const bool good = result.test_result != rl::test_result_success;
  std::string reason = rl::test_result_str(result.test_result);
  std::ranges::transform(reason, reason.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  std::printf("%s: %s (%llu schedules)\n", name.c_str(), good ? ("caught, " + reason).c_str() : "NOT CAUGHT",
              static_cast<unsigned long long>(result.stop_iteration));
  std::fflush(stdout);
  ++(good ? passed : failed);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) only = arguments[1];

  // Two threads, in all schedules.
  constexpr Options all{.surprises = 1, .time = Time::either};
  check<Exclusion<2>>("lock, 2 threads", all);
  check<Exclusion<2>>("lock, 2 threads, compare-and-swap fails", {.weak = true});
  check<Release>("release, 2 threads", all);
  check<TimedRelease>("release and time-out, 2 threads", {});
  check<Destruction>("release and destruction, 2 threads", all);
  check<PingPong<1>>("ping-pong, 2 threads", {.surprises = 1});
  check<Flag<2>>("event, 2 threads", all);
  check<TimedFlag<2>>("event and time-out, 2 threads", {});

  // And in those with a few switches where no thread has to wait: most bugs need no more than two.
  const auto few = [](unsigned switches, Time time, unsigned surprises = 0) {
    return Options{.switches = switches, .surprises = surprises, .time = time};
  };
  check<PingPong<2>>("ping-pong twice, 2 threads", few(3, Time::stands));
  check<Announcement<2>>("condition, 2 threads", few(4, Time::either));
  check<TimedAnnouncement<2>>("condition and time-out, 2 threads", few(2, Time::either));
  check<Exclusion<3>>("lock, 3 threads", few(3, Time::stands));
  check<Exclusion<3>>("lock, 3 threads, starving", few(2, Time::either));
  check<Bulk>("acquire(2), 3 threads", few(3, Time::either));
  check<BulkLeaves>("acquire(2) and time-out, 3 threads", few(2, Time::stands));
  check<Interrupted>("exception, 3 threads", few(2, Time::stands, 1));
  check<Interrupted>("exception, 3 threads, starving", few(2, Time::flies, 1));
  check<Announcement<3>>("condition, 3 threads", few(2, Time::stands));
  check<Announcement<3>>("condition, 3 threads, starving", few(2, Time::flies));
  check<TimedAnnouncement<3>>("condition and time-out, 3 threads", few(1, Time::stands));
  check<TimedFlag<3>>("event and time-out, 3 threads", few(2, Time::stands));

  // Without this, it must go wrong.
  const auto without = [](Mutant mutant) { return Options{.switches = 3, .mutant = mutant}; };
  check_caught<Exclusion<2>>("weakened release of the guard", without(Mutant::unlock_release));
  check_caught<Exclusion<2>>("weakened acquire of the guard", without(Mutant::lock_acquire));
  check_caught<Exclusion<2>>("weakened release of the fast path", without(Mutant::update_release));
  check_caught<Exclusion<2>>("weakened acquire of the fast path", without(Mutant::update_acquire));
  check_caught<Release>("weakened release of a message", without(Mutant::message_release));
  check_caught<Release>("weakened acquire of a message", without(Mutant::message_acquire));
  check_caught<Release>("lost queued bit", without(Mutant::queued_bit));
  check_caught<Release>("lost wake", without(Mutant::unpark));

  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
