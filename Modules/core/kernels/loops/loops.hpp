// The loops, for the tier that the including file has named and switched the compiler to:
//
//     #define THREADMODULE_TIER avx2
//     #define THREADMODULE_VECTOR 32  // bytes
//     #define THREADMODULE_INTEGERS avx2  // the tier of the loops over integers, if it is another
//
// Everything is in an unnamed namespace: what one tier's file compiles must never be linked into another's.
#include "core/kernels/loops/table.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Each iteration stands alone, also if out is a: a kernel may work in place.
#if defined(__clang__)
#define THREADMODULE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#pragma clang diagnostic ignored "-Wpass-failed"  // a map that has no vector instruction remains a loop
#else
#define THREADMODULE_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace core {

#include "core/kernels/exp_log.hpp"

namespace {  // NOLINT(misc-anonymous-namespace-in-header): included by sources only

// ---- Vectors

template <class T, std::size_t bytes = THREADMODULE_VECTOR>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T, std::size_t bytes = THREADMODULE_VECTOR>
using Vector = typename VectorOf<T, bytes>::type;

template <class T>
constexpr std::size_t width = THREADMODULE_VECTOR / sizeof(T);

template <class V, class T>
[[gnu::always_inline]] inline V load(const T* from) noexcept {
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

// Of a number, or of each in a vector.
template <class T>
[[gnu::always_inline]] inline auto is_nan(T x) noexcept {
  return x != x;  // NOLINT(misc-redundant-expression): a NaN is not
}

// So many doubles, whatever the width of T.
template <class T>
[[gnu::always_inline]] inline Vector<double> load_doubles(const T* from) noexcept {
  if constexpr (std::is_same_v<T, double>) {
    return load<Vector<double>>(from);
  } else {
    return __builtin_convertvector(load<Vector<T, width<double> * sizeof(T)>>(from), Vector<double>);
  }
}

constexpr struct Iota {
  double value[8] = {0, 1, 2, 3, 4, 5, 6, 7};
} iota;

// Only the first `count` < width<double> of them; the others are 0.
template <class T>
[[gnu::always_inline]] inline Vector<double> load_doubles(const T* from, std::size_t count) noexcept {
#if THREADMODULE_VECTOR == 64
  if constexpr (std::is_same_v<T, double>) {
    return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1U << count) - 1), from);
  }
#elif THREADMODULE_VECTOR == 32
  if constexpr (std::is_same_v<T, double>) {
    const auto mask = load<Vector<double>>(iota.value) < static_cast<double>(count);
    return _mm256_maskload_pd(from, reinterpret_cast<__m256i>(mask));
  }
#endif
  T some[width<double>] = {};
  for (std::size_t k = 0; k < count; ++k) some[k] = from[k];
  return load_doubles(some);
}

// ---- Sums of doubles
//
// The element i of a leaf is added up in lane i % 32, whatever the width of a vector, and in blocks of 1024, so that no
// more than 32 are added up one after the other. Then the blocks are added up, and the lanes in halves: the same
// additions in the same order on every tier. Four vectors of AVX-512 hide the latency of an addition. Two sums of one
// element's terms have half the lanes each, and blocks half as long.
//
// A leaf that is `far` is added up as two streams: the lanes 0 to 15 have its first half, 16 to 31 its second. A CPU
// that fetches in advance only to the end of a page reads them side by side: while it finds its way into the next page
// of one, the other goes on. From level 2 there is nothing to gain.
//
// Measured with the 256 MB of benchmarks/kernels.py. On a CPU with AVX2, four streams (two were not tried there) made
// reductions 1.1 to 1.25 times as fast, eight slower. On one with AVX-512, four side by side made them 0.76 to 0.99
// times as fast; so there the streams are read one after the other. Two then cost nothing; four, of one vector each,
// made one thread 0.9 times as fast.

constexpr std::size_t lanes = 32;
constexpr std::size_t steps_at_once = 32;
constexpr std::size_t streams = 2;
constexpr bool side_by_side = THREADMODULE_VECTOR < 64;

template <std::size_t vectors>
struct Lanes {
  Vector<double> sums[vectors];

  [[gnu::always_inline]] void add(const Lanes& other) noexcept {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < vectors; ++k) sums[k] += other.sums[k];
  }
};

