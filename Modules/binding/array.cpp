#include "binding/array.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <string>

#include "binding/array_object.hpp"
#include "binding/boundary.hpp"

namespace binding {
namespace {

bool is_contiguous(ArrayObject& array) noexcept {
  if (array.size == 0) return true;
  Py_ssize_t stride = array.itemsize();
  for (int axis = array.ndim() - 1; axis >= 0; --axis) {
    if (array.shape()[axis] != 1 && array.strides()[axis] != stride) return false;
    stride *= array.shape()[axis];
  }
  return true;
}

// Without storage yet.
Ref allocate(const State& state, core::DType dtype, int ndim) {
  auto* const type = reinterpret_cast<PyTypeObject*>(state.array_type.get());
  Ref array = own(type->tp_alloc(type, 2 * Py_ssize_t{ndim}));
  new (&as_array(array.get()).storage) core::Storage();
  as_array(array.get()).dtype = dtype;
  return array;
}

// How many elements. Empty, but with lengths whose product is too large all the same, is too large as well: strides
// are counted in bytes.
Py_ssize_t size_of_shape(core::DType dtype, int ndim, const Py_ssize_t* shape) {
  if (ndim > core::max_dims) {
    raise(PyExc_ValueError, "Array must have at most %d dimensions, got %d", core::max_dims, ndim);
  }
  Py_ssize_t bytes = static_cast<Py_ssize_t>(core::size_of(dtype));
  bool empty = false;
  for (int axis = 0; axis < ndim; ++axis) {
    if (shape[axis] < 0) {
      raise(PyExc_ValueError, "Array must have no negative length, got %zd along axis %d", shape[axis], axis);
    }
    if (shape[axis] == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, shape[axis], &bytes)) {
      raise(PyExc_OverflowError, "Array of shape %R is too large: its bytes do not fit in an index",
            tuple_of(ndim, shape).get());
    }
  }
  return empty ? 0 : bytes / static_cast<Py_ssize_t>(core::size_of(dtype));
}

}  // namespace

Ref tuple_of(int count, const Py_ssize_t* numbers) {
  Ref tuple = own(PyTuple_New(count));
  for (int i = 0; i < count; ++i) PyTuple_SET_ITEM(tuple.get(), i, own(PyLong_FromSsize_t(numbers[i])).release());
  return tuple;
}

Ref new_array(const State& state, core::DType dtype, int ndim, const Py_ssize_t* shape) {
  const Py_ssize_t size = size_of_shape(dtype, ndim, shape);
  Ref owned = allocate(state, dtype, ndim);
  ArrayObject& array = as_array(owned.get());
  Py_ssize_t stride = array.itemsize();
  for (int axis = ndim - 1; axis >= 0; --axis) {
    array.shape()[axis] = shape[axis];
    array.strides()[axis] = stride;
    stride *= std::max(shape[axis], Py_ssize_t{1});
  }
  array.size = size;
  array.storage = core::Storage(static_cast<std::size_t>(array.nbytes()));
  array.data = array.storage.data();
  array.contiguous = true;
  array.owner = true;
  return owned;
}

Ref view_into(ArrayObject& array, std::byte* data, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides) {
  Ref owned = allocate(state_of(reinterpret_cast<PyObject*>(&array)), array.dtype, ndim);
  ArrayObject& view = as_array(owned.get());
  std::copy_n(shape, ndim, view.shape());
  std::copy_n(strides, ndim, view.strides());
  view.size = 1;
  for (int axis = 0; axis < ndim; ++axis) view.size *= shape[axis];
  view.storage = array.storage;
  view.data = data;
  view.contiguous = is_contiguous(view);
  return owned;
}

core::View view_of(PyObject* self) noexcept {
  ArrayObject& array = as_array(self);
  return {.data = array.data,
          .size = static_cast<std::size_t>(array.size),
          .dtype = array.dtype,
          .swapped = false,
          .contiguous = array.contiguous,
          .ndim = array.ndim(),
          .shape = array.shape(),
          .strides = array.strides()};
}

Ref copy_of(ArrayObject& array) {
  Ref copy = new_array(state_of(reinterpret_cast<PyObject*>(&array)), array.dtype, array.ndim(), array.shape());
  std::byte* to = as_array(copy.get()).data;
  const auto itemsize = core::size_of(array.dtype);
  if (array.contiguous) {
    std::memcpy(to, array.data, static_cast<std::size_t>(array.nbytes()));
  } else {
    each_element(array, [&](const std::byte* from) {
      std::memcpy(to, from, itemsize);
      to += itemsize;
    });
  }
  return copy;
}

