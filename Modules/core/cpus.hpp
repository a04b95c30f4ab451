// How many CPUs this process may use.
#pragma once

namespace core {

// The CPUs that the scheduler (affinity) and the container (cgroup v1 or v2 quota, rounded up) allow; at least 1.
// THREADMODULE_NUM_THREADS in the environment overrides both. Affinity is read at each call; the quota and the
// variable once, since they belong to the process.
unsigned cpu_count() noexcept;

namespace detail {
// The CPU quota of this process below `root` (normally "/"), rounded up; 0 if there is none. For tests.
unsigned cgroup_quota(const char* root);
}  // namespace detail

}  // namespace core
