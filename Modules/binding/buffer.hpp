// Memory of any object with the buffer protocol (bytes, bytearray, array, memoryview, mmap, ctypes, NumPy, …), held
// for as long as the Buffer lives: its exporter must not move, resize or free it until then.
#pragma once

#include <memory>
#include <string>

#include "binding/python.hpp"
#include "binding/thread_exit.hpp"
#include "core/array.hpp"

namespace binding {

class Buffer {
 public:
  enum Access { read, write };

  // Holds `object`, which `function` got for `argument`. TypeError: it has no buffer. BufferError: it is read-only and
  // to be written, or an array of pointers to arrays. ValueError: its elements are no numbers that a kernel knows.
  Buffer(const char* function, const char* argument, PyObject* object, Access access);
  ~Buffer() {
    if (may_release()) unless_ended([this] { PyBuffer_Release(&buffer_); });
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Of any shape, strides and byte order; valid as long as the Buffer. Empty arrays and those of one element are
  // contiguous if they are aligned and native.
  const core::View& view() const noexcept { return view_; }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(buffer_.obj);
    return 0;
  }

 private:
  void describe(const char* function, const char* argument, const char* type);

  Py_buffer buffer_;
  core::View view_;
  std::unique_ptr<Py_ssize_t[]> strides_;  // for exporters that leave them out, as ctypes does
};

// The shape as Python shows it, for messages: "()", "(3,)", "(2, 3)".
std::string shape_of(const core::View& view);

}  // namespace binding
