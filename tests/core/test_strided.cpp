// Walks over random arrays against element by element access. A program that aborts at the first thing that is not so;
// test_core.py builds it as it is and with sanitizers.
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/strided.hpp"
#include "require.hpp"

namespace {

using core::DType;
using core::Order;
using core::Sink;
using core::Source;
using core::View;
using core::Walk;

using Lengths = std::vector<std::ptrdiff_t>;

std::mt19937_64 engine(1);

// From low to high, both included.
template <class T = std::ptrdiff_t>
T random(T low, T high) {
  return std::uniform_int_distribution<T>(low, high)(engine);
}

// An array with memory of its own, which is larger than it must be.
struct Array {
  std::vector<char> memory;
  Lengths shape;
  Lengths strides;
  View view;

  Array() = default;
  Array(Array&&) = default;
  Array(const Array&) = delete;

  char* at(const Lengths& index) const {  // of an array of at least as many dimensions, to which this is broadcast
    char* data = static_cast<char*>(view.data);
    const std::size_t missing = index.size() - shape.size();
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] != 1) data += index[missing + axis] * strides[axis];
    }
    return data;
  }
};

std::size_t product(const Lengths& lengths) {
  std::size_t size = 1;
  for (const std::ptrdiff_t length : lengths) size *= static_cast<std::size_t>(length);
  return size;
}

// Row-major, or with axes that are permuted, reversed, have gaps, and that start at any byte.
Array random_array(const Lengths& shape, DType dtype, bool plain) {
  Array array;
  const auto ndim = shape.size();
  const auto width = static_cast<std::ptrdiff_t>(core::size_of(dtype));
  array.shape = shape;
  array.strides.resize(ndim);
  std::vector<std::size_t> axes(ndim);
  for (std::size_t i = 0; i < ndim; ++i) axes[i] = ndim - 1 - i;
  if (!plain && random(0, 1) == 0) std::shuffle(axes.begin(), axes.end(), engine);
  const std::ptrdiff_t begin = plain ? 0 : random(0, 1) * random(0, 9);
  std::ptrdiff_t extent = width;
  std::ptrdiff_t first = begin;
  for (const std::size_t axis : axes) {
    const std::ptrdiff_t gap = plain || random(0, 2) != 0 ? 0 : random(0, 1) == 0 ? extent : random(0, 5);
    const bool reversed = !plain && random(0, 2) == 0;
    const std::ptrdiff_t stride = extent + gap;
    array.strides[axis] = reversed ? -stride : stride;
    if (reversed && shape[axis] > 0) first += stride * (shape[axis] - 1);
    extent = std::max<std::ptrdiff_t>(stride * shape[axis], 1);
  }
  array.memory.resize(static_cast<std::size_t>(begin + extent));
  for (char& byte : array.memory) byte = static_cast<char>(random(0, 255));
  array.view = {.data = array.memory.data() + first,
                .size = product(shape),
                .dtype = dtype,
                .swapped = !plain && random(0, 2) == 0,
                .contiguous = false,
                .ndim = static_cast<int>(ndim),
                .shape = array.shape.data(),
                .strides = array.strides.data()};
  return array;
}

Lengths random_shape() {
  Lengths shape(static_cast<std::size_t>(random(0, 5)));
  for (std::ptrdiff_t& length : shape) length = random(0, 15) == 0 ? 0 : random(0, 3) == 0 ? 1 : random(2, 5);
  if (shape.size() == 1 && random(0, 1) == 0) shape[0] = random(0, 5000);
  if (shape.size() == 2 && random(0, 1) == 0) shape[static_cast<std::size_t>(random(0, 1))] = random(500, 1500);
  return shape;
}

// A shape that is broadcast to `shape`.
Lengths narrower(const Lengths& shape) {
  Lengths result(shape.begin() + random<std::ptrdiff_t>(0, random(0, 3) == 0 ? std::ssize(shape) : 0), shape.end());
  for (std::ptrdiff_t& length : result) {
    if (random(0, 4) == 0) length = 1;
  }
  return result;
}

DType random_dtype() { return static_cast<DType>(random(0, static_cast<int>(DType::f8))); }

Lengths index_of(std::size_t i, const Lengths& shape) {
  Lengths index(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = static_cast<std::ptrdiff_t>(i % static_cast<std::size_t>(shape[axis]));
    i /= static_cast<std::size_t>(shape[axis]);
  }
  return index;
}

