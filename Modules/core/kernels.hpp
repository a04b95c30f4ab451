// The built-in kernels, without Python: each runs on control.threads threads and throws core::Stopped when stopped.
//
// Floating-point results have the same bits on any number of threads. Integer results are exact.
#pragma once

#include <cstdint>

#include "core/array.hpp"
#include "core/number.hpp"
#include "core/parallel.hpp"

namespace core {

// The elements that one thread claims at a time: 8 to 50 microseconds of work for each of these kernels.
inline constexpr std::size_t chunk_size = std::size_t{32} * 1024;
inline constexpr double element_cost = 0.5;  // nanoseconds, roughly

// The sum of the elements: exact for integers, in double precision for float32. 0 for no elements.
Number sum(ConstArray a, Control& control);

// The sum of a[i] * b[i], likewise. Both arrays have the same size and type.
Number dot(ConstArray a, ConstArray b, Control& control);

// out[i] = x[i] * x[i]; out may be x itself. Throws std::overflow_error before writing anything if the square of an
// integer does not fit its type. When stopped, some elements are squared and the others untouched.
void square(ConstArray x, Array out, Control& control);

// 0*0 + 1*1 + ... + (n-1)*(n-1), added up term by term.
Wide sum_of_squares(std::uint64_t n, Control& control);

// The integral of 4 / (1 + x*x) from 0 to 1 by the midpoint rule with n > 0 intervals.
double pi(std::uint64_t n, Control& control);

// The sum of sqrt((p - 10^6)^2) for p = start + 1 ... num; 0 if there is no such p.
double do_math(std::int64_t start, std::int64_t num, Control& control);

}  // namespace core
