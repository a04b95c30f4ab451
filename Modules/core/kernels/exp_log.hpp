// exp and log of each lane of a vector of doubles or floats that fills a register:
//
//   typedef double V __attribute__((vector_size(16)));  // 32 on AVX2, 64 on AVX-512: wider than a register is slow
//   y = exp_of(x);
//   exp_in_place(a, b, c, d);  // side by side: a quarter less time, so loops should take four vectors at once
//
// There is no include guard. A file includes this once for each instruction set, under that target and in a namespace
// of its own: else the linker would keep one copy of each function for all of them.
//
// The results have the same bits on each of them: every operation is rounded by itself, there is no fused multiply-add
// (-ffp-contract=off). The error is below 0.9 units in the last place, for subnormal arguments and results too.

template <class V>
using Lane = decltype(+V{}[0]);

template <class T>
struct Constants;

template <class T, int size>
struct Register {
  typedef T Type __attribute__((vector_size(size)));
};

// The lanes as integers.
template <class V>
using Bits = typename Register<typename Constants<Lane<V>>::Word, sizeof(V)>::Type;

template <>
struct Constants<double> {
  using Word = unsigned long long;
  static constexpr int mantissa = 52;                                            // bits
  static constexpr double least = 0x1p-1022, greatest = 0x1.fffffffffffffp1023;  // normal
  static constexpr Word one = 0x3FF0000000000000, least_m = 0x3FE6000000000000, magnitude = 0x7FFFFFFFFFFFFFFF;

  // ln 2 in two parts: the first has 42 bits, and its product with an exponent no rounding error.
  // NOLINTNEXTLINE(modernize-use-std-numbers): <numbers> has no such parts
  static constexpr double log2_e = 0x1.71547652b82fep0, ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;

  // (e^r - 1 - r) / r^2 for |r| < 0.3469: degree 9, the error of e^r is below 2^-57.3 of it.
  static constexpr double exp_terms[] = {0x1p-1,
                                         0x1.5555555555501p-3,
                                         0x1.55555555531cap-5,
                                         0x1.1111111128960p-7,
                                         0x1.6c16c17cd8e44p-10,
                                         0x1.a01a011bfe69dp-13,
                                         0x1.a019aae1d8998p-16,
                                         0x1.71df5513033eep-19,
                                         0x1.289fdc6e73779p-22,
                                         0x1.ad214f2cd0359p-26};
  static constexpr double exp_limit = 708, exp_overflow = 710, exp_underflow = -746, shift = 200;
  static constexpr double up = 0x1p200, down = 0x1p-200;

  // (2 artanh(s) - 2s) / s^3 as a polynomial in s^2 for |s| < 0.1852: degree 6, the error of 2 artanh(s) is below
  // 2^-57.4 of it.
  static constexpr double log_terms[] = {0x1.555555555560bp-1, 0x1.9999999957fe5p-2, 0x1.24924964c6b83p-2,
                                         0x1.c71c364564409p-3, 0x1.746bce2040850p-3, 0x1.39163e0009e8bp-3,
                                         0x1.34586f3178d78p-3};
};

template <>
struct Constants<float> {
  using Word = unsigned;
  static constexpr int mantissa = 23;
  static constexpr float least = 0x1p-126F, greatest = 0x1.fffffep127F;
  static constexpr Word one = 0x3F800000, least_m = 0x3F300000, magnitude = 0x7FFFFFFF;

  // NOLINTNEXTLINE(modernize-use-std-numbers)
  static constexpr float log2_e = 0x1.715476p0F, ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;

  // Degree 4; 2^-28.0.
  static constexpr float exp_terms[] = {0x1p-1F, 0x1.5554a2p-3F, 0x1.555682p-5F, 0x1.123074p-7F, 0x1.6b7644p-10F};
  static constexpr float exp_limit = 87, exp_overflow = 89, exp_underflow = -105, shift = 64;
  static constexpr float up = 0x1p64F, down = 0x1p-64F;

