// The one parking core of all primitives: a word of state, and the threads that wait for it to change, oldest first.
//
//     word = [ state, 62 bits | queued | guarded ]
//
// While nobody waits, a primitive changes its state by one compare-and-swap. Otherwise it holds the guard: a lock for
// some ten instructions, in which nothing blocks and nothing of Python's is called. Under the guard it changes the
// state and takes those out of the queue whom the change concerns. When the guard is free again, it wakes them.
//
// All is a template over the World it lives in, so that a test can put it into one where every interleaving and every
// weakness of the memory order does happen (tests/core/model.cpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/deadline.hpp"
#include "core/fork.hpp"
#include "core/hand_off.hpp"
#include "core/parking.hpp"
#include "core/platform.hpp"

namespace core {

struct RealWorld {
  template <class T>
  using Atomic = std::atomic<T>;
  template <class T>
  using Plain = T;  // guarded: the model looks for races on it
  static Wake park(const Atomic<std::uint32_t>& word, std::uint32_t expected, Deadline deadline) noexcept {
    return core::park(word, expected, deadline);
  }
  static void unpark(const Atomic<std::uint32_t>& word) noexcept { unpark_all(word); }
  static void linger(const Atomic<std::uint32_t>& word, const void* monitor) noexcept { core::linger(word, monitor); }
  static Arrivals& arrivals() noexcept { return my_arrivals(); }
  static Clock::time_point now() noexcept { return Clock::now(); }
  static Ident this_thread() noexcept { return core::this_thread(); }
  static unsigned generation() noexcept { return fork_generation(); }
  static bool is_worth_spinning(const void* monitor) noexcept { return core::is_worth_spinning(monitor); }
  static void yield() noexcept { platform::yield(); }
  static void relax(unsigned round) noexcept { platform::relax(round); }
};

template <class World>
class BasicMonitor;
template <class World>
class BasicWakeups;

// One wait of one thread, on its stack.
template <class World>
class BasicWaiter {
 public:
  // What it is told: look at the state again; what you wait for is yours; it will never be yours.
  enum Message : std::uint32_t { nothing, look, granted, broken, asleep };

  explicit BasicWaiter(std::uint64_t what = 0) noexcept : wants(what) {}
  BasicWaiter(const BasicWaiter&) = delete;
  BasicWaiter& operator=(const BasicWaiter&) = delete;

  // Sleeps until there is a message, or the deadline passes, or a signal handler has run.
  Wake park(Deadline deadline) noexcept {
    World::linger(word_, home());
    std::uint32_t word = nothing;
    word_.compare_exchange_strong(word, asleep, std::memory_order_acquire);
    while (!woken()) {
      if (const Wake wake = World::park(word_, asleep, deadline); wake != Wake::woken)
        return woken() ? Wake::woken : wake;
    }
    return Wake::woken;
  }
  Message message() const noexcept {
    if (is_stale()) return look;
    const std::uint32_t word = word_.load(std::memory_order_acquire);
    return word == asleep ? nothing : static_cast<Message>(word);
  }
  bool woken() const noexcept { return message() != nothing; }

  // For one that has been taken out of its queue: whoever did it, points at it until the message is there. That is a
  // matter of microseconds, and needs nothing of this thread's, such as the GIL.
  void await_message() noexcept {
    while (!woken()) park(never);
  }

  // A signal handler has forked, and this is the child: it stands in no queue any more.
  bool is_stale() const noexcept { return generation_ != World::generation(); }

  // Where it was queued last. A number to compare.
  const void* home() const noexcept { return last_home_.load(std::memory_order_relaxed); }

  // Before this thread runs signal handlers, which may use the very thing it waits for: it makes way for them, if it
  // would be in it. False: it has been woken, and should not run them yet.
  bool step_aside() noexcept {
    for (unsigned round = 0; !woken();) {
      BasicMonitor<World>* const home = home_.load(std::memory_order_relaxed);
      if (home != nullptr && home->set_aside(*this)) return true;
      World::relax(round++);  // it is being woken, or moved to another monitor
    }
    return false;
  }
  // Has it left the queue for that? Then it must look again afterwards.
  bool is_aside() const noexcept { return aside_; }

