#include <cmath>
#include <limits>

#include "core/kernels.hpp"
#include "core/kernels/exact.hpp"
#include "core/kernels/reduction.hpp"

namespace core {
namespace {

// By their number alone, whatever their type and wherever they are: it decides the order of additions.
bool is_far(const View& a) noexcept { return a.size > std::size_t{1} << 17; }

// ---- Sums

// A part that several types of sums share: what a loop returns, widened so that nothing overflows.
Wide widened(std::int64_t sum) noexcept { return Wide(Int128{sum}); }
Wide widened(Int128 sum) noexcept { return Wide(sum); }
Wide widened(Wide sum) noexcept { return sum; }
double widened(double sum) noexcept { return sum; }

// Which of several NaNs an addition keeps, and its sign, depends on the compiler.
double canonical(double x) noexcept { return std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x; }
Wide canonical(Wide x) noexcept { return x; }

template <class T>
using Part = std::conditional_t<std::is_floating_point_v<T>, double, Wide>;

template <class T>
Number sum_of(const View& a, Control& control) {
  const auto loop = loops<T>().sum;
  return canonical(reduce_array<Part<T>, T>(
      control, cost_of_reading(a), a, Order::any,
      [loop, far = is_far(a)](const T* x, std::size_t n, std::size_t) { return widened(loop(x, n, far)); }));
}

// ---- The least and the greatest

template <class T>
bool precedes(T a, T b, bool least) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(b);
    if (a == 0 && b == 0) return std::signbit(a) != std::signbit(b) && std::signbit(a) == least;
  }
  return least ? a < b : b < a;
}

// NOLINTBEGIN(clang-analyzer-optin.performance.Padding): this order reads best, and there are a handful of them
template <class T>
struct Extreme {
  T value{};
  std::size_t leaf = 0;  // where the first of them is
  bool least = true;

  Extreme& operator+=(const Extreme& later) noexcept {
    if (!precedes(later.value, value, least)) return *this;
    if (later.value != value) leaf = later.leaf;  // -0.0 precedes 0.0 as a value, but argmin takes them for equal
    value = later.value;
    return *this;
  }
};
// NOLINTEND(clang-analyzer-optin.performance.Padding)

// Every T is one of these two exactly: so what is around the loops is compiled twice, and not for each type.
template <class T>
using Exactly = std::conditional_t<std::is_floating_point_v<T>, double, Int128>;

template <class T>
[[gnu::noinline]] Extreme<Exactly<T>> extreme_of(const View& a, Order order, bool least, Control& control) {
  using Part = Extreme<Exactly<T>>;
  const auto loop = least ? loops<T>().min : loops<T>().max;
  return reduce_array<Part, T>(control, cost_of_reading(a), a, order,
                               [&, far = is_far(a)](const T* x, std::size_t n, std::size_t first) {
                                 return Part{loop(x, n, far), first, least};
                               });
}

Number value_of(const View& a, bool least, Control& control) {
  return with_type(a.dtype, [&](auto zero) -> Number {
    using T = decltype(zero);
    const auto value = extreme_of<T>(a, Order::any, least, control).value;
    if constexpr (std::is_floating_point_v<T>)
      return value;
    else
      return Wide(value);
  });
}

// The least of each leaf was found by a loop that vectorises; where it is, is looked for in one leaf only.
std::size_t index_of(const View& a, bool least, Control& control) {
  return with_type(a.dtype, [&](auto zero) -> std::size_t {
    using T = decltype(zero);
    const auto best = extreme_of<T>(a, Order::c, least, control);
    const auto value = static_cast<T>(best.value);
    const std::size_t count = std::min(leaf_size, a.size - best.leaf);
    alignas(64) T room[leaf_size];
    const auto* x = Input(a, dtype_of<T>, Order::c).read(best.leaf, count, room);
    const auto is_nan = [](T y) { return y != y; };  // NOLINT(misc-redundant-expression)
    std::size_t i = 0;
    while (i + 1 < count && !(x[i] == value || (is_nan(x[i]) && is_nan(value)))) ++i;
    return best.leaf + i;
  });
}

// ---- Deviations

