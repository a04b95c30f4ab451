#include "core/platform.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if THREADMODULE_LINUX
#include <sys/syscall.h>
#endif

namespace core::platform {

void yield() noexcept { sched_yield(); }

std::size_t cache_size() noexcept {
  static const std::size_t size = [] {
    std::size_t kilobytes = 0;
#if THREADMODULE_LINUX  // sysconf counts on some machines the caches of all CPUs together: 384 MB instead of 32
    if (std::FILE* file = std::fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "re")) {
      char text[32];  // "32768K"
      if (std::fgets(text, sizeof text, file) != nullptr) kilobytes = std::strtoul(text, nullptr, 10);
      std::fclose(file);
    }
#endif
    return (kilobytes > 0 ? kilobytes : std::size_t{16} << 10) << 10;
  }();
  return size;
}

void CpuSet::remove(int cpu) noexcept {
  constexpr int bits = CHAR_BIT * sizeof(unsigned long);
  if (cpu >= 0 && cpu < size) words[static_cast<std::size_t>(cpu / bits)] &= ~(1UL << cpu % bits);
}

void relax(unsigned round) noexcept {
  if (round < 50) {
    pause();
  } else if (round < 100) {
    sched_yield();
  } else {
    constexpr timespec pause{0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

void* map_memory(std::size_t bytes) noexcept {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void unmap_memory(void* memory, std::size_t bytes) noexcept { munmap(memory, bytes); }

void offer_pages(void* memory, std::size_t bytes) noexcept { madvise(memory, bytes, MADV_FREE); }

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
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + page - 1) / page * page;
  madvise(reinterpret_cast<void*>(first), begin + bytes - first, MADV_HUGEPAGE);  // advice: a failure harms nobody
}

CpuSet affinity() noexcept {
  CpuSet cpus;
  const auto mask = reinterpret_cast<cpu_set_t*>(cpus.words.data());
  return sched_getaffinity(0, sizeof cpus.words, mask) == 0 ? cpus : CpuSet{};
}

void set_affinity(std::uint64_t native_thread_id, const CpuSet& cpus) noexcept {
  const auto mask = reinterpret_cast<const cpu_set_t*>(cpus.words.data());
  sched_setaffinity(static_cast<pid_t>(native_thread_id), sizeof cpus.words, mask);  // refused: as if never asked
}

int current_cpu() noexcept { return sched_getcpu(); }

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
CpuSet affinity() noexcept { return {}; }
void set_affinity(std::uint64_t, const CpuSet&) noexcept {}
int current_cpu() noexcept { return -1; }

#endif

}  // namespace core::platform
