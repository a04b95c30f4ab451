// The shape of a map: out[i] = f(a[i], b[i], c[i]), in chunks.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "core/kernels.hpp"
#include "core/platform.hpp"
#include "core/strided.hpp"

namespace core {
namespace {

// What is copied on its way: as much as several arrays have room for in a level-1 cache.
constexpr std::size_t block = 1024;
constexpr std::size_t max_inputs = 3;

// The inputs as contiguous Ts. A loop reads three of them; those that the operation has not are the first once more.
template <class T>
class Inputs {
 public:
  Inputs(const Walk& walk, std::size_t first, std::size_t count) noexcept : count_(count) {
    for (std::size_t k = 0; k < count; ++k) sources_[k].emplace(walk, first + k);
  }

  struct Rooms {
    alignas(64) T of[max_inputs][block];
    // With an input that is the same everywhere: the first time is enough, since no run after it is longer.
    bool filled[max_inputs] = {};
  };

  std::array<const T*, max_inputs> read(std::size_t begin, std::size_t count, Rooms& rooms) const noexcept {
    std::array<const T*, max_inputs> x;
    for (std::size_t k = 0; k < count_; ++k) {
      if (rooms.filled[k]) {
        x[k] = rooms.of[k];
        continue;
      }
      x[k] = sources_[k]->read(begin, count, rooms.of[k]);
      rooms.filled[k] = sources_[k]->constant() && !sources_[k]->template direct<T>();
    }
    for (std::size_t k = count_; k < max_inputs; ++k) x[k] = x[0];
    return x;
  }

