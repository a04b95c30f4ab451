// The shape of a reduction: one partial result per chunk, combined pairwise in the order of the chunks.
//
// The order of the additions follows from the number of elements alone. So the bits of a floating-point result do
// not depend on the number of threads, and the rounding error grows with log n rather than n.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/kernels.hpp"

namespace core {

// Where to cut `count` elements in two, between two blocks. `count` > `block`.
constexpr std::size_t half(std::size_t count, std::size_t block) noexcept {
  const std::size_t blocks = (count - 1) / block + 1;
  return blocks / 2 * block;
}

// part(i, j) -> Part for each chunk [i, j) of [begin, end), which is not empty; parts are added with +=.
template <class Part, class F>
Part reduce(Control& control, std::size_t begin, std::size_t end, const F& part) {
  if (end - begin <= chunk_size) return part(begin, end);
  constexpr std::size_t block = chunk_size << 16;  // bounds the parts held at a time: pi(10**13) needs no gigabytes
  if (end - begin > block) {
    const std::size_t middle = begin + half(end - begin, block);
    Part left = reduce<Part>(control, begin, middle, part);
    left += reduce<Part>(control, middle, end, part);
    return left;
  }
  std::vector<Part> parts((end - begin - 1) / chunk_size + 1);
  auto body = [&](const Chunk& chunk) {
    for (std::size_t i = chunk.begin; i < chunk.end; i += chunk_size) {
      parts[i / chunk_size] = part(begin + i, begin + std::min(i + chunk_size, chunk.end));
    }
  };
  parallel_for(control, {end - begin, chunk_size, element_cost}, body);
  for (std::size_t distance = 1; distance < parts.size(); distance *= 2) {
    for (std::size_t i = 0; i + distance < parts.size(); i += 2 * distance) parts[i] += parts[i + distance];
  }
  return parts[0];
}

// term(i) for i in [begin, end), summed in double precision. Sixteen independent sums hide the latency of an addition
// and fill any vector register; blocks are combined pairwise.
template <class F>
double sum_terms(std::size_t begin, std::size_t end, const F& term) {
  constexpr std::size_t block = 2048;
  if (end - begin > block) {
    const std::size_t middle = begin + half(end - begin, block);
    return sum_terms(begin, middle, term) + sum_terms(middle, end, term);
  }
  constexpr std::size_t lanes = 16;
  double lane[lanes];
  for (double& x : lane) x = -0.0;  // x + -0.0 is x, for -0.0 too
  std::size_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    for (std::size_t k = 0; k < lanes; ++k) lane[k] += term(i + k);
  }
  for (std::size_t k = 0; i + k < end; ++k) lane[k] += term(i + k);
  for (std::size_t width = lanes / 2; width > 0; width /= 2) {
    for (std::size_t k = 0; k < width; ++k) lane[k] += lane[k + width];
  }
  return lane[0];
}

// A sum of unsigned 64-bit terms, kept in halves so that 2^32 of them cannot overflow: unlike an addition with carry,
// this vectorises.
struct SplitSum {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  void add(std::uint64_t term) noexcept {
    low += term & 0xFFFFFFFF;
    high += term >> 32;
  }
  UInt128 total() const noexcept { return (UInt128{high} << 32) + low; }
};

}  // namespace core
