#include "core/platform.hpp"

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#if THREADMODULE_LINUX
#include <sys/mman.h>
#include <sys/syscall.h>
#endif

namespace core::platform {

void yield() noexcept { sched_yield(); }

void relax(unsigned round) noexcept {
  if (round < 50) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
  } else if (round < 100) {
    sched_yield();
  } else {
    constexpr timespec pause{0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

#if THREADMODULE_LINUX

std::uint64_t native_thread_id() noexcept {
  return static_cast<std::uint64_t>(syscall(SYS_gettid));  // musl and old glibc have no gettid()
}

bool is_main_thread() noexcept { return syscall(SYS_gettid) == getpid(); }

void name_this_thread(const char* name) noexcept {
  char cut[16] = {};  // the kernel refuses a longer name, it does not cut it
  std::size_t length = std::strlen(name);
  if (length > sizeof cut - 1) {
    length = sizeof cut - 1;
    while (length > 0 && (name[length] & 0xC0) == 0x80) --length;  // not in the middle of a character
  }
  std::memcpy(cut, name, length);
  pthread_setname_np(pthread_self(), cut);  // a name is a courtesy: a failure harms nobody
}

unsigned cpus_by_affinity() noexcept {
  // A fixed cpu_set_t holds 1,024 CPUs, and the kernel refuses a mask smaller than its own.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (mask == nullptr) break;
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    const bool fits = sched_getaffinity(0, size, mask) == 0;
    const int count = fits ? CPU_COUNT_S(size, mask) : 0;
    CPU_FREE(mask);
    if (fits) return static_cast<unsigned>(std::max(count, 1));
  }
  return 1;
}

void prefer_huge_pages(void* memory, std::size_t bytes) noexcept {
  // A huge page has 2 MiB on x86-64, and is given only where all of it lies inside.
  if (bytes < std::size_t{4} << 20) return;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // advice: a failure harms nobody
}

#elif THREADMODULE_MACOS

std::uint64_t native_thread_id() noexcept {
  std::uint64_t id = 0;
  pthread_threadid_np(nullptr, &id);
  return id;
}

bool is_main_thread() noexcept { return pthread_main_np() != 0; }

void name_this_thread(const char* name) noexcept { pthread_setname_np(name); }

unsigned cpus_by_affinity() noexcept {  // macOS has no affinity
  return static_cast<unsigned>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

void prefer_huge_pages(void*, std::size_t) noexcept {}

#endif

}  // namespace core::platform