bool same_shape(ArrayObject& a, ArrayObject& b) noexcept {
  return a.ndim() == b.ndim() && std::equal(a.shape(), a.shape() + a.ndim(), b.shape());
}

namespace {

// Lifecycle

Ref Array_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"object", "dtype", nullptr};
  PyObject* object = nullptr;
  PyObject* dtype = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:Array", const_cast<char**>(keywords), &object, &dtype) == 0) {
    throw PythonError();
  }
  return array_from(*state_slot(module_of(type)), object, dtype);
}

void Array_dealloc(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  ArrayObject& array = as_array(self);
  if (array.weakrefs != nullptr) unless_ended([=] { PyObject_ClearWeakRefs(self); });
  array.storage.~Storage();
  type->tp_free(self);
  drop(reinterpret_cast<PyObject*>(type));
}

// Attributes

Ref Array_shape(PyObject* self, void*) { return tuple_of(as_array(self).ndim(), as_array(self).shape()); }
Ref Array_strides(PyObject* self, void*) { return tuple_of(as_array(self).ndim(), as_array(self).strides()); }
Ref Array_ndim(PyObject* self, void*) { return own(PyLong_FromLong(as_array(self).ndim())); }
Ref Array_size(PyObject* self, void*) { return own(PyLong_FromSsize_t(as_array(self).size)); }
Ref Array_itemsize(PyObject* self, void*) { return own(PyLong_FromSsize_t(as_array(self).itemsize())); }
Ref Array_nbytes(PyObject* self, void*) { return own(PyLong_FromSsize_t(as_array(self).nbytes())); }
Ref Array_dtype(PyObject* self, void*) { return own(PyUnicode_FromString(core::name_of(as_array(self).dtype))); }
Ref Array_format(PyObject* self, void*) { return own(PyUnicode_FromString(core::format_of(as_array(self).dtype))); }

Ref Array_transposed(PyObject* self, void*) {
  ArrayObject& array = as_array(self);
  const int ndim = array.ndim();
  std::array<Py_ssize_t, core::max_dims> shape;
  std::array<Py_ssize_t, core::max_dims> strides;
  std::reverse_copy(array.shape(), array.shape() + ndim, shape.begin());
  std::reverse_copy(array.strides(), array.strides() + ndim, strides.begin());
  return view_into(array, array.data, ndim, shape.data(), strides.data());
}

// Methods

Py_ssize_t Array_length(PyObject* self) noexcept {
  return boundary(Py_ssize_t{-1}, [&] {
    ArrayObject& array = as_array(self);
    if (array.ndim() == 0) raise(PyExc_TypeError, "len() of an Array without dimensions");
    return array.shape()[0];
  });
}

Ref Array_iter(PyObject* self) {
  if (as_array(self).ndim() == 0) raise(PyExc_TypeError, "iteration over an Array without dimensions");
  return own(PySeqIter_New(self));
}

Ref Array_item_method(PyObject* self, PyObject*) {
  ArrayObject& array = as_array(self);
  if (array.size != 1)
    raise(PyExc_ValueError, "only an Array of one element is a number, this one has %zd", array.size);
  return element_to_python(array.dtype, array.data);
}

int Array_bool(PyObject* self) { return PyObject_IsTrue(Array_item_method(self, nullptr).get()); }
Ref Array_float(PyObject* self) { return own(PyNumber_Float(Array_item_method(self, nullptr).get())); }
Ref Array_int(PyObject* self) { return own(PyNumber_Long(Array_item_method(self, nullptr).get())); }

Ref Array_tolist(PyObject* self, PyObject*) { return nested_list(as_array(self), as_array(self).data, 0); }

Ref Array_copy(PyObject* self, PyObject*) { return copy_of(as_array(self)); }

Ref Array_tobytes(PyObject* self, PyObject*) {
  ArrayObject& array = as_array(self);
  if (!array.contiguous) return Array_tobytes(copy_of(array).get(), nullptr);
  return own(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(array.data), array.nbytes()));
}