// x + -0.0 is x, for -0.0 too.
template <std::size_t vectors>
[[gnu::always_inline]] inline Lanes<vectors> nothing() noexcept {
  Lanes<vectors> none;
#pragma GCC unroll 16
  for (auto& sum : none.sums) sum = -Vector<double>{};
  return none;
}

// The first half of the lanes plus the second, until one is left.
template <std::size_t bytes = THREADMODULE_VECTOR>
[[gnu::always_inline]] inline double sum_of_lanes(Vector<double, bytes> v) noexcept {
  if constexpr (bytes == 2 * sizeof(double)) {
    return v[0] + v[1];
  } else {
    Vector<double, bytes / 2> halves[2];
    __builtin_memcpy(halves, &v, bytes);
    return sum_of_lanes<bytes / 2>(halves[0] + halves[1]);
  }
}

// The terms of the elements of one vector: each is added up by itself.
template <std::size_t number>
struct Terms {
  Vector<double> of[number];
};

template <std::size_t number>
struct Sums {
  double of[number];
};

// Of whole steps from i to at most `end`, in blocks; the vector k of a step begins at i + place(k). One loop for near
// and far and for the last block too: the CPU foresees the addresses of an instruction, so a second loop that takes
// turns with the first made data in the level-2 cache 1.4 times as slow to add up. (Where streams are read one after
// the other there is a second one, but only for whole leaves that are far: within a call they do not take turns.)
template <std::size_t number, std::size_t vectors, class Term, class Place>
[[gnu::always_inline]] inline Lanes<number * vectors> add_up(const Term term, std::size_t i, std::size_t end,
                                                             std::size_t step, const Place place) noexcept {
  auto total = nothing<number * vectors>();
  while (i + step <= end) {
    auto block = nothing<number * vectors>();
    for (const std::size_t block_end = std::min(end, i + steps_at_once * step); i + step <= block_end; i += step) {
#pragma GCC unroll 16
      for (std::size_t k = 0; k < vectors; ++k) {
        const Terms<number> terms = term.vector(i + place(k));
#pragma GCC unroll 2
        for (std::size_t s = 0; s < number; ++s) block.sums[s * vectors + k] += terms.of[s];
      }
    }
    total.add(block);
  }
  return total;
}

// The sums over i < n of the terms of i. term.vector(i) gives those of i, i + 1, ... as vectors; term.first(i, count)
// those of the first `count` of them, and behind these whatever. Inlined, and its term a copy: else each block would
// begin with a load of the pointer, which takes 13 ns of a leaf of 4096.
template <std::size_t number, class Term>
[[gnu::always_inline]] inline Sums<number> sums_of(std::size_t n, const Term term, bool far = false) noexcept {
  constexpr std::size_t wide = width<double>;
  constexpr std::size_t vectors = lanes / wide / number;  // for each sum
  constexpr std::size_t parts = vectors / streams;
  const bool split = far && n == leaf_size;
  const std::size_t end = split ? n / streams : n;  // of a stream
  const std::size_t step = lanes / number / (split ? streams : 1);
  Lanes<number * vectors> total;
  if (split && !side_by_side) {
    for (std::size_t stream = 0; stream < streams; ++stream) {
      const std::size_t begin = stream * end;
      const auto sums = add_up<number, parts>(term, begin, begin + end, step, [](std::size_t k) { return k * wide; });
#pragma GCC unroll 2
      for (std::size_t s = 0; s < number; ++s) {
#pragma GCC unroll 4
        for (std::size_t k = 0; k < parts; ++k) total.sums[s * vectors + stream * parts + k] = sums.sums[s * parts + k];
      }
    }
  } else {
    const std::size_t apart = split ? end : parts * wide;  // near, the streams are neighbours and make one
    total = add_up<number, vectors>(term, 0, end, step,
                                    [=](std::size_t k) { return k / parts * apart + k % parts * wide; });
  }
  if (std::size_t i = n - n % step; !split && i < n) {
    auto rest = nothing<number * vectors>();
    std::size_t k = 0;
    for (; i + wide <= n; i += wide, ++k) {
      const Terms<number> terms = term.vector(i);
      for (std::size_t s = 0; s < number; ++s) rest.sums[s * vectors + k] = terms.of[s];
    }
    if (i < n) {
      const auto within = load<Vector<double>>(iota.value) < static_cast<double>(n - i);
      const Terms<number> terms = term.first(i, n - i);
      for (std::size_t s = 0; s < number; ++s) {
        rest.sums[s * vectors + k] = within ? terms.of[s] : -Vector<double>{};
      }
    }
    total.add(rest);
  }
#pragma GCC unroll 16
  for (std::size_t half = vectors / 2; half > 0; half /= 2) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < half; ++k) {
#pragma GCC unroll 2
      for (std::size_t s = 0; s < number; ++s) total.sums[s * vectors + k] += total.sums[s * vectors + k + half];
    }
  }
  Sums<number> sums;
  for (std::size_t s = 0; s < number; ++s) sums.of[s] = sum_of_lanes(total.sums[s * vectors]);
  return sums;
}