 private:
  std::size_t count_;
  std::array<std::optional<Source>, max_inputs> sources_;
};

// Outputs that do not fit into the caches, and are not read, are written past them: memory need not be read first, and
// the caches keep what is of use.
bool goes_past_caches(const View& out, std::span<const View> in) noexcept {
  if (out.size * size_of(out.dtype) < platform::cache_size()) return false;
  for (const View& view : in) {
    if (view.data == out.data) return false;
  }
  return true;
}

template <class T>
void run(MapLoop<T> loop, double cost, const View& out, std::span<const View> in, Control& control) {
  std::array<View, Walk::max_arrays> all{out};
  std::copy(in.begin(), in.end(), all.begin() + 1);
  const Walk walk(std::span<const View>(all).first(1 + in.size()), Order::any);
  const Sink sink(walk, 0);
  const Inputs<T> inputs(walk, 1, in.size());
  const bool past_caches = sink.direct<T>() && goes_past_caches(out, in);
  const auto stream = tables().stream;
  auto body = [&](const Chunk& chunk) {
    typename Inputs<T>::Rooms rooms;
    alignas(64) T out_room[block];
    for (std::size_t i = chunk.begin; i < chunk.end; i += block) {
      const std::size_t n = std::min(block, chunk.end - i);
      const auto x = inputs.read(i, n, rooms);
      T* const y = sink.room(i, out_room);
      if (past_caches) {
        loop(out_room, x[0], x[1], x[2], n);
        stream(y, out_room, n * sizeof(T));
      } else {
        loop(y, x[0], x[1], x[2], n);
        sink.commit(i, n, y);
      }
    }
  };
  parallel_for(control, {.count = walk.size(), .grain = block, .cost = cost}, body);
}

// All contiguous, of the loop's type and of one size: the usual case, and the one where a nanosecond counts.
template <class T>
bool run_contiguous(MapLoop<T> loop, double cost, const View& out, std::span<const View> in, Control& control) {
  const auto fits = [&](const View& view) {
    return view.contiguous && view.dtype == dtype_of<T> && view.size == out.size;
  };
  if (!fits(out) || !std::all_of(in.begin(), in.end(), fits) || goes_past_caches(out, in)) return false;
  auto* const y = static_cast<T*>(out.data);
  std::array<const T*, max_inputs> x;
  for (std::size_t k = 0; k < max_inputs; ++k) {
    x[k] = static_cast<const T*>(in[k < in.size() ? k : 0].data);
  }
  auto body = [&](const Chunk& chunk) {
    loop(y + chunk.begin, x[0] + chunk.begin, x[1] + chunk.begin, x[2] + chunk.begin, chunk.end - chunk.begin);
  };
  parallel_for(control, {.count = out.size, .grain = block, .cost = cost}, body);
  return true;
}

// ---- Integers that overflow

constexpr const char* names[] = {"square", "abs",  "negative", "add",  "subtract", "multiply", "axpy",
                                 "clip",   "add",  "multiply", "divide", "sqrt",   "exp",      "log"};
static_assert(std::size(names) == maps);

template <class T>
[[noreturn]] void raise_overflow(Map operation, DType loop, std::size_t index, std::span<const T> values) {
  std::string held;
  for (const T value : values) held += (held.empty() ? "" : ", ") + std::to_string(value);
  throw std::overflow_error(std::string(names[static_cast<std::size_t>(operation)]) + "() of " + held + " at index " +
                            std::to_string(index) + " (row-major) does not fit in " + name_of(loop));
}

// A pass of its own before anything is written, so that an error leaves the caller's data whole.
template <class T>
void refuse_overflow(Map operation, DType loop, const View& out, std::span<const View> in, Control& control) {
  const auto overflows = loops<T>().overflow[static_cast<std::size_t>(operation)];
  if (overflows == nullptr || out.size == 0) return;
  std::array<View, Walk::max_arrays> all{out};  // for its shape
  std::copy(in.begin(), in.end(), all.begin() + 1);
  const Walk walk(std::span<const View>(all).first(1 + in.size()), Order::c);
  const Inputs<T> inputs(walk, 1, in.size());
  std::atomic<std::size_t> first{out.size};  // a block in which there is one, the first in the end
  auto body = [&](const Chunk& chunk) {
    typename Inputs<T>::Rooms rooms;
    for (std::size_t i = chunk.begin; i < chunk.end && i < first.load(std::memory_order_relaxed); i += block) {
      const std::size_t n = std::min(block, chunk.end - i);
      const auto x = inputs.read(i, n, rooms);
      if (!overflows(x[0], x[1], x[2], n)) continue;
      std::size_t before = first.load(std::memory_order_relaxed);
      while (i < before && !first.compare_exchange_weak(before, i, std::memory_order_relaxed)) {
      }
      return;
    }
  };
  const Control::Silence silence(control);
  parallel_for(control, {.count = out.size, .grain = block, .cost = cost_of(operation, loop)}, body);
  const std::size_t begin = first.load(std::memory_order_relaxed);
  if (begin == out.size) return;
  typename Inputs<T>::Rooms rooms;
  const auto x = inputs.read(begin, std::min(block, out.size - begin), rooms);
  std::size_t i = 0;
  while (!overflows(x[0] + i, x[1] + i, x[2] + i, 1)) ++i;
  const std::array<T, max_inputs> values{x[0][i], x[1][i], x[2][i]};
  raise_overflow<T>(operation, loop, begin + i, std::span(values).first(in.size()));
}

}  // namespace

double cost_of(Map operation, DType loop) noexcept {
  const auto size = static_cast<double>(size_of(loop));
  switch (operation) {
    case Map::sqrt:
    case Map::divide: return 0.05 * size;
    case Map::exp:
    case Map::log: return 0.5;
    default: return 0.02 * size;
  }
}

void map(Map operation, DType loop, const View& out, std::span<const View> in, Control& control) {
  with_type(loop, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) refuse_overflow<T>(operation, loop, out, in, control);
    const MapLoop<T> each = loops<T>().map[static_cast<std::size_t>(operation)];
    const double cost = cost_of(operation, loop);
    if (!run_contiguous(each, cost, out, in, control)) run(each, cost, out, in, control);
  });
}

}  // namespace core
