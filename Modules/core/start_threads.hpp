// The lecture's first example: n POSIX threads that each say that they are executing.
#pragma once

#include "core/parallel.hpp"

namespace core {

// Starts `n` threads that write "Thread k is executing\n", k = 1 to n, to the file descriptor, each line whole and in
// no order, and joins them. Throws CannotStartThread, Stopped, or std::system_error if a write failed; whatever
// happens, all threads that were started are joined.
void start_threads(Control& control, unsigned n, int descriptor);

}  // namespace core
