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

// CPUs that the scheduler may run this process on; at least 1.
unsigned cpus_by_affinity() noexcept;

// Memory that will be written soon: the system may give it in larger pages, which takes fewer page faults.
void prefer_huge_pages(void* memory, std::size_t bytes) noexcept;

}  // namespace core::platform
