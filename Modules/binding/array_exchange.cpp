#include <bit>
#include <memory>
#include <string_view>

#include "binding/array_object.hpp"
#include "binding/boundary.hpp"
#include "binding/buffer.hpp"
#include "binding/dlpack.hpp"

namespace binding {

// The buffer protocol

int Array_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  ArrayObject& array = as_array(self);
  view->obj = nullptr;  // as the protocol wants it of an exporter that raises
  const auto asked_for = [=](int flag) { return (flags & flag) == flag; };
  *view = Py_buffer{.buf = array.data,
                    .obj = nullptr,
                    .len = array.nbytes(),
                    .itemsize = array.itemsize(),
                    .readonly = 0,
                    .ndim = array.ndim(),
                    .format = const_cast<char*>(core::format_of(array.dtype)),
                    .shape = array.shape(),
                    .strides = array.strides(),
                    .suboffsets = nullptr,
                    .internal = nullptr};
  const bool row_major = array.contiguous;
  const auto column_major = [=] { return PyBuffer_IsContiguous(view, 'F') != 0; };
  if ((!row_major && (asked_for(PyBUF_C_CONTIGUOUS) || !asked_for(PyBUF_STRIDES))) ||
      (asked_for(PyBUF_F_CONTIGUOUS) && !column_major()) ||
      (asked_for(PyBUF_ANY_CONTIGUOUS) && !row_major && !column_major())) {
    raise(PyExc_BufferError, "the Array is not contiguous in the order that is asked for: copy() it first");
  }
  if (!asked_for(PyBUF_FORMAT)) view->format = nullptr;
  if (!asked_for(PyBUF_STRIDES)) view->strides = nullptr;
  if (!asked_for(PyBUF_ND)) {  // bytes, as far as the one who asks knows
    view->shape = nullptr;
    view->ndim = 1;
  }
  view->obj = Py_NewRef(self);
  return 0;
}

// DLPack

namespace {

// What stands behind an exported tensor. No Python in it: whoever has the tensor deletes it in any thread.
template <class Managed>
struct Export {
  Managed managed{};
  core::Storage storage;
  std::array<std::int64_t, 2 * core::max_dims> shape_and_strides;
};

template <class Managed>
void delete_export(Managed* managed) noexcept {
  delete static_cast<Export<Managed>*>(managed->context);
}

// A capsule that still has its name was never opened.
template <class Managed>
void delete_capsule(PyObject* capsule) noexcept {
  unless_ended([=] {
    constexpr const char* name = dlpack::name_of(Managed{});
    if (PyCapsule_IsValid(capsule, name) == 0) return;
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
    managed->deleter(managed);
  });
}

dlpack::DataType data_type_of(core::DType dtype) noexcept {
  const auto bits = static_cast<std::uint8_t>(8 * core::size_of(dtype));
  if (dtype == core::DType::b1) return {dlpack::bool_code, bits, 1};
  if (core::is_floating(dtype)) return {dlpack::float_code, bits, 1};
  return {dtype >= core::DType::u1 ? dlpack::uint_code : dlpack::int_code, bits, 1};
}

template <class Managed>
Ref capsule_of(ArrayObject& array, const Managed& fields) {
  auto exported = std::make_unique<Export<Managed>>();
  exported->managed = fields;
  exported->managed.context = exported.get();
  exported->managed.deleter = delete_export<Managed>;
  exported->storage = array.storage;
  const int ndim = array.ndim();
  std::int64_t* const shape = exported->shape_and_strides.data();
  std::int64_t* const strides = shape + ndim;
  for (int axis = 0; axis < ndim; ++axis) {
    shape[axis] = array.shape()[axis];
    strides[axis] = array.strides()[axis] / array.itemsize();
  }
  exported->managed.tensor = {.data = array.data,
                              .device = {dlpack::cpu, 0},
                              .ndim = ndim,
                              .dtype = data_type_of(array.dtype),
                              .shape = shape,
                              .strides = strides,
                              .byte_offset = 0};
  Ref capsule = own(PyCapsule_New(&exported->managed, dlpack::name_of(fields), delete_capsule<Managed>));
  exported.release();
  return capsule;
}

// A pair of ints, as versions and devices are.
std::array<long, 2> pair_from(const char* argument, PyObject* object) {
  std::array<long, 2> pair{};
  if (PyTuple_Check(object) == 0 || PyArg_ParseTuple(object, "ll", &pair[0], &pair[1]) == 0) {
    PyErr_Clear();
    raise(PyExc_TypeError, "__dlpack__() argument '%s' must be None or a tuple of two ints, got %R", argument, object);
  }
  return pair;
}

}  // namespace

