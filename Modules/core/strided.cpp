#include "core/strided.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "core/storage.hpp"

namespace core {
namespace {

// The length of axis `axis` of `ndim`, if the array had so many: 1 in front of its own.
std::ptrdiff_t length_of(const View& array, int ndim, int axis) noexcept {
  const int own = axis - (ndim - array.ndim);
  return own < 0 ? 1 : array.shape[own];
}

int dims_of(std::span<const View> arrays) noexcept {
  int ndim = 0;
  for (const View& array : arrays) ndim = std::max(ndim, array.ndim);
  return ndim;
}

}  // namespace

std::optional<Shape> broadcast(std::span<const View> arrays) {
  std::optional<Shape> result(std::in_place);
  Shape& shape = *result;
  shape.ndim = dims_of(arrays);
  bool empty = false;
  bool too_many = false;
  for (int axis = 0; axis < shape.ndim; ++axis) {
    std::ptrdiff_t common = 1;
    for (const View& array : arrays) {
      const std::ptrdiff_t length = length_of(array, shape.ndim, axis);
      if (length == common || length == 1) continue;
      if (common != 1) return std::nullopt;
      common = length;
    }
    shape.lengths[axis] = common;
    if (common == 0) {
      empty = true;
    } else {
      too_many |= __builtin_mul_overflow(shape.size, static_cast<std::size_t>(common), &shape.size);
    }
  }
  if (empty) {
    shape.size = 0;
  } else if (too_many || shape.size > PTRDIFF_MAX) {
    throw OutOfMemory(OutOfMemory::largest);
  }
  return result;
}

// Overlap

namespace {

// All sums x[0] * step[0] + x[1] * step[1] + ... with 0 <= x[k] <= limit[k]: the distances between the elements of
// arrays.
class Sums {
 public:
  void add(std::ptrdiff_t step, std::ptrdiff_t limit) noexcept {
    if (step == 0 || limit <= 0) return;
    Term* end = terms_ + count_;
    Term* place = std::find_if(terms_, end, [step](const Term& term) { return term.step <= step; });
    if (place != end && place->step == step) {
      place->limit += limit;
    } else {
      std::copy_backward(place, end, end + 1);
      *place = {step, limit, 0, 0};
      ++count_;
    }
  }

  // Is there one from `low` to `high`? Yes, also, if the search takes too long.
  bool any_between(std::ptrdiff_t low, std::ptrdiff_t high) noexcept {
    terms_[count_] = {0, 0, 0, 0};
    for (int k = count_ - 1; k >= 0; --k) {
      terms_[k].divisor = std::gcd(terms_[k].step, terms_[k + 1].divisor);
      terms_[k].largest = terms_[k].step * terms_[k].limit + terms_[k + 1].largest;
    }
    return search(0, low, high);
  }

 private:
  struct Term {
    std::ptrdiff_t step;
    std::ptrdiff_t limit;
    std::ptrdiff_t divisor;  // of all steps from this one on
    std::ptrdiff_t largest;  // sum of all terms from this one on
  };

  // The steps fall: where they nest, one or two values of each x come into question. Not inlined into itself.
  [[gnu::noinline]] bool search(int k, std::ptrdiff_t low, std::ptrdiff_t high) noexcept {
    const Term& term = terms_[k];
    low = std::max<std::ptrdiff_t>(low, 0);
    high = std::min(high, term.largest);
    if (low > high) return false;
    if (k == count_) return true;
    if (high - high % term.divisor < low) return false;  // no multiple of the divisor lies between
    if (k == count_ - 1) return true;
    const std::ptrdiff_t others = terms_[k + 1].largest;
    const std::ptrdiff_t first = low > others ? (low - others - 1) / term.step + 1 : 0;
    const std::ptrdiff_t last = std::min(term.limit, high / term.step);
    for (std::ptrdiff_t x = first; x <= last; ++x) {
      if (--patience_ < 0 || search(k + 1, low - x * term.step, high - x * term.step)) return true;
    }
    return false;
  }

