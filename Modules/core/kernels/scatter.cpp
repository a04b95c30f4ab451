// The shape of a scatter: each element adds one to the count that it chooses. Every thread counts in a table of its
// own, and the tables are added up in the end.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "core/kernels.hpp"
#include "core/kernels/input.hpp"
#include "core/promotion.hpp"
#include "core/storage.hpp"

namespace core {
namespace {

// One table for each thread, and nothing shared: a count that two threads increment would go to and fro between them.
// The tables of all together are no larger than the array: for fewer elements than that a thread is not worth its
// table. One thread alone counts in `counts`.
class TablesOfCounts {
 public:
  // Of `size` counts each, for a parallel_for of `range`, which is told how many threads there may be.
  TablesOfCounts(Control& control, Range& range, std::span<std::int64_t> counts, std::size_t size)
      : counts_(counts), size_((std::max<std::size_t>(size, 1) + line - 1) / line * line) {
    range.threads = static_cast<unsigned>(std::clamp<std::size_t>(range.count / size_, 1, max_threads));
    number_ = participants(control, range);
    clear(counts.data(), counts.size(), control);
    if (number_ == 1 && size <= counts.size()) return;
    tables_ = Storage(number_ * size_ * sizeof(std::int64_t));
    first_ = reinterpret_cast<std::int64_t*>(tables_.data());
    clear(first_, number_ * size_, control);
  }

  std::int64_t* operator[](unsigned participant) const noexcept {
    return first_ == nullptr ? counts_.data() : first_ + size_ * participant;
  }

  void add_up(Control& control) const {
    if (first_ == nullptr) return;
    auto body = [&](const Chunk& chunk) {
      for (unsigned table = 0; table < number_; ++table) {
        const std::int64_t* const from = (*this)[table];
        for (std::size_t i = chunk.begin; i < chunk.end; ++i) counts_[i] += from[i];
      }
    };
    const Control::Silence silence(control);
    parallel_for(control, {.count = std::min(counts_.size(), size_), .grain = leaf_size, .cost = 0.5 * number_}, body);
  }

 private:
  static constexpr std::size_t line = 64 / sizeof(std::int64_t);
  static constexpr std::size_t max_threads = 1 << 16;

  static void clear(std::int64_t* counts, std::size_t size, Control& control) {
    auto body = [&](const Chunk& chunk) {
      std::memset(counts + chunk.begin, 0, (chunk.end - chunk.begin) * sizeof *counts);
    };
    const Control::Silence silence(control);
    parallel_for(control, {.count = size, .grain = 16 * leaf_size, .cost = 1}, body);  // most of it are page faults
  }

  std::span<std::int64_t> counts_;
  std::size_t size_;
  unsigned number_ = 1;
  Storage tables_;
  std::int64_t* first_ = nullptr;
};

// Bytes have few values, so the same one often comes twice in a row, and the second increment has to wait for the
// first. With four tables in turn it does not.
void count_bytes(const std::uint8_t* x, std::size_t n, std::int64_t* counts) noexcept {
  std::uint32_t tables[4][256] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t bytes;
    __builtin_memcpy(&bytes, x + i, 8);
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; ++k) ++tables[k % 4][(bytes >> (8 * k)) & 0xFF];
  }
  for (; i < n; ++i) ++tables[0][x[i]];
  for (std::size_t value = 0; value < 256; ++value) {
    counts[value] += std::int64_t{tables[0][value]} + tables[1][value] + tables[2][value] + tables[3][value];
  }
}

template <class T, class Count>
void count(const View& x, std::span<std::int64_t> counts, std::size_t table_size, Control& control, const Count& each) {
  const Input input(x, dtype_of<T>, Order::any);
  Range range{.count = x.size, .grain = leaf_size, .cost = 0.5};
  const TablesOfCounts tables(control, range, counts, table_size);
  auto body = [&](const Chunk& chunk) {
    constexpr std::size_t run = 8 * leaf_size / sizeof(T);
    alignas(64) T room[run];
    for (std::size_t i = chunk.begin; i < chunk.end; i += run) {
      const std::size_t n = std::min(run, chunk.end - i);
      each(input.read(i, n, room), n, tables[chunk.participant]);
    }
  };
  parallel_for(control, range, body);
  tables.add_up(control);
}

}  // namespace

void bincount(const View& x, std::span<std::int64_t> counts, Control& control) {
  if (loop_type(x.dtype) == DType::u1) {
    count<std::uint8_t>(x, counts, 256, control, count_bytes);
  } else {
    // A u8 has the bits of an i8, and a negative number is larger than any table.
    count<std::int64_t>(x, counts, counts.size(), control,
                        [size = counts.size()](const std::int64_t* values, std::size_t n, std::int64_t* table) {
                          for (std::size_t k = 0; k < n; ++k) {
                            const auto value = static_cast<std::uint64_t>(values[k]);
                            if (value < size) [[likely]]
                              ++table[value];
                          }
                        });
  }
}

void histogram(const View& a, std::span<const double> edges, bool uniform, std::span<std::int64_t> counts,
               Control& control) {
  const std::size_t bins = counts.size();
  const double low = edges.front();
  const double high = edges.back();
  const double per_bin = static_cast<double>(bins) / (high - low);
  // How far from an integer, in bins, a position must be for its bin to be certain: the rounding of the position and
  // of the edges, of which those for float16 have 11 bits.
  double doubt = 0x1p-50 * (static_cast<double>(bins) + std::max(std::fabs(low), std::fabs(high)) * per_bin);
  if (a.dtype == DType::f4) doubt *= 0x1p29;
  if (a.dtype == DType::f2) doubt *= 0x1p42;
  uniform = uniform && doubt < 0.25 && std::isfinite(per_bin) && bins < (std::size_t{1} << 30);

  const Input input(a, DType::f8, Order::any);
  Range range{.count = a.size, .grain = leaf_size, .cost = uniform ? 1.0 : 5.0 + std::log2(bins)};
  const TablesOfCounts tables(control, range, counts, bins);
  const auto find = core::tables().find_bins;

  const auto search = [&](double x) noexcept {  // low <= x <= high; the last bin has both its edges
    const auto after = std::upper_bound(edges.begin(), edges.end() - 1, x);
    return static_cast<std::size_t>(after - edges.begin()) - 1;
  };
  auto body = [&](const Chunk& chunk) {
    alignas(64) double room[leaf_size];
    alignas(64) std::int32_t found[leaf_size];
    std::int64_t* const table = tables[chunk.participant];
    for (std::size_t i = chunk.begin; i < chunk.end; i += leaf_size) {
      const std::size_t n = std::min(leaf_size, chunk.end - i);
      const auto* const x = input.read(i, n, room);
      if (uniform) {
        find(x, n, low, high, per_bin, doubt, found);
      } else {
        std::fill(found, found + n, -1);
      }
      for (std::size_t k = 0; k < n; ++k) {
        if (found[k] >= 0) [[likely]] {
          ++table[found[k]];
        } else if (x[k] >= low && x[k] <= high) {
          const std::size_t bin = search(x[k]);
          if (bin < bins) ++table[bin];  // it may be another number by now: another thread may have changed it
        }
      }
    }
  };
  parallel_for(control, range, body);
  tables.add_up(control);
}

}  // namespace core
