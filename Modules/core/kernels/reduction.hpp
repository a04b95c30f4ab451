// The shape of a reduction: one partial result for each leaf of 4096 elements, combined pairwise in their order.
//
// The order of the additions follows from shape and strides alone. So the bits of a floating-point result do not depend
// on the number of threads, and the rounding error grows with log n rather than n.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/kernels/input.hpp"
#include "core/kernels/loops/table.hpp"
#include "core/parallel.hpp"

namespace core {

// The parts of the leaves of `count` > 0 indices from `begin` on.
template <class Part>
class Leaves {
 public:
  // Refers to `f`, which outlives it: Part f(begin, end), of one leaf. One type for all callables: reduce_leaves() is
  // compiled once for each Part, and not for each type of elements too. It has many leaves done by one call, into which
  // `f` is inlined: with a call of this and one of `f` for each leaf, most reductions of what is in a level-2 cache
  // took 1 to 5 % longer (benchmarks/kernels.py, "sum of 20,000").
  template <class F>
  explicit Leaves(const F& f) noexcept
      : context_(&f), call_([](const void* context, std::uint64_t begin, std::uint64_t count, Part* parts) {
          const F& leaf = *static_cast<const F*>(context);
          do {
            const std::uint64_t size = count < leaf_size ? count : leaf_size;
            *parts++ = leaf(begin, begin + size);
            begin += size;
            count -= size;
          } while (count > 0);
        }) {}
  void operator()(std::uint64_t begin, std::uint64_t count, Part* parts) const { call_(context_, begin, count, parts); }

 private:
  const void* context_;
  void (*call_)(const void* context, std::uint64_t begin, std::uint64_t count, Part* parts);
};

// The parts of all leaves of [begin, begin + count), combined with +=. cost: nanoseconds per index.
template <class Part>
Part reduce_leaves(Control& control, double cost, std::uint64_t begin, std::uint64_t count,
                   const Leaves<Part>& leaves_of) {
  if (count <= leaf_size) {  // where a nanosecond counts
    Part part;
    leaves_of(begin, count, &part);
    if (control.has_progress()) control.finish(static_cast<std::size_t>(count));
    if (control.stopped()) throw Stopped();
    return part;
  }
  // Bounds the parts that are held at a time: pi(10**13) needs no gigabytes. Cut in the middle, between two blocks.
  constexpr std::uint64_t block = std::uint64_t{leaf_size} << 16;
  if (count > block) {
    const std::uint64_t half = ((count - 1) / block + 1) / 2 * block;
    Part part = reduce_leaves(control, cost, begin, half, leaves_of);
    part += reduce_leaves(control, cost, begin + half, count - half, leaves_of);
    return part;
  }
  constexpr std::size_t few = 32;
  const auto size = static_cast<std::size_t>(count);
  const std::size_t leaves = (size - 1) / leaf_size + 1;
  Part on_stack[few];
  std::vector<Part> on_heap(leaves > few ? leaves : 0);
  Part* const parts = leaves > few ? on_heap.data() : on_stack;
  auto body = [&](const Chunk& chunk) {
    leaves_of(begin + chunk.begin, chunk.end - chunk.begin, parts + chunk.begin / leaf_size);
  };
  parallel_for(control, {.count = size, .grain = leaf_size, .cost = cost}, body);
  for (std::size_t distance = 1; distance < leaves; distance *= 2) {
    for (std::size_t i = 0; i + distance < leaves; i += 2 * distance) parts[i] += parts[i + distance];
  }
  return parts[0];
}

template <class Part, class F>
Part reduce(Control& control, double cost, std::uint64_t count, const F& leaf) {
  return reduce_leaves(control, cost, 0, count, Leaves<Part>(leaf));
}

// The same over the elements of an array, read as Ts: leaf(elements, how many, index of the first).
template <class Part, class T, class F>
Part reduce_array(Control& control, double cost, const View& a, Order order, const F& leaf) {
  // Where a nanosecond counts.
  if (a.size <= leaf_size && a.contiguous && a.dtype == dtype_of<T> && !control.has_progress()) {
    return leaf(static_cast<const T*>(a.data), a.size, 0);
  }
  const Input input(a, dtype_of<T>, order);
  return reduce<Part>(control, cost, a.size,
                      [&](std::uint64_t begin, std::uint64_t end) __attribute__((always_inline)) -> Part {
                        alignas(64) T room[leaf_size];
                        const auto first = static_cast<std::size_t>(begin);
                        const auto count = static_cast<std::size_t>(end - begin);
                        return leaf(input.read(first, count, room), count, first);
                      });
}

// Over two arrays of one size, element by element in row-major order: leaf(elements, elements, how many).
template <class Part, class T, class F>
Part reduce_arrays(Control& control, double cost, const View& a, const View& b, const F& leaf) {
  const Input left(a, dtype_of<T>, Order::c);
  const Input right(b, dtype_of<T>, Order::c);
  return reduce<Part>(control, cost, a.size,
                      [&](std::uint64_t begin, std::uint64_t end) __attribute__((always_inline)) -> Part {
                        alignas(64) T left_room[leaf_size];
                        alignas(64) T right_room[leaf_size];
                        const auto first = static_cast<std::size_t>(begin);
                        const auto count = static_cast<std::size_t>(end - begin);
                        return leaf(left.read(first, count, left_room), right.read(first, count, right_room), count);
                      });
}

}  // namespace core
