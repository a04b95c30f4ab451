// The loops of the kernels over contiguous elements, one table of them for each instruction set.
//
// loops.hpp is compiled once per tier, each time in a namespace of its own, so that no instruction of a better tier
// leaks into code that every CPU runs. To add a map: a name in Map, a struct in loops.hpp, a line in its table, what it
// costs in map.cpp; and the binding's share, see CONTRIBUTING.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>

#include "core/number.hpp"

namespace core {

// A leaf is what one call of a reduction's loop works on: with 8 bytes each, two thirds of a level-1 cache.
inline constexpr std::size_t leaf_size = 4096;

// Element by element: out[i] = f(a[i], b[i], c[i]), as many of them as the operation has.
enum class Map : unsigned char {
  square,
  absolute,
  negative,
  add,
  subtract,
  multiply,
  axpy,  // a * b + c, rounded twice: a fused one would give other bits on other machines
  clip,  // a, not below b, not above c
  either,
  both,
  divide,
  sqrt,
  exp,
  log,
};
inline constexpr std::size_t maps = static_cast<std::size_t>(Map::log) + 1;

constexpr bool is_for_floats(Map map) noexcept { return map >= Map::divide; }

// The elements of a map's loops have no type here: so the code around them is compiled once, and not for each type.
using MapLoop = void (*)(void* out, const void* a, const void* b, const void* c, std::size_t n);

// Would an integer result not fit its type?
using OverflowLoop = bool (*)(const void* a, const void* b, const void* c, std::size_t n);

struct MapLoops {
  MapLoop map[maps];
  OverflowLoop overflows[maps];  // null for a map that cannot overflow, or of floats
};

// A sum of n <= leaf_size terms: of floats in double precision, of integers exact.
template <class T>
using Sum =
    std::conditional_t<std::is_floating_point_v<T>, double, std::conditional_t<sizeof(T) < 8, std::int64_t, Int128>>;
template <class T>
using ProductSum =
    std::conditional_t<std::is_floating_point_v<T>, double, std::conditional_t<sizeof(T) < 4, std::int64_t, Wide>>;

// n > 0 elements, n <= leaf_size. `far`: they come from memory or the level-3 cache, as those of large arrays do; it
// decides the order of additions.
template <class T>
struct Loops {
  MapLoops maps;
  Sum<T> (*sum)(const T* a, std::size_t n, bool far);
  ProductSum<T> (*dot)(const T* a, const T* b, std::size_t n, bool far);
  T (*min)(const T* a, std::size_t n, bool far);  // NaN, if there is one
  T (*max)(const T* a, std::size_t n, bool far);
  std::size_t (*count_nonzero)(const void* a, std::size_t n);
};

// The sums of d[i] = a[i] - from, and of d[i]^2.
struct Deviations {
  double sum;
  double squares;
};

template <class T>
struct SquaresLoops {
  double (*sum)(const T* a, std::size_t n, bool far);  // of a[i]^2
  Deviations (*deviations)(const T* a, double from, std::size_t n);
};

// Terms that are computed, not read: term(first), term(first + 1), ...
struct SeriesLoops {
  double (*pi)(double first, double step, std::size_t n);
  double (*distances)(double first, std::size_t n);  // sqrt(x * x) for x = first, first + 1, ...
  UInt128 (*squares)(std::uint64_t begin, std::uint64_t end);
  double cost;  // of a term, roughly, in nanoseconds: pi took 0.12 with AVX-512, 0.24 with AVX2, 0.49 with SSE2
};

using IntegerLoops = std::tuple<Loops<std::int8_t>, Loops<std::int16_t>, Loops<std::int32_t>, Loops<std::int64_t>,
                                Loops<std::uint8_t>, Loops<std::uint16_t>, Loops<std::uint32_t>, Loops<std::uint64_t>>;

struct Tables {
  const IntegerLoops* of_integers;  // maybe of another tier
  std::tuple<Loops<float>, Loops<double>> of_floats;
  std::tuple<SquaresLoops<float>, SquaresLoops<double>> of_squares;
  SeriesLoops series;
  // Into which of the bins of equal width each x falls; -1 if that is not certain, or into none.
  void (*find_bins)(const double* x, std::size_t n, double low, double high, double per_bin, double doubt,
                    std::int32_t* bins);
  // Copies past the caches: for outputs so large that they would throw out what is still of use. Such stores are not in
  // the order that a release promises: after the last of them comes finish_stream(), which waits for memory.
  void (*stream)(void* to, const void* from, std::size_t bytes);
  void (*finish_stream)();
};

extern const Tables baseline_tables;
#if defined(__x86_64__)
extern const IntegerLoops avx2_integers;
extern const Tables avx2_tables;
extern const Tables avx512_tables;
#endif

// The tables of best_tier(), chosen once.
const Tables& tables() noexcept;

template <class T>
const Loops<T>& loops() noexcept {
  if constexpr (std::is_floating_point_v<T>)
    return std::get<Loops<T>>(tables().of_floats);
  else
    return std::get<Loops<T>>(*tables().of_integers);
}

}  // namespace core