  // It stands in no queue, and will wait for something else.
  void begin_anew(std::uint64_t what) noexcept {
    wants = what;
    since_ = World::now();
  }

  // Says to whoever has woken this thread that it runs again.
  void arrive() noexcept { arrivals_.fetch_add(1, std::memory_order_release); }

  std::uint64_t wants;  // its meaning is the primitive's; guarded once it is queued
  const Ident thread = World::this_thread();
  typename World::template Atomic<std::uint32_t> in_handlers{0};  // 1: it runs signal handlers, and stays in its queue

 private:
  friend BasicMonitor<World>;
  friend BasicWakeups<World>;

  typename World::template Atomic<std::uint32_t> word_{nothing};
  Arrivals& arrivals_ = World::arrivals();
  typename World::template Plain<unsigned> generation_{World::generation()};
  Clock::time_point since_{};
  bool aside_ = false;
  // Written under the guard of the monitor that it is queued at, which may change meanwhile: hence atomic.
  typename World::template Atomic<BasicMonitor<World>*> home_{nullptr};
  typename World::template Atomic<const void*> last_home_{nullptr};
  // The rest is guarded by the monitor that it is queued at, and belongs to the waker once it is not.
  typename World::template Plain<BasicWaiter*> next_{nullptr};
  typename World::template Plain<BasicWaiter*> previous_{nullptr};
  typename World::template Plain<Message> message_{nothing};
};

// Those that have been taken out of their queue, and are still asleep. They must be woken, without a guard.
template <class World>
class BasicWakeups {
 public:
  using Waiter = BasicWaiter<World>;

  BasicWakeups() = default;
  BasicWakeups(const BasicWakeups&) = delete;
  BasicWakeups& operator=(const BasicWakeups&) = delete;
  ~BasicWakeups() { send(); }

  bool empty() const noexcept { return first_ == nullptr; }
  const void* from() const noexcept { return first_->home(); }

  void add(Waiter& waiter, typename Waiter::Message message) noexcept {
    waiter.message_ = message;
    waiter.next_ = nullptr;
    if (first_ == nullptr)
      first_ = &waiter;
    else
      last_->next_ = &waiter;
    last_ = &waiter;
  }

  // Wakes them all, and goes on.
  void send() noexcept {
    for (Waiter* waiter = std::exchange(first_, nullptr); waiter != nullptr;) {
      Waiter* const next = waiter->next_;
      auto& word = waiter->word_;
      const std::uint32_t before = word.exchange(waiter->message_, std::memory_order_acq_rel);
      if (before == Waiter::asleep) World::unpark(word);  // the waiter may be gone already: only its address is used
      waiter = next;
    }
  }

