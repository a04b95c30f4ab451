// The built-in kernels, without Python: each runs on at most control.threads threads, and throws core::Stopped when it
// is stopped. A view may have any shape, strides, byte order and type unless something else is said.
//
// Results are the same, to the bit, on any number of threads and every tier. Integer results are exact.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "core/array.hpp"
#include "core/kernels/loops/table.hpp"
#include "core/number.hpp"
#include "core/parallel.hpp"

namespace core {

// ---- Reductions: many elements, one number

// Exact for integers, pairwise in double precision for floats. 0 for no elements.
Number sum(const View& a, Control& control);
// The exact sum of floats, rounded once.
double exact_sum(const View& a, Control& control);

// The sum of a[i] * b[i], likewise; both are of one size, and their elements are taken as `loop`.
Number dot(const View& a, const View& b, DType loop, Control& control);
double exact_dot(const View& a, const View& b, DType loop, Control& control);

// NaN if there is one; of -0.0 and 0.0 the least is -0.0. The array is not empty.
Number minimum(const View& a, Control& control);
Number maximum(const View& a, Control& control);

// Where the first of them is in row-major order.
std::size_t argmin(const View& a, Control& control);
std::size_t argmax(const View& a, Control& control);

std::size_t count_nonzero(const View& a, Control& control);

// The sum of the squares of the differences from the mean, divided by the number of elements less `ddof`, or by 0 if
// that is less; NaN for no elements.
double var(const View& a, double ddof, Control& control);

// The root of the sum of the squares; of numbers whose squares are too large or too small for a double too.
double norm(const View& a, Control& control);

// ---- Maps: element by element

// out[i] = operation(in[0][i], ...), computed in `loop`, to whose type the inputs are converted; out is of that type
// too, or of f2 for f4 and b1 for u1. The inputs fit the shape of out by broadcasting; one may be out itself, and no
// other overlaps it. Throws MapOverflow, before anything is written, if an integer result does not fit.
void map(Map operation, DType loop, const View& out, std::span<const View> in, Control& control);

struct MapOverflow : std::exception {
  using Values = std::array<std::string, 3>;
  MapOverflow(std::size_t i, Values v) : index(i), values(std::move(v)) {}

  std::size_t index;  // of the first such element, in row-major order
  Values values;      // of the inputs
};

// ---- Scans and scatters

// out[i] = a[0] + ... + a[i] in row-major order. Floats are added up in double precision, out is of their type;
// integers go to i8 or u8. Throws std::overflow_error, before anything is written, if a sum does not fit.
void cumsum(const View& a, const View& out, Control& control);

// counts[v] becomes how often the value v is in x: integers. One that is negative or as large as the table, because
// another thread has put it there meanwhile, does not count.
void bincount(const View& x, std::span<std::int64_t> counts, Control& control);

// counts[i] becomes how many elements are in [edges[i], edges[i+1]); the last bin includes its upper edge. There is one
// edge more than bins, they do not decrease; `uniform`: up to rounding they are equally far apart, first < last.
void histogram(const View& a, std::span<const double> edges, bool uniform, std::span<std::int64_t> counts,
               Control& control);

// ---- Series: the terms are computed

// 0*0 + 1*1 + ... + (n-1)*(n-1), added up term by term.
Wide sum_of_squares(std::uint64_t n, Control& control);

// The integral of 4 / (1 + x*x) from 0 to 1 by the midpoint rule with n > 0 intervals.
double pi(std::uint64_t n, Control& control);

// The sum of sqrt((p - 10^6)^2) for p = start + 1 ... num; 0 if there is no such p.
double do_math(std::int64_t start, std::int64_t num, Control& control);

// Estimates: what one element or term costs one thread, in nanoseconds.
double cost_of(Map operation, DType loop) noexcept;
double cost_of_reading(const View& a) noexcept;
double cost_of_series() noexcept;
inline constexpr double cost_of_cumsum = 1;

}  // namespace core
