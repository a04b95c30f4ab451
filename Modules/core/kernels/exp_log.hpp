// exp and log of the lanes of a vector, for `typedef double V __attribute__((vector_size(n)))` and float likewise,
// where n is the size of a register.
//
// There is no include guard: a file includes this once for each instruction set, under that `target` and in a namespace
// of its own, without which the linker would keep one copy of each function for all of them. The bits are the same for
// each of them: there are only additions, multiplications and divisions, rounded one by one (-ffp-contract=off).
//
// The error is below 0.8 units in the last place, subnormal results (below 0.9) included.
namespace {

template <class V>
using Lane = decltype(+V{}[0]);
template <class V>
using Bits = decltype(V{} < V{});  // integers as wide as the lanes: 0 or -1 from a comparison

template <class T>
struct Constants;

template <>
struct Constants<double> {
  static constexpr int mantissa = 52;                                            // bits
  static constexpr double least = 0x1p-1022, greatest = 0x1.fffffffffffffp1023;  // normal
  static constexpr long long one = 0x3FF0000000000000, least_m = 0x3FE6000000000000;

  // ln 2 in two parts: the first has 42 bits, and its product with an exponent no rounding error.
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
  static constexpr double exp_limit = 708, exp_overflow = 710, exp_underflow = -746, exp_shift = 200;
  static constexpr double up = 0x1p200, down = 0x1p-200;

  // (2 artanh(s) - 2s) / s^3 as a polynomial in s^2 for |s| < 0.1852: degree 6, the error of 2 artanh(s) is below
  // 2^-57.4 of it.
  static constexpr double log_terms[] = {0x1.555555555560bp-1, 0x1.9999999957fe5p-2, 0x1.24924964c6b83p-2,
                                         0x1.c71c364564409p-3, 0x1.746bce2040850p-3, 0x1.39163e0009e8bp-3,
                                         0x1.34586f3178d78p-3};
};

template <>
struct Constants<float> {
  static constexpr int mantissa = 23;
  static constexpr float least = 0x1p-126F, greatest = 0x1.fffffep127F;
  static constexpr int one = 0x3F800000, least_m = 0x3F300000;

  static constexpr float log2_e = 0x1.715476p0F, ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;

  // Degree 4; 2^-28.0.
  static constexpr float exp_terms[] = {0x1p-1F, 0x1.5554a2p-3F, 0x1.555682p-5F, 0x1.123074p-7F, 0x1.6b7644p-10F};
  static constexpr float exp_limit = 87, exp_overflow = 89, exp_underflow = -105, exp_shift = 64;
  static constexpr float up = 0x1p64F, down = 0x1p-64F;