// Kernels whose result is a float compute integers as doubles.
template <class F>
decltype(auto) with_float_type(DType dtype, F&& f) {
  return dtype == DType::f4 || dtype == DType::f2 ? f(float{}) : f(double{});
}

template <class T>
double sum_of_squares(const View& a, Control& control) {
  const auto loop = std::get<SquaresLoops<T>>(tables().of_squares).sum;
  return reduce_array<double, T>(
      control, cost_of_reading(a), a, Order::any,
      [=, far = is_far(a)](const T* x, std::size_t n, std::size_t) { return loop(x, n, far); });
}

// Apart from the other, in which two multiplications more made norm() of 256 MB take 1.07 times as long.
double sum_of_scaled_squares(const View& a, double factor, Control& control) {
  const auto loop = std::get<SquaresLoops<double>>(tables().of_squares).sum;
  return reduce_array<double, double>(control, cost_of_reading(a), a, Order::any,
                                      [=, far = is_far(a)](const double* x, std::size_t n, std::size_t) {
                                        alignas(64) double scaled[leaf_size];
                                        for (std::size_t i = 0; i < n; ++i) scaled[i] = x[i] * factor;
                                        return loop(scaled, n, far);
                                      });
}

// Of a leaf: how many, their mean, and the sum of the squares of the differences from it. The mean is in two parts, of
// which the first is no result of roundings: so nothing is lost where it is large and the differences are small. Two of
// them are joined by Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
// Variances" (1979).
struct Moments {
  double count = 0;
  double from = 0;
  double offset = 0;
  double squares = 0;

  Moments& operator+=(const Moments& other) noexcept {
    const double total = count + other.count;
    const double difference = (other.from - from) + (other.offset - offset);
    squares += other.squares + difference * difference * (count * other.count / total);
    offset += difference * (other.count / total);
    count = total;
    return *this;
  }
};

// Unrolled, to stay in registers: nothing can be added up before it is known.
template <class T>
double mean_of_16(const T* x) noexcept {
  double sums[8];
#pragma GCC unroll 8
  for (std::size_t k = 0; k < 8; ++k) sums[k] = static_cast<double>(x[k]) + static_cast<double>(x[k + 8]);
#pragma GCC unroll 4
  for (std::size_t half = 4; half > 0; half /= 2) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < half; ++k) sums[k] += sums[k + half];
  }
  return sums[0] / 16;
}

// By d = x - g, where g is near the mean: the sum of (x - mean)^2 is that of d^2, less (the sum of d)^2 / n. As long as
// less than half is taken away, hardly more than a bit is lost. If the elements are in no order, the mean of the first
// 16 is near enough for nearly all leaves. Else there is a second pass, over a level-1 cache, where g is the mean. (A
// few elements from all over the leaf are the better guess of elements in order, but each of them comes from another
// page.)
template <class T>
Moments moments_of(const T* x, std::size_t n) noexcept {
  const auto loop = std::get<SquaresLoops<T>>(tables().of_squares).deviations;
  const auto count = static_cast<double>(n);
  const auto mean = [&] { return loops<T>().sum(x, n, false) / count; };
  // While this leaf is read, what the next one begins with shall come: nothing can be added up before it is there. (If
  // nothing follows it does no harm: a prefetch never faults.)
  for (std::size_t i = 0; i < 16; i += 64 / sizeof(T)) __builtin_prefetch(x + n + i);
  double from = n < 16 ? mean() : mean_of_16(x);
  Deviations d = loop(x, from, n);
  if (!(d.sum * (d.sum / count) <= d.squares / 2 && std::isfinite(d.squares))) {
    from += d.sum / count;
    if (!std::isfinite(from)) from = mean();
    d = loop(x, from, n);
  }
  // long double, where it is wider, to round once.
  const long double surplus = static_cast<long double>(d.sum) * d.sum / count;
  const bool exists = std::isfinite(d.squares);
  return {count, from, d.sum / count, exists ? std::max(0.0, static_cast<double>(d.squares - surplus)) : d.squares};
}

}  // namespace