  Term terms_[2 * max_dims + 1];
  int count_ = 0;
  int patience_ = 1000;
};

struct Extent {
  std::ptrdiff_t first = 0;  // the lowest and the highest element, in bytes from `data`
  std::ptrdiff_t last = 0;
};

Extent extent_of(const View& array) noexcept {
  Extent extent;
  for (int axis = 0; axis < array.ndim; ++axis) {
    const std::ptrdiff_t length = (array.shape[axis] - 1) * array.strides[axis];
    (length < 0 ? extent.first : extent.last) += length;
  }
  return extent;
}

void add_axes(Sums& sums, const View& array) noexcept {
  for (int axis = 0; axis < array.ndim; ++axis) sums.add(std::abs(array.strides[axis]), array.shape[axis] - 1);
}

}  // namespace

bool same_memory(const View& a, const View& b) noexcept {
  if (a.data != b.data || a.dtype != b.dtype || a.swapped != b.swapped || a.size != b.size) return false;
  if (a.contiguous && b.contiguous) return true;
  int i = 0;
  int j = 0;
  for (;;) {
    while (i < a.ndim && a.shape[i] == 1) ++i;
    while (j < b.ndim && b.shape[j] == 1) ++j;
    if (i == a.ndim || j == b.ndim) return i == a.ndim && j == b.ndim;
    if (a.shape[i] != b.shape[j] || a.strides[i] != b.strides[j]) return false;
    ++i;
    ++j;
  }
}

bool overlap(const View& a, const View& b) noexcept {
  if (a.size == 0 || b.size == 0) return false;
  const Extent a_extent = extent_of(a);
  const Extent b_extent = extent_of(b);
  const auto a_data = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(a.data));
  const auto b_data = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(b.data));
  // Counted upwards from a's lowest element and downwards from b's highest, the bytes meet where the two ways together
  // make this distance, give or take an element's other bytes.
  const std::ptrdiff_t distance = (b_data + b_extent.last) - (a_data + a_extent.first);
  const std::ptrdiff_t low = distance - static_cast<std::ptrdiff_t>(size_of(a.dtype) - 1);
  const std::ptrdiff_t high = distance + static_cast<std::ptrdiff_t>(size_of(b.dtype) - 1);
  if (high < 0 || low > a_extent.last - a_extent.first + b_extent.last - b_extent.first) return false;
  if (a.contiguous && b.contiguous) return true;
  Sums sums;
  add_axes(sums, a);
  add_axes(sums, b);
  return sums.any_between(low, high);
}

bool overlaps_itself(const View& array) noexcept {
  if (array.size <= 1 || array.contiguous) return false;
  const auto near = static_cast<std::ptrdiff_t>(size_of(array.dtype) - 1);
  // Two elements whose coordinates differ in `axis` first, by x >= 1; in the later ones by anything.
  for (int axis = 0; axis < array.ndim; ++axis) {
    if (array.shape[axis] == 1) continue;
    if (array.strides[axis] == 0) return true;
    Sums sums;
    const std::ptrdiff_t step = std::abs(array.strides[axis]);
    sums.add(step, array.shape[axis] - 2);
    std::ptrdiff_t shift = -step;
    for (int later = axis + 1; later < array.ndim; ++later) {
      const std::ptrdiff_t later_step = std::abs(array.strides[later]);
      sums.add(later_step, 2 * (array.shape[later] - 1));
      shift += later_step * (array.shape[later] - 1);
    }
    if (sums.any_between(shift - near, shift + near)) return true;
  }
  return false;
}

// Walk

namespace {

struct Axis {
  std::size_t length;
  std::ptrdiff_t strides[Walk::max_arrays];
};

// Appends the axis to the layout, or makes the last one longer if the elements go on at the same distance.
void append(Layout& layout, std::size_t length, std::ptrdiff_t stride) noexcept {
  if (layout.ndim > 0) {
    const int last = layout.ndim - 1;
    if (layout.strides[last] == stride * static_cast<std::ptrdiff_t>(length)) {
      layout.lengths[last] *= length;
      layout.strides[last] = stride;
      return;
    }
  }
  layout.lengths[layout.ndim] = length;
  layout.strides[layout.ndim] = stride;
  ++layout.ndim;
}

}  // namespace

