// The core without Python: a program that aborts at the first thing that is not so. test_core.py builds it as it is
// and with sanitizers.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/cpus.hpp"
#include "core/fork.hpp"
#include "core/kernels.hpp"
#include "core/pool.hpp"
#include "core/start_threads.hpp"
#include "core/thread.hpp"
#include "require.hpp"

namespace {

using core::Clock;
using core::Wake;
using std::chrono::milliseconds;

template <class Error, class F>
bool throws(F&& f) {
  try {
    f();
  } catch (const Error&) {
    return true;
  }
  return false;
}

// Threads

class Sleeper final : public core::Thread {
 public:
  std::atomic<std::uint32_t> word{0};
  std::atomic<int> runs{0};

  ~Sleeper() override { ++destroyed; }
  void wake() {
    word = 1;
    core::unpark_all(word);
  }
  static inline std::atomic<int> destroyed{0};

 private:
  void run() noexcept override {
    while (word == 0) core::park(word, 0, core::never);
    ++runs;
  }
};

void a_thread_lives_once() {
  const auto thread = std::make_shared<Sleeper>();
  REQUIRE(!thread->started() && !thread->done() && thread->ident() == 0 && thread->native_id() == 0);
  thread->spawn("sleeper", core::Thread::Signals::faults);
  REQUIRE(thread->started() && !thread->done() && !thread->is_current());
  REQUIRE(thread->ident() != 0 && thread->native_id() != 0);
  REQUIRE(thread->join(Clock::now()) == Wake::timed_out);
  REQUIRE(thread->join(core::deadline_in(milliseconds(5))) == Wake::timed_out);
  thread->wake();
  REQUIRE(thread->join(core::never) == Wake::woken);
  REQUIRE(thread->done() && thread->runs == 1);
  REQUIRE(thread->join(core::never) == Wake::woken);
}

void a_thread_may_be_forgotten() {
  const int before = Sleeper::destroyed;
  for (int i = 0; i < 100; ++i) {
    auto thread = std::make_shared<Sleeper>();
    thread->spawn("forgotten", core::Thread::Signals::faults);
    thread->wake();
  }
  while (Sleeper::destroyed < before + 100) usleep(1000);
}

class Joiner final : public core::Thread {
 public:
  explicit Joiner(std::shared_ptr<core::Thread> other) : other_(std::move(other)) {}

 private:
  void run() noexcept override {
    REQUIRE(is_current());
    while (other_->join(core::never) != Wake::woken) {
    }
    REQUIRE(other_->done());
  }
  std::shared_ptr<core::Thread> other_;
};

void many_threads_join_one() {
  for (int round = 0; round < 20; ++round) {
    const auto thread = std::make_shared<Sleeper>();
    thread->spawn("sleeper", core::Thread::Signals::faults);
    std::vector<std::shared_ptr<Joiner>> joiners;
    for (int i = 0; i < 8; ++i) {
      joiners.push_back(std::make_shared<Joiner>(thread));
      joiners.back()->spawn("joiner", core::Thread::Signals::faults);
    }
    thread->wake();
    for (const auto& joiner : joiners) REQUIRE(joiner->join(core::never) == Wake::woken);
  }
}

void signals_are_blocked_in_threads_and_interrupt_joins() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const auto thread = std::make_shared<Sleeper>();
  thread->spawn("sleeper", core::Thread::Signals::faults);
  ualarm(20000, 0);
  Wake wake;
  do {
    wake = thread->join(core::deadline_in(std::chrono::seconds(30)));
  } while (wake == Wake::woken);
  REQUIRE(wake == Wake::interrupted);
  thread->wake();
  REQUIRE(thread->join(core::never) == Wake::woken);
}

void a_child_process_has_no_threads() {
  const auto thread = std::make_shared<Sleeper>();
  thread->spawn("parent's", core::Thread::Signals::faults);
  const pid_t child = fork();
  if (child == 0) {
    REQUIRE(thread->lost_in_fork() && thread->done());
    REQUIRE(thread->join(core::never) == Wake::woken);
#if !defined(__SANITIZE_THREAD__)  // TSan knows no threads in the child of a process with threads
    const auto own = std::make_shared<Sleeper>();
    own->spawn("child's", core::Thread::Signals::faults);
    own->wake();
    REQUIRE(own->join(core::never) == Wake::woken && own->runs == 1);
#endif
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child && status == 0);
  REQUIRE(!thread->lost_in_fork());
  thread->wake();
  REQUIRE(thread->join(core::never) == Wake::woken);
}

// Kernels; the tests in Python look at them more closely

