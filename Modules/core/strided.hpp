// Arrays of any shape, strides, byte order and type as runs of native elements, so that a kernel is a loop over
// contiguous memory:
//
//     const Walk walk({out, a, b}, Order::any);       // one shape for all, and one order of the elements
//     const Sink to(walk, 0);
//     const Source from(walk, 1), ...;
//     for each run of `count` elements from `begin` on, in any thread:
//       const T* x = from.read(begin, count, x_room);  // the array's own memory where that serves, else a copy
//       T* y = to.room(begin, y_room);
//       ...
//       to.commit(begin, count, y);
//
// Arrays that are View::contiguous, of the type that the loop wants and of one shape need none of this.
#pragma once

#include <optional>
#include <span>

#include "core/array.hpp"

namespace core {

template <class T>
inline constexpr DType dtype_of = DType::f8;
template <>
inline constexpr DType dtype_of<std::int8_t> = DType::i1;
template <>
inline constexpr DType dtype_of<std::int16_t> = DType::i2;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i4;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::i8;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u1;
template <>
inline constexpr DType dtype_of<std::uint16_t> = DType::u2;
template <>
inline constexpr DType dtype_of<std::uint32_t> = DType::u4;
template <>
inline constexpr DType dtype_of<std::uint64_t> = DType::u8;
template <>
inline constexpr DType dtype_of<float> = DType::f4;

struct Shape {
  int ndim = 0;
  std::size_t size = 1;
  std::ptrdiff_t lengths[max_dims];
  Shape() noexcept {}  // NOLINT(modernize-use-equals-default): that one would clear all lengths
};

// The shape that the arrays have together by NumPy's rules: axes are matched from the last one on, and a length of 1
// fits any other. Nothing if they do not fit. Throws OutOfMemory if it has more elements than memory has bytes.
std::optional<Shape> broadcast(std::span<const View> arrays);

// Is element i of one array element i of the other, and of the same type?
bool same_memory(const View& a, const View& b) noexcept;

// Do the arrays share any byte? Exact for arrays whose strides nest, as those of slices, transposes and fields of one
// array do: a[::2] and a[1::2] do not overlap, nor do a[:, :5] and a[:, 5:]. In general the question is NP-hard: after
// a bounded search the answer is yes.
bool overlap(const View& a, const View& b) noexcept;

// Do two elements of the array share a byte (a stride of 0, say)? As exact as overlap().
bool overlaps_itself(const View& array) noexcept;

enum class Order {
  c,   // row-major, as NumPy flattens
  any  // the same for all arrays, and such that memory is walked forwards: that of the first array, then the second,
       // ...
};

// One array of a walk. Element i of the walk is at the coordinates of i in row-major order.
struct Layout {
  char* data;
  DType dtype;
  bool swapped;
  bool contiguous;  // one run of aligned elements in the machine's byte order
  int ndim;         // at least 1; 1 whenever one stride serves all elements
  std::size_t lengths[max_dims];
  std::ptrdiff_t strides[max_dims];
};

// Arrays that are walked together. They are broadcast to one shape, which must be possible. Lives as long as its
// sources and sinks, and the views' memory longer.
class Walk {
 public:
  static constexpr std::size_t max_arrays = 4;

  Walk(std::span<const View> arrays, Order order) noexcept;
  Walk(const View& array, Order order) noexcept : Walk(std::span(&array, 1), order) {}
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  std::size_t size() const noexcept { return size_; }
  const Layout& operator[](std::size_t array) const noexcept { return layouts_[array]; }

 private:
  std::size_t size_ = 1;
  Layout layouts_[max_arrays];
};

// What Source::read and Sink::commit do where memory does not serve as it is. b1 becomes 0 or 1; every value but 0
// becomes true, and a float is rounded to the nearest f2, to the even one of two.
void gather(const Layout& from, std::size_t begin, std::size_t count, DType to, void* room) noexcept;
void scatter(const void* from, const Layout& to, std::size_t begin, std::size_t count) noexcept;

// The number of that floating type that is nearest to x.
double rounded_to(DType dtype, double x) noexcept;

// An input of a walk.
class Source {
 public:
  explicit Source(const Walk& walk, std::size_t array = 0) noexcept : layout_(&walk[array]) {}

  // All elements are one contiguous run of Ts: read() only points into it.
  template <class T>
  bool direct() const noexcept {
    return layout_->contiguous && layout_->dtype == dtype_of<T>;
  }
  // The same element again and again: a room that read() has filled stays good for every run of its length.
  bool constant() const noexcept { return layout_->ndim == 1 && layout_->strides[0] == 0; }

  // The elements [begin, begin + count), in place or else in `room`, which has space for `count`. T is any type that
  // NumPy promotes theirs to, or an integer of the same width, with the same bits.
  template <class T>
  const T* read(std::size_t begin, std::size_t count, T* room) const noexcept {
    if (direct<T>()) return reinterpret_cast<const T*>(layout_->data) + begin;
    gather(*layout_, begin, count, dtype_of<T>, room);
    return room;
  }

 private:
  const Layout* layout_;
};

// An output of a walk. T is the type of its elements; for b1 it is std::uint8_t, for f2 float.
class Sink {
 public:
  explicit Sink(const Walk& walk, std::size_t array = 0) noexcept : layout_(&walk[array]) {}

  template <class T>
  bool direct() const noexcept {
    return layout_->contiguous && layout_->dtype == dtype_of<T>;
  }

  // Where to write the elements from `begin` on: in place or else `buffer`.
  template <class T>
  T* room(std::size_t begin, T* buffer) const noexcept {
    return direct<T>() ? reinterpret_cast<T*>(layout_->data) + begin : buffer;
  }

  // They have been written.
  template <class T>
  void commit(std::size_t begin, std::size_t count, const T* from) const noexcept {
    if (!direct<T>()) scatter(from, *layout_, begin, count);
  }

 private:
  const Layout* layout_;
};

}  // namespace core