  // Wakes them all, and lets the first one run before this thread does. Detached, if there is a Python.
  void hand_over() noexcept {
    const Arrivals& arrivals = first_->arrivals_;
    const std::uint32_t before = arrivals.load(std::memory_order_acquire);
    send();
    await_arrival(arrivals, before);
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

template <class World>
class BasicMonitor {
 public:
  using State = std::uint64_t;
  using Waiter = BasicWaiter<World>;
  using Wakeups = BasicWakeups<World>;

  explicit BasicMonitor(State state = 0) noexcept : word_(state << bits) {}
  BasicMonitor(const BasicMonitor&) = delete;
  BasicMonitor& operator=(const BasicMonitor&) = delete;
  virtual ~BasicMonitor() = default;

  bool is_queued() const noexcept {
    renew();
    return (word_.load(std::memory_order_acquire) & queued) != 0;
  }
  State state() const noexcept {
    renew();
    return word_.load(std::memory_order_acquire) >> bits;
  }

  // The fast path. change(state) says how the state is to be, or false if it must stay.
  enum class Update { done, refused, busy };
  template <class F>
  Update update(F&& change) noexcept {
    renew();
    std::uint64_t word = word_.load(std::memory_order_acquire);
    while ((word & (queued | guarded)) == 0) {
      State state = word >> bits;
      if (!change(state)) return Update::refused;
      if (word_.compare_exchange_weak(word, state << bits, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return Update::done;
      }
    }
    return Update::busy;
  }

  class Guard {
   public:
    explicit Guard(BasicMonitor& monitor) noexcept : state(monitor.lock() >> bits), monitor_(monitor) {}
    ~Guard() { monitor_.unlock(state); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    State state;  // as it will be when the guard is free again

    Waiter* front() const noexcept { return monitor_.first_; }

    std::size_t count() const noexcept {
      std::size_t count = 0;
      for (const Waiter* waiter = front(); waiter != nullptr; waiter = waiter->next_) ++count;
      return count;
    }

    // The oldest has waited so long that nobody may go before it any more.
    bool front_is_starving() const noexcept {
      const Waiter* waiter = front();
      return waiter != nullptr && World::now() - waiter->since_ > patience;
    }
    void push_back(Waiter& waiter) noexcept {
      waiter.generation_ = World::generation();
      waiter.aside_ = false;
      adopt(waiter);
    }
    // For one that another thread takes from another monitor: it may look at its generation meanwhile.
    void adopt(Waiter& waiter) noexcept {
      waiter.since_ = World::now();
      insert(waiter, monitor_.last_, nullptr);
    }
    // For one that has been woken and found nothing, or made way: it is still the oldest.
    void push_front(Waiter& waiter) noexcept {
      waiter.generation_ = World::generation();
      waiter.aside_ = false;
      waiter.word_.store(Waiter::nothing, std::memory_order_relaxed);
      insert(waiter, nullptr, monitor_.first_);
    }
    void pop_front(Wakeups& wakeups, typename Waiter::Message message) noexcept {
      Waiter& waiter = *front();
      remove(waiter);
      wakeups.add(waiter, message);
    }
    void pop_all(Wakeups& wakeups, typename Waiter::Message message) noexcept {
      while (front() != nullptr) pop_front(wakeups, message);
    }
    // It leaves the queue, but not the wait.
    void put_aside(Waiter& waiter) noexcept {
      remove(waiter);
      waiter.aside_ = true;
    }
    // Does it still wait here? A fork by a signal handler leaves it in no queue.
    bool has(const Waiter& waiter) const noexcept {
      return waiter.home_.load(std::memory_order_relaxed) == &monitor_ && waiter.generation_ == World::generation();
    }
    void remove(Waiter& waiter) noexcept {
      Waiter* const previous = waiter.previous_;
      Waiter* const next = waiter.next_;
      if (previous == nullptr)
        monitor_.first_ = next;
      else
        previous->next_ = next;
      if (next == nullptr)
        monitor_.last_ = previous;
      else
        next->previous_ = previous;
      waiter.home_.store(nullptr, std::memory_order_relaxed);
    }

   private:
    void insert(Waiter& waiter, Waiter* previous, Waiter* next) noexcept {
      waiter.previous_ = previous;
      waiter.next_ = next;
      if (previous == nullptr)
        monitor_.first_ = &waiter;
      else
        previous->next_ = &waiter;
      if (next == nullptr)
        monitor_.last_ = &waiter;
      else
        next->previous_ = &waiter;
      waiter.home_.store(&monitor_, std::memory_order_relaxed);
      waiter.last_home_.store(&monitor_, std::memory_order_relaxed);
    }
    BasicMonitor& monitor_;
  };

  // For Waiter::step_aside(). False: the waiter is not queued here any more.
  bool set_aside(Waiter& waiter) noexcept {
    Wakeups wakeups;
    Guard guard(*this);
    if (!guard.has(waiter)) return false;
    make_way(guard, wakeups, waiter);
    return true;
  }

  // The one wait. attempt(guard, newcomer) takes what is waited for, if it is there, and says whether it has.
  // block(waiter, deadline) sleeps: it returns `woken` or `timed_out`, or `interrupted` if the waiter has stepped aside
  // for signal handlers, or throws. Who goes away without what it has
  // come for calls abandon(guard, wakeups, message): to give back what the message has granted it meanwhile (`nothing`:
  // it was still queued), and to wake those who may have it instead. Returns `granted`, `broken`, or `nothing` if the
  // deadline has passed.
  template <class Attempt, class Abandon, class Block>
  typename Waiter::Message wait(Waiter& waiter, Deadline deadline, Block&& block, Attempt&& attempt, Abandon&& abandon,
                                bool newcomer = true) {
    for (;; newcomer = false) {
      {
        Guard guard(*this);
        if (attempt(guard, newcomer)) return Waiter::granted;
        newcomer ? guard.push_back(waiter) : guard.push_front(waiter);
      }
      const typename Waiter::Message message = sleep(waiter, deadline, block, abandon);
      if (message != Waiter::look) return message;
    }
  }

  // The same for one that is queued already.
  template <class Abandon, class Block>
  typename Waiter::Message sleep(Waiter& waiter, Deadline deadline, Block&& block, Abandon&& abandon) {
    Wake wake{};
    try {
      wake = block(waiter, deadline);
    } catch (...) {
      if (!waiter.is_aside()) {
        leave(waiter);
        give_up(waiter, abandon);
      }
      throw;
    }
    if (waiter.is_aside()) return Waiter::look;
    if (wake == Wake::woken || !leave(waiter)) return waiter.message();
    give_up(waiter, abandon);
    return Waiter::nothing;
  }

  // Takes it out of the queue. False: it is in it no more, somebody wakes it, and has done so when this returns.
  bool leave(Waiter& waiter) noexcept {
    {
      Guard guard(*this);
      if (guard.has(waiter)) {
        guard.remove(waiter);
        return true;
      }
    }
    waiter.await_message();
    return false;
  }

 protected:
  // A fork leaves nobody waiting in the child. What else is to be done to the state there? Called before anything else.
  virtual void after_fork(State&) noexcept {}

  // A thread that waits here will run signal handlers. If it stayed in the queue, and they waited behind it for the
  // same thing, that would be given to the one who cannot take it.
  virtual void make_way(Guard&, Wakeups&, Waiter&) noexcept {}

  // Brings it up to date if it is older than the process.
  void renew() const noexcept {
    if (generation_.load(std::memory_order_acquire) == World::generation()) [[likely]]
      return;
    auto& self = const_cast<BasicMonitor&>(*this);  // it changed when the process did
    renew_after_fork(self.generation_, [&self] {
      self.first_ = self.last_ = nullptr;
      State state = self.word_.load(std::memory_order_relaxed) >> bits;
      self.after_fork(state);
      self.word_.store(state << bits, std::memory_order_relaxed);
    });
  }

 private:
  template <class Abandon>
  void give_up(const Waiter& waiter, Abandon&& abandon) noexcept {
    Wakeups wakeups;  // sent when the guard is free again
    Guard guard(*this);
    abandon(guard, wakeups, waiter.message());
  }

  static constexpr int bits = 2;
  static constexpr std::uint64_t guarded = 1;
  static constexpr std::uint64_t queued = 2;

  // As long as a waiter has not waited for this, whoever comes may go before it: a thread that runs takes a lock sooner
  // than one that must wake up first, and nobody waits for a change of threads at each release.
  static constexpr std::chrono::milliseconds patience{1};

  std::uint64_t lock() noexcept {
    renew();
    for (unsigned round = 0;; ++round) {
      std::uint64_t word = word_.load(std::memory_order_relaxed);
      if ((word & guarded) == 0 &&
          word_.compare_exchange_weak(word, word | guarded, std::memory_order_acquire, std::memory_order_relaxed)) {
        return word;
      }
      World::relax(round);
    }
  }
  void unlock(State state) noexcept {
    word_.store(state << bits | (first_ == nullptr ? 0 : queued), std::memory_order_release);
  }

  typename World::template Atomic<std::uint64_t> word_;
  std::atomic<unsigned> generation_{World::generation()};
  typename World::template Plain<Waiter*> first_{nullptr};
  typename World::template Plain<Waiter*> last_{nullptr};
};

using Monitor = BasicMonitor<RealWorld>;
using Waiter = BasicWaiter<RealWorld>;
using Wakeups = BasicWakeups<RealWorld>;

}  // namespace core
