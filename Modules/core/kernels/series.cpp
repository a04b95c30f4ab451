// The kernels that need no array, only arithmetic: the loops of the tutorials on threads.
#include "core/kernels.hpp"
#include "core/kernels/reduction.hpp"

namespace core {

double cost_of_series() noexcept { return tables().series.cost; }

Wide sum_of_squares(std::uint64_t n, Control& control) {
  if (n == 0) return {};
  return reduce<Wide>(control, cost_of_series(), n,
                      [](std::uint64_t begin, std::uint64_t end) { return Wide(tables().series.squares(begin, end)); });
}

double pi(std::uint64_t n, Control& control) {
  const double step = 1.0 / static_cast<double>(n);
  return step * reduce<double>(control, cost_of_series(), n, [step](std::uint64_t begin, std::uint64_t end) {
           return tables().series.pi(static_cast<double>(begin) + 0.5, step, static_cast<std::size_t>(end - begin));
         });
}

double do_math(std::int64_t start, std::int64_t num, Control& control) {
  if (start >= num) return 0.0;
  const auto count = static_cast<std::uint64_t>(num) - static_cast<std::uint64_t>(start);
  return reduce<double>(control, cost_of_series(), count, [start](std::uint64_t begin, std::uint64_t end) {
    const double first = static_cast<double>(start) + static_cast<double>(begin) + 1.0 - 1e6;
    return tables().series.distances(first, static_cast<std::size_t>(end - begin));
  });
}

}  // namespace core
