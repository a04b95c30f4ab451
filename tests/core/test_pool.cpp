// The pool and parallel_for without Python: a program that aborts at the first thing that is not so; test_core.py
// builds it as it is, with sanitizers, and with the parking of other systems.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/cpus.hpp"
#include "core/fork.hpp"
#include "core/parallel.hpp"
#include "core/pool.hpp"
#include "require.hpp"

// A sanitizer's own locks do not survive a fork beside threads that are starting.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

namespace {

using core::Chunk;
using core::Control;
using core::Range;
using core::Schedule;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Schedule schedules[] = {Schedule::static_, Schedule::dynamic, Schedule::guided};
constexpr double long_work = 1e6;  // a cost that is worth every thread

template <class F>
void in_threads(int count, F&& body) {
  std::vector<std::thread> all;
  for (int i = 0; i < count; ++i) all.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : all) thread.join();
}

template <class F>
bool eventually(F&& condition) {
  for (int i = 0; i < 20'000; ++i) {
    if (condition()) return true;
    usleep(1000);
  }
  return false;
}

std::vector<std::filesystem::path> workers() {
  std::vector<std::filesystem::path> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    if (name.starts_with("threadmodule/")) found.push_back(task.path());
  }
  return found;
}

std::string field(const std::filesystem::path& task, const std::string& name) {
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "";
}

void spin(milliseconds time) {
  const auto end = core::Clock::now() + time;
  while (core::Clock::now() < end) {
  }
}

// Visits

void visit(std::mt19937& random, std::size_t count, std::size_t grain, double cost, Schedule schedule) {
  std::vector<std::atomic<int>> visits(count);
  Control control;
  control.threads = static_cast<unsigned>(random() % 7);
  const Range range{count, grain, cost, schedule};
  std::vector<std::atomic<int>> inside(core::participants(control, range));
  auto body = [&](const Chunk& chunk) {
    REQUIRE(chunk.begin < chunk.end && chunk.end <= count && chunk.begin % grain == 0);
    REQUIRE(chunk.end % grain == 0 || chunk.end == count);
    REQUIRE(schedule != Schedule::dynamic || chunk.end - chunk.begin <= grain);
    REQUIRE(chunk.participant < inside.size() && inside[chunk.participant]++ == 0);
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) ++visits[i];
    --inside[chunk.participant];
  };
  core::parallel_for(control, range, body);
  for (const auto& visit : visits) REQUIRE(visit == 1);
}

void visit_random(unsigned seed, int rounds) {
  std::mt19937 random(seed);
  for (int round = 0; round < rounds; ++round) {
    const std::size_t count = random() % (random() % 4 == 0 ? 20'000 : 50);
    const std::size_t grain = random() % 5 == 0 ? 1 + random() % 1000 : 1 + random() % 7;
    const double cost = random() % 4 == 0 ? 0 : random() % 2 == 0 ? long_work : 1000;
    visit(random, count, grain, cost, schedules[random() % 3]);
  }
}

void every_index_is_visited_once() {
  std::mt19937 random(1);
  for (const std::size_t count : {0UL, 1UL, 7UL, 1000UL, 100'000UL}) {
    for (const std::size_t grain : {1UL, 3UL, 1000UL, ~0UL}) {
      for (const double cost : {0.0, 1.0, long_work}) {
        for (const Schedule schedule : schedules) visit(random, count, grain, cost, schedule);
      }
    }
  }
  visit_random(2, 2000);
}

void ranges_may_be_of_any_size() {
  Control control;
  std::atomic<std::size_t> visits{0};
  auto body = [&](const Chunk& chunk) { visits += chunk.end - chunk.begin; };
  const std::size_t count = (std::size_t{1} << 34) + 5;
  core::parallel_for(control, {count, 1, 1e-4}, body);
  REQUIRE(visits == count);
  visits = 0;
  core::parallel_for(control, {~std::size_t{0}, std::size_t{1} << 40, 1e-6}, body);
  REQUIRE(visits == ~std::size_t{0});
}

void many_threads_call_at_once() {
  in_threads(8, [](int i) { visit_random(static_cast<unsigned>(100 + i), 300); });
}

void calls_nest() {
  in_threads(3, [](int) {
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> visits{0};
      auto innermost = [&](const Chunk& chunk) { visits += static_cast<int>(chunk.end - chunk.begin); };
      auto inner = [&](const Chunk& chunk) {
        for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
          Control control;
          core::parallel_for(control, {20, 2, long_work}, innermost);
        }
      };
      auto outer = [&](const Chunk& chunk) {
        for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
          Control control;
          core::parallel_for(control, {5, 1, long_work}, inner);
        }
      };
      Control control;
      core::parallel_for(control, {4, 1, long_work}, outer);
      REQUIRE(visits == 4 * 5 * 20);
    }
  });
}

