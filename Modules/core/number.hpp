// Numbers that a kernel returns: a double, or an integer wide enough never to overflow.
#pragma once

#include <cstdint>
#include <variant>

namespace core {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

// A sum of products of 64-bit integers: each product has 128 bits, so their sum needs more. It is kept as
// high * 2^64 + low; each half has room for 2^63 terms.
struct Wide {
  Int128 high = 0;
  UInt128 low = 0;

  Wide() = default;
  explicit Wide(Int128 value) : high(value >> 64), low(static_cast<std::uint64_t>(value)) {}
  explicit Wide(UInt128 value) : high(static_cast<Int128>(value >> 64)), low(static_cast<std::uint64_t>(value)) {}

  Wide& operator+=(const Wide& other) noexcept {
    high += other.high;
    low += other.low;
    return *this;
  }
};

using Number = std::variant<double, Wide>;

// Rounded, if it is an integer of more than 53 bits; of one that has more than 128, nothing is right.
inline double to_double(const Number& number) noexcept {
  if (const double* value = std::get_if<double>(&number)) return *value;
  const auto& wide = *std::get_if<Wide>(&number);
  return static_cast<double>(static_cast<Int128>((static_cast<UInt128>(wide.high) << 64) + wide.low));
}

}  // namespace core
