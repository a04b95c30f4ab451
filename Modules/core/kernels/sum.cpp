#include "core/kernels/reduction.hpp"

namespace core {
namespace {

template <class T>
Number sum_of(const T* a, std::size_t size, Control& control) {
  if constexpr (std::is_floating_point_v<T>) {
    return reduce<double>(control, 0, size, [a](std::size_t begin, std::size_t end) {
      return sum_terms(begin, end, [a](std::size_t i) { return double{a[i]}; });
    });
  } else if constexpr (sizeof(T) < 8) {
    return reduce<Wide>(control, 0, size, [a](std::size_t begin, std::size_t end) {
      std::int64_t sum = 0;  // 2^15 terms of 32 bits
      for (std::size_t i = begin; i < end; ++i) sum += a[i];
      return Wide(Int128{sum});
    });
  } else {
    return reduce<Wide>(control, 0, size, [a](std::size_t begin, std::size_t end) {
      // A signed term is taken as unsigned by adding 2^63; the sum of these is taken off at the end.
      constexpr std::uint64_t bias = std::is_signed_v<T> ? std::uint64_t{1} << 63 : 0;
      SplitSum sum;
      for (std::size_t i = begin; i < end; ++i) sum.add(static_cast<std::uint64_t>(a[i]) + bias);
      return Wide(static_cast<Int128>(sum.total()) - static_cast<Int128>(UInt128{bias} * (end - begin)));
    });
  }
}

}  // namespace

Number sum(ConstArray a, Control& control) {
  return with_type(a.dtype, [&](auto zero) -> Number {
    using T = decltype(zero);
    if (a.size == 0) return std::is_floating_point_v<T> ? Number(0.0) : Number(Wide());
    return sum_of(static_cast<const T*>(a.data), a.size, control);
  });
}

}  // namespace core
