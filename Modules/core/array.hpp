// Memory that a kernel reads or writes: where the elements lie, and their type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace core {

// In the order of NumPy's promotion. b1 is one byte, true if not 0; f2 is IEEE 754's binary16, which C++20 has no type
// for: kernels work on it as on float.
enum class DType : unsigned char { b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8 };

// As many as CPython's PyBUF_MAX_NDIM.
inline constexpr int max_dims = 64;

// An array of any number of dimensions, as PEP 3118 and NumPy have it: element (i, j, ...) lies at
// data + i * strides[0] + j * strides[1] + ... Shape and strides belong to whoever made the view.
struct View {
  void* data = nullptr;
  std::size_t size = 0;  // the product of the shape
  DType dtype = DType::u1;
  bool swapped = false;     // not in the machine's byte order
  bool contiguous = false;  // in row-major order without gaps, aligned, not swapped: `size` elements from `data` on
  int ndim = 0;
  const std::ptrdiff_t* shape = nullptr;
  const std::ptrdiff_t* strides = nullptr;  // in bytes
};

// Calls f(T{}) with the C++ type of `dtype`, so that one generic lambda serves every type. Not for b1 and f2, which
// kernels never see: their elements come as std::uint8_t and float.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::i1: return f(std::int8_t{});
    case DType::i2: return f(std::int16_t{});
    case DType::i4: return f(std::int32_t{});
    case DType::i8: return f(std::int64_t{});
    case DType::b1:
    case DType::u1: return f(std::uint8_t{});
    case DType::u2: return f(std::uint16_t{});
    case DType::u4: return f(std::uint32_t{});
    case DType::u8: return f(std::uint64_t{});
    case DType::f2:
    case DType::f4: return f(float{});
    case DType::f8: break;
  }
  return f(double{});
}

// By DType. Not inside of the functions: there they would be put on the stack by each call.
namespace by_dtype {
inline constexpr unsigned char sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8};
inline constexpr const char* names[] = {"bool",   "int8",   "int16",  "int32",   "int64",   "uint8",
                                        "uint16", "uint32", "uint64", "float16", "float32", "float64"};
inline constexpr bool wide_long = sizeof(long) == 8;
inline constexpr const char* formats[] = {
    "?", "b", "h", "i", wide_long ? "l" : "q", "B", "H", "I", wide_long ? "L" : "Q", "e", "f", "d"};
}  // namespace by_dtype

constexpr std::size_t size_of(DType dtype) noexcept { return by_dtype::sizes[static_cast<unsigned char>(dtype)]; }

constexpr bool is_floating(DType dtype) noexcept { return dtype >= DType::f2; }

// NumPy's name of the type, for messages.
constexpr const char* name_of(DType dtype) noexcept { return by_dtype::names[static_cast<unsigned char>(dtype)]; }

// The letter of the struct module and the buffer protocol, in the machine's byte order. C's `long` where it has 64
// bits: NumPy's int64 is that, and its type for `q` is another one, equal but not the same.
constexpr const char* format_of(DType dtype) noexcept { return by_dtype::formats[static_cast<unsigned char>(dtype)]; }

}  // namespace core
