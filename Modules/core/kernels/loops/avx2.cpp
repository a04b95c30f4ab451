#if defined(__x86_64__)

// The standard headers come before the switch: their functions may be linked into code that every CPU runs.
#include "core/kernels/loops/table.hpp"

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif

#define THREADMODULE_TIER avx2
#define THREADMODULE_VECTOR 32

#include "core/kernels/loops/loops.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
