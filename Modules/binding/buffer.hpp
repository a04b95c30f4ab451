// Memory of any object with the buffer protocol (bytes, bytearray, array, memoryview, mmap, ctypes, NumPy, …), held
// for as long as the Buffer lives: its exporter must not move, resize or free it until then.
#pragma once

#include "binding/python.hpp"
#include "binding/thread_exit.hpp"
#include "core/array.hpp"

namespace binding {

class Buffer {
 public:
  enum Access { read, write };

  // Holds `object`, which `function` got for `argument`. TypeError: it has no buffer. BufferError: it is not
  // contiguous, or read-only and to be written. ValueError: its elements are of no type that a kernel knows (f4, f8,
  // i1 to i8, u1 to u8, in the machine's byte order), or not aligned.
  Buffer(const char* function, const char* argument, PyObject* object, Access access);
  ~Buffer() {
    if (may_release()) unless_ended([this] { PyBuffer_Release(&view_); });
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  core::ConstArray elements() const noexcept { return {view_.buf, size_, dtype_}; }
  core::Array writable_elements() const noexcept { return {view_.buf, size_, dtype_}; }
  const Py_buffer& view() const noexcept { return view_; }

  // The same shape, and the elements in the same order in memory (both row-major, or both column-major)?
  bool same_layout(const Buffer& other) const noexcept;
  // Do they share some of their bytes, but not begin at the same one?
  bool overlaps_partly(const Buffer& other) const noexcept;

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(view_.obj);
    return 0;
  }

 private:
  Py_buffer view_;
  std::size_t size_ = 0;
  core::DType dtype_ = core::DType::u1;
};

}  // namespace binding