double cost_of_reading(const View& a) noexcept {
  const std::size_t width = size_of(a.dtype);
  const bool near = a.size * width <= std::size_t{1} << 20;  // in a level-2 cache, or could be
  constexpr double arithmetic = 0.03;                        // of narrow elements it takes longer than the reading
  return std::max((near ? 0.005 : 0.012) * static_cast<double>(width), arithmetic);
}

Number sum(const View& a, Control& control) {
  if (a.dtype == DType::b1) return Wide(Int128{count_nonzero(a, control)});
  return with_type(a.dtype, [&](auto zero) -> Number {
    using T = decltype(zero);
    if (a.size == 0) return std::is_floating_point_v<T> ? Number(0.0) : Number(Wide());
    return sum_of<T>(a, control);
  });
}

Number dot(const View& a, const View& b, DType loop, Control& control) {
  return with_type(loop, [&](auto zero) -> Number {
    using T = decltype(zero);
    if (a.size == 0) return std::is_floating_point_v<T> ? Number(0.0) : Number(Wide());
    return canonical(reduce_arrays<Part<T>, T>(
        control, 2 * cost_of_reading(a), a, b,
        [far = is_far(a)](const T* x, const T* y, std::size_t n) { return widened(loops<T>().dot(x, y, n, far)); }));
  });
}

Number minimum(const View& a, Control& control) { return value_of(a, true, control); }
Number maximum(const View& a, Control& control) { return value_of(a, false, control); }
std::size_t argmin(const View& a, Control& control) { return index_of(a, true, control); }
std::size_t argmax(const View& a, Control& control) { return index_of(a, false, control); }

std::size_t count_nonzero(const View& a, Control& control) {
  if (a.size == 0) return 0;
  return with_type(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    return reduce_array<std::size_t, T>(
        control, cost_of_reading(a), a, Order::any,
        [](const T* x, std::size_t n, std::size_t) { return loops<T>().count_nonzero(x, n); });
  });
}

double var(const View& a, double ddof, Control& control) {
  if (a.size == 0) return std::numeric_limits<double>::quiet_NaN();
  return with_float_type(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto moments =
        reduce_array<Moments, T>(control, cost_of_reading(a), a, Order::any,
                                 [](const T* x, std::size_t n, std::size_t) { return moments_of(x, n); });
    return canonical(moments.squares / std::max(moments.count - ddof, 0.0));
  });
}

double norm(const View& a, Control& control) {
  if (a.size == 0) return 0;
  return with_float_type(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    const double squares = sum_of_squares<T>(a, control);
    // Squares of less than 2^-960 have lost bits, infinite ones all: once more, scaled by a power of two.
    if (std::isnan(squares)) return canonical(squares);
    if (squares >= 0x1p-960 && std::isfinite(squares)) return std::sqrt(squares);
    const Control::Silence silence(control);
    const double most = std::max(std::fabs(to_double(maximum(a, control))), std::fabs(to_double(minimum(a, control))));
    if (most == 0 || std::isinf(most)) return most;
    const int exponent = std::max(std::ilogb(most), -1000);  // the factor must be a double too
    return std::ldexp(std::sqrt(sum_of_scaled_squares(a, std::ldexp(1.0, -exponent), control)), exponent);
  });
}

double exact_sum(const View& a, Control& control) {
  if (a.size == 0) return 0;
  constexpr double cost = 1.5;
  return with_float_type(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    return reduce_array<ExactSum, T>(control, cost, a, Order::any,
                                     [](const T* x, std::size_t n, std::size_t) {
                                       ExactSum sum;
                                       sum.add(x, n);
                                       return sum;
                                     })
        .value();
  });
}

double exact_dot(const View& a, const View& b, DType loop, Control& control) {
  if (a.size == 0) return 0;
  constexpr double cost = 4;
  return with_float_type(loop, [&](auto zero) {
    using T = decltype(zero);
    using Sum = std::conditional_t<sizeof(T) == 4, ExactSum, ExactDot>;
    return reduce_arrays<Sum, T>(control, cost, a, b,
                                 [](const T* x, const T* y, std::size_t n) {
                                   Sum sum;
                                   sum.add_products(x, y, n);
                                   return sum;
                                 })
        .value();
  });
}

}  // namespace core
