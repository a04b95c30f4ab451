#include "core/kernels/loops/table.hpp"
#include "core/tier.hpp"

namespace core {

const Tables& tables() noexcept {
  static const Tables& best = []() -> const Tables& {
#if defined(__x86_64__)
    switch (best_tier()) {
      case Tier::avx512: return avx512_tables;
      case Tier::avx2: return avx2_tables;
      case Tier::baseline: break;
    }
#endif
    return baseline_tables;
  }();
  return best;
}

}  // namespace core
