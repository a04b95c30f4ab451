// The shape of a scan: y[i] = x[0] + ... + x[i]. Segments are added up in parallel, their sums one after the other,
// and then each segment begins with the sum of all before it.
//
// A segment is added up in the same order both times. So its last y is what the next one begins with, and the sums of
// terms that are not negative never fall, whatever is rounded. Eight segments go side by side: their additions need
// not wait for each other, which those of one segment must.
#include <stdexcept>
#include <string>

#include "core/kernels.hpp"
#include "core/kernels/reduction.hpp"
#include "core/promotion.hpp"

namespace core {
namespace {

constexpr std::size_t segment = 512;
constexpr std::size_t together = leaf_size / segment;

// ---- Floats

// sums[s] of the segments of a leaf; step(index, running sum) for each element.
template <class T, class Step>
void add_up(const T* x, std::size_t n, double* sums, const Step& step) noexcept {
  if (n == leaf_size) {
    double running[together];
    for (double& sum : running) sum = -0.0;  // x + -0.0 is x, for -0.0 too
    for (std::size_t i = 0; i < segment; ++i) {
#pragma GCC unroll 8
      for (std::size_t s = 0; s < together; ++s) {
        running[s] += double{x[s * segment + i]};
        step(s * segment + i, s, running[s]);
      }
    }
    std::copy(running, running + together, sums);
    return;
  }
  for (std::size_t s = 0; s * segment < n; ++s) {
    double running = -0.0;
    for (std::size_t i = s * segment; i < std::min(n, (s + 1) * segment); ++i) {
      running += double{x[i]};
      step(i, s, running);
    }
    sums[s] = running;
  }
}

template <class T>
void scan_floats(const View& a, const View& out, Control& control) {
  const Input input(a, dtype_of<T>, Order::c);
  const Walk walk(out, Order::c);
  const Sink sink(walk);
  const std::size_t segments = (a.size - 1) / segment + 1;
  std::vector<double> before(segments);  // first the sum of each, then of all before it
  const Range range{.count = a.size, .grain = leaf_size, .cost = cost_of_cumsum / 2};
  auto sums = [&](const Chunk& chunk) {
    alignas(64) T room[leaf_size];
    for (std::size_t i = chunk.begin; i < chunk.end; i += leaf_size) {
      const std::size_t n = std::min(leaf_size, chunk.end - i);
      add_up(input.read(i, n, room), n, &before[i / segment], [](std::size_t, std::size_t, double) {});
    }
  };
  if (segments > 1) {
    const Control::Silence silence(control);
    parallel_for(control, range, sums);
  }
  double total = -0.0;
  for (double& sum : before) {
    const double next = total + sum;
    sum = total;
    total = next;
  }
  auto scan = [&](const Chunk& chunk) {
    alignas(64) T room[leaf_size];
    alignas(64) T out_room[leaf_size];
    for (std::size_t i = chunk.begin; i < chunk.end; i += leaf_size) {
      const std::size_t n = std::min(leaf_size, chunk.end - i);
      double unused[together];
      const double* const base = &before[i / segment];
      T* const y = sink.room(i, out_room);
      add_up(input.read(i, n, room), n, unused,
             [&](std::size_t k, std::size_t s, double running) { y[k] = static_cast<T>(base[s] + running); });
      sink.commit(i, n, y);
    }
  };
  parallel_for(control, range, scan);
}

// ---- Integers

// The sum of a segment, and the least and the greatest of its running sums: they tell whether all will fit.
struct Span {
  Int128 sum = 0;
  Int128 least = 0;
  Int128 greatest = 0;
};

template <class T>
void scan_integers(const View& a, const View& out, Control& control) {
  const Input input(a, dtype_of<T>, Order::c);
  const Walk walk(out, Order::c);
  const Sink sink(walk);
  std::vector<Span> spans((a.size - 1) / leaf_size + 1);
  const Range range{.count = a.size, .grain = leaf_size, .cost = cost_of_cumsum / 2};
  auto sums = [&](const Chunk& chunk) {
    alignas(64) T room[leaf_size];
    for (std::size_t i = chunk.begin; i < chunk.end; i += leaf_size) {
      const std::size_t n = std::min(leaf_size, chunk.end - i);
      const auto* x = input.read(i, n, room);
      Int128 sum = 0;
      Int128 least = 0;
      Int128 greatest = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += x[k];
        least = std::min(least, sum);
        greatest = std::max(greatest, sum);
      }
      spans[i / leaf_size] = {sum, least, greatest};
    }
  };
  {
    const Control::Silence silence(control);
    parallel_for(control, range, sums);
  }
  Int128 total = 0;
  for (std::size_t s = 0; s < spans.size(); ++s) {
    Span& span = spans[s];
    if (total + span.least < std::numeric_limits<T>::min() || total + span.greatest > std::numeric_limits<T>::max()) {
      throw std::overflow_error(std::string("cumsum() argument 'a' has a sum that does not fit in ") +
                                name_of(out.dtype) + ", the first at an index from " + std::to_string(s * leaf_size) +
                                " to " + std::to_string(std::min(a.size, (s + 1) * leaf_size) - 1));
    }
    const Int128 next = total + span.sum;
    span.sum = total;
    total = next;
  }
  auto scan = [&](const Chunk& chunk) {
    alignas(64) T room[leaf_size];
    alignas(64) T out_room[leaf_size];
    for (std::size_t i = chunk.begin; i < chunk.end; i += leaf_size) {
      const std::size_t n = std::min(leaf_size, chunk.end - i);
      const auto* x = input.read(i, n, room);
      T* const y = sink.room(i, out_room);
      auto running = static_cast<std::uint64_t>(spans[i / leaf_size].sum);
      for (std::size_t k = 0; k < n; ++k) {
        running += static_cast<std::uint64_t>(x[k]);
        y[k] = static_cast<T>(running);
      }
      sink.commit(i, n, y);
    }
  };
  parallel_for(control, range, scan);
}

}  // namespace

void cumsum(const View& a, const View& out, Control& control) {
  if (a.size == 0) return;
  switch (loop_type(out.dtype)) {
    case DType::f4: return scan_floats<float>(a, out, control);
    case DType::f8: return scan_floats<double>(a, out, control);
    case DType::u8: return scan_integers<std::uint64_t>(a, out, control);
    default: return scan_integers<std::int64_t>(a, out, control);
  }
}

}  // namespace core
