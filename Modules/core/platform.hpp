// What the core asks of the operating system, and the only `#if` on systems in it.
#pragma once

#if defined(_WIN32)
#error "threadmodule needs POSIX threads: Windows is not supported"
#elif defined(__linux__)
#define THREADMODULE_LINUX 1
#ifndef THREADMODULE_FUTEX
#define THREADMODULE_FUTEX 1  // 0: park as other systems do, for the tests
#endif
#elif defined(__APPLE__)
#define THREADMODULE_MACOS 1
#else
#error "threadmodule supports Linux and macOS: teach Modules/core/platform.{hpp,cpp} this system first"
#endif

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>

namespace core::platform {

// The kernel's number for the calling thread, as `top -H` and /proc/self/task show it.
std::uint64_t native_thread_id() noexcept;

// Is this the thread that the process began with?
bool is_main_thread() noexcept;

// Names the calling thread for debuggers and /proc. A name is UTF-8; Linux keeps 15 bytes of it.
void name_this_thread(const char* name) noexcept;

// For the `round`th time somebody else holds what is held for nanoseconds only, unless the scheduler has put its holder
// aside: first stay, then yield, then sleep.
void relax(unsigned round) noexcept;
void yield() noexcept;

// Tells the CPU that this is a loop that waits: it saves power, and the other thread of the core gets on.
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("isb");
#endif
}

// CPUs that the scheduler may run this process on; at least 1.
unsigned cpus_by_affinity() noexcept;

// Zeroed pages; NULL if there is no memory.
void* map_memory(std::size_t bytes) noexcept;
void unmap_memory(void* memory, std::size_t bytes) noexcept;
// Memory that will be written soon: the system may give it in larger pages, which takes fewer page faults.
void prefer_huge_pages(void* memory, std::size_t bytes) noexcept;
// Memory that nobody reads again before writing it: the system may take its pages, and give zeroed ones when it is
// written.
void offer_pages(void* memory, std::size_t bytes) noexcept;

// The bytes of the last cache before memory, or a guess.
std::size_t cache_size() noexcept;

// A set of CPUs, as large as a cpu_set_t.
struct CpuSet {
  static constexpr int size = 1024;
  std::array<unsigned long, size / (CHAR_BIT * sizeof(unsigned long))> words{};

  bool operator==(const CpuSet&) const = default;
  bool empty() const noexcept { return *this == CpuSet{}; }
  void remove(int cpu) noexcept;
};

// Those that the calling thread may run on. Empty: unknown, or the machine has more than `size`.
CpuSet affinity() noexcept;
void set_affinity(std::uint64_t native_thread_id, const CpuSet& cpus) noexcept;
int current_cpu() noexcept;  // -1: unknown

}  // namespace core::platform
