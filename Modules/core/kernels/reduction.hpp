// The shape of a reduction: one partial result for each leaf of 4096 elements, combined pairwise in their order.
//
// The order of the additions follows from the number of elements alone. So the bits of a floating-point result do not
// depend on the number of threads, and the rounding error grows with log n rather than n.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/kernels/loops/table.hpp"
#include "core/parallel.hpp"
#include "core/strided.hpp"

namespace core {

// leaf(i, j) -> Part for each leaf [i, j) of [begin, begin + count), which is not empty; parts are combined with +=.
// cost: nanoseconds per element.
template <class Part, class Leaf>
Part reduce(Control& control, double cost, std::uint64_t begin, std::uint64_t count, const Leaf& leaf) {
  if (count <= leaf_size) {
    const Part part = leaf(begin, begin + count);
    if (control.has_progress()) control.finish(static_cast<std::size_t>(count));
    if (control.stopped()) throw Stopped();
    return part;
  }
  // Bounds the parts that are held at a time: pi(10**13) needs no gigabytes. Cut in the middle, between two blocks.
  constexpr std::uint64_t block = std::uint64_t{leaf_size} << 16;
  if (count > block) {
    const std::uint64_t half = ((count - 1) / block + 1) / 2 * block;
    Part part = reduce<Part>(control, cost, begin, half, leaf);
    part += reduce<Part>(control, cost, begin + half, count - half, leaf);
    return part;
  }
  constexpr std::size_t few = 32;
  const auto size = static_cast<std::size_t>(count);
  const std::size_t leaves = (size - 1) / leaf_size + 1;
  Part on_stack[few];
  std::vector<Part> on_heap(leaves > few ? leaves : 0);
  Part* const parts = leaves > few ? on_heap.data() : on_stack;
  auto body = [&](const Chunk& chunk) {
    for (std::size_t i = chunk.begin; i < chunk.end; i += leaf_size) {
      parts[i / leaf_size] = leaf(begin + i, begin + std::min(i + leaf_size, chunk.end));
    }
  };
  parallel_for(control, {.count = size, .grain = leaf_size, .cost = cost}, body);
  for (std::size_t distance = 1; distance < leaves; distance *= 2) {
    for (std::size_t i = 0; i + distance < leaves; i += 2 * distance) parts[i] += parts[i + distance];
  }
  return parts[0];
}

// The elements of an array as contiguous Ts.
template <class T>
class Input {
 public:
  Input(const View& view, Order order) noexcept {
    if (view.contiguous && view.dtype == dtype_of<T>) {
      data_ = static_cast<const T*>(view.data);
    } else {
      walk_.emplace(view, order);
      source_.emplace(*walk_);
    }
  }

  const T* read(std::size_t begin, std::size_t count, T* room) const noexcept {
    return data_ != nullptr ? data_ + begin : source_->template read<T>(begin, count, room);
  }

 private:
  const T* data_ = nullptr;
  std::optional<Walk> walk_;
  std::optional<Source> source_;
};

// The same over the elements of an array: leaf(elements, how many, index of the first).
template <class Part, class T, class Leaf>
Part reduce_array(Control& control, double cost, const View& a, Order order, const Leaf& leaf) {
  const Input<T> input(a, order);
  return reduce<Part>(control, cost, 0, a.size, [&](std::uint64_t begin, std::uint64_t end) -> Part {
    alignas(64) T room[leaf_size];
    const auto count = static_cast<std::size_t>(end - begin);
    return leaf(input.read(static_cast<std::size_t>(begin), count, room), count, static_cast<std::size_t>(begin));
  });
}

}  // namespace core