template <class Term>
[[gnu::always_inline]] inline double sum_of(std::size_t n, const Term term, bool far = false) noexcept {
  return sums_of<1>(n, term, far).of[0];
}

template <class T>
struct Elements {
  const T* a;
  Terms<1> vector(std::size_t i) const noexcept { return {load_doubles(a + i)}; }
  Terms<1> first(std::size_t i, std::size_t count) const noexcept { return {load_doubles(a + i, count)}; }
};

template <class T>
struct Products {
  const T* a;
  const T* b;
  Terms<1> vector(std::size_t i) const noexcept { return {load_doubles(a + i) * load_doubles(b + i)}; }
  Terms<1> first(std::size_t i, std::size_t count) const noexcept {
    return {load_doubles(a + i, count) * load_doubles(b + i, count)};
  }
};

template <class T>
struct Squares {
  const T* a;
  Terms<1> of(Vector<double> x) const noexcept { return {x * x}; }
  Terms<1> vector(std::size_t i) const noexcept { return of(load_doubles(a + i)); }
  Terms<1> first(std::size_t i, std::size_t count) const noexcept { return of(load_doubles(a + i, count)); }
};

template <class T>
double sum_of_squares(const T* a, std::size_t n, bool far) noexcept {
  return sum_of(n, Squares<T>{a}, far);
}

template <class T>
struct Difference {
  const T* a;
  double from;
  Terms<2> of(Vector<double> x) const noexcept { return {x - from, (x - from) * (x - from)}; }
  Terms<2> vector(std::size_t i) const noexcept { return of(load_doubles(a + i)); }
  Terms<2> first(std::size_t i, std::size_t count) const noexcept { return of(load_doubles(a + i, count)); }
};

template <class T>
Deviations deviations(const T* a, double from, std::size_t n) noexcept {
  const Sums<2> sums = sums_of<2>(n, Difference<T>{a, from});
  return {sums.of[0], sums.of[1]};
}

// ---- Sums of integers

// 64-bit terms, added up in halves, so that 2^32 of them cannot overflow: unlike an addition with carry, this
// vectorises. A signed term is taken as unsigned by adding 2^63; the sum of these is taken off at the end.
template <class T>
Int128 sum_of_64_bits(const T* a, std::size_t n) noexcept {
  constexpr std::uint64_t bias = std::is_signed_v<T> ? std::uint64_t{1} << 63 : 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t term = static_cast<std::uint64_t>(a[i]) + bias;
    low += term & 0xFFFFFFFF;
    high += term >> 32;
  }
  return static_cast<Int128>((UInt128{high} << 32) + low) - static_cast<Int128>(UInt128{bias} * n);
}

template <class T>
Sum<T> sum(const T* a, std::size_t n, [[maybe_unused]] bool far) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return sum_of(n, Elements<T>{a}, far);
  } else if constexpr (sizeof(T) == 8) {
    return sum_of_64_bits(a, n);
  } else if constexpr (sizeof(T) == 4) {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < n; ++i) total += a[i];
    return total;
  } else {
    std::int32_t total = 0;  // 2^12 terms of 16 bits
    for (std::size_t i = 0; i < n; ++i) total += a[i];
    return total;
  }
}

