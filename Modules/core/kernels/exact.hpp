// Exact sums: only value() rounds, once. So neither the order of the terms nor where an array is cut matters.
//
// Every finite double is a multiple of 2^-1075 and less than 2^1024: a sum of them is an integer of some 2100 bits in
// that unit, in which a double's exponent says how far its mantissa is shifted. A sum of products needs twice as many.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace core {

// An integer in two's complement, lowest word first, in units of 2^-scale.
template <std::size_t words, int scale>
class FixedPoint {
 public:
  FixedPoint& operator+=(const FixedPoint& other) noexcept;

  // Rounded to nearest, ties to even. Zeros, infinities and NaNs count as in IEEE addition: so a sum of nothing but
  // -0.0 is -0.0. And so is the sum of no terms, for x + -0.0 is x.
  double value() const noexcept;

 protected:
  template <class Terms>
  void add_terms(const Terms& terms, std::size_t n) noexcept;

 private:
  std::array<std::uint64_t, words> words_{};
  double special_ = -0.0;  // the IEEE sum of infinities, NaNs, and 0.0 for all terms that are not -0.0
};

// 2099 bits, 64 for the number of terms and one for the sign; a product has 4198.
class ExactSum : public FixedPoint<34, 1075> {
 public:
  void add(const double* a, std::size_t n) noexcept;
  void add(const float* a, std::size_t n) noexcept;
  void add_products(const float* a, const float* b, std::size_t n) noexcept;  // each fits into a double
};

class ExactDot : public FixedPoint<67, 2150> {
 public:
  void add_products(const double* a, const double* b, std::size_t n) noexcept;
};

}  // namespace core