  // Degree 2; 2^-29.2.
  static constexpr float log_terms[] = {0x1.555590p-1F, 0x1.994910p-2F, 0x1.342c80p-2F};
};

// Whether any lane of a comparison's result is true.
template <class B>
[[gnu::always_inline]] inline bool any(B x) {
  const auto y = reinterpret_cast<typename Register<long long, sizeof(B)>::Type>(x);
  if constexpr (sizeof(B) == 16) return (y[0] | y[1]) != 0;
  if constexpr (sizeof(B) == 32) return any(__builtin_shufflevector(y, y, 0, 1) | __builtin_shufflevector(y, y, 2, 3));
  if constexpr (sizeof(B) == 64) {
    return any(__builtin_shufflevector(y, y, 0, 1, 2, 3) | __builtin_shufflevector(y, y, 4, 5, 6, 7));
  }
}

// terms[0] + terms[1] x + ..., halved again and again: a short chain of operations. powers are x, x^2, x^4, x^8.
template <int count, class V>
[[gnu::always_inline]] inline V polynomial(const Lane<V>* terms, const V* powers) {
  if constexpr (count == 1) {
    return V{} + terms[0];
  } else {
    constexpr int level = count > 8 ? 3 : count > 4 ? 2 : count > 2 ? 1 : 0;
    constexpr int half = 1 << level;
    return polynomial<half>(terms, powers) + powers[level] * polynomial<count - half>(terms + half, powers);
  }
}

template <class V, int count>
[[gnu::always_inline]] inline V polynomial(const Lane<V> (&terms)[count], V x) {
  const V x2 = x * x;
  const V x4 = x2 * x2;
  const V powers[] = {x, x2, x4, x4 * x4};
  return polynomial<count>(terms, powers);
}

// Adding 1.5 * 2^52 rounds to an integer, and leaves it in the low bits: a conversion that every instruction set has.
template <class V>
constexpr auto shifter = Lane<V>(3LL << (Constants<Lane<V>>::mantissa - 1));

// e^x = 2^k e^r with x = k ln 2 + r and |r| <= ln 2 / 2.
template <class V>
struct Power {
  V k, high, low, r;  // r = high - low, where high has no rounding error
};

template <class V>
[[gnu::always_inline]] inline Power<V> power_of_e(V x) {
  using C = Constants<Lane<V>>;
  const V k = (x * C::log2_e + shifter<V>)-shifter<V>;
  const V high = x - k * C::ln2_high;
  const V low = k * C::ln2_low;
  return {k, high, low, high - low};
}

// e^r = 1 + high + (r^2 p(r) - low). The terms in brackets are small, and so are their rounding errors; that of 1 +
// high is known, and added to them.
template <class V>
[[gnu::always_inline]] inline V exp_of_rest(const Power<V>& x) {
  const V value = 1 + x.high;
  return value + ((x.high - (value - 1)) + (x.r * x.r * polynomial<V>(Constants<Lane<V>>::exp_terms, x.r) - x.low));
}

// x * 2^k by an addition to the exponent: x and the result are normal.
template <class V>
[[gnu::always_inline]] inline V scaled(V x, V k) {
  using B = Bits<V>;
  return reinterpret_cast<V>(reinterpret_cast<B>(x) +
                             (reinterpret_cast<B>(k + shifter<V>) << Constants<Lane<V>>::mantissa));
}

// Any x: subnormal and infinite results, NaN. Beyond the limits the result does not change any more.
template <class V>
[[gnu::always_inline]] inline V exp_of_any(V x) {
  using C = Constants<Lane<V>>;
  V near = x < C::exp_underflow ? V{} + C::exp_underflow : x;
  near = near > C::exp_overflow ? V{} + C::exp_overflow : near;
  const Power<V> power = power_of_e(near);
  const auto negative = x < 0;
  // In two steps: the first stays among the normal numbers.
  const V y = scaled(exp_of_rest(power), negative ? power.k + C::shift : power.k - C::shift) *
              (negative ? V{} + C::down : V{} + C::up);
  const auto number = negative | (x >= 0);
  return number ? y : x + x;
}