Ref Array_dlpack(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"stream", "max_version", "dl_device", "copy", nullptr};
  PyObject* stream = Py_None;
  PyObject* max_version = Py_None;
  PyObject* device = Py_None;
  PyObject* copy = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", const_cast<char**>(keywords), &stream,
                                  &max_version, &device, &copy) == 0) {
    throw PythonError();
  }
  if (stream != Py_None)
    raise(PyExc_ValueError, "__dlpack__() argument 'stream' must be None on a CPU, got %R", stream);
  if (device != Py_None && pair_from("dl_device", device) != std::array<long, 2>{dlpack::cpu, 0}) {
    raise(PyExc_BufferError, "__dlpack__() argument 'dl_device' must be None or (1, 0), the CPU, got %R", device);
  }
  const int copied = copy == Py_None ? 0 : PyObject_IsTrue(copy);
  check(copied);
  const Ref source = copied != 0 ? copy_of(Py_TYPE(self), view_of(self)) : Ref::copy(self);
  if (max_version == Py_None || pair_from("max_version", max_version)[0] < 1) {
    return capsule_of<dlpack::ManagedTensor>(as_array(source.get()), {});
  }
  dlpack::VersionedTensor fields{};
  fields.version = {1, 0};
  fields.flags = copied != 0 ? dlpack::is_copied : 0;
  return capsule_of(as_array(source.get()), fields);
}

Ref Array_dlpack_device(PyObject*, PyObject*) { return own(Py_BuildValue("ii", dlpack::cpu, 0)); }

// Pickle

constexpr const char* native_order = std::endian::native == std::endian::little ? "little" : "big";  // sys.byteorder

Ref Array_reduce_ex(PyObject* self, PyObject* protocol_object) {
  ArrayObject& array = as_array(self);
  const long protocol = PyLong_AsLong(protocol_object);
  if (protocol == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  const Ref whole = array.contiguous ? Ref::copy(self) : copy_of(Py_TYPE(self), view_of(self));
  const Ref memory = protocol >= 5 ? own(PyPickleBuffer_FromObject(whole.get())) : own(PyBytes_FromObject(whole.get()));
  const Ref rebuild = own(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(self)), "_rebuild"));
  const Ref shape = tuple_of(array.ndim(), array.shape());
  return own(
      Py_BuildValue("O(OssO)", rebuild.get(), memory.get(), core::name_of(array.dtype), native_order, shape.get()));
}

// _rebuild(memory, dtype, byteorder, shape): of a stream that has come from anywhere, so nothing of it is believed.
Ref Array_rebuild(PyObject* type, PyObject* args) {
  PyObject* memory = nullptr;
  PyObject* dtype = nullptr;
  const char* byteorder = nullptr;
  PyObject* lengths = nullptr;
  if (PyArg_ParseTuple(args, "OOsO!:_rebuild", &memory, &dtype, &byteorder, &PyTuple_Type, &lengths) == 0) {
    throw PythonError();
  }
  const core::Shape shape = shape_from(lengths);
  const Buffer buffer("_rebuild", "memory", memory, Buffer::read);
  Ref owned = new_array(reinterpret_cast<PyTypeObject*>(type), dtype_named(dtype), shape.ndim, shape.lengths);
  core::View bytes = view_of(owned.get());
  const std::size_t size = buffer.view().size * core::size_of(buffer.view().dtype);
  if (!buffer.view().contiguous || size != bytes.size * core::size_of(bytes.dtype)) {
    raise(PyExc_ValueError, "_rebuild() argument 'memory' must be %zd contiguous bytes, got %zu",
          as_array(owned.get()).nbytes(), size);
  }
  bytes.data = buffer.view().data;
  bytes.contiguous = false;  // perhaps not aligned
  bytes.swapped = std::string_view(byteorder) != native_order;
  copy_elements(bytes, view_of(owned.get()));
  return owned;
}

}  // namespace binding