double value_of_half(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double magnitude = exponent == 31  ? (fraction == 0 ? HUGE_VAL : std::nan(""))
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return std::copysign(magnitude, half >> 15 == 0 ? 1 : -1);
}

template <class T>
T native(const char* data, bool swapped) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, data, sizeof(T));
  if (swapped) std::reverse(bytes, bytes + sizeof(T));
  return std::bit_cast<T>(bytes);
}

// The element at `data` as a T, the slow way.
template <class T>
T element(const View& view, const char* data) {
  if (view.dtype == DType::b1) return static_cast<T>(*data != 0);
  if (view.dtype == DType::f2) return static_cast<T>(value_of_half(native<std::uint16_t>(data, view.swapped)));
  return core::with_type(view.dtype,
                         [&](auto zero) { return static_cast<T>(native<decltype(zero)>(data, view.swapped)); });
}

template <class T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  } else {
    return a == b;
  }
}

// May Source::read turn elements of this type into Ts?
template <class T>
bool readable(DType dtype) {
  if (core::is_floating(dtype)) {
    return std::is_floating_point_v<T> && (dtype == DType::f2 || sizeof(T) >= core::size_of(dtype));
  }
  if (std::is_floating_point_v<T>) return sizeof(T) == 8 || core::size_of(dtype) < sizeof(T);
  return core::size_of(dtype) <= sizeof(T);
}

template <class F>
void with_any_type(F&& f) {
  core::with_type(static_cast<DType>(random(1, static_cast<int>(DType::f8))), f);
}

// Reading

// All elements in the order of the walk, in runs of random lengths.
template <class T>
std::vector<T> read_all(const Source& source, std::size_t size) {
  std::vector<T> all;
  while (all.size() < size) {
    const std::size_t most = random(0, 1) == 0 ? size : 20;
    const std::size_t count = std::min(size - all.size(), random<std::size_t>(1, most));
    std::vector<T> room(count);
    const T* elements = source.read(all.size(), count, room.data());
    all.insert(all.end(), elements, elements + count);
  }
  return all;
}

void walks_read_every_element() {
  for (int round = 0; round < 1000; ++round) {
    const Lengths shape = random_shape();
    const Order order = random(0, 1) == 0 ? Order::c : Order::any;
    const auto count = random<std::size_t>(2, Walk::max_arrays);
    // One of the arrays numbers the elements: this is how we learn of their order.
    const auto numbers = random<std::size_t>(0, count - 1);
    std::vector<Array> arrays;
    for (std::size_t k = 0; k < count; ++k) {
      arrays.push_back(k == numbers ? random_array(shape, DType::i8, random(0, 1) == 0)
                                    : random_array(narrower(shape), random_dtype(), random(0, 3) == 0));
    }
    arrays[numbers].view.swapped = false;
    const std::size_t size = product(shape);
    for (std::size_t i = 0; i < size; ++i) {
      const auto number = static_cast<std::int64_t>(i);
      std::memcpy(arrays[numbers].at(index_of(i, shape)), &number, sizeof number);
    }
    std::vector<View> views;
    for (const Array& array : arrays) views.push_back(array.view);

    const auto together = core::broadcast(views);
    REQUIRE(together && together->size == size && together->ndim == static_cast<int>(shape.size()));
    REQUIRE(std::equal(shape.begin(), shape.end(), together->lengths));

    const Walk walk(views, order);
    REQUIRE(walk.size() == size);
    const auto at = read_all<std::int64_t>(Source(walk, numbers), size);
    std::vector<std::int64_t> sorted = at;
    if (order == Order::any) std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < size; ++i) REQUIRE(sorted[i] == static_cast<std::int64_t>(i));
    for (std::size_t k = 0; k < count; ++k) {
      with_any_type([&](auto zero) {
        using T = decltype(zero);
        if (!readable<T>(views[k].dtype)) return;
        const Source source(walk, k);
        const auto elements = read_all<T>(source, size);
        for (std::size_t i = 0; i < size; ++i) {
          const char* data = arrays[k].at(index_of(static_cast<std::size_t>(at[i]), shape));
          REQUIRE(same(elements[i], element<T>(views[k], data)));
          REQUIRE(!source.direct<T>() || (data - static_cast<char*>(views[k].data)) % static_cast<int>(sizeof(T)) == 0);
          REQUIRE(!source.constant() || same(elements[i], elements[0]));
        }
      });
    }
  }
}

