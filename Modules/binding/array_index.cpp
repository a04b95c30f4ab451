#include <algorithm>
#include <cstring>
#include <span>

#include "binding/array_object.hpp"
#include "binding/buffer.hpp"

namespace binding {
namespace {

// What a key chooses: one element, or a part with a shape of its own.
struct Selection {
  bool single = true;  // every axis has got an int, and no `...` asks for an Array all the same
  std::byte* data;
  int ndim = 0;
  Py_ssize_t shape[core::max_dims];
  Py_ssize_t strides[core::max_dims];

  void keep(Py_ssize_t length, Py_ssize_t stride) noexcept {
    single = false;
    shape[ndim] = length;
    strides[ndim] = stride;
    ++ndim;
  }
};

std::byte* pick(ArrayObject& array, std::byte* data, int axis, Py_ssize_t index) {
  const Py_ssize_t length = array.shape()[axis];
  const Py_ssize_t from_begin = index < 0 ? index + length : index;
  if (from_begin < 0 || from_begin >= length) {
    raise(PyExc_IndexError, "index %zd is out of bounds for axis %d with size %zd", index, axis, length);
  }
  return data + from_begin * array.strides()[axis];
}

Selection select(ArrayObject& array, PyObject* key) {
  Selection selection;
  selection.data = array.data;
  const std::span<PyObject* const> keys =
      PyTuple_Check(key) ? std::span(&PyTuple_GET_ITEM(key, 0), static_cast<std::size_t>(PyTuple_GET_SIZE(key)))
                         : std::span(&key, 1);
  const auto ellipses = std::count(keys.begin(), keys.end(), Py_Ellipsis);
  if (ellipses > 1) raise(PyExc_IndexError, "an index may have one '...', this one has %zd", Py_ssize_t{ellipses});
  const auto left_out = array.ndim() - (std::ssize(keys) - ellipses);
  if (left_out < 0) {
    raise(PyExc_IndexError, "too many indices for an Array of %d dimensions: %zd", array.ndim(),
          Py_ssize_t{std::ssize(keys) - ellipses});
  }
  int axis = 0;
  const auto keep_whole = [&](Py_ssize_t axes) {
    for (; axes > 0; --axes, ++axis) selection.keep(array.shape()[axis], array.strides()[axis]);
  };
  for (PyObject* const item : keys) {
    if (item == Py_Ellipsis) {
      keep_whole(left_out);
      selection.single = false;
    } else if (PySlice_Check(item)) {
      Py_ssize_t start = 0;
      Py_ssize_t stop = 0;
      Py_ssize_t step = 0;
      check(PySlice_Unpack(item, &start, &stop, &step));
      const Py_ssize_t length = PySlice_AdjustIndices(array.shape()[axis], &start, &stop, step);
      const Py_ssize_t stride = array.strides()[axis];
      if (length > 0) selection.data += start * stride;  // of an empty slice, start may lie outside
      selection.keep(length, length > 1 ? step * stride : stride);
      ++axis;
    } else if (PyIndex_Check(item)) {
      const Py_ssize_t index = PyNumber_AsSsize_t(item, PyExc_IndexError);
      if (index == -1 && PyErr_Occurred() != nullptr) throw PythonError();
      selection.data = pick(array, selection.data, axis, index);
      ++axis;
    } else {
      raise(PyExc_TypeError, "an Array is indexed by ints, slices, '...' and tuples of them, not %s",
            Py_TYPE(item)->tp_name);
    }
  }
  if (ellipses == 0) keep_whole(left_out);
  return selection;
}

Ref selected(ArrayObject& array, const Selection& selection) {
  return view_into(array, selection.data, selection.ndim, selection.shape, selection.strides);
}

// Broadcast, as NumPy assigns.
void assign(const core::View& from, const core::View& to) {
  const auto shape = core::broadcast(std::array{to, from});
  if (!shape || !std::equal(shape->lengths, shape->lengths + shape->ndim, to.shape, to.shape + to.ndim)) {
    raise(PyExc_ValueError, "cannot assign elements of shape %s to a part of shape %s", shape_of(from).c_str(),
          shape_of(to).c_str());
  }
  copy_elements(from, to);
}

}  // namespace

Ref Array_item(PyObject* self, Py_ssize_t index) {
  ArrayObject& array = as_array(self);
  if (array.ndim() == 0) raise(PyExc_IndexError, "too many indices for an Array of 0 dimensions: 1");
  std::byte* const data = pick(array, array.data, 0, index);
  if (array.ndim() == 1) return element_to_python(array.dtype, data);
  return view_into(array, data, array.ndim() - 1, array.shape() + 1, array.strides() + 1);
}

Ref Array_subscript(PyObject* self, PyObject* key) {
  ArrayObject& array = as_array(self);
  const Selection selection = select(array, key);
  if (selection.single) return element_to_python(array.dtype, selection.data);
  return selected(array, selection);
}

int Array_assign(PyObject* self, PyObject* key, PyObject* value) {
  ArrayObject& array = as_array(self);
  if (value == nullptr) raise(PyExc_TypeError, "elements of an Array cannot be deleted");
  const Selection selection = select(array, key);
  if (selection.single) {
    const Element element = element_from_python(array.dtype, value);
    std::memcpy(selection.data, element.data(), core::size_of(array.dtype));
    return 0;
  }
  const Ref part = selected(array, selection);
  const core::View to = view_of(part.get());
  if (is_single_number(value)) {
    Element element = element_from_python(array.dtype, value);
    copy_elements({.data = element.data(), .size = 1, .dtype = array.dtype}, to);
    return 0;
  }
  if (PyObject_CheckBuffer(value) != 0) {
    const Buffer buffer("__setitem__", "value", value, Buffer::read);
    if (buffer.view().dtype == to.dtype && !core::overlap(buffer.view(), to)) {
      assign(buffer.view(), to);
      return 0;
    }
  }
  const Ref copy = array_from(Py_TYPE(self), value, array.dtype);
  assign(view_of(copy.get()), to);
  return 0;
}

}  // namespace binding