Walk::Walk(std::span<const View> arrays, Order order) noexcept {
  const int ndim = dims_of(arrays);
  const std::size_t count = arrays.size();
  Axis axes[max_dims];
  Axis* end = axes;
  for (int i = 0; i < ndim; ++i) {
    std::ptrdiff_t length = 1;
    for (std::size_t k = 0; k < count && length == 1; ++k) length = length_of(arrays[k], ndim, i);
    if (length == 1) continue;
    size_ *= static_cast<std::size_t>(length);
    end->length = static_cast<std::size_t>(length);
    for (std::size_t k = 0; k < count; ++k) {
      const View& array = arrays[k];
      end->strides[k] = length_of(array, ndim, i) == 1 ? 0 : array.strides[i - (ndim - array.ndim)];
    }
    ++end;
  }
  if (size_ == 0) end = axes;  // nothing is ever read

  for (std::size_t k = 0; k < count; ++k) layouts_[k].data = static_cast<char*>(arrays[k].data);
  if (order == Order::any) {
    for (Axis* axis = axes; axis != end; ++axis) {
      if (!std::all_of(axis->strides, axis->strides + count, [](std::ptrdiff_t stride) { return stride <= 0; }))
        continue;
      for (std::size_t k = 0; k < count; ++k) {
        layouts_[k].data += axis->strides[k] * static_cast<std::ptrdiff_t>(axis->length - 1);
        axis->strides[k] = -axis->strides[k];
      }
    }
    // Not std::stable_sort, which allocates.
    for (Axis* axis = axes; axis != end; ++axis) {
      const auto larger = [count](const Axis& a, const Axis& b) {
        for (std::size_t k = 0; k < count; ++k) {
          const std::ptrdiff_t difference = std::abs(a.strides[k]) - std::abs(b.strides[k]);
          if (difference != 0) return difference > 0;
        }
        return false;
      };
      std::rotate(std::upper_bound(axes, axis, *axis, larger), axis, axis + 1);
    }
  }

  for (std::size_t k = 0; k < count; ++k) {
    Layout& layout = layouts_[k];
    const auto width = static_cast<std::ptrdiff_t>(size_of(arrays[k].dtype));
    layout.dtype = arrays[k].dtype;
    layout.swapped = arrays[k].swapped && width > 1;
    layout.ndim = 0;
    for (const Axis* axis = axes; axis != end; ++axis) append(layout, axis->length, axis->strides[k]);
    if (layout.ndim == 0) append(layout, 1, width);
    const bool aligned = reinterpret_cast<std::uintptr_t>(layout.data) % static_cast<std::size_t>(width) == 0;
    layout.contiguous = layout.ndim == 1 && layout.strides[0] == width && aligned && !layout.swapped;
  }
}

// Conversion between contiguous runs

namespace {

constexpr std::size_t block_bytes = 4096;

template <class T>
T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(char* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
}

// As masks, so that the loop vectorises: a compiler does not compute a floating-point operation that only one branch of
// a ?: needs.
std::uint32_t select(bool condition, std::uint32_t yes, std::uint32_t no) noexcept {
  const std::uint32_t mask = 0u - std::uint32_t{condition};
  return (yes & mask) | (no & ~mask);
}

// f2 has 5 bits of exponent with bias 15 and 10 of fraction, float 8 with bias 127 and 23. No subnormal float comes up
// on the way, so it does not matter whether the processor flushes them.
struct Widen {
  float operator()(std::uint16_t half) const noexcept {
    const std::uint32_t magnitude = (half & 0x7FFFu) << 13;
    const std::uint32_t normal = magnitude + ((127u - 15u) << 23);
    const std::uint32_t special = magnitude + ((255u - 31u) << 23);  // infinity, nan
    // 2^-14 + fraction, and 2^-14 taken off again.
    const float tiny = std::bit_cast<float>(magnitude + (113u << 23)) - std::bit_cast<float>(113u << 23);
    std::uint32_t bits = select(magnitude < 1u << 23, std::bit_cast<std::uint32_t>(tiny), normal);
    bits = select(magnitude >= 31u << 23, special, bits);
    return std::bit_cast<float>(bits | (half & 0x8000u) << 16);
  }
};

struct Narrow {
  std::uint16_t operator()(float value) const noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
    // Just under half of a last place, and one more where the last place is odd; a carry goes into the exponent, at the
    // end to infinity.
    const std::uint32_t normal = (magnitude - ((127u - 15u) << 23) + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
    // The last place of a float from 0.5 to 1 is the unit of f2's subnormals: the addition rounds.
    const std::uint32_t tiny = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - (126u << 23);
    const std::uint32_t infinity = 31u << 10;
    const std::uint32_t nan = infinity | 0x200u | (magnitude >> 13 & 0x3FFu);
    const std::uint32_t half = magnitude > 255u << 23            ? nan
                               : magnitude >= (127u + 16u) << 23 ? infinity
                               : magnitude < (127u - 14u) << 23  ? tiny
                                                                 : normal;
    return static_cast<std::uint16_t>(half | (bits >> 16 & 0x8000u));
  }
};

// Not inlined: one loop serves all pairs of types that come to the same.
template <class From, class To, class F>
[[gnu::noinline]] void map(const char* __restrict from, char* __restrict to, std::size_t count, F f) noexcept {
  for (std::size_t i = 0; i < count; ++i) store<To>(to + i * sizeof(To), f(load<From>(from + i * sizeof(From))));
}

template <class To>
struct Cast {
  template <class From>
  To operator()(From x) const noexcept {
    return static_cast<To>(x);
  }
};

template <class From, class To>
void cast(const char* from, char* to, std::size_t count) noexcept {
  if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    if constexpr (sizeof(From) == sizeof(To)) {
      std::memcpy(to, from, count * sizeof(To));
    } else if constexpr (sizeof(From) < sizeof(To)) {
      using Bits = std::make_unsigned_t<To>;  // they are the same for both signs
      map<From, Bits>(from, to, count, Cast<Bits>());
    }
  } else if constexpr (std::is_same_v<To, double> || (std::is_same_v<To, float> && sizeof(From) < sizeof(To))) {
    map<From, To>(from, to, count, Cast<To>());
  }
}