bool walked_in_place(const Array& array, Order order) {
  const Walk walk(array.view, order);
  return Source(walk).direct<double>() && Sink(walk).direct<double>();
}

void memory_without_gaps_is_read_in_place() {
  Array array = random_array({4, 1, 5, 6}, DType::f8, true);
  REQUIRE(walked_in_place(array, Order::c) && walked_in_place(array, Order::any));
  const View row_major = array.view;
  for (int round = 0; round < 100; ++round) {
    // Permuted and reversed: the same memory in another order.
    std::vector<std::size_t> axes = {0, 1, 2, 3};
    std::shuffle(axes.begin(), axes.end(), engine);
    Lengths shape;
    Lengths strides;
    char* data = array.memory.data();
    for (const std::size_t axis : axes) {
      const bool reversed = random(0, 1) == 0;
      shape.push_back(array.shape[axis]);
      strides.push_back(reversed ? -array.strides[axis] : array.strides[axis]);
      if (reversed) data += (array.shape[axis] - 1) * array.strides[axis];
    }
    Array other;
    other.view = row_major;
    other.view.data = data;
    other.view.shape = shape.data();
    other.view.strides = strides.data();
    REQUIRE(walked_in_place(other, Order::any));
    REQUIRE(core::overlap(other.view, row_major));
    REQUIRE(!core::overlaps_itself(other.view));
    other.view.swapped = true;
    REQUIRE(!walked_in_place(other, Order::any));
  }
  Lengths backwards = array.strides;
  for (std::ptrdiff_t& stride : backwards) stride = -stride;
  View from_end = row_major;
  from_end.data = array.memory.data() + array.memory.size() - sizeof(double);
  from_end.strides = backwards.data();
  View number;
  number.size = 1;
  const View both[] = {from_end, number};  // a number permits any order
  const Walk walk(both, Order::any);
  REQUIRE(Source(walk, 0).direct<double>() && Source(walk, 1).constant());
  array.view.data = array.memory.data() + 1;
  REQUIRE(!walked_in_place(array, Order::c));
}

// Writing

void sinks_write_their_elements_and_nothing_else() {
  for (int round = 0; round < 1000; ++round) {
    const Lengths shape = random_shape();
    const Order order = random(0, 1) == 0 ? Order::c : Order::any;
    Array array = random_array(shape, random_dtype(), random(0, 3) == 0);
    Array numbers = random_array(shape, DType::i8, true);
    const std::size_t size = product(shape);
    for (std::size_t i = 0; i < size; ++i)
      reinterpret_cast<std::int64_t*>(numbers.memory.data())[i] = static_cast<std::int64_t>(i);
    const View views[] = {array.view, numbers.view};
    const Walk walk(views, order);
    const auto at = read_all<std::int64_t>(Source(walk, 1), size);
    core::with_type(array.view.dtype, [&](auto zero) {
      using T = decltype(zero);
      std::vector<T> values(size);
      for (T& value : values) value = static_cast<T>(random(0, 2) * random(0, 127));
      std::vector<char> expected = array.memory;
      for (std::size_t i = 0; i < size; ++i) {
        char* data =
            expected.data() + (array.at(index_of(static_cast<std::size_t>(at[i]), shape)) - array.memory.data());
        char bytes[8];
        std::size_t width = sizeof(T);
        if (array.view.dtype == DType::b1) {
          *bytes = values[i] != 0;
        } else if (array.view.dtype == DType::f2) {
          std::uint16_t half = 0;
          while (value_of_half(half) != static_cast<double>(values[i])) ++half;
          width = sizeof half;
          std::memcpy(bytes, &half, width);
        } else {
          std::memcpy(bytes, &values[i], width);
        }
        if (array.view.swapped) std::reverse(bytes, bytes + width);
        std::memcpy(data, bytes, width);
      }
      const Sink sink(walk, 0);
      for (std::size_t begin = 0; begin < size;) {
        const std::size_t count = std::min(size - begin, random<std::size_t>(1, random(0, 1) == 0 ? size : 20));
        std::vector<T> buffer(count);
        T* room = sink.room(begin, buffer.data());
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(begin), count, room);
        sink.commit(begin, count, room);
        begin += count;
      }
      REQUIRE(array.memory == expected);
    });
  }
}

// float16

template <class T>
View run(std::vector<T>& elements, DType dtype, std::ptrdiff_t& length, std::ptrdiff_t& stride) {
  length = std::ssize(elements);
  stride = sizeof(T);
  return {elements.data(), elements.size(), dtype, false, true, 1, &length, &stride};
}