Ref Array_reshape(PyObject* self, PyObject* args) {
  ArrayObject& array = as_array(self);
  if (PyTuple_GET_SIZE(args) == 1 && PySequence_Check(PyTuple_GET_ITEM(args, 0)) != 0) {
    return Array_reshape(self, own(PySequence_Tuple(PyTuple_GET_ITEM(args, 0))).get());
  }
  if (!array.contiguous) raise(PyExc_ValueError, "reshape() needs a contiguous Array: copy() it first");
  const Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (count > core::max_dims) {
    raise(PyExc_ValueError, "reshape() takes at most %d lengths, got %zd", core::max_dims, count);
  }
  const auto ndim = static_cast<int>(count);
  std::array<Py_ssize_t, core::max_dims> shape;
  int unknown = -1;
  Py_ssize_t known = 1;
  bool fits = true;
  for (int axis = 0; axis < ndim; ++axis) {
    shape[axis] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(args, axis), PyExc_OverflowError);
    if (shape[axis] == -1 && PyErr_Occurred() != nullptr) throw PythonError();
    if (shape[axis] == -1 && unknown < 0) {
      unknown = axis;
    } else {
      fits = fits && shape[axis] >= 0 && !__builtin_mul_overflow(known, shape[axis], &known);
    }
  }
  if (unknown >= 0 && fits && known > 0) {
    shape[unknown] = array.size / known;
    known *= shape[unknown];
  }
  if (!fits || known != array.size || (unknown >= 0 && shape[unknown] < 0)) {
    raise(PyExc_ValueError, "cannot reshape an Array of %zd elements into %R", array.size, args);
  }
  std::array<Py_ssize_t, core::max_dims> strides;
  Py_ssize_t stride = array.itemsize();
  for (int axis = ndim - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= std::max(shape[axis], Py_ssize_t{1});
  }
  return view_into(array, array.data, ndim, shape.data(), strides.data());
}

Ref Array_sizeof(PyObject* self, PyObject*) {
  ArrayObject& array = as_array(self);
  const Py_ssize_t object = Py_TYPE(self)->tp_basicsize + Py_SIZE(self) * Py_TYPE(self)->tp_itemsize;
  return own(PyLong_FromSsize_t(object + (array.owner ? array.nbytes() : 0)));
}

// Comparison

bool equal_elements(ArrayObject& a, ArrayObject& b) {
  // Numbers of different types are compared as Python does, exactly.
  const Ref left = nested_list(a, a.data, 0);
  const Ref right = nested_list(b, b.data, 0);
  const int equal = PyObject_RichCompareBool(left.get(), right.get(), Py_EQ);
  check(equal);
  return equal != 0;
}

Ref Array_compare(PyObject* self, PyObject* other, int operation) {
  if (Py_TYPE(other) != Py_TYPE(self) || (operation != Py_EQ && operation != Py_NE))
    return Ref::copy(Py_NotImplemented);
  const bool equal = same_shape(as_array(self), as_array(other)) && equal_elements(as_array(self), as_array(other));
  return Ref::copy(equal == (operation == Py_EQ) ? Py_True : Py_False);
}

// Text

constexpr Py_ssize_t longest_text = 1000;  // in elements; of a longer Array both ends of each axis are shown
constexpr Py_ssize_t shown_at_each_end = 3;

void append_text(std::string& text, ArrayObject& array, const std::byte* data, int axis) {
  if (axis == array.ndim()) {
    const Ref element = own(PyObject_Repr(element_to_python(array.dtype, data).get()));
    const char* const utf8 = PyUnicode_AsUTF8(element.get());
    if (utf8 == nullptr) throw PythonError();
    text += utf8;
    return;
  }
  const Py_ssize_t length = array.shape()[axis];
  const bool cut = array.size > longest_text && length > 2 * shown_at_each_end;
  text += '[';
  for (Py_ssize_t i = 0; i < length; ++i) {
    if (i > 0) text += ", ";
    if (cut && i == shown_at_each_end) {
      text += "..., ";
      i = length - shown_at_each_end;
    }
    append_text(text, array, data + i * array.strides()[axis], axis + 1);
  }
  text += ']';
}

Ref Array_repr(PyObject* self) {
  ArrayObject& array = as_array(self);
  std::string text;
  append_text(text, array, array.data, 0);
  return own(PyUnicode_FromFormat("threadmodule.Array(%s, dtype='%s')", text.c_str(), core::name_of(array.dtype)));
}

// Tables