// Native elements, aligned or not. What Source::read promises.
void convert(DType from, const char* in, DType to, char* out, std::size_t count) noexcept {
  if (from == DType::b1 || (from == DType::f2 && to != DType::f4)) {
    if (from == DType::b1 && to == DType::u1) {
      return map<std::uint8_t, std::uint8_t>(in, out, count, [](std::uint8_t x) { return std::uint8_t{x != 0}; });
    }
    const DType via = from == DType::b1 ? DType::u1 : DType::f4;
    char block[block_bytes];
    const std::size_t most = block_bytes / size_of(via);
    while (count > 0) {
      const std::size_t part = std::min(count, most);
      convert(from, in, via, block, part);
      convert(via, block, to, out, part);
      in += part * size_of(from);
      out += part * size_of(to);
      count -= part;
    }
    return;
  }
  if (from == DType::f2) return map<std::uint16_t, float>(in, out, count, Widen());
  with_type(from, [&](auto zero) {
    with_type(to, [&](auto other) { cast<decltype(zero), decltype(other)>(in, out, count); });
  });
}

// Gather and scatter

template <class U>
U swap_bytes(U x) noexcept {
  if constexpr (sizeof(U) == 2) return __builtin_bswap16(x);
  if constexpr (sizeof(U) == 4) return __builtin_bswap32(x);
  if constexpr (sizeof(U) == 8) return __builtin_bswap64(x);
  return x;
}

using Copy = void (*)(const char* from, std::ptrdiff_t from_step, char* to, std::ptrdiff_t to_step,
                      std::size_t count) noexcept;

template <class U, bool swapped>
void copy(const char* from, std::ptrdiff_t from_step, char* to, std::ptrdiff_t to_step, std::size_t count) noexcept {
  if (!swapped && from_step == sizeof(U) && to_step == sizeof(U)) {
    std::memcpy(to, from, count * sizeof(U));
    return;
  }
  if (from_step == 0 && to_step == sizeof(U)) {  // a number as an operand: with constant steps this vectorises
    const U x = swapped ? swap_bytes(load<U>(from)) : load<U>(from);
    for (std::size_t i = 0; i < count; ++i) store<U>(to + i * sizeof(U), x);
    return;
  }
  for (; count > 0; --count, from += from_step, to += to_step) {
    const U x = load<U>(from);
    store<U>(to, swapped ? swap_bytes(x) : x);
  }
}

// To move elements their size is all there is to know.
Copy copy_for(const Layout& layout) noexcept {
  switch (size_of(layout.dtype)) {
    case 1: return copy<std::uint8_t, false>;
    case 2: return layout.swapped ? copy<std::uint16_t, true> : copy<std::uint16_t, false>;
    case 4: return layout.swapped ? copy<std::uint32_t, true> : copy<std::uint32_t, false>;
    default: return layout.swapped ? copy<std::uint64_t, true> : copy<std::uint64_t, false>;
  }
}

