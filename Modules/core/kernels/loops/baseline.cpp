// For every CPU.
#define THREADMODULE_TIER baseline
#define THREADMODULE_VECTOR 16

#include "core/kernels/loops/loops.hpp"
