// Many readers or one writer: the core of RWLock.
//
// Strictly first come, first served: whoever comes while others wait, waits behind them, so that neither writers nor
// readers starve. A release admits the oldest, and with a reader the readers right behind it. Only who reads already
// may read again at once: the writer that waits, waits for it too.
#pragma once

#include <algorithm>
#include <vector>

#include "core/sync/monitor.hpp"

namespace core {

class RWLock final : Monitor {
 public:
  enum class Outcome {
    done,
    timed_out,
    deadlock,   // the caller would wait for itself
    not_owner,  // the caller does not hold what it wants to release or to change
  };

  template <class Block>
  Outcome acquire_read(Deadline deadline, Block&& block) {
    return acquire(read, deadline, block);
  }
  template <class Block>
  Outcome acquire_write(Deadline deadline, Block&& block) {
    return acquire(write, deadline, block);
  }

  Outcome release_read(Wakeups& wakeups) noexcept {
    Guard guard(*this);
    const auto reader = find(this_thread());
    if (reader == readers_.end()) return Outcome::not_owner;
    if (--reader->holds == 0) {
      drop(*reader);
      admit(guard, wakeups);
    }
    return Outcome::done;
  }

  Outcome release_write(Wakeups& wakeups) noexcept {
    Guard guard(*this);
    if (writer_ != this_thread()) return Outcome::not_owner;
    writer_ = 0;
    admit(guard, wakeups);
    return Outcome::done;
  }

  // From reading to writing, once the others have stopped reading. Two threads that upgrade would wait for each other
  // to stop: the second one is timed out at once. Unless `done`, the caller still reads.
  template <class Block>
  Outcome upgrade(Deadline deadline, Block&& block) {
    Waiter waiter(upgraded);
    for (;;) {
      {
        Guard guard(*this);
        const auto reader = find(waiter.thread);
        if (reader == readers_.end()) return Outcome::not_owner;
        if (reader->holds > 1) return Outcome::deadlock;
        if (upgrading_) return Outcome::timed_out;
        if (is_free(upgraded)) {
          take(upgraded, waiter.thread);
          return Outcome::done;
        }
        if (deadline == at_once) return Outcome::timed_out;
        upgrading_ = true;
        guard.push_front(waiter);
        ++queued_;
      }
      const Waiter::Message message = sleep(waiter, deadline, block);
      if (message != Waiter::look) return message == Waiter::granted ? Outcome::done : Outcome::timed_out;
    }
  }

  // From writing to reading, with those readers who come next.
  Outcome downgrade(Wakeups& wakeups) noexcept {
    Guard guard(*this);
    if (writer_ != this_thread()) return Outcome::not_owner;
    writer_ = 0;
    take(read, this_thread());
    admit(guard, wakeups);
    return Outcome::done;
  }

  // Does the calling thread hold it?
  bool is_reading() noexcept {
    const Guard guard(*this);
    return find(this_thread()) != readers_.end();
  }
  bool is_writing() noexcept {
    const Guard guard(*this);
    return writer_ == this_thread();
  }

  // How many threads read, and does one write?
  std::size_t readers() noexcept {
    const Guard guard(*this);
    return readers_.size();
  }
  bool is_written() noexcept {
    const Guard guard(*this);
    return writer_ != 0;
  }

 private:
  using Guard = Monitor::Guard;
  enum Right : std::uint64_t { read, write, upgraded };  // Waiter::wants

  struct Reader {
    Ident thread;
    std::uint64_t holds;
  };

  template <class Block>
  Outcome acquire(Right right, Deadline deadline, Block&& block) {
    Waiter waiter(right);
    for (bool newcomer = true;; newcomer = false) {
      make_room();
      {
        Guard guard(*this);
        const auto reader = find(waiter.thread);
        const bool reads = reader != readers_.end();
        if (writer_ == waiter.thread || (reads && right == write)) return Outcome::deadlock;
        if (reads) {
          ++reader->holds;
          return Outcome::done;
        }
        if ((guard.front() == nullptr || !newcomer) && is_free(right)) {
          take(right, waiter.thread);
          return Outcome::done;
        }
        if (deadline == at_once) return Outcome::timed_out;
        newcomer ? guard.push_back(waiter) : guard.push_front(waiter);
        ++queued_;
      }
      const Waiter::Message message = sleep(waiter, deadline, block);
      if (message != Waiter::look) return message == Waiter::granted ? Outcome::done : Outcome::timed_out;
    }
  }

  template <class Block>
  Waiter::Message sleep(Waiter& waiter, Deadline deadline, Block& block) {
    return Monitor::sleep(waiter, deadline, block, [&](Guard& guard, Wakeups& wakeups, Waiter::Message message) {
      if (message == Waiter::granted) {
        put_back(static_cast<Right>(waiter.wants), waiter.thread);
      } else if (message == Waiter::nothing) {
        --queued_;
        if (waiter.wants == upgraded) upgrading_ = false;
      }
      admit(guard, wakeups);
    });
  }

  void admit(Guard& guard, Wakeups& wakeups) noexcept {
    while (guard.front() != nullptr) {
      const auto right = static_cast<Right>(guard.front()->wants);
      if (!is_free(right)) return;
      take(right, guard.front()->thread);
      guard.pop_front(wakeups, Waiter::granted);
      --queued_;
    }
  }

  bool is_free(Right right) const noexcept {
    switch (right) {
      case read: return writer_ == 0 && !upgrading_;
      case write: return writer_ == 0 && readers_.empty();
      case upgraded: return readers_.size() == 1;
    }
    return false;
  }
  void take(Right right, Ident thread) noexcept {
    if (right == read) {
      readers_.push_back({thread, 1});  // make_room() has seen to it that this allocates nothing
    } else {
      writer_ = thread;
    }
    if (right == upgraded) {
      readers_.clear();
      upgrading_ = false;
    }
  }
  void put_back(Right right, Ident thread) noexcept {
    if (right != read) writer_ = 0;
    if (right == read) drop(*find(thread));
    if (right == upgraded) readers_.push_back({thread, 1});
  }

  std::vector<Reader>::iterator find(Ident thread) noexcept {
    return std::ranges::find(readers_, thread, &Reader::thread);
  }
  void drop(Reader& reader) noexcept {
    reader = readers_.back();
    readers_.pop_back();
  }

  // Room for everybody who may come to read: nothing is allocated under the guard.
  void make_room() {
    std::vector<Reader> larger;
    for (;;) {
      std::size_t needed = 0;
      {
        const Guard guard(*this);
        needed = readers_.size() + queued_ + 2;  // the caller, and a writer that downgrades
        if (readers_.capacity() >= needed) return;
        if (larger.capacity() >= needed) {
          larger.assign(readers_.begin(), readers_.end());
          readers_.swap(larger);
          return;
        }
      }
      larger.reserve(2 * needed);
    }
  }

  void make_way(Guard& guard, Wakeups& wakeups, Waiter& waiter) noexcept override {
    guard.put_aside(waiter);
    --queued_;
    if (waiter.wants == upgraded) upgrading_ = false;
    admit(guard, wakeups);
  }
  void after_fork(State&) noexcept override {
    std::erase_if(readers_, [](const Reader& reader) { return reader.thread != fork_survivor(); });
    if (writer_ != fork_survivor()) writer_ = 0;
    queued_ = 0;
    upgrading_ = false;
  }

  // Guarded.
  std::vector<Reader> readers_;
  Ident writer_ = 0;
  std::size_t queued_ = 0;
  bool upgrading_ = false;
};

}  // namespace core
