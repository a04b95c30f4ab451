#include "core/cpus.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/platform.hpp"
#include "core/thread.hpp"

namespace core {
namespace {

unsigned quota_in_cpus(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  const auto cpus = static_cast<unsigned>(std::min(quota / period + 0.999, double{max_threads}));
  return std::max(cpus, 1U);
}

// stdio and no streams: their locales would be half of a statically linked library.
using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
File open(const std::string& path) { return {std::fopen(path.c_str(), "re"), std::fclose}; }

// NOLINTBEGIN(bugprone-unchecked-string-to-number-conversion): the kernel writes numbers that a double can hold
bool read_number(const std::string& path, double& number) {
  const File file = open(path);
  return file && std::fscanf(file.get(), "%lf", &number) == 1;
}

// cgroup v2, cpu.max: "max 100000" or "150000 100000".
unsigned quota_v2(const std::string& group) {
  const File file = open(group + "/cpu.max");
  double quota = 0;
  double period = 0;
  const bool limited = file && std::fscanf(file.get(), "%lf %lf", &quota, &period) == 2;  // "max" is no number
  return limited ? quota_in_cpus(quota, period) : 0;
}
// NOLINTEND(bugprone-unchecked-string-to-number-conversion)

// cgroup v1: two files, and a quota of -1 for none.
unsigned quota_v1(const std::string& group) {
  double quota = 0;
  double period = 0;
  const bool limited =
      read_number(group + "/cpu.cfs_quota_us", quota) && read_number(group + "/cpu.cfs_period_us", period);
  return limited ? quota_in_cpus(quota, period) : 0;
}

// The tightest quota of a group and of all groups above it, up to the mount point.
template <class Quota>
unsigned tightest(const std::string& mount, std::string group, Quota quota_of) {
  unsigned tightest = 0;
  for (;;) {
    const unsigned quota = quota_of(mount + group);
    if (quota != 0) tightest = tightest == 0 ? quota : std::min(tightest, quota);
    const auto slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return tightest;
    group.erase(slash);
  }
}

bool names_cpu(const std::string& controllers) {  // "cpu,cpuacct", but not "cpuset"
  return (',' + controllers + ',').find(",cpu,") != std::string::npos;
}

// Reads the environment and the cgroup files once: they take tens of microseconds. Threads that come here
// together read the same and store the same.
struct Fixed {
  static constexpr unsigned unread = ~0U;
  std::atomic<unsigned> override{unread};
  std::atomic<unsigned> quota{unread};

  void read() noexcept {
    unsigned number = 0;
    if (const char* text = std::getenv("THREADMODULE_NUM_THREADS")) {
      const long value = std::strtol(text, nullptr, 10);
      if (value >= 1) number = static_cast<unsigned>(std::min(value, long{max_threads}));
    }
    unsigned cpus = 0;
    try {
      cpus = detail::cgroup_quota("/");
    } catch (...) {  // out of memory while reading: as if there were no quota
    }
    override.store(number, std::memory_order_relaxed);
    quota.store(cpus, std::memory_order_release);
  }
};
Fixed fixed;

}  // namespace

namespace detail {

// /proc/self/cgroup has a line `0::/path` (v2) or `N:controller,controller:/path` (v1) for each hierarchy.
unsigned cgroup_quota(const char* root) {
  const std::string base(root);
  const std::string mounts = base + "sys/fs/cgroup";
  const File file = open(base + "proc/self/cgroup");
  unsigned quota = 0;
  char buffer[4096];  // as long as a path may be
  while (file && std::fgets(buffer, sizeof buffer, file.get()) != nullptr) {
    std::string line(buffer);
    if (!line.empty() && line.back() == '\n') line.pop_back();
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    unsigned found = 0;
    if (controllers.empty()) {
      found = tightest(mounts, group, quota_v2);
    } else if (names_cpu(controllers)) {
      found = tightest(mounts + '/' + controllers, group, quota_v1);
      if (found == 0) found = tightest(mounts + "/cpu", group, quota_v1);
    }
    if (found != 0) quota = quota == 0 ? found : std::min(quota, found);
  }
  return quota;
}

}  // namespace detail

unsigned cpu_count() noexcept {
  if (fixed.quota.load(std::memory_order_acquire) == Fixed::unread) fixed.read();
  if (const unsigned number = fixed.override.load(std::memory_order_relaxed)) return number;
  const unsigned quota = fixed.quota.load(std::memory_order_relaxed);
  const unsigned cpus = platform::cpus_by_affinity();
  return quota == 0 ? cpus : std::min(cpus, quota);
}

}  // namespace core
