#include "core/kernels/reduction.hpp"

namespace core {
namespace {

template <class T>
Number dot_of(const T* a, const T* b, std::size_t size, Control& control) {
  if constexpr (std::is_floating_point_v<T>) {
    return reduce<double>(control, 0, size, [a, b](std::size_t begin, std::size_t end) {
      return sum_terms(begin, end, [a, b](std::size_t i) { return double{a[i]} * double{b[i]}; });
    });
  } else if constexpr (sizeof(T) < 4) {
    return reduce<Wide>(control, 0, size, [a, b](std::size_t begin, std::size_t end) {
      std::int64_t sum = 0;  // 2^15 products of 32 bits
      for (std::size_t i = begin; i < end; ++i) sum += std::int64_t{a[i]} * std::int64_t{b[i]};
      return Wide(Int128{sum});
    });
  } else {
    return reduce<Wide>(control, 0, size, [a, b](std::size_t begin, std::size_t end) {
      using Product = std::conditional_t<std::is_signed_v<T>, Int128, UInt128>;
      Wide sum;
      for (std::size_t i = begin; i < end; ++i) sum += Wide(Product{a[i]} * Product{b[i]});
      return sum;
    });
  }
}

}  // namespace

Number dot(ConstArray a, ConstArray b, Control& control) {
  return with_type(a.dtype, [&](auto zero) -> Number {
    using T = decltype(zero);
    if (a.size == 0) return std::is_floating_point_v<T> ? Number(0.0) : Number(Wide());
    return dot_of(static_cast<const T*>(a.data), static_cast<const T*>(b.data), a.size, control);
  });
}

}  // namespace core