PyMethodDef Array_methods[] = {
    {"tolist", method<Array_tolist>, METH_NOARGS,
     "tolist($self, /)\n--\n\nReturn the elements as a nested list of numbers; the number if there are no dimensions."},
    {"tobytes", method<Array_tobytes>, METH_NOARGS,
     "tobytes($self, /)\n--\n\nReturn the bytes of the elements, in row-major order."},
    {"item", method<Array_item_method>, METH_NOARGS,
     "item($self, /)\n--\n\nReturn the only element. ValueError if there is another number of them."},
    {"copy", method<Array_copy>, METH_NOARGS,
     "copy($self, /)\n--\n\nReturn a new Array with the same elements, in row-major order."},
    {"reshape", method<Array_reshape>, METH_VARARGS,
     "reshape($self, /, *shape)\n--\n\n"
     "Return a view of the same elements in another shape. One length may be -1: what is left over.\n\n"
     "ValueError for an Array that is not contiguous, and for another number of elements."},
    {"__copy__", method<Array_copy>, METH_NOARGS, nullptr},
    {"__deepcopy__", method<Array_copy>, METH_O, nullptr},
    {"__sizeof__", method<Array_sizeof>, METH_NOARGS, "The bytes of the object, and of its memory if that is its own."},
    {"__dlpack__", method<Array_dlpack>, METH_VARARGS | METH_KEYWORDS,
     "__dlpack__($self, /, *, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
     "Return the elements for another library, as DLPack says: np.from_dlpack(a) and the like call this."},
    {"__dlpack_device__", method<Array_dlpack_device>, METH_NOARGS,
     "__dlpack_device__($self, /)\n--\n\nReturn (1, 0): the memory is the CPU's."},
    {"__reduce_ex__", method<Array_reduce_ex>, METH_O, "The memory goes out of band from pickle's protocol 5 on."},
    {"_rebuild", method<Array_rebuild>, METH_VARARGS | METH_CLASS, "What pickle calls."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Array_getset[] = {
    {"shape", entry<Array_shape>, nullptr, "The lengths of the axes, a tuple.", nullptr},
    {"strides", entry<Array_strides>, nullptr, "How many bytes it is to the next element along each axis.", nullptr},
    {"ndim", entry<Array_ndim>, nullptr, "The number of axes.", nullptr},
    {"size", entry<Array_size>, nullptr, "The number of elements.", nullptr},
    {"itemsize", entry<Array_itemsize>, nullptr, "The bytes of one element.", nullptr},
    {"nbytes", entry<Array_nbytes>, nullptr, "The bytes of all elements.", nullptr},
    {"dtype", entry<Array_dtype>, nullptr, "The type of the elements by the name that NumPy has for it.", nullptr},
    {"format", entry<Array_format>, nullptr, "The type of the elements by the letter that struct has for it.", nullptr},
    {"T", entry<Array_transposed>, nullptr, "A view with the axes in reverse order.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef Array_members[] = {
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ArrayObject, weakrefs), Py_READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

constexpr const char* Array_doc =
    "Array(object, dtype=None)\n--\n\n"
    "Numbers of one type in memory of their own, of any shape: what a map returns without out=.\n\n"
    "object: a buffer (it is copied), a number, or a nested sequence of numbers: bools, ints or floats.\n"
    "dtype: 'bool', 'int8' to 'int64', 'uint8' to 'uint64', 'float16', 'float32', 'float64', or as 'f8' or 'd'.\n"
    "None: that of the buffer; of numbers bool, int64 (uint64 where it takes that) or float64.\n\n"
    "An Array is a buffer itself: np.asarray(a), memoryview(a) and np.from_dlpack(a) share its memory. An index\n"
    "or a slice gives a number or a view that shares it too. a == b for two Arrays is one bool, as for\n"
    "array.array and memoryview: the same shape and equal elements. So an Array has no hash.";

PyType_Slot Array_slots[] = {
    {Py_tp_doc, const_cast<char*>(Array_doc)},
    {Py_tp_new, reinterpret_cast<void*>(entry<Array_new>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Array_dealloc)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Array_repr>)},
    {Py_tp_hash, reinterpret_cast<void*>(PyObject_HashNotImplemented)},
    {Py_tp_richcompare, reinterpret_cast<void*>(entry<Array_compare>)},
    {Py_tp_iter, reinterpret_cast<void*>(entry<Array_iter>)},
    {Py_tp_methods, Array_methods},
    {Py_tp_getset, Array_getset},
    {Py_tp_members, Array_members},
    {Py_nb_bool, reinterpret_cast<void*>(entry<Array_bool>)},
    {Py_nb_float, reinterpret_cast<void*>(entry<Array_float>)},
    {Py_nb_int, reinterpret_cast<void*>(entry<Array_int>)},
    {Py_sq_length, reinterpret_cast<void*>(Array_length)},
    {Py_sq_item, reinterpret_cast<void*>(entry<Array_item>)},
    {Py_mp_length, reinterpret_cast<void*>(Array_length)},
    {Py_mp_subscript, reinterpret_cast<void*>(entry<Array_subscript>)},
    {Py_mp_ass_subscript, reinterpret_cast<void*>(entry<Array_assign>)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(entry<Array_getbuffer>)},
    {0, nullptr},
};

}  // namespace

PyType_Spec Array_spec = {"threadmodule.Array", sizeof(ArrayObject), sizeof(Py_ssize_t),
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_SEQUENCE, Array_slots};

}  // namespace binding