// Stop, poll, progress

template <class F>
bool stops(F&& f) {
  try {
    f();
  } catch (const core::Stopped&) {
    return true;
  }
  return false;
}

void a_call_is_stopped() {
  for (const unsigned threads : {1U, 3U}) {
    for (const Schedule schedule : schedules) {
      Control control;
      control.threads = threads;
      std::atomic<int> chunks{0};
      auto body = [&](const Chunk&) {
        if (++chunks == 10) control.stop();
      };
      REQUIRE(stops([&] { core::parallel_for(control, {1'000'000, 1, long_work, schedule}, body); }));
      REQUIRE(chunks >= 10 && chunks < 1000);
      chunks = 20;
      REQUIRE(stops([&] { core::parallel_for(control, {1'000'000, 1, long_work, schedule}, body); }));
      REQUIRE(chunks == 20);
    }
  }
}

void polls_come_in_time() {
  for (const double cost : {0.0, 1e5, 5e3}) {  // unknown, right, and 20 times too little
    for (const Schedule schedule : schedules) {
      struct {
        int polls = 0;
        core::Deadline last = core::Clock::now();
        core::Clock::duration longest{};
      } seen;
      Control control;
      control.set_poll(
          [](void* context) {
            auto& s = *static_cast<decltype(seen)*>(context);
            s.longest = std::max(s.longest, core::Clock::now() - s.last);
            s.last = core::Clock::now();
            return ++s.polls < 5;
          },
          &seen);
      auto body = [&](const Chunk& chunk) {
        for (std::size_t i = chunk.begin; i < chunk.end; ++i) usleep(100);
      };
      const auto start = core::Clock::now();
      REQUIRE(stops([&] { core::parallel_for(control, {1'000'000'000, 1, cost, schedule}, body); }));
      REQUIRE(seen.polls == 5 && core::Clock::now() - start < milliseconds(20000));
    }
  }
}

void progress_adds_up() {
  for (const unsigned threads : {0U, 1U, 2U, 4U}) {
    for (const double cost : {0.0, 1.0, 2e4}) {
      for (const Schedule schedule : schedules) {
        struct {
          std::size_t calls = 0;
          std::size_t sum = 0;
          std::thread::id thread = std::this_thread::get_id();
        } seen;
        Control control;
        control.threads = threads;
        control.set_progress(
            [](void* context, std::size_t done) {
              auto& s = *static_cast<decltype(seen)*>(context);
              REQUIRE(done > 0 && s.thread == std::this_thread::get_id());
              ++s.calls;
              s.sum += done;
              return true;
            },
            &seen);
        auto body = [](const Chunk& chunk) {
          for (std::size_t i = chunk.begin; i < chunk.end; ++i) usleep(10);
        };
        const std::size_t count = 1000 + seen.calls;
        core::parallel_for(control, {count, 1, cost, schedule}, body);
        REQUIRE(seen.sum == count && seen.calls >= 1);
        auto nothing = [](const Chunk&) {};
        core::parallel_for(control, {7, 10}, nothing);
        core::parallel_for(control, {0}, nothing);
        core::parallel_for(control, {100, 1, 1}, nothing);
        REQUIRE(seen.sum == count + 107);
      }
    }
  }
  Control control;
  control.set_progress([](void*, std::size_t) { return false; }, nullptr);
  auto body = [](const Chunk&) { usleep(1000); };
  const auto start = core::Clock::now();
  REQUIRE(stops([&] { core::parallel_for(control, {1'000'000, 1, 1e6}, body); }));
  REQUIRE(core::Clock::now() - start < milliseconds(2000));
}

// Threads

void grow(unsigned threads) {
  core::set_num_threads(threads);
  REQUIRE(core::get_num_threads() == threads);
  REQUIRE(eventually([&] {
    Control control;
    auto body = [](const Chunk&) { spin(milliseconds(1)); };
    core::parallel_for(control, {2 * threads, 1, 1e6}, body);
    return workers().size() == threads - 1;
  }));
}

void workers_come_and_go() {
  for (const unsigned threads : {6U, 2U, 9U, 1U, 4U}) {
    for (const auto& task : workers()) {
      const std::string blocked = field(task, "SigBlk");
      const auto mask = std::stoull(blocked.empty() ? "fffffffe7ffbfeff" : blocked, nullptr, 16);
      for (const int signal : {SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGCHLD}) REQUIRE((mask >> (signal - 1) & 1) == 1);
      for (const int signal : {SIGSEGV, SIGBUS, SIGFPE}) REQUIRE((mask >> (signal - 1) & 1) == 0);
    }
    core::set_num_threads(threads);
    REQUIRE(eventually([&] { return workers().size() < threads; }));
    grow(threads);
  }
  in_threads(8, [](int i) { visit_random(static_cast<unsigned>(i), 50); });
  REQUIRE(workers().size() <= 3);
  core::set_num_threads(0);
  REQUIRE(core::get_num_threads() == std::min(core::cpu_count(), core::max_num_threads));
  REQUIRE(eventually([] { return workers().size() < core::get_num_threads(); }));
  core::set_num_threads(1'000'000);
  REQUIRE(core::get_num_threads() == core::max_num_threads);
}

void changes_of_the_number_disturb_nobody() {
  std::atomic<bool> done{false};
  std::thread changer([&] {
    for (unsigned i = 0; !done; ++i) {
      core::set_num_threads(1 + i % 5);
      usleep(200);
    }
  });
  in_threads(4, [](int i) { visit_random(static_cast<unsigned>(200 + i), 300); });
  done = true;
  changer.join();
}

void idle_workers_sleep() {
  grow(4);
  const auto time = [] {
    std::string all;
    for (const auto& task : workers()) all += field(task, "voluntary_ctxt_switches") + field(task, "State");
    return all;
  };
  std::string before;
  REQUIRE(eventually([&] {
    before = time();
    usleep(20'000);
    return before == time() && before.find('R') == std::string::npos;
  }));
}

void one_cpu_needs_no_worker() {
  core::set_num_threads(4);
  cpu_set_t all;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  core::set_num_threads(1);
  REQUIRE(eventually([] { return workers().empty(); }));
  core::set_num_threads(4);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  }
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  visit_random(7, 100);
  REQUIRE(workers().empty());
  REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0);
  core::set_num_threads(0);
}

void workers_keep_off_the_callers_cpu() {
  cpu_set_t all;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  if (CPU_COUNT(&all) < 2) return;
  grow(3);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all)) continue;
    // The caller cannot be elsewhere: its own mask is that CPU alone but for the moment of the call.
    usleep(5000);
    Control control;
    auto body = [](const Chunk&) { spin(milliseconds(2)); };
    core::parallel_for(control, {20, 1, 1e6}, body);
    for (const auto& task : workers()) {
      cpu_set_t mask;
      REQUIRE(sched_getaffinity(std::stoi(task.filename()), sizeof mask, &mask) == 0);
      cpu_set_t both;
      CPU_AND(&both, &mask, &all);
      REQUIRE(CPU_EQUAL(&both, &mask) && CPU_COUNT(&mask) >= 1);
    }
  }
  core::set_num_threads(0);
}

// When to share

// Whether a worker took part in a call that takes so long; what the worker does besides. The call may say that it takes
// less.
template <class F>
bool is_shared(microseconds time, F&& besides, double understated = 1) {
  constexpr int parts = 16;
  Control control;
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> shared{false};
  auto body = [&](const Chunk& chunk) {
    if (std::this_thread::get_id() != caller && !shared.exchange(true)) besides();
    const auto end = core::Clock::now() + time * (chunk.end - chunk.begin) / parts;
    while (core::Clock::now() < end) {
    }
  };
  const double cost = static_cast<double>(time.count()) * 1e3 / parts / understated;
  core::parallel_for(control, {.count = parts, .grain = 1, .cost = cost}, body);
  return shared;
}

// Also if they take five times as long as they say.
void short_calls_wake_a_worker_when_they_come_in_a_row(microseconds time, double understated) {
  core::set_num_threads(1);
  REQUIRE(eventually([] { return workers().empty(); }));
  core::set_num_threads(2);
  in_threads(1, [=](int) {
    const auto call = [=] { return is_shared(time, [] {}, understated); };
    for (int i = 0; i < 50; ++i) {
      usleep(300);
      REQUIRE(!call());
    }
    REQUIRE(workers().empty());
    REQUIRE(eventually([&] {
      for (int i = 0; i < 100; ++i) {
        if (call()) return true;
      }
      return false;
    }));
  });
}

void who_loses_by_sharing_works_alone_for_a_while() {
  core::set_num_threads(2);
  in_threads(1, [](int) {
    const auto call = [] { return is_shared(microseconds(200), [] {}); };
    REQUIRE(eventually([&] {
      const auto begin = core::Clock::now();
      if (!is_shared(microseconds(200), [] { usleep(20'000); })) return false;  // a worker that loses its CPU
      int alone = 0;
      for (;;) {
        const bool shared = call();
        if (core::Clock::now() > begin + milliseconds(20 + 45)) return alone > 0;
        REQUIRE(!shared);
        ++alone;
      }
    }));
    REQUIRE(eventually(call));
  });
  core::set_num_threads(0);
}

// Forks

#if !SANITIZED
template <class F>
int in_child(F&& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    body();
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}
#endif

void a_child_has_a_pool_of_its_own() {
#if !SANITIZED
  core::set_num_threads(4);
  for (int round = 0; round < 20; ++round) {
    visit_random(static_cast<unsigned>(round), 5);
    REQUIRE(in_child([&] {
              REQUIRE(workers().empty());
              visit_random(static_cast<unsigned>(round), 50);
              REQUIRE(in_child([&] { in_threads(3, [](int i) { visit_random(static_cast<unsigned>(i), 30); }); }) == 0);
              visit_random(static_cast<unsigned>(round), 50);
            }) == 0);
  }
  core::set_num_threads(0);
#endif
}

void a_fork_in_the_middle_ends_the_call_in_the_child() {
#if !SANITIZED
  core::set_num_threads(3);
  for (const Schedule schedule : schedules) {
    int status = -1;
    Control control;
    control.set_poll(
        [](void* context) {
          auto& result = *static_cast<int*>(context);
          if (result != -1) return true;
          const pid_t child = fork();
          if (child == 0) {
            alarm(60);
            result = -2;  // this is the child
            return true;
          }
          REQUIRE(waitpid(child, &result, 0) == child);
          return true;
        },
        &status);
    std::atomic<int> visits{0};
    auto body = [&](const Chunk& chunk) {
      spin(milliseconds(1));
      visits += static_cast<int>(chunk.end - chunk.begin);
    };
    bool forked = false;
    try {
      core::parallel_for(control, {100, 1, 1e6, schedule}, body);
    } catch (const core::Forked&) {
      forked = true;
    }
    if (status == -2) {
      REQUIRE(forked);
      visit_random(1, 20);
      _exit(0);
    }
    REQUIRE(!forked && status == 0 && visits == 100);
  }
  // In a worker, or in the caller's own chunk.
  std::atomic<int> forks{0};
  auto body = [&](const Chunk&) {
    spin(milliseconds(2));
    REQUIRE(in_child([] { visit_random(3, 20); }) == 0);
    ++forks;
  };
  Control control;
  core::parallel_for(control, {12, 1, 1e6, Schedule::dynamic}, body);
  REQUIRE(forks == 12);
  core::set_num_threads(0);
#endif
}

}  // namespace

int main() {
  alarm(300);  // a test that hangs is ended by SIGALRM
  core::watch_forks();
  REQUIRE(workers().empty());
  core::set_num_threads(4);
  every_index_is_visited_once();
  ranges_may_be_of_any_size();
  many_threads_call_at_once();
  calls_nest();
  a_call_is_stopped();
  polls_come_in_time();
  progress_adds_up();
  REQUIRE(workers().size() <= 3);
  workers_come_and_go();
  changes_of_the_number_disturb_nobody();
  idle_workers_sleep();
  one_cpu_needs_no_worker();
  workers_keep_off_the_callers_cpu();
  if (core::cpu_count() > 1) {
    short_calls_wake_a_worker_when_they_come_in_a_row(microseconds(20), 1);
    short_calls_wake_a_worker_when_they_come_in_a_row(microseconds(200), 5);
    who_loses_by_sharing_works_alone_for_a_while();
  }
  a_child_has_a_pool_of_its_own();
  a_fork_in_the_middle_ends_the_call_in_the_child();
  std::puts("16 passed, 0 failed");
}
