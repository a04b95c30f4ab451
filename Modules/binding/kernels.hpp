// The table of the built-in kernels.
#pragma once

#include <span>

#include "binding/call.hpp"

namespace binding {

std::span<const KernelDef> builtin_kernels() noexcept;

}  // namespace binding
