// What the files of Array share: what an Array is, and its elements as Python's numbers.
//
//     array.cpp            its life, its attributes and methods, the tables
//     array_elements.cpp   elements and nested sequences of numbers, in and out
//     array_index.cpp      a[key]
//     array_exchange.cpp   its memory for others: buffers, DLPack, pickle
#pragma once

#include <array>
#include <cstring>

#include "binding/array.hpp"
#include "binding/state.hpp"
#include "core/storage.hpp"

namespace binding {

// An Array refers to no Python object. Several may look at the same storage: a slice is an Array too. Nothing in it
// changes after it was made, so threads need no lock to look at it; whoever writes elements that others read
// at the same time gets what NumPy gets.
struct ArrayObject {
  PyObject_VAR_HEAD  // ob_size: 2 * ndim
      PyObject* weakrefs;
  core::Storage storage;
  std::byte* data;  // the first element, not always the first of the storage
  Py_ssize_t size;  // in elements
  core::DType dtype;
  bool contiguous;  // in row-major order without gaps
  bool owner;       // made together with its storage, and not a view of another Array's

  // The shape and behind it the strides, in bytes. They lie behind the struct.
  Py_ssize_t* shape() noexcept { return reinterpret_cast<Py_ssize_t*>(this + 1); }
  Py_ssize_t* strides() noexcept { return shape() + ndim(); }
  int ndim() const noexcept { return static_cast<int>(Py_SIZE(this) / 2); }
  Py_ssize_t itemsize() const noexcept { return static_cast<Py_ssize_t>(core::size_of(dtype)); }
  Py_ssize_t nbytes() const noexcept { return size * itemsize(); }
};

inline ArrayObject& as_array(PyObject* self) noexcept { return *reinterpret_cast<ArrayObject*>(self); }

inline const State& state_of(PyObject* array) { return *state_slot(module_of(Py_TYPE(array))); }

// array.cpp

// Another look at the same storage.
Ref view_into(ArrayObject& array, std::byte* data, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides);
// A new Array with the same elements, in row-major order.
Ref copy_of(ArrayObject& array);
// The same shape?
bool same_shape(ArrayObject& a, ArrayObject& b) noexcept;
Ref tuple_of(int count, const Py_ssize_t* numbers);

// Calls f with the address of each element, in row-major order.
template <class F>
void each_element(ArrayObject& array, const F& f) {
  const int ndim = array.ndim();
  if (array.size == 0) return;
  const auto along = [&](const auto& again, int axis, std::byte* data) -> void {
    if (axis == ndim) return f(data);
    const Py_ssize_t stride = array.strides()[axis];
    for (Py_ssize_t i = 0; i < array.shape()[axis]; ++i, data += stride) again(again, axis + 1, data);
  };
  along(along, 0, array.data);
}

// Somebody's buffer, for as long as this lives.
struct HeldBuffer {
  HeldBuffer(PyObject* object, int flags) { check(PyObject_GetBuffer(object, &view, flags)); }
  HeldBuffer(const HeldBuffer&) = delete;
  HeldBuffer& operator=(const HeldBuffer&) = delete;
  ~HeldBuffer() {
    if (may_release()) unless_ended([this] { PyBuffer_Release(&view); });
  }
  Py_buffer view;
};

// array_elements.cpp

// One element's bytes, as many as its type has.
using Element = std::array<std::byte, 8>;

// A Python int, float or bool.
Ref element_to_python(core::DType dtype, const std::byte* data);
// TypeError for what is no number, or a float where ints are kept; OverflowError for what does not fit.
Element element_from_python(core::DType dtype, PyObject* number);

// The same for a nested list. `axis` says at which depth `data` is.
Ref nested_list(ArrayObject& array, const std::byte* data, int axis);

// A number, rather than something that holds numbers?
bool is_single_number(PyObject* object) noexcept;

// The constructor: a new Array from a buffer, a number or a nested sequence of numbers; dtype may be None.
Ref array_from(const State& state, PyObject* object, PyObject* dtype);
Ref array_from(const State& state, PyObject* object, core::DType dtype);
core::DType dtype_named(PyObject* name);

// In the other byte order.
void swap_bytes(ArrayObject& contiguous) noexcept;

// array_index.cpp

Ref Array_item(PyObject* self, Py_ssize_t index);
Ref Array_subscript(PyObject* self, PyObject* key);
int Array_assign(PyObject* self, PyObject* key, PyObject* value);

// array_exchange.cpp

int Array_getbuffer(PyObject* self, Py_buffer* view, int flags);
Ref Array_dlpack(PyObject* self, PyObject* args, PyObject* kwargs);
Ref Array_dlpack_device(PyObject* self, PyObject*);
Ref Array_reduce_ex(PyObject* self, PyObject* protocol);
Ref Array_rebuild(PyObject* type, PyObject* args);

}  // namespace binding