void every_float16_is_read_exactly() {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  std::ptrdiff_t length = 0;
  std::ptrdiff_t stride = 0;
  const Walk walk(run(halves, DType::f2, length, stride), Order::c);
  std::vector<float> floats(halves.size());
  std::vector<double> doubles(halves.size());
  Source(walk).read(0, halves.size(), floats.data());
  Source(walk).read(0, halves.size(), doubles.data());
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const double value = value_of_half(halves[i]);
    REQUIRE(same(static_cast<double>(floats[i]), value) && same(doubles[i], value));
  }
  std::vector<std::uint16_t> back(halves.size());
  const Walk walk_back(run(back, DType::f2, length, stride), Order::c);
  Sink(walk_back).commit(0, back.size(), floats.data());
  for (std::size_t i = 0; i < halves.size(); ++i) {
    REQUIRE(back[i] == halves[i] || (std::isnan(floats[i]) && (back[i] & 0xFC00) == (halves[i] & 0xFC00) &&
                                     std::isnan(value_of_half(back[i]))));
  }
}

// The nearest float16 by search; of two, the even one.
std::uint16_t nearest_half(float x) {
  if (std::isnan(x)) return 0x7E00;
  const double magnitude = std::fabs(double{x});
  std::uint16_t low = 0;
  std::uint16_t high = 0x7C00;
  const auto value = [](std::uint16_t half) { return half == 0x7C00 ? 65536.0 : value_of_half(half); };
  if (magnitude >= value(high)) {
    low = high;
  } else {
    while (high - low > 1) {
      const auto middle = static_cast<std::uint16_t>((low + high) / 2);
      (value(middle) <= magnitude ? low : high) = middle;
    }
    const double below = magnitude - value(low);
    const double above = value(high) - magnitude;
    if (above < below || (above == below && low % 2 == 1)) low = high;
  }
  return static_cast<std::uint16_t>(low | (std::signbit(x) ? 0x8000 : 0));
}

