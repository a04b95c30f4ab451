#include "binding/array.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>

#include "binding/array_object.hpp"
#include "binding/boundary.hpp"
#include "binding/state.hpp"

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

void set_row_major(int ndim, const Py_ssize_t* shape, Py_ssize_t stride, Py_ssize_t* strides) noexcept {
  for (int axis = ndim - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= std::max(shape[axis], Py_ssize_t{1});
  }
}

[[noreturn]] void raise_too_many_dimensions(Py_ssize_t ndim) {
  raise(PyExc_ValueError, "an Array has at most %d dimensions, got %zd", core::max_dims, ndim);
}

// Without storage yet.
Ref allocate(PyTypeObject* type, core::DType dtype, int ndim) {
  Ref array = own(type->tp_alloc(type, 2 * Py_ssize_t{ndim}));
  new (&as_array(array.get()).storage) core::Storage();
  as_array(array.get()).dtype = dtype;
  return array;
}

// How many elements. Empty, but with lengths whose product is too large all the same, is too large as well: strides
// are counted in bytes.
Py_ssize_t size_of_shape(core::DType dtype, int ndim, const Py_ssize_t* shape) {
  if (ndim > core::max_dims) raise_too_many_dimensions(ndim);
  auto bytes = static_cast<Py_ssize_t>(core::size_of(dtype));
  bool empty = false;
  for (int axis = 0; axis < ndim; ++axis) {
    if (shape[axis] < 0) {
      raise(PyExc_ValueError, "an Array has no negative length, got %zd for axis %d", shape[axis], axis);
    }
    if (shape[axis] == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, shape[axis], &bytes)) {
      raise(PyExc_OverflowError, "an Array of shape %R is too large: its bytes cannot be counted",
            tuple_of(ndim, shape).get());
    }
  }
  return empty ? 0 : bytes / static_cast<Py_ssize_t>(core::size_of(dtype));
}

// Copied as such, bits stay as they are: no f2 goes through a float, no true b1 becomes 1.
core::DType bits_of(std::size_t itemsize) noexcept {
  switch (itemsize) {
    case 1: return core::DType::u1;
    case 2: return core::DType::u2;
    case 4: return core::DType::u4;
    default: return core::DType::u8;
  }
}

Ref array_in(core::Storage memory, PyTypeObject* type, core::DType dtype, int ndim, const Py_ssize_t* shape) {
  Ref owned = allocate(type, dtype, ndim);
  ArrayObject& array = as_array(owned.get());
  std::copy_n(shape, ndim, array.shape());
  set_row_major(ndim, shape, array.itemsize(), array.strides());
  array.contiguous = true;
  array.size = size_of_shape(dtype, ndim, shape);
  array.storage = std::move(memory);
  array.data = array.storage.data();
  array.owner = true;
  return owned;
}

}  // namespace

Ref tuple_of(int count, const Py_ssize_t* numbers) {
  Ref tuple = own(PyTuple_New(count));
  for (int i = 0; i < count; ++i) PyTuple_SET_ITEM(tuple.get(), i, own(PyLong_FromSsize_t(numbers[i])).release());
  return tuple;
}

core::Shape shape_from(PyObject* tuple) {
  const Py_ssize_t ndim = PyTuple_GET_SIZE(tuple);
  if (ndim > core::max_dims) raise_too_many_dimensions(ndim);
  core::Shape shape;
  for (; shape.ndim < ndim; ++shape.ndim) {
    const Py_ssize_t length = PyNumber_AsSsize_t(PyTuple_GET_ITEM(tuple, shape.ndim), PyExc_OverflowError);
    if (length == -1 && PyErr_Occurred() != nullptr) throw PythonError();
    shape.lengths[shape.ndim] = length;
  }
  return shape;
}

Ref new_array(const State& state, core::DType dtype, int ndim, const Py_ssize_t* shape) {
  return new_array(reinterpret_cast<PyTypeObject*>(state.array_type.get()), dtype, ndim, shape);
}

Ref new_array(PyTypeObject* type, core::DType dtype, int ndim, const Py_ssize_t* shape) {
  const auto bytes = static_cast<std::size_t>(size_of_shape(dtype, ndim, shape)) * core::size_of(dtype);
  return array_in(core::Storage(bytes), type, dtype, ndim, shape);
}

Ref new_vector(const State& state, core::DType dtype, std::size_t size, core::Storage memory) {
  const auto length = static_cast<Py_ssize_t>(size);
  return array_in(std::move(memory), reinterpret_cast<PyTypeObject*>(state.array_type.get()), dtype, 1, &length);
}

