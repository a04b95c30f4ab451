#include <limits>
#include <stdexcept>
#include <string>

#include "core/kernels.hpp"

namespace core {
namespace {

// The largest integer whose square fits in T.
template <class T>
constexpr T largest_root() noexcept {
  constexpr T max = std::numeric_limits<T>::max();
  T root = 0;
  for (int bit = std::numeric_limits<T>::digits / 2; bit >= 0; --bit) {
    const T next = static_cast<T>(root | static_cast<T>(T{1} << bit));
    if (next <= max / next) root = next;
  }
  return root;
}

template <class T>
bool fits(T x) noexcept {
  constexpr T root = largest_root<T>();
  if constexpr (std::is_signed_v<T>) {
    return (x <= root) & (x >= -root);  // & and not &&: no branch, so the search below vectorises
  } else {
    return x <= root;
  }
}

// A pass of its own before anything is written, so that an error leaves the caller's data whole.
template <class T>
void refuse_overflow(const T* x, std::size_t size, Control& control) {
  std::atomic<bool> all_fit{true};
  auto body = [&](const Chunk& chunk) {
    bool chunk_fits = true;
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) chunk_fits &= fits(x[i]);
    if (!chunk_fits) all_fit.store(false, std::memory_order_relaxed);
  };
  parallel_for(control, {size, chunk_size, element_cost}, body);
  if (all_fit.load(std::memory_order_relaxed)) return;
  for (std::size_t i = 0; i < size; ++i) {
    if (!fits(x[i])) {
      throw std::overflow_error("square() argument 'x' holds " + std::to_string(x[i]) + " at index " +
                                std::to_string(i) + ", whose square does not fit in its type");
    }
  }
}

template <class T>
void square_of(const T* x, T* out, std::size_t size, Control& control) {
  if constexpr (std::is_integral_v<T>) refuse_overflow(x, size, control);
  auto body = [x, out](const Chunk& chunk) {
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
      if constexpr (std::is_integral_v<T>) {
        // Unsigned, and no narrower than int: defined even if another thread changed x since it was checked.
        using U = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
        out[i] = static_cast<T>(static_cast<U>(x[i]) * static_cast<U>(x[i]));
      } else {
        out[i] = x[i] * x[i];
      }
    }
  };
  parallel_for(control, {size, chunk_size, element_cost}, body);
}

}  // namespace

void square(ConstArray x, Array out, Control& control) {
  with_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    square_of(static_cast<const T*>(x.data), static_cast<T*>(out.data), x.size, control);
  });
}

}  // namespace core
