// Instruction sets: the loops of the kernels are compiled once for each tier, and the best one that this CPU has runs.
#pragma once

namespace core {

enum class Tier : unsigned char {
  baseline,  // what the whole extension is compiled for: SSE2 on x86-64, NEON on AArch64
  avx2,
  avx512,  // F, DQ, BW and VL
};

// The best tier of this CPU, at most the one that THREADMODULE_SIMD in the environment names.
Tier best_tier() noexcept;

constexpr const char* name_of(Tier tier) noexcept {
  constexpr const char* names[] = {"baseline", "avx2", "avx512"};
  return names[static_cast<unsigned char>(tier)];
}

}  // namespace core
