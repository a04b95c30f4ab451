// What the files of Array share: what an Array is, and its elements as Python's numbers.
//
//     array.cpp            its life, its attributes and methods, the tables
//     array_elements.cpp   elements and nested sequences of numbers, in and out
//     array_index.cpp      a[key]
//     array_exchange.cpp   its memory for others: buffers, DLPack, pickle
#pragma once

#include <array>
#include <optional>

#include "binding/array.hpp"
#include "core/storage.hpp"
#include "core/strided.hpp"

namespace binding {

// An Array refers to no Python object. Several may look at the same storage: a slice is an Array too. Nothing in it
// changes after it was made, so threads need no lock to look at it; whoever writes elements that others read at the
// same time gets what NumPy gets.
struct ArrayObject {
  PyVarObject head;  // ob_size: 2 * ndim
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

// array.cpp

// From a tuple of ints. ValueError for too many.
core::Shape shape_from(PyObject* tuple);
Ref tuple_of(int count, const Py_ssize_t* numbers);

Ref new_array(PyTypeObject* type, core::DType dtype, int ndim, const Py_ssize_t* shape);
core::View view_of(ArrayObject& array) noexcept;
// Another look at the same storage.
Ref view_into(ArrayObject& array, std::byte* data, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides);
// A new Array with the same elements, in row-major order.
Ref copy_of(PyTypeObject* type, const core::View& view);
// Elements of one type. `from` is broadcast to the shape of `to`, which must be possible.
void copy_elements(core::View from, core::View to) noexcept;

// array_elements.cpp

// One element's bytes, as many as its type has.
using Element = std::array<std::byte, 8>;

// A Python int, float or bool.
Ref element_to_python(core::DType dtype, const std::byte* data);
// TypeError for what is no number, or a float where ints are kept; OverflowError for what does not fit.
Element element_from_python(core::DType dtype, PyObject* number);

// The same for a nested list. `axis` says at which depth `data` is.
Ref nested_list(ArrayObject& array, const std::byte* data, int axis);

// A number, rather than something that holds numbers? NumPy's scalars are numbers with a buffer, its arrays are
// sequences with a number's methods.
bool is_single_number(PyObject* object) noexcept;

// A new Array from a buffer, a number or a nested sequence of numbers.
Ref array_from(PyTypeObject* type, PyObject* object, std::optional<core::DType> dtype);
core::DType dtype_named(PyObject* name);

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
