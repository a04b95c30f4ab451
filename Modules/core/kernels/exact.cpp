#include "core/kernels/exact.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/number.hpp"

namespace core {
namespace {

static_assert(std::numeric_limits<double>::is_iec559 && std::numeric_limits<double>::digits == 53);

// Within a block, terms are added to bins of two words, by their sign and exponent; carries wait for its end. A
// mantissa has 53 bits and is shifted by 63 at most: that leaves 12 bits of a bin, room for 2^12 terms.
constexpr std::size_t block = std::size_t{1} << 12;

// Most terms go to the same bin. With sets of bins in turn, a term need not wait for the one before.
constexpr std::size_t sets = 2;

// A finite double is +-mantissa * 2^(exponent - 1075).
struct Parts {
  explicit Parts(double x) noexcept : bits(std::bit_cast<std::uint64_t>(x)) {}

  unsigned exponent() const noexcept { return static_cast<unsigned>(bits >> 52) & 0x7FF; }
  bool finite() const noexcept { return exponent() != 0x7FF; }
  std::uint64_t mantissa() const noexcept {
    constexpr std::uint64_t implicit = std::uint64_t{1} << 52;
    const std::uint64_t fraction = bits & (implicit - 1);
    // A subnormal number has the unit of exponent 1, so its fraction is doubled. No branch: zeros are common.
    return fraction + (exponent() == 0 ? fraction : implicit);
  }

  std::uint64_t bits;
};

bool is_negative_zero(double x) noexcept { return x == 0 && std::signbit(x); }

// term(i) is a double.
template <class Term>
struct Doubles {
  static constexpr std::size_t bins = 32;

  bool is_negative_zero(std::size_t i) const noexcept { return core::is_negative_zero(term(i)); }

  void put(std::size_t i, UInt128* bin, double& special) const noexcept {
    const double x = term(i);
    const Parts parts(x);
    if (!parts.finite()) [[unlikely]] {
      special += x;
      return;
    }
    const unsigned shift = parts.exponent() % 64;
    const std::uint64_t low = parts.mantissa() << shift;
    const std::uint64_t high = parts.mantissa() >> 1 >> (63 - shift);
    bin[parts.bits >> 58] += UInt128{high} << 64 | low;  // by sign and exponent / 64
  }

  Term term;
};

template <class Term>
Doubles(Term) -> Doubles<Term>;

struct Products {
  static constexpr std::size_t bins = 65;

  // Not if it only underflows to it.
  bool is_negative_zero(std::size_t i) const noexcept {
    return (a[i] == 0 || b[i] == 0) && core::is_negative_zero(a[i] * b[i]);
  }

  void put(std::size_t i, UInt128* bin, double& special) const noexcept {
    const Parts x(a[i]);
    const Parts y(b[i]);
    if (!x.finite() || !y.finite()) [[unlikely]] {
      special += a[i] * b[i];
      return;
    }
    const UInt128 mantissa = UInt128{x.mantissa()} * y.mantissa();
    const unsigned exponent = x.exponent() + y.exponent();
    bin += ((x.bits ^ y.bits) >> 63) * bins + exponent / 64;
    bin[0] += static_cast<std::uint64_t>(mantissa) << exponent % 64;
    bin[1] += mantissa >> (64 - exponent % 64);
  }

  const double* a;
  const double* b;
};

}  // namespace

template <std::size_t words, int scale>
template <class Terms>
void FixedPoint<words, scale>::add_terms(const Terms& terms, std::size_t n) noexcept {
  std::size_t i = 0;
  while (i < n && terms.is_negative_zero(i)) ++i;
  if (i < n) special_ += 0.0;
  while (i < n) {
    constexpr std::size_t bins = Terms::bins;
    UInt128 bin[sets][2 * bins] = {};  // the positive terms', then the negative ones'
    const std::size_t end = std::min(n, i + block);
    for (; i + sets <= end; i += sets) {
      for (std::size_t set = 0; set < sets; ++set) terms.put(i + set, bin[set], special_);
    }
    for (; i < end; ++i) terms.put(i, bin[0], special_);
    Int128 carry = 0;
    for (std::size_t k = 0; k < words; ++k) {
      UInt128 plus = 0;
      UInt128 minus = 0;
      for (std::size_t set = 0; set < sets && k < bins; ++set) {
        plus += bin[set][k];
        minus += bin[set][bins + k];
      }
      carry += Int128{words_[k]} + static_cast<std::uint64_t>(plus) - static_cast<std::uint64_t>(minus);
      words_[k] = static_cast<std::uint64_t>(carry);
      carry = (carry >> 64) + static_cast<Int128>(plus >> 64) - static_cast<Int128>(minus >> 64);
    }
  }
}

template <std::size_t words, int scale>
FixedPoint<words, scale>& FixedPoint<words, scale>::operator+=(const FixedPoint& other) noexcept {
  UInt128 carry = 0;
  for (std::size_t k = 0; k < words; ++k) {
    carry += UInt128{words_[k]} + other.words_[k];
    words_[k] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  special_ += other.special_;
  return *this;
}

template <std::size_t words, int scale>
double FixedPoint<words, scale>::value() const noexcept {
  if (!std::isfinite(special_)) return special_;
  const bool negative = words_.back() >> 63 != 0;
  std::array<std::uint64_t, words + 1> magnitude{};  // and a zero, so that two words can always be read
  UInt128 carry = negative ? 1 : 0;
  int lowest = -1;  // bit that is set
  int highest = -1;
  for (std::size_t k = 0; k < words; ++k) {
    carry += negative ? ~words_[k] : words_[k];
    magnitude[k] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
    if (magnitude[k] == 0) continue;
    const int position = static_cast<int>(64 * k);
    if (lowest < 0) lowest = position + std::countr_zero(magnitude[k]);
    highest = position + 63 - std::countl_zero(magnitude[k]);
  }
  if (highest < 0) return special_;  // 0.0, or -0.0
  // 53 bits stay, but none below the last bit of subnormal numbers.
  const int dropped = std::max(highest - 52, scale - 1074);
  const auto from = [&magnitude](int bit) {
    const auto k = static_cast<std::size_t>(bit / 64);
    return static_cast<std::uint64_t>((UInt128{magnitude[k + 1]} << 64 | magnitude[k]) >> bit % 64);
  };
  std::uint64_t mantissa = from(dropped);
  const bool half = from(dropped - 1) & 1;
  if (half && (lowest < dropped - 1 || mantissa & 1)) ++mantissa;
  const double result = std::ldexp(static_cast<double>(mantissa), dropped - scale);
  return negative ? -result : result;
}

template class FixedPoint<34, 1075>;
template class FixedPoint<67, 2150>;

void ExactSum::add(const double* a, std::size_t n) noexcept {
  add_terms(Doubles{[a](std::size_t i) { return a[i]; }}, n);
}

void ExactSum::add(const float* a, std::size_t n) noexcept {
  add_terms(Doubles{[a](std::size_t i) { return double{a[i]}; }}, n);
}

void ExactSum::add_products(const float* a, const float* b, std::size_t n) noexcept {
  add_terms(Doubles{[a, b](std::size_t i) { return double{a[i]} * double{b[i]}; }}, n);
}

void ExactDot::add_products(const double* a, const double* b, std::size_t n) noexcept { add_terms(Products{a, b}, n); }

}  // namespace core