template <class V>
[[gnu::always_inline]] inline auto exp_is_normal(V x) {
  using C = Constants<Lane<V>>;
  return reinterpret_cast<V>(reinterpret_cast<Bits<V>>(x) & C::magnitude) <= C::exp_limit;
}

// log x = k ln 2 + log(1 + f) with 11/16 <= 1 + f < 11/8, and s = f / (2 + f).
template <class V>
struct Logarithm {
  V k, f, s;  // f has no rounding error
};

template <class V>
[[gnu::always_inline]] inline Logarithm<V> reduced_log(V x) {
  using C = Constants<Lane<V>>;
  using B = Bits<V>;
  constexpr auto below_one = Lane<V>(1LL << C::mantissa);  // its low bits hold an integer
  constexpr auto fraction = (typename C::Word{1} << C::mantissa) - 1;
  const B bits = reinterpret_cast<B>(x) + (C::one - C::least_m);
  const V m = reinterpret_cast<V>((bits & fraction) + C::least_m);
  const V biased = reinterpret_cast<V>((bits >> C::mantissa) | reinterpret_cast<B>(V{} + below_one));
  const V f = m - 1;
  return {biased - (below_one + Lane<V>(C::one >> C::mantissa)), f, f / (2 + f)};
}

// log(1 + f) = 2 artanh(s) = f - f^2/2 + s (f^2/2 + s^2 p(s^2)). What is added to k ln2_high + f is small.
template <class V>
[[gnu::always_inline]] inline V log_of_reduced(const Logarithm<V>& x) {
  using C = Constants<Lane<V>>;
  const V s2 = x.s * x.s;
  const V half_square = x.f * Lane<V>(0.5) * x.f;
  const V rest = (x.s * (half_square + s2 * polynomial<V>(C::log_terms, s2)) + x.k * C::ln2_low) - half_square;
  const V high = x.k * C::ln2_high;
  const V sum = high + x.f;
  return sum + ((x.f - (sum - high)) + rest);
}

// Any x: zero, subnormal, negative, infinite, NaN.
template <class V>
[[gnu::always_inline]] inline V log_of_any(V x) {
  using C = Constants<Lane<V>>;
  const auto tiny = x < C::least;
  Logarithm<V> log = reduced_log(tiny ? x * C::up : x);
  log.k = tiny ? log.k - C::shift : log.k;
  V y = log_of_reduced(log);
  y = x > C::greatest ? x : y;
  y = x == 0 ? V{} - Lane<V>(__builtin_inf()) : y;
  y = x < 0 ? V{} + Lane<V>(__builtin_nan("")) : y;
  const auto number = (x < 0) | (x >= 0);
  return number ? y : x + x;
}

template <class V>
[[gnu::always_inline]] inline auto log_is_normal(V x) {
  using C = Constants<Lane<V>>;
  return (x >= C::least) & (x <= C::greatest);
}

// x = e^x for one or more vectors. All are reduced before the first is finished: the processor looks ahead, but not as
// far as the next vector.
template <class... V>
[[gnu::always_inline]] inline void exp_in_place(V&... x) {
  if (any(~(exp_is_normal(x) & ...))) [[unlikely]] {
    ((x = exp_of_any(x)), ...);
  } else {
    [&](auto... power) { ((x = scaled(exp_of_rest(power), power.k)), ...); }(power_of_e(x)...);
  }
}

template <class... V>
[[gnu::always_inline]] inline void log_in_place(V&... x) {
  if (any(~(log_is_normal(x) & ...))) [[unlikely]] {
    ((x = log_of_any(x)), ...);
  } else {
    [&](auto... log) { ((x = log_of_reduced(log)), ...); }(reduced_log(x)...);
  }
}

template <class V>
[[gnu::always_inline]] inline V exp_of(V x) {
  exp_in_place(x);
  return x;
}

template <class V>
[[gnu::always_inline]] inline V log_of(V x) {
  log_in_place(x);
  return x;
}
