#include "binding/buffer.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>

#include "binding/errors.hpp"

namespace binding {
namespace {

// The element type of a struct-module format, or nothing. The letter tells the kind, the exporter's itemsize the
// width: `l` has 4 bytes or 8, depending on prefix and machine.
std::optional<core::DType> dtype_of(const char* format, Py_ssize_t itemsize) noexcept {
  if (format == nullptr) format = "B";  // what the protocol says NULL means
  constexpr bool little = std::endian::native == std::endian::little;
  if (*format == '@' || *format == '=' || *format == (little ? '<' : '>') || (!little && *format == '!')) ++format;
  if (format[0] == '\0' || format[1] != '\0') return std::nullopt;
  using core::DType;
  if (std::strchr("bhilqn", *format) != nullptr) {
    switch (itemsize) {
      case 1: return DType::i1;
      case 2: return DType::i2;
      case 4: return DType::i4;
      case 8: return DType::i8;
      default: return std::nullopt;
    }
  }
  if (std::strchr("BHILQN", *format) != nullptr) {
    switch (itemsize) {
      case 1: return DType::u1;
      case 2: return DType::u2;
      case 4: return DType::u4;
      case 8: return DType::u8;
      default: return std::nullopt;
    }
  }
  if (*format == 'f' && itemsize == 4) return DType::f4;
  if (*format == 'd' && itemsize == 8) return DType::f8;
  return std::nullopt;
}

}  // namespace

Buffer::Buffer(const char* function, const char* argument, PyObject* object, Access access) {
  if (PyObject_CheckBuffer(object) == 0) {
    raise(PyExc_TypeError,
          "%s() argument '%s' must be an object with the buffer protocol (bytearray, array, memoryview, mmap, NumPy "
          "array, ...), not %s",
          function, argument, Py_TYPE(object)->tp_name);
  }
  // The most general request that leaves the checks, and so the words of the errors, to us.
  if (PyObject_GetBuffer(object, &view_, PyBUF_FULL_RO) < 0) throw PythonError();
  try {
    if (access == write && view_.readonly != 0) {
      raise(PyExc_BufferError, "%s() argument '%s' must be writable, got a read-only %s", function, argument,
            Py_TYPE(object)->tp_name);
    }
    if (PyBuffer_IsContiguous(&view_, 'A') == 0) {
      raise(PyExc_BufferError, "%s() argument '%s' must be contiguous, got a strided %s", function, argument,
            Py_TYPE(object)->tp_name);
    }
    const auto dtype = dtype_of(view_.format, view_.itemsize);
    if (!dtype) {
      raise(PyExc_ValueError,
            "%s() argument '%s' must have elements of type f4, f8, i1 to i8 or u1 to u8 in native byte order (format "
            "one of b B h H i I l L q Q n N f d), got format '%s' with %zd bytes each",
            function, argument, view_.format == nullptr ? "B" : view_.format, view_.itemsize);
    }
    if (reinterpret_cast<std::uintptr_t>(view_.buf) % static_cast<std::size_t>(view_.itemsize) != 0 && view_.len > 0) {
      raise(PyExc_ValueError, "%s() argument '%s' must be aligned to its %zd-byte elements, got address %p", function,
            argument, view_.itemsize, view_.buf);
    }
    dtype_ = *dtype;
    size_ = static_cast<std::size_t>(view_.len / view_.itemsize);
  } catch (...) {
    PyBuffer_Release(&view_);  // no destructor runs for an object whose constructor throws
    throw;
  }
}

bool Buffer::same_layout(const Buffer& other) const noexcept {
  if (view_.ndim != other.view_.ndim || !std::equal(view_.shape, view_.shape + view_.ndim, other.view_.shape)) {
    return false;
  }
  const auto both = [&](char order) {  // not by the strides: ctypes leaves them NULL
    return PyBuffer_IsContiguous(&view_, order) != 0 && PyBuffer_IsContiguous(&other.view_, order) != 0;
  };
  return both('C') || both('F');
}

bool Buffer::overlaps_partly(const Buffer& other) const noexcept {
  const auto* a = static_cast<const char*>(view_.buf);
  const auto* b = static_cast<const char*>(other.view_.buf);
  const std::less<> before;  // < on pointers into different objects is not defined, std::less is
  return a != b && before(a, b + other.view_.len) && before(b, a + view_.len);
}

}  // namespace binding