Ref view_into(ArrayObject& array, std::byte* data, int ndim, const Py_ssize_t* shape, const Py_ssize_t* strides) {
  Ref owned = allocate(Py_TYPE(&array), array.dtype, ndim);
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

core::View view_of(PyObject* array) noexcept { return view_of(as_array(array)); }

core::View view_of(ArrayObject& array) noexcept {
  return {.data = array.data,
          .size = static_cast<std::size_t>(array.size),
          .dtype = array.dtype,
          .swapped = false,
          .contiguous = array.contiguous,
          .ndim = array.ndim(),
          .shape = array.shape(),
          .strides = array.strides()};
}

Ref copy_of(PyTypeObject* type, const core::View& view) {
  Ref copy = new_array(type, view.dtype, view.ndim, view.shape);
  copy_elements(view, view_of(copy.get()));
  return copy;
}

void copy_elements(core::View from, core::View to) noexcept {
  const std::size_t itemsize = core::size_of(to.dtype);
  from.dtype = to.dtype = bits_of(itemsize);
  const core::Walk walk(std::array{to, from}, core::Order::any);
  if (walk[0].contiguous) return core::gather(walk[1], 0, walk.size(), to.dtype, walk[0].data);
  alignas(std::uint64_t) std::byte room[4096];
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < walk.size(); begin += count) {
    count = std::min(sizeof room / itemsize, walk.size() - begin);
    core::gather(walk[1], begin, count, to.dtype, room);
    core::scatter(room, walk[0], begin, count);
  }
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
  return array_from(type, object, dtype == Py_None ? std::nullopt : std::optional(dtype_named(dtype)));
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

Ref Array_copy(PyObject* self, PyObject*) { return copy_of(Py_TYPE(self), view_of(self)); }

Ref Array_tobytes(PyObject* self, PyObject*) {
  ArrayObject& array = as_array(self);
  if (!array.contiguous) return Array_tobytes(Array_copy(self, nullptr).get(), nullptr);
  return own(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(array.data), array.nbytes()));
}

Ref Array_reshape(PyObject* self, PyObject* args) {
  ArrayObject& array = as_array(self);
  PyObject* const first = PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : nullptr;
  const bool as_one = first != nullptr && PyIndex_Check(first) == 0;
  const Ref tuple = as_one ? own(PySequence_Tuple(first)) : Ref::copy(args);
  core::Shape shape = shape_from(tuple.get());
  if (!array.contiguous) raise(PyExc_ValueError, "reshape() needs a contiguous Array: copy() it first");
  Py_ssize_t* const end = shape.lengths + shape.ndim;
  Py_ssize_t* const unknown = std::find(shape.lengths, end, -1);
  if (unknown != end) *unknown = 1;
  Py_ssize_t size = size_of_shape(array.dtype, shape.ndim, shape.lengths);
  const bool ambiguous = unknown != end && size == 0;
  if (unknown != end && !ambiguous) {
    *unknown = array.size / size;
    size *= *unknown;
  }
  if (ambiguous || size != array.size) {
    raise(PyExc_ValueError, "cannot reshape an Array of %zd elements into %R", array.size, tuple.get());
  }
  core::Shape strides;
  set_row_major(shape.ndim, shape.lengths, array.itemsize(), strides.lengths);
  return view_into(array, array.data, shape.ndim, shape.lengths, strides.lengths);
}

Ref Array_sizeof(PyObject* self, PyObject*) {
  ArrayObject& array = as_array(self);
  const Py_ssize_t object = Py_TYPE(self)->tp_basicsize + Py_SIZE(self) * Py_TYPE(self)->tp_itemsize;
  return own(PyLong_FromSsize_t(object + (array.owner ? array.nbytes() : 0)));
}

// Comparison

template <class T>
bool equal_elements(const core::Walk& walk) noexcept {
  const core::Source left(walk, 0);
  const core::Source right(walk, 1);
  constexpr std::size_t most = 512;
  T left_room[most];
  T right_room[most];
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < walk.size(); begin += count) {
    count = std::min(most, walk.size() - begin);
    const T* const x = left.read(begin, count, left_room);
    if (!std::equal(x, x + count, right.read(begin, count, right_room))) return false;
  }
  return true;
}

bool equal(ArrayObject& a, ArrayObject& b) {
  if (!std::equal(a.shape(), a.shape() + a.ndim(), b.shape(), b.shape() + b.ndim())) return false;
  if (a.dtype == b.dtype) {
    const core::Walk walk(std::array{view_of(a), view_of(b)}, core::Order::any);
    return core::with_type(a.dtype, [&](auto type) { return equal_elements<decltype(type)>(walk); });
  }
  // Numbers of different types, as Python compares them: exactly.
  const Ref left = nested_list(a, a.data, 0);
  const int result = PyObject_RichCompareBool(left.get(), nested_list(b, b.data, 0).get(), Py_EQ);
  check(result);
  return result != 0;
}

Ref Array_compare(PyObject* self, PyObject* other, int operation) {
  if (Py_TYPE(other) != Py_TYPE(self) || (operation != Py_EQ && operation != Py_NE))
    return Ref::copy(Py_NotImplemented);
  return Ref::copy(equal(as_array(self), as_array(other)) == (operation == Py_EQ) ? Py_True : Py_False);
}

// Text

constexpr Py_ssize_t longest_text = 1000;  // in elements; of a longer Array both ends of each axis are shown
constexpr Py_ssize_t shown_at_each_end = 3;

// Cold, that is, optimized for size: the compiler would inline it into itself, and again.
[[gnu::cold]] void append_text(std::string& text, ArrayObject& array, const std::byte* data, int axis) {
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
