#include "core/tier.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace core {
namespace {

Tier tier_of_cpu() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (avx512) return Tier::avx512;
  if (__builtin_cpu_supports("avx2")) return Tier::avx2;
#endif
  return Tier::baseline;
}

}  // namespace

Tier best_tier() noexcept {
  const Tier best = tier_of_cpu();
  const char* cap = std::getenv("THREADMODULE_SIMD");
  if (cap == nullptr) return best;
  for (const Tier tier : {Tier::baseline, Tier::avx2}) {
    if (std::string_view(cap) == name_of(tier)) return std::min(best, tier);
  }
  return best;
}

}  // namespace core