  // Degree 2; 2^-29.2.
  static constexpr float log_terms[] = {0x1.555590p-1F, 0x1.994910p-2F, 0x1.342c80p-2F};
};

typedef long long Bits16 __attribute__((vector_size(16)));
typedef long long Bits32 __attribute__((vector_size(32)));
typedef long long Bits64 __attribute__((vector_size(64)));

[[gnu::always_inline]] inline bool any(Bits16 x) { return (x[0] | x[1]) != 0; }
[[gnu::always_inline]] inline bool any(Bits32 x) {
  return any(__builtin_shufflevector(x, x, 0, 1) | __builtin_shufflevector(x, x, 2, 3));
}
[[gnu::always_inline]] inline bool any(Bits64 x) {
  return any(__builtin_shufflevector(x, x, 0, 1, 2, 3) | __builtin_shufflevector(x, x, 4, 5, 6, 7));
}

// Whether a lane of a comparison's result is true.
template <class B>
[[gnu::always_inline]] inline bool any_lane(B x) {
  if constexpr (sizeof(B) == 16) return any(reinterpret_cast<Bits16>(x));
  if constexpr (sizeof(B) == 32) return any(reinterpret_cast<Bits32>(x));
  if constexpr (sizeof(B) == 64) return any(reinterpret_cast<Bits64>(x));
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

// e^x = 2^k (value + rest), where value is in [0.7, 1.5].
template <class V>
struct Power {
  V k, value, rest;
};

// Adding 1.5 * 2^52 rounds to an integer, and leaves it in the low bits: a conversion that every instruction set has.
template <class V>
constexpr auto shifter = Lane<V>(3LL << (Constants<Lane<V>>::mantissa - 1));

// e^x = 2^k e^r with x = k ln 2 + r and |r| <= ln 2 / 2. x - k ln2_high has no rounding error, so that in the sum
// 1 + r + r^2 p(r) only the small terms have one.
template <class V>
[[gnu::always_inline]] inline Power<V> power_of_e(V x) {
  using C = Constants<Lane<V>>;
  const V k = (x * C::log2_e + shifter<V>)-shifter<V>;
  const V high = x - k * C::ln2_high;
  const V low = k * C::ln2_low;
  const V r = high - low;
  const V value = 1 + high;
  return {k, value, (high - (value - 1)) + (r * r * polynomial<V>(C::exp_terms, r) - low)};
}

// x * 2^k by an addition to the exponent: x and the result are normal.
template <class V>
[[gnu::always_inline]] inline V scaled(V x, V k) {
  using B = Bits<V>;
  return reinterpret_cast<V>(reinterpret_cast<B>(x) +
                             (reinterpret_cast<B>(k + shifter<V>) << Constants<Lane<V>>::mantissa));
}

template <class V>
[[gnu::always_inline]] inline V exp_of(V x) {
  using C = Constants<Lane<V>>;
  const Bits<V> normal = (x >= -C::exp_limit) & (x <= C::exp_limit);
  if (!any_lane(~normal)) [[likely]] {
    const Power<V> power = power_of_e(x);
    return scaled(power.value + power.rest, power.k);
  }
  const V splat{};
  V near = x < C::exp_underflow ? splat + C::exp_underflow : x;
  near = x > C::exp_overflow ? splat + C::exp_overflow : near;
  const Power<V> power = power_of_e(near);
  // In two steps: the first stays among the normal numbers.
  const V y = scaled(power.value + power.rest, x < 0 ? power.k + C::exp_shift : power.k - C::exp_shift) *
              (x < 0 ? splat + C::down : splat + C::up);
  return x == x ? y : x + x;
}

// log x = k ln 2 + log m with x = 2^k m and 11/16 <= m < 11/8. With f = m - 1 and s = f / (2 + f),
//   log(1 + f) = 2 artanh(s) = f - f^2/2 + s (f^2/2 + s^2 p(s^2)),
// where f has no rounding error and what is added to it is small.
template <class V>
[[gnu::always_inline]] inline V log_of_normal(V x, V offset) {
  using C = Constants<Lane<V>>;
  using B = Bits<V>;
  constexpr auto below_one = Lane<V>(1LL << C::mantissa);  // its low bits hold an integer
  constexpr auto fraction = (decltype(C::one){1} << C::mantissa) - 1;
  const B bits = reinterpret_cast<B>(x) + (C::one - C::least_m);
  const V m = reinterpret_cast<V>((bits & fraction) + C::least_m);
  const V biased = reinterpret_cast<V>((bits >> C::mantissa) | reinterpret_cast<B>(V{} + below_one));
  const V k = biased - (below_one + (C::one >> C::mantissa)) + offset;
  const V f = m - 1;
  const V s = f / (2 + f);
  const V s2 = s * s;
  const V half_square = f * Lane<V>(0.5) * f;
  const V rest = (s * (half_square + s2 * polynomial<V>(C::log_terms, s2)) + k * C::ln2_low) - half_square;
  const V high = k * C::ln2_high;
  const V sum = high + f;
  return sum + ((f - (sum - high)) + rest);
}

template <class V>
[[gnu::always_inline]] inline V log_of(V x) {
  using C = Constants<Lane<V>>;
  const Bits<V> normal = (x >= C::least) & (x <= C::greatest);
  if (!any_lane(~normal)) [[likely]]
    return log_of_normal(x, V{});
  const V splat{};
  const Bits<V> tiny = x < C::least;
  V y = log_of_normal(tiny ? x * C::up : x, tiny ? splat - C::exp_shift : splat);
  y = x > C::greatest ? x : y;
  y = x == 0 ? splat - Lane<V>(__builtin_inf()) : y;
  y = x < 0 ? splat + Lane<V>(__builtin_nan("")) : y;
  return x == x ? y : x + x;
}

}  // namespace
