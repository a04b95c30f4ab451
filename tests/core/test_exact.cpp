// ExactSum and ExactDot against a sum that adds bit by bit.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "core/kernels/exact.hpp"
#include "core/number.hpp"
#include "require.hpp"

namespace {

using core::ExactDot;
using core::ExactSum;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr float float_inf = std::numeric_limits<float>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

// The same in every run.
std::mt19937_64 random_bits;  // NOLINT(bugprone-throwing-static-initialization,bugprone-random-generator-seed)

std::uint64_t below(std::uint64_t n) { return random_bits() % n; }

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// A binary number whose digits may be anything until it is asked for its sign.
class Naive {
 public:
  void add_product(double a, double b) {
    int i = 0;
    int j = 0;
    const double m = std::ldexp(std::frexp(a, &i), 53);
    const double n = std::ldexp(std::frexp(b, &j), 53);
    const auto product =
        core::UInt128{static_cast<std::uint64_t>(std::abs(m))} * static_cast<std::uint64_t>(std::abs(n));
    const int sign = std::signbit(m) == std::signbit(n) ? 1 : -1;
    constexpr int smallest_exponent = -1073;  // as frexp has it
    const auto lowest = static_cast<std::size_t>(i + j - 2 * smallest_exponent);
    for (std::size_t bit = 0; bit < 106; ++bit) {
      if (product >> bit & 1) digits_[lowest + bit] += sign;
    }
  }

  int sign() const {
    std::array<std::int64_t, size> digits = digits_;
    bool zero = true;
    for (std::size_t k = 0; k + 1 < size; ++k) {
      digits[k + 1] += digits[k] >> 1;
      zero = zero && (digits[k] & 1) == 0;
    }
    if (digits.back() < 0) return -1;
    return zero && digits.back() == 0 ? 0 : 1;
  }

