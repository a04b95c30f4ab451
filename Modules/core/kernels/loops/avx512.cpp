#if defined(__x86_64__)

// The standard headers come before the switch: their functions may be linked into code that every CPU runs.
#include "core/kernels/loops/table.hpp"

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif

#define THREADMODULE_TIER avx512
#define THREADMODULE_VECTOR 64
#define THREADMODULE_INTEGERS avx2  // to which a wider vector adds little but code: 12 KB of the wheel

#include "core/kernels/loops/loops.hpp"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
