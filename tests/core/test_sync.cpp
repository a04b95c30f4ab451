// The primitives without Python: threads that have no interpreter use them here. A program that aborts at the first
// thing that is not so; test_core.py builds it as it is, with sanitizers, and with the parking of other systems.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/sync/barrier.hpp"
#include "core/sync/condition.hpp"
#include "core/sync/event.hpp"
#include "core/sync/latch.hpp"
#include "core/sync/native.hpp"
#include "core/sync/rlock.hpp"
#include "core/sync/rwlock.hpp"
#include "core/sync/semaphore.hpp"
#include "require.hpp"

namespace {

using core::at_once;
using core::native_block;
using core::never;
using core::Wakeups;
using core::waking;
using std::chrono::milliseconds;

constexpr int threads = 4;

core::Deadline soon() { return core::deadline_in(milliseconds(2)); }
core::Deadline later() { return core::deadline_in(std::chrono::seconds(60)); }

template <class F>
void in_threads(int count, F&& body) {
  std::vector<std::thread> all;
  for (int i = 0; i < count; ++i) all.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : all) thread.join();
}

void release(core::Semaphore& semaphore, std::uint64_t n = 1) {
  REQUIRE(waking([&](Wakeups& wakeups) { return semaphore.release(wakeups, n); }));
}

void a_lock_excludes() {
  core::Semaphore lock(1, 1);
  int shared = 0;
  in_threads(threads, [&](int) {
    for (int round = 0; round < 5000; ++round) {
      REQUIRE(lock.acquire(1, round % 3 == 0 ? later() : never, native_block));
      ++shared;
      release(lock);
    }
  });
  REQUIRE(shared == threads * 5000);
  Wakeups wakeups;
  REQUIRE(!lock.release(wakeups));  // it is not held
}

void permits_are_neither_lost_nor_doubled() {
  core::Semaphore permits(3);
  std::atomic<int> out{0};
  in_threads(threads, [&](int i) {
    const auto n = static_cast<std::uint64_t>(i % 3 + 1);
    for (int round = 0; round < 2000; ++round) {
      if (!permits.acquire(n, round % 2 == 0 ? never : soon(), native_block)) continue;
      REQUIRE((out += static_cast<int>(n)) <= 3);
      out -= static_cast<int>(n);
      release(permits, n);
    }
  });
  REQUIRE(permits.available() == 3);
}

void who_needs_many_permits_is_not_starved() {
  core::Semaphore permits(2);
  std::atomic<bool> done{false};
  std::thread small([&] {
    while (!done) {
      REQUIRE(permits.acquire(1, never, native_block));
      std::this_thread::yield();
      release(permits);
    }
  });
  std::thread other([&] {
    while (!done) {
      REQUIRE(permits.acquire(1, never, native_block));
      std::this_thread::yield();
      release(permits);
    }
  });
  for (int round = 0; round < 50; ++round) {
    REQUIRE(permits.acquire(2, later(), native_block));
    release(permits, 2);
  }
  done = true;
  small.join();
  other.join();
}

void an_rlock_knows_its_owner() {
  core::RLock lock;
  int shared = 0;
  in_threads(threads, [&](int) {
    for (int round = 0; round < 2000; ++round) {
      REQUIRE(lock.acquire(never, native_block) && lock.acquire(never, native_block));
      REQUIRE(lock.is_owned() && lock.count() == 2);
      ++shared;
      Wakeups wakeups;
      REQUIRE(lock.release(wakeups) && lock.is_owned() && lock.release(wakeups) && !lock.is_owned());
      REQUIRE(!lock.release(wakeups));
    }
  });
  REQUIRE(shared == threads * 2000);
}

void an_event_wakes_all() {
  for (int round = 0; round < 200; ++round) {
    core::Event event;
    core::Latch here;
    here.reset(threads);
    std::thread setter([&] {
      REQUIRE(here.wait(never, native_block));
      Wakeups wakeups;
      event.set(wakeups);
    });
    in_threads(threads, [&](int) {
      REQUIRE(!event.wait(at_once, native_block));
      REQUIRE(waking([&](Wakeups& wakeups) { return here.count_down(wakeups, 1); }));
      REQUIRE(event.wait(later(), native_block));
    });
    setter.join();
    Wakeups wakeups;
    REQUIRE(!here.count_down(wakeups, 1));
    event.clear();
    REQUIRE(!event.wait(soon(), native_block));
  }
}

void a_barrier_keeps_rounds_apart() {
  core::Barrier barrier;
  barrier.set_parties(threads);
  std::atomic<int> arrived{0};
  std::atomic<int> acted{0};
  in_threads(threads, [&](int) {
    for (int round = 1; round <= 1000; ++round) {
      ++arrived;
      const core::Barrier::Arrival arrival = barrier.arrive(later(), native_block);
      REQUIRE(arrival.outcome != core::Barrier::Outcome::broken && arrival.index < threads);
      REQUIRE(arrived >= round * threads);
      if (arrival.outcome == core::Barrier::Outcome::last) {
        ++acted;
        Wakeups wakeups;
        barrier.open(true, wakeups);
      }
      REQUIRE(acted >= round);
    }
  });
  REQUIRE(arrived == threads * 1000 && acted == 1000 && barrier.waiting() == 0);
  REQUIRE(barrier.arrive(soon(), native_block).outcome == core::Barrier::Outcome::broken && barrier.broken());
  Wakeups wakeups;
  barrier.reset(wakeups);
  REQUIRE(!barrier.broken());
}