template <class T>
ProductSum<T> dot(const T* a, const T* b, std::size_t n, [[maybe_unused]] bool far) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return sum_of(n, Products<T>{a, b}, far);
  } else if constexpr (sizeof(T) < 4) {
    std::int64_t total = 0;  // 2^12 products of 32 bits
    for (std::size_t i = 0; i < n; ++i) total += std::int64_t{a[i]} * std::int64_t{b[i]};
    return total;
  } else {
    using Product = std::conditional_t<std::is_signed_v<T>, Int128, UInt128>;
    Wide total;
    for (std::size_t i = 0; i < n; ++i) total += Wide(Product{a[i]} * Product{b[i]});
    return total;
  }
}

// ---- The smallest, the largest, and how many

struct Less {
  template <class T>
  [[gnu::always_inline]] static auto before(T a, T b) noexcept {
    return a < b;
  }
  static constexpr bool prefers_negative_zero = true;
};

struct Greater {
  template <class T>
  [[gnu::always_inline]] static auto before(T a, T b) noexcept {
    return a > b;
  }
  static constexpr bool prefers_negative_zero = false;
};

// -0.0 == 0.0, so which of the two a vector loop finds depends on its width. IEEE 754's minimum says: -0.0.
template <class Order, class T>
T signed_zero(const T* a, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const bool is_negative = __builtin_signbit(a[i]) != 0;  // it returns any int but 0
    if (a[i] == 0 && is_negative == Order::prefers_negative_zero) return a[i];
  }
  return Order::prefers_negative_zero ? T{0} : -T{0};
}

template <class Order, class T>
T extreme(const T* a, std::size_t n, bool far) noexcept {
  T best = a[0];
  // A NaN stays in a sum: to add takes less than to ask each. inf - inf makes one too, so then each is asked.
  T sum = 0;
  std::size_t i = 0;
  if (n >= width<T>) {
    using V = Vector<T>;
    constexpr std::size_t vectors = 4;
    V bests[vectors];
    V sums[vectors];
#pragma GCC unroll 4
    for (std::size_t k = 0; k < vectors; ++k) {
      bests[k] = load<V>(a);
      sums[k] = V{};
    }
    static_assert(leaf_size / vectors % width<T> == 0);
    const bool split = side_by_side && std::is_floating_point_v<T> && far && n == leaf_size;  // 4 streams
    const std::size_t end = split ? n / vectors : n;                                          // of a stream
    const std::size_t apart = split ? end : width<T>;
    const std::size_t step = split ? width<T> : vectors * width<T>;
    for (; i + step <= end; i += step) {
#pragma GCC unroll 4
      for (std::size_t k = 0; k < vectors; ++k) {
        const V x = load<V>(a + i + k * apart);
        bests[k] = Order::before(x, bests[k]) ? x : bests[k];
        if constexpr (std::is_floating_point_v<T>) sums[k] += x;
      }
    }
    if (split) i = n;  // nothing is left
    for (; i + width<T> <= n; i += width<T>) {
      const V x = load<V>(a + i);
      bests[0] = Order::before(x, bests[0]) ? x : bests[0];
      if constexpr (std::is_floating_point_v<T>) sums[0] += x;
    }
#pragma GCC unroll 4
    for (std::size_t k = 1; k < vectors; ++k) {
      bests[0] = Order::before(bests[k], bests[0]) ? bests[k] : bests[0];
      if constexpr (std::is_floating_point_v<T>) sums[0] += sums[k];
    }
    for (std::size_t k = 0; k < width<T>; ++k) {
      if (Order::before(bests[0][k], best)) best = bests[0][k];
      if constexpr (std::is_floating_point_v<T>) sum += sums[0][k];
    }
  }
  for (; i < n; ++i) {
    if (Order::before(a[i], best)) best = a[i];
    if constexpr (std::is_floating_point_v<T>) sum += a[i];
  }
  if constexpr (std::is_floating_point_v<T>) {
    if (is_nan(sum) && std::any_of(a, a + n, [](T x) { return is_nan(x); })) return std::numeric_limits<T>::quiet_NaN();
    if (best == 0) return signed_zero<Order>(a, n);
  }
  return best;
}

