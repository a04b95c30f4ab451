#include <algorithm>
#include <optional>
#include <span>

#include "binding/array_object.hpp"

namespace binding {
namespace {

// What a key chooses: one element, or a part with a shape of its own.
struct Selection {
  bool single = true;  // every axis has got an int, and no `...` asks for an Array all the same
  std::byte* data;
  int ndim = 0;
  std::array<Py_ssize_t, core::max_dims> shape;
  std::array<Py_ssize_t, core::max_dims> strides;

  void keep(Py_ssize_t length, Py_ssize_t stride) noexcept {
    single = false;
    shape[static_cast<std::size_t>(ndim)] = length;
    strides[static_cast<std::size_t>(ndim)] = stride;
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
      PyTuple_Check(key) ? std::span(&PyTuple_GET_ITEM(key, 0), Py_SIZE(key)) : std::span(&key, 1);
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
  return view_into(array, selection.data, selection.ndim, selection.shape.data(), selection.strides.data());
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
  const auto itemsize = core::size_of(array.dtype);
  if (selection.single || is_single_number(value)) {
    const Element element = element_from_python(array.dtype, value);
    if (selection.single) {
      std::memcpy(selection.data, element.data(), itemsize);
    } else {
      each_element(as_array(selected(array, selection).get()),
                   [&](std::byte* data) { std::memcpy(data, element.data(), itemsize); });
    }
    return 0;
  }
  const Ref target = selected(array, selection);
  // Through a copy: the value may be a part of this very Array.
  const Ref source = array_from(state_of(self), value, array.dtype);
  ArrayObject& to = as_array(target.get());
  ArrayObject& from = as_array(source.get());
  if (!same_shape(to, from)) {
    raise(PyExc_ValueError, "cannot assign elements of shape %R to a part of shape %R",
          tuple_of(from.ndim(), from.shape()).get(), tuple_of(to.ndim(), to.shape()).get());
  }
  const std::byte* next = from.data;
  each_element(to, [&](std::byte* data) {
    std::memcpy(data, next, itemsize);
    next += itemsize;
  });
  return 0;
}

}  // namespace binding