void writers_are_alone() {
  using Outcome = core::RWLock::Outcome;
  core::RWLock lock;
  int value = 0;
  std::atomic<int> readers{0};
  std::atomic<int> writers{0};
  in_threads(threads, [&](int i) {
    for (int round = 0; round < 2000; ++round) {
      Wakeups wakeups;
      if ((round + i) % 4 == 0) {
        REQUIRE(lock.acquire_write(never, native_block) == Outcome::done);
        REQUIRE(++writers == 1 && readers == 0);
        ++value;
        --writers;
        REQUIRE(round % 2 == 0
                    ? lock.release_write(wakeups) == Outcome::done
                    : lock.downgrade(wakeups) == Outcome::done && lock.release_read(wakeups) == Outcome::done);
      } else {
        REQUIRE(lock.acquire_read(never, native_block) == Outcome::done);
        ++readers;
        REQUIRE(writers == 0 && value >= 0);
        --readers;
        if (round % 16 == 1 && lock.upgrade(soon(), native_block) == Outcome::done) {
          REQUIRE(++writers == 1 && readers == 0);
          ++value;
          --writers;
          REQUIRE(lock.release_write(wakeups) == Outcome::done);
        } else {
          REQUIRE(lock.acquire_write(soon(), native_block) == Outcome::deadlock);
          REQUIRE(lock.release_read(wakeups) == Outcome::done);
        }
        REQUIRE(lock.release_read(wakeups) == Outcome::not_owner);
      }
    }
  });
  REQUIRE(lock.readers() == 0 && !lock.is_written() && value >= threads * 500);
}

void conditions_lose_no_notification() {
  core::Semaphore lock(1, 1);
  core::Condition not_empty;
  core::Condition not_full;
  int items = 0;
  std::atomic<int> taken{0};
  constexpr int each = 3000;
  in_threads(threads, [&](int i) {
    for (int round = 0; round < each; ++round) {
      REQUIRE(lock.acquire(1, never, native_block));
      Wakeups wakeups;
      if (i % 2 == 0) {
        while (items == 2) not_full.wait(lock, round % 2 == 0 ? never : soon(), native_block);
        ++items;
        not_empty.notify(1, &lock, wakeups);
      } else {
        while (items == 0) not_empty.wait(lock, round % 2 == 0 ? never : soon(), native_block);
        --items;
        ++taken;
        not_full.notify(1, &lock, wakeups);
      }
      REQUIRE(items >= 0 && items <= 2);
      release(lock);
    }
  });
  REQUIRE(items == 0 && taken == threads / 2 * each);
}

// In the child of a fork nobody holds what other threads held, and nobody waits.
void a_fork_frees_everything() {
  core::Semaphore lock(1, 1);
  core::Semaphore permits(2);
  core::RLock theirs;
  core::RLock mine;
  core::RWLock rwlock;
  core::Event event;
  core::Latch held;
  held.reset(1);
  core::Latch done;
  done.reset(1);
  REQUIRE(mine.acquire(never, native_block));
  std::thread holder([&] {
    REQUIRE(lock.acquire(1, never, native_block) && permits.acquire(2, never, native_block));
    REQUIRE(theirs.acquire(never, native_block));
    REQUIRE(rwlock.acquire_write(never, native_block) == core::RWLock::Outcome::done);
    waking([&](Wakeups& wakeups) { return held.count_down(wakeups, 1); });
    REQUIRE(done.wait(never, native_block));
  });
  std::thread waiter([&] { event.wait(never, native_block); });
  REQUIRE(held.wait(never, native_block));
  usleep(10000);  // into the waits
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    REQUIRE(lock.acquire(1, at_once, native_block) && permits.acquire(2, at_once, native_block));
    REQUIRE(theirs.acquire(at_once, native_block) && mine.is_owned());
    REQUIRE(rwlock.acquire_write(at_once, native_block) == core::RWLock::Outcome::done);
    Wakeups wakeups;
    event.set(wakeups);
    REQUIRE(wakeups.empty() && event.is_set());
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child && status == 0);
  waking([&](Wakeups& wakeups) { return done.count_down(wakeups, 1); });
  holder.join();
  {
    Wakeups wakeups;
    event.set(wakeups);
    REQUIRE(!wakeups.empty());
  }
  waiter.join();
}

}  // namespace

int main() {
  alarm(300);  // a test that hangs is ended by SIGALRM
  core::watch_forks();
  a_lock_excludes();
  permits_are_neither_lost_nor_doubled();
  who_needs_many_permits_is_not_starved();
  an_rlock_knows_its_owner();
  an_event_wakes_all();
  a_barrier_keeps_rounds_apart();
  writers_are_alone();
  conditions_lose_no_notification();
  a_fork_frees_everything();
  std::puts("9 passed, 0 failed");
}