template <class T>
std::size_t count_nonzero(const void* x, std::size_t n) noexcept {
  const auto* const a = static_cast<const T*>(x);
  // Counted in integers as wide as T, so that a comparison's mask can be added as it is; a byte counts to 127.
  using Count = std::conditional_t<
      sizeof(T) == 1, std::int8_t,
      std::conditional_t<sizeof(T) == 2, std::int16_t, std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>>>;
  if constexpr (side_by_side && std::is_same_v<T, double>) {
    // 256 MB 1.2 times as fast on a CPU with AVX2, and what is near no slower.
    const std::size_t half = n / 2;
    Count count = n % 2 != 0 && a[n - 1] != 0 ? 1 : 0;
    for (std::size_t i = 0; i < half; ++i) count = count + (a[i] != 0) + (a[i + half] != 0);
    return static_cast<std::size_t>(count);
  } else {
    constexpr std::size_t block = sizeof(T) == 1 ? 96 : 4096;
    std::size_t total = 0;
    for (std::size_t begin = 0; begin < n; begin += block) {
      const std::size_t end = begin + block < n ? begin + block : n;
      Count count = 0;
      for (std::size_t i = begin; i < end; ++i) count = static_cast<Count>(count + (a[i] != 0));
      total += static_cast<std::size_t>(count);
    }
    return total;
  }
}

// ---- Maps
//
// Integers are computed modulo a power of two: defined also where a result does not fit, which the check before should
// have found, unless another thread changes the input meanwhile. So signed and unsigned ones share their loops.

template <class T>
struct WrappingOf {
  using type = T;
};
template <class T>
  requires std::is_integral_v<T>
struct WrappingOf<T> {
  using type = std::make_unsigned_t<T>;
};
template <class T>
using Wrapping = typename WrappingOf<T>::type;

// No narrower than int, to which C++ would promote it: and signed overflow is undefined.
template <class T>
[[gnu::always_inline]] inline auto wrap(T x) noexcept {
  if constexpr (std::is_integral_v<T>)
    return static_cast<std::common_type_t<std::make_unsigned_t<T>, unsigned>>(x);
  else
    return x;
}

template <class T>
constexpr bool is_signed_integer = std::is_integral_v<T> && std::is_signed_v<T>;

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

// Each has apply(), and for integers overflows(), without branches, so that both vectorise.

struct Square {
  template <class T>
  static T apply(T a, T, T) noexcept {
    return static_cast<T>(wrap(a) * wrap(a));
  }
  template <class T>
  static bool overflows(T a, T, T) noexcept {
    constexpr T root = largest_root<T>();
    if constexpr (std::is_signed_v<T>) return (a > root) | (a < -root);
    return a > root;
  }
};

struct Absolute {
  template <class T>
  static T apply(T a, T, T) noexcept {
    if constexpr (std::is_same_v<T, float>) return __builtin_fabsf(a);
    if constexpr (std::is_same_v<T, double>) return __builtin_fabs(a);
    if constexpr (is_signed_integer<T>) return a < 0 ? static_cast<T>(-wrap(a)) : a;
    return a;
  }
  template <class T>
  static bool overflows(T a, T, T) noexcept {
    return std::is_signed_v<T> && a == std::numeric_limits<T>::min();
  }
};

struct Negative {
  template <class T>
  static T apply(T a, T, T) noexcept {
    return static_cast<T>(-wrap(a));
  }
  template <class T>
  static bool overflows(T a, T, T) noexcept {
    return std::is_signed_v<T> ? a == std::numeric_limits<T>::min() : a != 0;
  }
};

struct Add {
  template <class T>
  static T apply(T a, T b, T) noexcept {
    return static_cast<T>(wrap(a) + wrap(b));
  }
  template <class T>
  static bool overflows(T a, T b, T) noexcept {
    const T sum = apply(a, b, T{});
    if constexpr (std::is_signed_v<T>) return ((a ^ sum) & (b ^ sum)) < 0;  // a and b have a sign, the sum the other
    return sum < a;
  }
};

struct Subtract {
  template <class T>
  static T apply(T a, T b, T) noexcept {
    return static_cast<T>(wrap(a) - wrap(b));
  }
  template <class T>
  static bool overflows(T a, T b, T) noexcept {
    const T difference = apply(a, b, T{});
    if constexpr (std::is_signed_v<T>) return ((a ^ b) & (a ^ difference)) < 0;
    return a < b;
  }
};

