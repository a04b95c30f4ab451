// The kernels that need no array, only arithmetic: the loops of the tutorials on threads.
#include <algorithm>
#include <cmath>

#include "core/kernels/reduction.hpp"

namespace core {

Wide sum_of_squares(std::uint64_t n, Control& control) {
  if (n == 0) return {};
  return reduce<Wide>(control, 0, n, [](std::size_t begin, std::size_t end) {
    if (end <= std::uint64_t{1} << 32) {  // the squares fit in 64 bits
      SplitSum sum;
      for (std::uint64_t i = begin; i < end; ++i) sum.add(i * i);
      return Wide(sum.total());
    }
    Wide sum;
    for (std::uint64_t i = begin; i < end; ++i) sum += Wide(UInt128{i} * i);
    return sum;
  });
}

double pi(std::uint64_t n, Control& control) {
  const double step = 1.0 / static_cast<double>(n);
  const auto sum = reduce<double>(control, 0, n, [step](std::size_t begin, std::size_t end) {
    const auto first = static_cast<double>(begin) + 0.5;
    return sum_terms(0, end - begin, [first, step](std::size_t i) {
      // An int32 becomes a double in one vector instruction, a size_t does not.
      const double x = (first + static_cast<double>(static_cast<std::int32_t>(i))) * step;
      return 4.0 / (1.0 + x * x);
    });
  });
  return sum * step;
}

double do_math(std::int64_t start, std::int64_t num, Control& control) {
  if (start >= num) return 0.0;
  const auto count = static_cast<std::uint64_t>(num) - static_cast<std::uint64_t>(start);
  return reduce<double>(control, 0, count, [start](std::size_t begin, std::size_t end) {
    const double first = static_cast<double>(start) + static_cast<double>(begin) + 1.0 - 1e6;
    return sum_terms(0, end - begin, [first](std::size_t i) {
      const double distance = first + static_cast<double>(static_cast<std::int32_t>(i));
      return std::sqrt(distance * distance);
    });
  });
}

}  // namespace core
