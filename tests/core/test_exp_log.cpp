// exp and log of vectors against those of the C library in a wider type, on each instruction set that this machine has.
//
//   test_exp_log           the numbers that matter and many others, in seconds
//   test_exp_log all       every float, and a hundred times more doubles
//   test_exp_log speed     nanoseconds per element, out of the L2 cache
#include <algorithm>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include "require.hpp"

namespace baseline {
#include "exp_log_loops.hpp"
}

#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace avx2 {
#include "exp_log_loops.hpp"
}
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC target("avx512f")
#endif
namespace avx512 {
#include "exp_log_loops.hpp"
}
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace {

template <class T>
using Map = void (*)(const T* x, T* y, std::size_t count);

// One function on each instruction set, and what it should give.
template <class T>
struct Function {
  const char* name;
  std::vector<Map<T>> maps;
  long double (*exact)(long double);
};

template <class T>
Function<T> exp_function() {
  Function<T> f{"exp", {baseline::exp_map<16, T>}, std::exp};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) f.maps.push_back(avx2::exp_map<32, T>);
  if (__builtin_cpu_supports("avx512f")) f.maps.push_back(avx512::exp_map<64, T>);
#endif
  return f;
}

template <class T>
Function<T> log_function() {
  Function<T> f{"log", {baseline::log_map<16, T>}, std::log};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) f.maps.push_back(avx2::log_map<32, T>);
  if (__builtin_cpu_supports("avx512f")) f.maps.push_back(avx512::log_map<64, T>);
#endif
  return f;
}

template <class T>
T from_bits(std::uint64_t bits) {
  T x;
  if constexpr (sizeof(T) == 4) {
    const auto low = static_cast<std::uint32_t>(bits);
    std::memcpy(&x, &low, sizeof x);
  } else {
    std::memcpy(&x, &bits, sizeof x);
  }
  return x;
}

double worst = 0;

// In units in the last place. What overflows is taken for the first power of two that does.
template <class T>
double error(T y, long double exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact)) return std::isnan(y) ? 0 : HUGE_VAL;
  const long double overflow = std::ldexp(1.0L, Limits::max_exponent);
  if (static_cast<long double>(y) == exact || (std::isinf(y) && y * exact >= overflow)) return 0;
  const int exponent = std::max(std::ilogb(exact), Limits::min_exponent - 1);
  const long double off = (std::isinf(y) ? std::copysign(overflow, y) : y) - exact;
  return static_cast<double>(std::fabs(std::ldexp(off, Limits::digits - 1 - exponent)));
}

// The size of x is not a multiple of 4 vectors, so that both forms of the functions run.
template <class T>
void check(const Function<T>& f, std::vector<T> x) {
  while (x.size() % 64 != 16) x.push_back(T(1));
  std::vector<T> y(x.size()), other(x.size());
  f.maps[0](x.data(), y.data(), x.size());
  for (const Map<T> map : f.maps) {
    map(x.data(), other.data(), x.size());
    REQUIRE(std::memcmp(y.data(), other.data(), x.size() * sizeof(T)) == 0);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double exact = f.exact(x[i]);
    const double e = error(y[i], exact);
    if (!(e < 0.9)) {
      std::fprintf(stderr, "%s(%a) is %La, not %a: off by %g\n", f.name, double(x[i]), exact, double(y[i]), e);
      std::abort();
    }
    worst = std::max(worst, e);
  }
}

template <class T>
void zeros_and_infinities(const Function<T>& exp, const Function<T>& log) {
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> x{0, -T(0), 1, -1, infinity, -infinity, nan, 1000, -1000, infinity, 0, 2, 3, 4, 5, 6};
  for (const Map<T> map : exp.maps) {
    std::vector<T> y(x.size());
    map(x.data(), y.data(), x.size());
    REQUIRE(y[0] == 1 && y[1] == 1 && y[4] == infinity && y[5] == 0 && !std::signbit(y[5]) && std::isnan(y[6]));
    REQUIRE(y[7] == infinity && y[8] == 0 && !std::signbit(y[8]));
  }
  for (const Map<T> map : log.maps) {
    std::vector<T> y(x.size());
    map(x.data(), y.data(), x.size());
    REQUIRE(y[0] == -infinity && y[1] == -infinity && y[2] == 0 && !std::signbit(y[2]) && std::isnan(y[3]));
    REQUIRE(y[4] == infinity && std::isnan(y[5]) && std::isnan(y[6]));
  }
}