void kernels_do_not_depend_on_threads() {
  std::vector<double> a(1'000'001);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<double>(i)) * 1e3;
  const core::View array{.data = a.data(), .size = a.size(), .dtype = core::DType::f8, .contiguous = true};
  std::vector<double> sums;
  core::set_num_threads(7);
  for (const unsigned threads : {1U, 2U, 7U}) {
    core::Control control;
    control.threads = threads;
    sums.push_back(std::get<double>(core::sum(array, control)));
    REQUIRE(std::get<double>(core::dot(array, array, core::DType::f8, control)) > 0);
    REQUIRE(std::abs(core::pi(1'000'000, control) - 3.141592653589793) < 1e-12);
    REQUIRE(core::do_math(0, 1'000'000, control) == 499'999'500'000.0);
    const core::Wide squares = core::sum_of_squares(10'000'000, control);
    const core::UInt128 total = (static_cast<core::UInt128>(squares.high) << 64) + squares.low;
    REQUIRE(total / 1'000'000'000 == 333'333'283'333 && total % 1'000'000'000 == 335'000'000);
  }
  core::set_num_threads(0);
  for (const double sum : sums) REQUIRE(std::memcmp(&sum, &sums[0], sizeof sum) == 0);
}

void square_refuses_what_does_not_fit() {
  constexpr std::ptrdiff_t length = 100'000;
  constexpr std::ptrdiff_t stride = sizeof(std::int16_t);
  std::vector<std::int16_t> a(length, 181);
  core::Control control;
  control.threads = 2;
  const core::View view{.data = a.data(),
                        .size = a.size(),
                        .dtype = core::DType::i2,
                        .contiguous = true,
                        .ndim = 1,
                        .shape = &length,
                        .strides = &stride};
  const auto square = [&] { core::map(core::Map::square, core::DType::i2, view, {&view, 1}, control); };
  square();
  REQUIRE(a.front() == 32761 && a.back() == 32761);
  REQUIRE(throws<core::MapOverflow>(square));
  REQUIRE(a.front() == 32761 && a.back() == 32761);
}

// start_threads

void threads_write_their_lines() {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  core::Control control;
  core::start_threads(control, 3, pipe_ends[1]);
  char text[200] = {};
  REQUIRE(read(pipe_ends[0], text, sizeof text - 1) == 3 * 22);
  for (const char* line : {"Thread 1 is executing\n", "Thread 2 is executing\n", "Thread 3 is executing\n"}) {
    REQUIRE(std::strstr(text, line) != nullptr);
  }
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  REQUIRE(throws<std::system_error>([&] { core::start_threads(control, 3, pipe_ends[1]); }));
}

// CPUs

unsigned quota(const std::filesystem::path& root) { return core::detail::cgroup_quota((root / "").c_str()); }

void write(const std::filesystem::path& path, const char* text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

void quotas_are_read() {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("cgroup" + std::to_string(getpid()));
  REQUIRE(quota(root) == 0);

  write(root / "proc/self/cgroup", "0::/a/b\n");
  REQUIRE(quota(root) == 0);
  write(root / "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  REQUIRE(quota(root) == 0);
  write(root / "sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  REQUIRE(quota(root) == 2);  // rounded up
  write(root / "sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  REQUIRE(quota(root) == 1);
  write(root / "sys/fs/cgroup/a/b/cpu.max", "800000 100000\n");
  REQUIRE(quota(root) == 2);  // the tightest of all levels
  write(root / "proc/self/cgroup", "0::/\n");
  write(root / "sys/fs/cgroup/cpu.max", "300000 100000\n");
  REQUIRE(quota(root) == 3);

  write(root / "proc/self/cgroup", "7:cpuset:/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/x\n");
  REQUIRE(quota(root) == 0);
  write(root / "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1\n");
  write(root / "sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
  REQUIRE(quota(root) == 0);
  write(root / "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "400000\n");
  REQUIRE(quota(root) == 4);
  write(root / "sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "200000\n");
  write(root / "sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n");
  REQUIRE(quota(root) == 2);

  write(root / "proc/self/cgroup", "nonsense\n::\n\n");
  REQUIRE(quota(root) == 3);
  fs::remove_all(root);
  REQUIRE(core::cpu_count() >= 1);
}

// Deadlines

void deadlines_do_not_overflow() {
  REQUIRE(core::deadline_in(std::chrono::nanoseconds::max()) == core::never);
  const core::Deadline past = core::deadline_in(std::chrono::nanoseconds(0));  // at_once
  REQUIRE(past <= Clock::now());
  REQUIRE(core::deadline_in(std::chrono::hours(1)) > Clock::now() + std::chrono::minutes(59));
}

}  // namespace

int main() {
  alarm(300);  // a test that hangs is ended by SIGALRM
  core::watch_forks();
  a_thread_lives_once();
  a_thread_may_be_forgotten();
  many_threads_join_one();
  signals_are_blocked_in_threads_and_interrupt_joins();
  a_child_process_has_no_threads();
  kernels_do_not_depend_on_threads();
  square_refuses_what_does_not_fit();
  threads_write_their_lines();
  quotas_are_read();
  deadlines_do_not_overflow();
  std::puts("10 passed, 0 failed");
}