// Calls run(address, step, count) for each run along the last axis.
template <class F>
void for_runs(const Layout& layout, std::size_t begin, std::size_t count, F&& run) noexcept {
  if (count == 0) return;
  std::size_t index[max_dims];
  char* data = layout.data;
  const int last = layout.ndim - 1;
  for (int axis = last; axis > 0; --axis) {
    index[axis] = begin % layout.lengths[axis];
    begin /= layout.lengths[axis];
    data += static_cast<std::ptrdiff_t>(index[axis]) * layout.strides[axis];
  }
  index[0] = begin;
  data += static_cast<std::ptrdiff_t>(begin) * layout.strides[0];
  const std::size_t length = layout.lengths[last];
  const std::ptrdiff_t step = layout.strides[last];
  std::size_t done = index[last];  // of this run, before we came
  for (;;) {
    const std::size_t part = std::min(count, length - done);
    run(data, step, part);
    count -= part;
    if (count == 0) return;
    data -= static_cast<std::ptrdiff_t>(done) * step;
    done = 0;
    for (int axis = last - 1; axis >= 0; --axis) {
      data += layout.strides[axis];
      if (++index[axis] < layout.lengths[axis]) break;
      index[axis] = 0;
      data -= static_cast<std::ptrdiff_t>(layout.lengths[axis]) * layout.strides[axis];
    }
  }
}

// Into a contiguous room in native byte order, and back.
void gather_native(const Layout& from, std::size_t begin, std::size_t count, char* room) noexcept {
  const auto width = static_cast<std::ptrdiff_t>(size_of(from.dtype));
  for_runs(from, begin, count,
           [copy = copy_for(from), width, room](const char* data, std::ptrdiff_t step, std::size_t part) mutable {
             copy(data, step, room, width, part);
             room += static_cast<std::ptrdiff_t>(part) * width;
           });
}

void scatter_native(const Layout& to, std::size_t begin, std::size_t count, const char* room) noexcept {
  const auto width = static_cast<std::ptrdiff_t>(size_of(to.dtype));
  for_runs(to, begin, count,
           [copy = copy_for(to), width, room](char* data, std::ptrdiff_t step, std::size_t part) mutable {
             copy(room, width, data, step, part);
             room += static_cast<std::ptrdiff_t>(part) * width;
           });
}

}  // namespace

void gather(const Layout& from, std::size_t begin, std::size_t count, DType to, void* room) noexcept {
  auto* out = static_cast<char*>(room);
  if (from.dtype == to) return gather_native(from, begin, count, out);
  const std::size_t width = size_of(from.dtype);
  if (from.contiguous) return convert(from.dtype, from.data + begin * width, to, out, count);
  char block[block_bytes];
  while (count > 0) {
    const std::size_t part = std::min(count, block_bytes / width);
    gather_native(from, begin, part, block);
    convert(from.dtype, block, to, out, part);
    begin += part;
    count -= part;
    out += part * size_of(to);
  }
}

void scatter(const void* from, const Layout& to, std::size_t begin, std::size_t count) noexcept {
  const auto* in = static_cast<const char*>(from);
  // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): Walk has set it, which is not seen
  if (to.dtype != DType::b1 && to.dtype != DType::f2) return scatter_native(to, begin, count, in);
  char block[block_bytes];
  while (count > 0) {
    const std::size_t part = std::min(count, block_bytes / 2);
    if (to.dtype == DType::b1) {
      convert(DType::b1, in, DType::u1, block, part);
      in += part;
    } else {
      map<float, std::uint16_t>(in, block, part, Narrow());
      in += part * sizeof(float);
    }
    scatter_native(to, begin, part, block);
    begin += part;
    count -= part;
  }
}

double rounded_to(DType dtype, double x) noexcept {
  if (dtype == DType::f8) return x;
  auto narrow = static_cast<float>(x);
  if (dtype == DType::f4) return double{narrow};
  // To round twice could be to round up twice. So what the first time takes off leaves a trace in the last bit.
  if (double{narrow} != x && !std::isnan(x)) {
    const auto towards_zero = std::bit_cast<std::uint32_t>(narrow) - (std::fabs(narrow) > std::fabs(x) ? 1 : 0);
    narrow = std::bit_cast<float>(towards_zero | 1);
  }
  std::uint16_t half = 0;
  const View view{.data = &half, .size = 1, .dtype = DType::f2, .contiguous = true};
  const Walk walk(view, Order::c);
  scatter(&narrow, walk[0], 0, 1);
  double wide = 0;
  gather(walk[0], 0, 1, DType::f8, &wide);
  return wide;
}

}  // namespace core