// Thousands of neighbours of each number where a formula changes.
std::vector<double> critical() {
  std::vector<double> x;
  for (const double center : {0.0,
                              1.0,
                              2.0,
                              0.5,
                              0.6875,
                              1.375,
                              0.34657359027997264,
                              0.6931471805599453,
                              708.0,
                              708.3964185322641,
                              709.782712893384,
                              710.0,
                              744.4400719213812,
                              745.1332191019412,
                              746.0,
                              DBL_MIN,
                              DBL_MAX,
                              HUGE_VAL,
                              DBL_MIN * 0x1p-51,
                              2.718281828459045}) {
    std::uint64_t bits;
    std::memcpy(&bits, &center, sizeof bits);
    for (std::uint64_t i = 0; i < 4000; ++i) {
      x.push_back(from_bits<double>(bits + i - 2000));
      x.push_back(-x.back());
    }
  }
  return x;
}

void doubles(std::size_t count) {
  const Function<double> exp = exp_function<double>(), log = log_function<double>();
  zeros_and_infinities(exp, log);
  check(exp, critical());
  check(log, critical());
  std::mt19937_64 random(1);
  const auto some = [&](auto&& next) {
    std::vector<double> x(1 << 16);
    for (double& v : x) v = next();
    return x;
  };
  const auto between = [&](double low, double high) {
    return some([&] { return std::uniform_real_distribution<>(low, high)(random); });
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<double> any = some([&] { return from_bits<double>(random()); });
    check(exp, any);
    check(log, any);
    check(exp, between(-746, 710));
    check(exp, between(-746, -708));
    check(exp, between(-1, 1));
    check(exp, some([&] { return from_bits<double>((random() >> 12) + ((random() % 70 + 965) << 52)); }));
    check(log, between(0.5, 2));
    check(log,
          some([&] { return 1 + std::ldexp(std::uniform_real_distribution<>(-1, 1)(random), -int(random() % 53)); }));
    check(log, some([&] { return from_bits<double>(random() >> (1 + random() % 12)); }));
  }
}

// Every step-th float.
void floats(std::uint64_t step) {
  const Function<float> exp = exp_function<float>(), log = log_function<float>();
  zeros_and_infinities(exp, log);
  for (std::uint64_t bits = 0; bits >> 32 == 0;) {
    std::vector<float> x;
    for (; bits >> 32 == 0 && x.size() < 1 << 16; bits += step) x.push_back(from_bits<float>(bits));
    check(exp, x);
    check(log, x);
  }
}

template <class T>
void speed(const Function<T>& f, const char* type) {
  using Clock = std::chrono::steady_clock;
  std::mt19937_64 random(1);
  std::vector<T> x(10048), y(x.size());
  for (T& v : x) v = std::uniform_real_distribution<T>(T(0.01), 50)(random);
  std::printf("%s of %s:", f.name, type);
  for (const Map<T> map : f.maps) {
    double best = HUGE_VAL;
    for (int round = 0; round < 2000; ++round) {
      const auto start = Clock::now();
      map(x.data(), y.data(), x.size());
      best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
    std::printf(" %.3f", best / static_cast<double>(x.size()));
  }
  std::puts(" ns on each instruction set");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "speed") {
    speed(exp_function<double>(), "double");
    speed(log_function<double>(), "double");
    speed(exp_function<float>(), "float");
    speed(log_function<float>(), "float");
    return 0;
  }
  doubles(what == "all" ? 500 : 5);
  floats(what == "all" ? 1 : 999);
  if (what == "all") std::printf("the largest error is %.4f units in the last place\n", worst);
  std::puts("2 passed, 0 failed");
}