struct Multiply {
  template <class T>
  static T apply(T a, T b, T) noexcept {
    return static_cast<T>(wrap(a) * wrap(b));
  }
  template <class T>
  static bool overflows(T a, T b, T) noexcept {
    if constexpr (sizeof(T) < 8) {
      using Twice = std::conditional_t<sizeof(T) < 4, std::int32_t, std::int64_t>;
      using Product = std::conditional_t<std::is_signed_v<T>, Twice, std::make_unsigned_t<Twice>>;
      const Product product = static_cast<Product>(a) * static_cast<Product>(b);
      return product != static_cast<Product>(static_cast<T>(product));
    }
    T product;
    return __builtin_mul_overflow(a, b, &product);
  }
};

struct Axpy {
  template <class T>
  static T apply(T a, T b, T c) noexcept {
    return Add::apply(Multiply::apply(a, b, T{}), c, T{});
  }
  template <class T>
  static bool overflows(T a, T b, T c) noexcept {  // of the whole: a * b may leave the range and come back
    using Exact = std::conditional_t<std::is_signed_v<T>, Int128, UInt128>;
    T result;
    return __builtin_add_overflow(Exact{a} * Exact{b}, Exact{c}, &result);
  }
};

struct Clip {
  template <class T>
  static T apply(T a, T low, T high) noexcept {  // NaN, wherever it is, wins
    const T raised = ((a < low) | is_nan(low)) ? low : a;
    return ((raised > high) | is_nan(high)) ? high : raised;
  }
};

struct Either {
  template <class T>
  static T apply(T a, T b, T) noexcept {
    return static_cast<T>(a | b);
  }
};

struct Both {
  template <class T>
  static T apply(T a, T b, T) noexcept {
    return static_cast<T>(a & b);
  }
};

struct Divide {
  template <class T>
  static T apply(T a, T b, T) noexcept {
    return a / b;
  }
};

struct Sqrt {
  template <class T>
  static T apply(T a, T, T) noexcept {
    if constexpr (std::is_same_v<T, float>) return __builtin_sqrtf(a);
    return static_cast<T>(__builtin_sqrt(a));
  }
};

template <class Operation, class T>
void map(void* y, const void* x0, const void* x1, const void* x2, std::size_t n) noexcept {
  auto* const out = static_cast<T*>(y);
  const auto* const a = static_cast<const T*>(x0);
  const auto* const b = static_cast<const T*>(x1);
  const auto* const c = static_cast<const T*>(x2);
  THREADMODULE_INDEPENDENT
  for (std::size_t i = 0; i < n; ++i) out[i] = Operation::apply(a[i], b[i], c[i]);
}

struct Exp {
  template <class... V>
  static void apply(V&... x) noexcept {
    exp_in_place(x...);
  }
};

struct Log {
  template <class... V>
  static void apply(V&... x) noexcept {
    log_in_place(x...);
  }
};

// Of functions that are written for vectors, four of them side by side.
template <class Function, class T>
void map_vectors(void* y, const void* x, const void*, const void*, std::size_t n) noexcept {
  auto* const out = static_cast<T*>(y);
  const auto* const a = static_cast<const T*>(x);
  using V = Vector<T>;
  constexpr std::size_t wide = width<T>;
  const auto store = [](T* to, V v) { __builtin_memcpy(to, &v, sizeof v); };
  constexpr std::size_t step = 4 * width<T>;
  T room[step];
  for (std::size_t i = 0; i < n; i += step) {
    const std::size_t count = std::min(step, n - i);
    // The last ones are computed as the others are, in a room of their own: the code, which is long, is there once.
    const T* from = a + i;
    T* to = out + i;
    if (count < step) {
      for (std::size_t k = 0; k < step; ++k) room[k] = k < count ? from[k] : T{1};
      from = to = room;
    }
    V x0 = load<V>(from);
    V x1 = load<V>(from + wide);
    V x2 = load<V>(from + 2 * wide);
    V x3 = load<V>(from + 3 * wide);
    Function::apply(x0, x1, x2, x3);
    store(to, x0);
    store(to + wide, x1);
    store(to + 2 * wide, x2);
    store(to + 3 * wide, x3);
    if (count < step) __builtin_memcpy(out + i, room, count * sizeof(T));
  }
}

