#include "binding/buffer.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "binding/errors.hpp"

namespace binding {
namespace {

static_assert(core::max_dims == PyBUF_MAX_NDIM);

struct Element {
  bool known = false;
  core::DType dtype = core::DType::u1;
  bool swapped = false;
};

// What the struct module's letter of a number means.
struct Letter {
  unsigned char first = 0;   // the DType of one byte, of which those of 2, 4 and 8 bytes are the next
  unsigned char widths = 0;  // of those, the ones that there are: 1 | 2 | 4 | 8
};

constexpr std::array<Letter, 128> letters = [] {
  std::array<Letter, 128> all{};
  const auto set = [&all](std::string_view of, core::DType first, int offset, int widths) {
    for (const char letter : of) {
      all[static_cast<unsigned char>(letter)] = {static_cast<unsigned char>(static_cast<int>(first) - offset),
                                                 static_cast<unsigned char>(widths)};
    }
  };
  using core::DType;
  set("?", DType::b1, 0, 1);
  set("b", DType::i1, 0, 1);
  set("B", DType::u1, 0, 1);
  set("h", DType::i1, 0, 2);
  set("H", DType::u1, 0, 2);
  set("ilqn", DType::i1, 0, 4 | 8);  // `l` has 4 bytes or 8, depending on prefix and machine
  set("ILQN", DType::u1, 0, 4 | 8);
  set("e", DType::f2, 1, 2);
  set("f", DType::f2, 1, 4);
  set("d", DType::f2, 1, 8);
  return all;
}();

// Of a format of one number: an optional byte order, an optional count of 1, a letter.
Element element_of(const char* format, Py_ssize_t itemsize) noexcept {
  constexpr bool native_is_big = std::endian::native == std::endian::big;
  if (format == nullptr) format = "B";  // what the protocol says NULL means
  bool big = native_is_big;
  if (format[0] != '\0' && format[1] != '\0') {
    if (*format == '<') big = false;
    if (*format == '>' || *format == '!') big = true;
    if (std::strchr("<>!@=^", *format) != nullptr) ++format;
    if (*format == '1') ++format;
    if (format[0] == '\0' || format[1] != '\0') return {};
  }
  const auto code = static_cast<unsigned char>(*format);
  if (code >= letters.size() || itemsize <= 0 || itemsize > 8) return {};
  const auto width = static_cast<unsigned>(itemsize);
  if ((width & (width - 1)) != 0 || (letters[code].widths & width) == 0) return {};
  return {true, static_cast<core::DType>(letters[code].first + std::countr_zero(width)),
          width > 1 && big != native_is_big};
}

}  // namespace

Buffer::Buffer(const char* function, const char* argument, PyObject* object, Access access) {
  const char* type = Py_TYPE(object)->tp_name;
  // The most general requests: what a kernel does not take is refused below, in our own words. So if it is refused to
  // be written, it is asked for what can be read.
  bool refused = false;
  if (PyObject_GetBuffer(object, &buffer_, access == write ? PyBUF_FULL : PyBUF_FULL_RO) < 0) {
    if (PyObject_CheckBuffer(object) == 0) {
      raise(PyExc_TypeError,
            "%s() argument '%s' must be an object with the buffer protocol (bytearray, array, memoryview, mmap, NumPy "
            "array, ...), not %s",
            function, argument, type);
    }
    if (access == read || PyErr_ExceptionMatches(PyExc_Exception) == 0) throw PythonError();
    PyErr_Clear();
    if (PyObject_GetBuffer(object, &buffer_, PyBUF_FULL_RO) < 0) throw PythonError();
    refused = true;
  }
  try {
    if (refused || (access == write && buffer_.readonly != 0)) {
      raise(PyExc_BufferError, "%s() argument '%s' must be writable, got a read-only %s", function, argument, type);
    }
    describe(function, argument, type);
  } catch (...) {
    PyBuffer_Release(&buffer_);  // no destructor runs for an object whose constructor throws
    throw;
  }
}

void Buffer::describe(const char* function, const char* argument, const char* type) {
  const Element element = element_of(buffer_.format, buffer_.itemsize);
  if (!element.known) {
    raise(
        PyExc_ValueError,
        "%s() argument '%s' must have elements of type bool, f2, f4, f8, i1 to i8 or u1 to u8 (format one of ? e f d b "
        "B h H i I l L q Q n N, in any byte order), got format '%s' with %zd bytes each",
        function, argument, buffer_.format == nullptr ? "B" : buffer_.format, buffer_.itemsize);
  }
  if (buffer_.suboffsets != nullptr) {
    for (int axis = 0; axis < buffer_.ndim; ++axis) {
      if (buffer_.suboffsets[axis] < 0) continue;
      raise(PyExc_BufferError, "%s() argument '%s' must lie in one piece of memory, got a %s of pointers (suboffsets)",
            function, argument, type);
    }
  }
  if (buffer_.ndim > 0 && buffer_.shape == nullptr) {
    raise(PyExc_BufferError, "%s() argument '%s' must know its shape, got a %s without", function, argument, type);
  }
  const Py_ssize_t itemsize = buffer_.itemsize;
  if (buffer_.ndim > 0 && buffer_.strides == nullptr) {
    strides_ = std::make_unique_for_overwrite<Py_ssize_t[]>(static_cast<std::size_t>(buffer_.ndim));
  }
  std::size_t size = 1;
  bool dense = true;
  Py_ssize_t gapless = itemsize;  // the stride of an axis if the ones after it leave no gaps
  for (int axis = buffer_.ndim; axis-- > 0;) {
    const Py_ssize_t length = buffer_.shape[axis];
    if (length < 0) {
      raise(PyExc_BufferError, "%s() argument '%s' must have no negative lengths, got %zd in a %s", function, argument,
            length, type);
    }
    if (strides_) {
      strides_[static_cast<std::size_t>(axis)] = gapless;
    } else {
      dense &= length == 1 || buffer_.strides[axis] == gapless;
    }
    size *= static_cast<std::size_t>(length);
    if (length != 0 && __builtin_mul_overflow(gapless, length, &gapless)) {
      raise(PyExc_OverflowError, "%s() argument '%s' must have fewer than 2**63 bytes", function, argument);
    }
  }
  const bool aligned = (reinterpret_cast<std::uintptr_t>(buffer_.buf) & static_cast<std::size_t>(itemsize - 1)) == 0;
  view_ = {.data = buffer_.buf,
           .size = size,
           .dtype = element.dtype,
           .swapped = element.swapped,
           .contiguous = (dense || size <= 1) && aligned && !element.swapped,
           .ndim = buffer_.ndim,
           .shape = buffer_.shape,
           .strides = strides_ ? strides_.get() : buffer_.strides};
}

std::string shape_of(const core::View& view) {
  std::string text = "(";
  for (int axis = 0; axis < view.ndim; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(view.shape[axis]);
  }
  return text += view.ndim == 1 ? ",)" : ")";
}

}  // namespace binding
