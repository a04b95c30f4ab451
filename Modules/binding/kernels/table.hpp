// The built-in kernels as Python sees them: a table for each shape, behind it a class for what calls of it have in
// common.
#pragma once

#include <span>

#include "binding/call.hpp"

namespace binding {

std::span<const KernelDef> reductions() noexcept;
std::span<const KernelDef> maps() noexcept;
std::span<const KernelDef> scans() noexcept;
std::span<const KernelDef> series() noexcept;

// The end of each docstring.
#define THREADS_DOC                                                                                            \
  "threads: at most so many POSIX threads, the calling one included. None: as many as the work is worth,\n"    \
  "up to get_num_threads(). The result does not depend on it. progress: called in this thread now and then\n"  \
  "with the number of elements done since the last time; what it raises ends the call. The GIL is released,\n" \
  "except for the smallest calls. Ctrl-C ends the call with KeyboardInterrupt."

}  // namespace binding