template <class Operation, class T>
bool overflows(const void* x0, const void* x1, const void* x2, std::size_t n) noexcept {
  const auto* const a = static_cast<const T*>(x0);
  const auto* const b = static_cast<const T*>(x1);
  const auto* const c = static_cast<const T*>(x2);
  using Any = std::make_unsigned_t<T>;  // as wide as the elements, so that it vectorises
  Any any = 0;
  for (std::size_t i = 0; i < n; ++i) {
    any = static_cast<Any>(any | static_cast<Any>(Operation::overflows(a[i], b[i], c[i])));
  }
  return any != 0;
}

// ---- Series

struct PiTerms {
  double begin;  // + i is exact
  double step;
  Terms<1> vector(std::size_t i) const noexcept {
    const Vector<double> x = (load<Vector<double>>(iota.value) + (begin + static_cast<double>(i))) * step;
    return {4.0 / (1.0 + x * x)};
  }
  Terms<1> first(std::size_t i, std::size_t) const noexcept { return vector(i); }
};

double pi(double begin, double step, std::size_t n) noexcept { return sum_of(n, PiTerms{begin, step}); }

UInt128 squares(std::uint64_t begin, std::uint64_t end) noexcept {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (end <= std::uint64_t{1} << 32) {  // the squares fit in 64 bits
    for (std::uint64_t i = begin; i < end; ++i) {
      low += (i * i) & 0xFFFFFFFF;
      high += (i * i) >> 32;
    }
    return (UInt128{high} << 32) + low;
  }
  UInt128 sum = 0;
  for (std::uint64_t i = begin; i < end; ++i) sum += UInt128{i} * i;
  return sum;
}

// A leaf of roots, then their sum: this way the roots vectorise, which have no operator.
double distances(double first, std::size_t n) noexcept {
  double roots[leaf_size];
  for (std::size_t i = 0; i < n; ++i) {
    const double x = first + static_cast<double>(static_cast<std::int32_t>(i));
    roots[i] = __builtin_sqrt(x * x);
  }
  return sum<double>(roots, n, false);
}

// ---- Bins

using Bins = Vector<std::int32_t, width<double> * sizeof(std::int32_t)>;

struct EqualBins {
  double low;
  double high;
  double per_bin;
  double doubt;

  [[gnu::always_inline]] Bins of(Vector<double> x) const noexcept {
    const Vector<double> position = (x - low) * per_bin;
    const Bins bin = __builtin_convertvector(position, Bins);  // of what is outside, something that does not count
    const Vector<double> rest = position - __builtin_convertvector(bin, Vector<double>);
    const auto certain = (x >= low) & (x < high) & (rest > doubt) & (rest < 1 - doubt);
    const Bins mask = __builtin_convertvector(certain, Bins);
    return (bin & mask) | ~mask;
  }
};

void find_bins(const double* x, std::size_t n, double low, double high, double per_bin, double doubt,
               std::int32_t* bins) noexcept {
  const EqualBins equal{low, high, per_bin, doubt};
  constexpr std::size_t wide = width<double>;
  std::size_t i = 0;
  for (; i + wide <= n; i += wide) {
    const Bins found = equal.of(load<Vector<double>>(x + i));
    __builtin_memcpy(bins + i, &found, sizeof found);
  }
  if (i == n) return;
  Vector<double> last{};
  __builtin_memcpy(&last, x + i, (n - i) * sizeof(double));
  const Bins found = equal.of(last);
  __builtin_memcpy(bins + i, &found, (n - i) * sizeof(std::int32_t));
}

// ---- Past the caches

void stream(void* to, const void* from, std::size_t bytes) noexcept {
#if defined(__x86_64__)
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
  constexpr std::size_t wide = THREADMODULE_VECTOR;
  const std::size_t misaligned = -reinterpret_cast<std::uintptr_t>(out) % wide;
  const std::size_t head = misaligned < bytes ? misaligned : bytes;
  __builtin_memcpy(out, in, head);
  std::size_t i = head;
  for (; i + wide <= bytes; i += wide) {
#if THREADMODULE_VECTOR == 64
    _mm512_stream_si512(reinterpret_cast<__m512i*>(out + i), _mm512_loadu_si512(in + i));
#elif THREADMODULE_VECTOR == 32
    _mm256_stream_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i)));
