// Which type the result of types has: NumPy's rules.
#pragma once

#include <algorithm>

#include "core/array.hpp"

namespace core {

constexpr bool is_signed_integer(DType dtype) noexcept { return dtype >= DType::i1 && dtype <= DType::i8; }
constexpr bool is_unsigned_integer(DType dtype) noexcept { return dtype >= DType::u1 && dtype <= DType::u8; }

// The float that functions such as the square root give for this type.
constexpr DType floating(DType dtype) noexcept {
  if (is_floating(dtype)) return dtype;
  constexpr DType by_size[] = {DType::f2, DType::f2, DType::f4, DType::f4, DType::f8,
                               DType::f8, DType::f8, DType::f8, DType::f8};
  return by_size[size_of(dtype)];
}

// The least type that has the values of both; of a 64-bit unsigned and a signed integer it is f8.
constexpr DType promote(DType a, DType b) noexcept {
  if (a > b) std::swap(a, b);
  if (a == DType::b1 || a == b) return b;
  if (is_floating(b)) return is_floating(a) ? b : std::max(b, floating(a));
  if (is_signed_integer(a) && is_unsigned_integer(b)) {
    if (size_of(a) > size_of(b)) return a;
    constexpr DType wider[] = {DType::i1, DType::i2, DType::i4, DType::i4, DType::i8,
                               DType::i8, DType::i8, DType::i8, DType::f8};
    return wider[size_of(b)];
  }
  return b;
}

// The type that loops compute in.
constexpr DType loop_type(DType dtype) noexcept {
  return dtype == DType::b1 ? DType::u1 : dtype == DType::f2 ? DType::f4 : dtype;
}

}  // namespace core
