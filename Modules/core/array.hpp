// Memory that a kernel reads or writes: a pointer, a length and the type of the elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace core {

enum class DType : unsigned char { i1, i2, i4, i8, u1, u2, u4, u8, f4, f8 };

// Contiguous, aligned and in the machine's byte order; whoever makes one has checked that.
struct ConstArray {
  const void* data;
  std::size_t size;  // in elements
  DType dtype;
};

struct Array {
  void* data;
  std::size_t size;
  DType dtype;
};

// Calls f(T{}) with the C++ type of `dtype`, so that one generic lambda serves every type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::i1: return f(std::int8_t{});
    case DType::i2: return f(std::int16_t{});
    case DType::i4: return f(std::int32_t{});
    case DType::i8: return f(std::int64_t{});
    case DType::u1: return f(std::uint8_t{});
    case DType::u2: return f(std::uint16_t{});
    case DType::u4: return f(std::uint32_t{});
    case DType::u8: return f(std::uint64_t{});
    case DType::f4: return f(float{});
    case DType::f8: break;
  }
  return f(double{});
}

// NumPy's name of the type, for messages.
constexpr const char* name_of(DType dtype) noexcept {
  constexpr const char* names[] = {"int8",   "int16",  "int32",  "int64",   "uint8",
                                   "uint16", "uint32", "uint64", "float32", "float64"};
  return names[static_cast<unsigned char>(dtype)];
}

}  // namespace core