#else
    _mm_stream_si128(reinterpret_cast<__m128i*>(out + i), _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
#endif
  }
  __builtin_memcpy(out + i, in + i, bytes - i);
#else
  __builtin_memcpy(to, from, bytes);
#endif
}

void finish_stream() noexcept {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// ---- The tables

template <class T>
constexpr Loops<T> loops_of() noexcept {
  Loops<T> loops{};
  const auto map_is = [&](Map operation, MapLoop loop) { loops.maps.map[static_cast<std::size_t>(operation)] = loop; };
  using U = Wrapping<T>;
  map_is(Map::square, map<Square, U>);
  map_is(Map::absolute, map<Absolute, T>);
  map_is(Map::negative, map<Negative, U>);
  map_is(Map::add, map<Add, U>);
  map_is(Map::subtract, map<Subtract, U>);
  map_is(Map::multiply, map<Multiply, U>);
  map_is(Map::axpy, map<Axpy, U>);
  map_is(Map::clip, map<Clip, T>);
  if constexpr (std::is_floating_point_v<T>) {
    map_is(Map::divide, map<Divide, T>);
    map_is(Map::sqrt, map<Sqrt, T>);
    map_is(Map::exp, map_vectors<Exp, T>);
    map_is(Map::log, map_vectors<Log, T>);
  } else {
    const auto overflow_is = [&](Map operation, OverflowLoop loop) {
      loops.maps.overflows[static_cast<std::size_t>(operation)] = loop;
    };
    overflow_is(Map::square, overflows<Square, T>);
    overflow_is(Map::negative, overflows<Negative, T>);
    overflow_is(Map::add, overflows<Add, T>);
    overflow_is(Map::subtract, overflows<Subtract, T>);
    overflow_is(Map::multiply, overflows<Multiply, T>);
    overflow_is(Map::axpy, overflows<Axpy, T>);
    if (std::is_signed_v<T>) overflow_is(Map::absolute, overflows<Absolute, T>);
  }
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    map_is(Map::either, map<Either, T>);
    map_is(Map::both, map<Both, T>);
  }
  loops.sum = sum<T>;
  loops.dot = dot<T>;
  loops.min = extreme<Less, T>;
  loops.max = extreme<Greater, T>;
  loops.count_nonzero = count_nonzero<U>;
  return loops;
}

template <class T>
constexpr SquaresLoops<T> squares_loops_of() noexcept {
  return {sum_of_squares<T>, deviations<T>};
}

}  // namespace

#define THREADMODULE_JOINED(a, b) a##b
#define THREADMODULE_TABLES(tier) THREADMODULE_JOINED(tier, _tables)
#define THREADMODULE_INTEGERS_OF(tier) THREADMODULE_JOINED(tier, _integers)

// NOLINTBEGIN(misc-definitions-in-headers): included by sources only
#ifndef THREADMODULE_INTEGERS
#define THREADMODULE_INTEGERS THREADMODULE_TIER
extern const IntegerLoops THREADMODULE_INTEGERS_OF(THREADMODULE_TIER);
constinit const IntegerLoops THREADMODULE_INTEGERS_OF(THREADMODULE_TIER) = {
    loops_of<std::int8_t>(),  loops_of<std::int16_t>(),  loops_of<std::int32_t>(),  loops_of<std::int64_t>(),
    loops_of<std::uint8_t>(), loops_of<std::uint16_t>(), loops_of<std::uint32_t>(), loops_of<std::uint64_t>(),
};
#endif

constinit const Tables THREADMODULE_TABLES(THREADMODULE_TIER) = {
    &THREADMODULE_INTEGERS_OF(THREADMODULE_INTEGERS),
    {loops_of<float>(), loops_of<double>()},
    {squares_loops_of<float>(), squares_loops_of<double>()},
    {pi, distances, squares, 6.4 / THREADMODULE_VECTOR},
    find_bins,
    stream,
    finish_stream,
};
// NOLINTEND(misc-definitions-in-headers)

}  // namespace core