void floats_are_rounded_to_the_nearest_float16() {
  std::vector<float> floats = {0.0f,  -0.0f, HUGE_VALF, -HUGE_VALF, 65520.0f, std::nextafter(65520.0f, 0.0f),
                               1e30f, 1e-45f};
  for (int half = 0; half < 0x7C00; ++half) {
    const auto here = value_of_half(static_cast<std::uint16_t>(half));
    const auto next = half + 1 == 0x7C00 ? 65536.0 : value_of_half(static_cast<std::uint16_t>(half + 1));
    const auto middle = static_cast<float>((here + next) / 2);  // exact
    for (const float x :
         {static_cast<float>(here), middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)}) {
      floats.push_back(x);
      floats.push_back(-x);
    }
  }
  for (int i = 0; i < 300'000; ++i) floats.push_back(std::bit_cast<float>(random<std::uint32_t>(0, 0xFFFFFFFF)));
  for (int i = 0; i < 300'000; ++i)
    floats.push_back(std::ldexp(static_cast<float>(random(-1000000, 1000000)), static_cast<int>(random(-46, -2))));
  std::vector<std::uint16_t> halves(floats.size());
  std::ptrdiff_t length = 0;
  std::ptrdiff_t stride = 0;
  const Walk walk(run(halves, DType::f2, length, stride), Order::c);
  Sink(walk).commit(0, floats.size(), floats.data());
  for (std::size_t i = 0; i < floats.size(); ++i) {
    if (std::isnan(floats[i])) {
      REQUIRE(std::isnan(value_of_half(halves[i])));
    } else {
      REQUIRE(halves[i] == nearest_half(floats[i]));
    }
  }
}

// Broadcasting

void shapes_are_broadcast_as_numpy_does() {
  const auto together = [](std::initializer_list<Lengths> shapes) -> std::string {
    std::vector<View> views;
    for (const Lengths& shape : shapes) {
      View view;
      view.ndim = static_cast<int>(shape.size());
      view.shape = shape.data();
      views.push_back(view);
    }
    const auto shape = core::broadcast(views);
    if (!shape) return "no";
    std::string text;
    for (int axis = 0; axis < shape->ndim; ++axis) text += std::to_string(shape->lengths[axis]) + " ";
    return text + "= " + std::to_string(shape->size);
  };
  REQUIRE(together({}) == "= 1");
  REQUIRE(together({{}, {}}) == "= 1");
  REQUIRE(together({{3}, {}}) == "3 = 3");
  REQUIRE(together({{2, 1}, {3}}) == "2 3 = 6");
  REQUIRE(together({{3}, {2, 1}, {5, 1, 1}}) == "5 2 3 = 30");
  REQUIRE(together({{1}, {0}}) == "0 = 0");
  REQUIRE(together({{0}, {1}, {0}}) == "0 = 0");
  REQUIRE(together({{2}, {0}}) == "no");
  REQUIRE(together({{0}, {2}}) == "no");
  REQUIRE(together({{2, 3}, {2}}) == "no");
  REQUIRE(together({{1, 3}, {4, 1}, {2, 1}}) == "no");
  const std::ptrdiff_t large = std::ptrdiff_t{1} << 40;
  REQUIRE(together({{large, 1}, {1, large}, {0, 1, 1}}) == "0 1099511627776 1099511627776 = 0");
  try {
    together({{large, 1}, {1, large}});
    REQUIRE(false);
  } catch (const std::bad_alloc&) {
  }
}

// Overlap

std::set<const char*> bytes_of(const Array& array, std::size_t* count) {
  std::set<const char*> bytes;
  for (std::size_t i = 0; i < array.view.size; ++i) {
    const char* data = array.at(index_of(i, array.shape));
    for (std::size_t byte = 0; byte < core::size_of(array.view.dtype); ++byte) bytes.insert(data + byte);
  }
  *count = array.view.size * core::size_of(array.view.dtype);
  return bytes;
}

void overlaps_are_found() {
  char memory[4000];
  int met = 0;
  int met_itself = 0;
  for (int round = 0; round < 10'000; ++round) {
    Array arrays[2];
    std::set<const char*> bytes[2];
    for (int k = 0; k < 2; ++k) {
      Array& array = arrays[k];
      const auto ndim = random<std::size_t>(0, 3);
      for (std::size_t axis = 0; axis < ndim; ++axis) {
        array.shape.push_back(random(0, 20) == 0 ? 0 : random(1, 5));
        array.strides.push_back(random(-40, 40));
      }
      array.view.data = memory + random(1000, 1100);
      array.view.size = product(array.shape);
      array.view.dtype = random_dtype();
      array.view.ndim = static_cast<int>(ndim);
      array.view.shape = array.shape.data();
      array.view.strides = array.strides.data();
      std::size_t count = 0;
      bytes[k] = bytes_of(array, &count);
      REQUIRE(core::overlaps_itself(array.view) == (bytes[k].size() < count));
      met_itself += bytes[k].size() < count;
      REQUIRE(core::same_memory(array.view, array.view));
    }
    std::vector<const char*> shared;
    std::set_intersection(bytes[0].begin(), bytes[0].end(), bytes[1].begin(), bytes[1].end(),
                          std::back_inserter(shared));
    REQUIRE(core::overlap(arrays[0].view, arrays[1].view) == !shared.empty());
    met += !shared.empty();
  }
  REQUIRE(met > 1000 && met < 9000);
  REQUIRE(met_itself > 1000 && met_itself < 19'000);
}

View view_of(char* data, DType dtype, const Lengths& shape, const Lengths& strides) {
  return {data, product(shape), dtype, false, false, static_cast<int>(shape.size()), shape.data(), strides.data()};
}

void slices_of_one_array_overlap_where_they_share_elements() {
  auto* data = reinterpret_cast<char*>(std::uintptr_t{1} << 40);  // nothing is read
  const std::ptrdiff_t rows = 1'000'000;
  const std::ptrdiff_t row = 8'000'008;
  const Lengths half = {rows, 500'000};
  const Lengths strides = {row, 8};
  const View left = view_of(data, DType::f8, half, strides);
  REQUIRE(!core::overlap(left, view_of(data + 500'000 * 8, DType::f8, half, strides)));
  REQUIRE(core::overlap(left, view_of(data + 499'999 * 8, DType::f8, half, strides)));
  const Lengths reversed = {-row, -8};
  char* last = data + (rows - 1) * row;
  REQUIRE(core::overlap(left, view_of(last + 499'999 * 8, DType::f8, half, reversed)));
  REQUIRE(!core::overlap(left, view_of(last + 1'000'000 * 8, DType::f8, half, reversed)));
  const Lengths every_third = {rows / 3, 300'000};
  const Lengths third_strides = {3 * row, 24};
  const View third = view_of(data, DType::f8, every_third, third_strides);
  REQUIRE(!core::overlap(third, view_of(data + 8, DType::f8, every_third, third_strides)));
  REQUIRE(!core::overlap(third, view_of(data + row, DType::f8, every_third, third_strides)));
  REQUIRE(core::overlap(third, view_of(data + row * 300, DType::f8, every_third, third_strides)));
  REQUIRE(!core::overlap(view_of(data, DType::f4, half, strides), view_of(data + 4, DType::f4, half, strides)));
  REQUIRE(core::overlap(view_of(data, DType::f8, half, strides), view_of(data + 4, DType::f4, half, strides)));
  // A question that takes too long is answered with yes.
  Lengths many;
  Lengths odd;
  for (int k = 0; k < 40; ++k) {
    many.push_back(3);
    odd.push_back(2 * (1'000'003 + 7 * k * k));
  }
  View hard = view_of(data, DType::u1, many, odd);
  hard.size = 1;  // 3^40 do not fit
  View other = hard;
  other.data = data + 2 * 20'000'001;
  REQUIRE(core::overlap(hard, other));

  const Lengths matrix = {3, 4};
  const Lengths with_ones = {1, 3, 1, 4, 1};
  const Lengths any_strides = {5, 32, 7, 8, 9};
  const Lengths matrix_strides = {32, 8};
  const View a = view_of(data, DType::f8, matrix, matrix_strides);
  REQUIRE(core::same_memory(a, view_of(data, DType::f8, with_ones, any_strides)));
  REQUIRE(!core::same_memory(a, view_of(data, DType::i8, matrix, matrix_strides)));
  View swapped = a;
  swapped.swapped = true;
  REQUIRE(!core::same_memory(a, swapped));
  REQUIRE(!core::same_memory(a, view_of(data + 8, DType::f8, matrix, matrix_strides)));
  const Lengths transposed = {4, 3};
  const Lengths transposed_strides = {8, 32};
  REQUIRE(!core::same_memory(a, view_of(data, DType::f8, transposed, transposed_strides)));
}

// More than 2^32 elements

void large_arrays_are_walked() {
  const Lengths repeated = {std::ptrdiff_t{1} << 20, std::ptrdiff_t{1} << 13};
  const Lengths nowhere = {0, 0};
  double value = 2.5;
  const Walk constant(view_of(reinterpret_cast<char*>(&value), DType::f8, repeated, nowhere), Order::any);
  REQUIRE(constant.size() == std::size_t{1} << 33);
  REQUIRE(Source(constant).constant());
  double room[3] = {};
  REQUIRE(Source(constant).read(constant.size() - 3, 3, room) == room);
  REQUIRE(room[0] == 2.5 && room[2] == 2.5);

  // Sparse: only the pages that are touched take memory.
  const std::size_t bytes = std::size_t{11} << 30;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* data = static_cast<char*>(memory);
  const Lengths most = {std::ptrdiff_t{5} << 30};  // every other byte
  const Lengths every_other = {2};
  const Lengths backwards = {-2};
  const auto count = static_cast<std::size_t>(most[0]);
  data[2 * (count - 1)] = 7;
  data[2 * (count - 2) + 1] = 9;  // between the elements
  std::uint8_t elements[5];
  const Walk forwards(view_of(data, DType::u1, most, every_other), Order::c);
  Source(forwards).read(count - 5, 5, elements);
  REQUIRE(elements[4] == 7 && elements[3] == 0);
  const Walk reverse(view_of(data + 2 * (count - 1), DType::u1, most, backwards), Order::c);
  Source(reverse).read(0, 5, elements);
  REQUIRE(elements[0] == 7 && elements[1] == 0);
  Sink(reverse).commit(count - 5, 5, elements);
  REQUIRE(data[8] == 7 && data[6] == 0);
  REQUIRE(!core::overlap(view_of(data, DType::u1, most, every_other), view_of(data + 1, DType::u1, most, every_other)));
  munmap(memory, bytes);
}

}  // namespace

int main() {
  walks_read_every_element();
  memory_without_gaps_is_read_in_place();
  sinks_write_their_elements_and_nothing_else();
  every_float16_is_read_exactly();
  floats_are_rounded_to_the_nearest_float16();
  shapes_are_broadcast_as_numpy_does();
  overlaps_are_found();
  slices_of_one_array_overlap_where_they_share_elements();
  large_arrays_are_walked();
  std::puts("9 passed, 0 failed");
}