 private:
  static constexpr std::size_t size = 4400;
  std::array<std::int64_t, size> digits_{};
};

// Of the exact sum, given as twice that: no number is nearer to it than `value`; if another one is as near, this one is
// the even one. As everywhere in IEEE arithmetic, infinity takes the place of 2^1024.
bool nearest(double value, const Naive& twice) {
  if (value == 0 && twice.sign() != 0 && std::signbit(value) != (twice.sign() < 0)) return false;
  const bool even = std::bit_cast<std::uint64_t>(value) % 2 == 0;
  for (const int side : {1, -1}) {
    if (value == side * inf) continue;
    Naive beyond = twice;  // the middle between the two
    for (const double end : {value, std::nextafter(value, side * inf)}) {
      const double factor = std::isfinite(end) ? 1 : std::ldexp(1, 24);
      beyond.add_product(std::isfinite(end) ? -end : std::copysign(std::ldexp(1, 1000), -end), factor);
    }
    const int sign = beyond.sign() * side;
    if (sign > 0 || (sign == 0 && !even)) return false;
  }
  return true;
}

// The whole, and what is put together from pieces in another order, are the same: `add(total, begin, end)`.
template <class Total, class Add>
double in_pieces(std::size_t n, const Add& add) {
  Total whole;
  add(whole, 0, n);
  Total total;
  for (std::size_t end = n; end > 0;) {
    const std::size_t begin = below(end);
    Total piece;
    add(piece, begin, end);
    piece += total;
    total = piece;
    end = begin;
  }
  REQUIRE(same(whole.value(), total.value()));
  return whole.value();
}

template <class T = double>
double sum(const std::vector<T>& a) {
  return in_pieces<ExactSum>(a.size(), [&a](ExactSum& total, std::size_t begin, std::size_t end) {
    total.add(a.data() + begin, end - begin);
  });
}

template <class T = double>
double dot(const std::vector<T>& a, const std::vector<T>& b) {
  using Total = std::conditional_t<sizeof(T) == sizeof(double), ExactDot, ExactSum>;
  return in_pieces<Total>(a.size(), [&a, &b](Total& total, std::size_t begin, std::size_t end) {
    total.add_products(a.data() + begin, b.data() + begin, end - begin);
  });
}

template <class T>
void check_sum(const std::vector<T>& a) {
  Naive twice;
  for (const T x : a) twice.add_product(x, 2);
  REQUIRE(nearest(sum(a), twice));
}

template <class T>
void check_dot(const std::vector<T>& a, const std::vector<T>& b) {
  Naive twice;
  for (std::size_t i = 0; i < a.size(); ++i) {
    twice.add_product(a[i], b[i]);
    twice.add_product(a[i], b[i]);
  }
  REQUIRE(nearest(dot(a, b), twice));
}

// Any number whose exponent is one of `count` from `lowest` on; 0: subnormal. Equal bits in a row carry far.
double any(std::uint64_t lowest = 0, std::uint64_t count = 2047) {
  constexpr std::uint64_t ones = (std::uint64_t{1} << 52) - 1;
  const std::array<std::uint64_t, 4> fractions{random_bits() & ones, 0, ones, ones >> below(52)};
  return std::bit_cast<double>(below(2) << 63 | (lowest + below(count)) << 52 | fractions[below(4)]);
}

struct Exponents {
  std::uint64_t lowest, count;
};
constexpr std::array<Exponents, 7> ranges{{{0, 2047}, {0, 1}, {0, 3}, {1000, 40}, {1023, 1}, {480, 80}, {2040, 7}}};

std::vector<double> many(std::size_t n, Exponents range) {
  std::vector<double> a(n);
  for (double& x : a) x = any(range.lowest, range.count);
  return a;
}

// All but a few terms have their opposites.
void cancel(std::vector<double>& a) {
  const std::size_t half = a.size() / 2;
  for (std::size_t i = 0; i + 2 < half; ++i) a[half + i] = -a[i];
  std::shuffle(a.begin(), a.end(), random_bits);
}

void sums_are_the_nearest_double() {
  for (const Exponents range : ranges) {
    for (int round = 0; round < 500; ++round) {
      std::vector<double> a = many(1 + below(40), range);
      check_sum(a);
      cancel(a);
      check_sum(a);
    }
    std::vector<double> a = many(10000, range);
    cancel(a);
    check_sum(a);
  }
}

void dot_products_are_the_nearest_double() {
  for (const Exponents range : ranges) {
    for (const Exponents other : ranges) {
      for (int round = 0; round < 80; ++round) {
        std::vector<double> a = many(1 + below(20), range);
        std::vector<double> b = many(a.size(), other);
        check_dot(a, b);
        a.insert(a.end(), a.begin(), a.end());
        b.insert(b.end(), b.begin(), b.end());
        for (std::size_t i = 2; i < b.size() / 2; ++i) b[i] = -b[i];  // all but two products cancel
        check_dot(a, b);
      }
    }
    check_dot(many(10000, range), many(10000, {0, 2047}));
  }
}

void floats_are_as_doubles() {
  for (int round = 0; round < 500; ++round) {
    std::vector<float> a(1 + below(40));
    std::vector<float> b(a.size());
    for (std::vector<float>* floats : {&a, &b}) {
      for (float& x : *floats) {
        do x = std::bit_cast<float>(static_cast<std::uint32_t>(random_bits()));
        while (!std::isfinite(x));
        if (below(4) == 0) x = std::ldexp(x, -200);  // subnormal, or zero
      }
    }
    check_sum(a);
    check_dot(a, b);
  }
}

void ties_go_to_even() {
  const double half = std::ldexp(1, -53);
  REQUIRE(same(sum({1, half}), 1));
  REQUIRE(same(sum({1, half, smallest}), 1 + 2 * half));
  REQUIRE(same(sum({-1, -half, -smallest}), -1 - 2 * half));
  REQUIRE(same(sum({1 + 2 * half, half}), 1 + 4 * half));
  REQUIRE(same(sum({1 + 2 * half, half, -smallest}), 1 + 2 * half));
  REQUIRE(same(sum({1e100, 1, -1e100}), 1));
  REQUIRE(same(sum(std::vector<double>(10, 0.1)), 1));
  const auto product = [](double a, int exponent) { return dot({a}, {std::ldexp(1, exponent)}); };
  REQUIRE(same(product(3 * smallest, -1), 2 * smallest) && same(product(5 * smallest, -1), 2 * smallest));
  REQUIRE(same(product(smallest, -1), 0.0) && same(product(-smallest, -1), -0.0));
  REQUIRE(same(dot({smallest, smallest}, {0.5, smallest}), smallest));
  REQUIRE(same(dot({smallest, smallest}, {smallest, -smallest}), 0.0));
}

void only_the_result_overflows() {
  const double half = std::ldexp(1, 970);  // of the last bit of the largest
  REQUIRE(same(sum({1e308, 1e308, -1e308}), 1e308));
  REQUIRE(same(sum({largest, half}), inf) && same(sum({-largest, -half}), -inf));
  REQUIRE(same(sum({largest, half, -smallest}), largest) && same(sum({-largest, -half, smallest}), -largest));
  REQUIRE(same(dot({largest, largest, 3}, {largest, -largest, 5}), 15));
  REQUIRE(same(dot({largest}, {-largest}), -inf));
}

void no_bin_overflows() {
  const double fullest = std::ldexp(largest, -63);  // all ones, and shifted as far as can be
  std::vector<double> a(10001, fullest);
  std::vector<double> b(a.size(), 2 * fullest);
  check_sum(a);
  check_dot(a, b);
  for (std::size_t i = 0; i < 10000; ++i) a.push_back(-fullest);
  b.resize(a.size(), 2 * fullest);
  REQUIRE(same(sum(a), fullest));
  check_dot(a, b);
}

void zeros_infinities_and_nans_are_as_in_ieee() {
  REQUIRE(same(sum({-0.0}), -0.0) && same(sum(std::vector<double>(5000, -0.0)), -0.0));
  REQUIRE(same(sum({-0.0, 0.0}), 0.0) && same(sum({1, -1}), 0.0) && same(sum({-0.0, 1, -1, -0.0}), 0.0));
  REQUIRE(same(sum({inf, 1, -largest}), inf) && same(sum({-inf, -0.0}), -inf));
  REQUIRE(same(sum({inf, -inf}), nan) && same(sum({1, nan, inf}), nan));
  REQUIRE(same(sum<float>({-0.0F, -0.0F}), -0.0) && same(sum<float>({float_inf, 1}), inf));
  REQUIRE(same(dot({-0.0, 5}, {5, -0.0}), -0.0) && same(dot({-0.0}, {-1}), 0.0));
  REQUIRE(same(dot({-0.0, 1}, {1, 0.0}), 0.0) && same(dot({-smallest, smallest}, {smallest, smallest}), 0.0));
  REQUIRE(same(dot({inf, 1}, {-2, 1}), -inf) && same(dot({inf}, {0}), nan));
  REQUIRE(same(dot({-0.0}, {inf}), nan) && same(dot({inf, inf}, {1, -1}), nan));
  REQUIRE(same(dot<float>({-0.0F, 1e-30F}, {1, -0.0F}), -0.0) && same(dot<float>({0}, {float_inf}), nan));
}

}  // namespace

int main() {
  sums_are_the_nearest_double();
  dot_products_are_the_nearest_double();
  floats_are_as_doubles();
  ties_go_to_even();
  only_the_result_overflows();
  no_bin_overflows();
  zeros_infinities_and_nans_are_as_in_ieee();
  std::puts("7 passed, 0 failed");
}
