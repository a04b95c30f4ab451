#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "binding/array_object.hpp"
#include "binding/buffer.hpp"

namespace binding {
namespace {

using core::DType;

constexpr bool little = std::endian::native == std::endian::little;

// One element

template <class T>
T load(const std::byte* data) noexcept {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

template <class T>
Element store(T value) noexcept {
  Element element{};
  std::memcpy(element.data(), &value, sizeof value);
  return element;
}

[[noreturn]] void raise_does_not_fit(DType dtype, PyObject* number) {
  raise(PyExc_OverflowError, "%S does not fit in %s", number, core::name_of(dtype));
}

Element integer_element(DType dtype, PyObject* number) {
  if (PyIndex_Check(number) == 0) {
    raise(PyExc_TypeError, "an element of %s must be an int, not %s", core::name_of(dtype), Py_TYPE(number)->tp_name);
  }
  const Ref index = own(PyNumber_Index(number));
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (value == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  if (overflow > 0) {
    const unsigned long long large = PyLong_AsUnsignedLongLong(index.get());
    if (PyErr_Occurred() == nullptr && dtype == DType::u8) return store(std::uint64_t{large});
  }
  if (overflow != 0) {  // perhaps it has too many digits for a message
    raise(PyExc_OverflowError, "an int of more than %d bits does not fit in %s", dtype == DType::u8 ? 64 : 63,
          core::name_of(dtype));
  }
  return core::with_type(dtype, [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_integral_v<T>) {
      if (std::in_range<T>(value)) return store(static_cast<T>(value));
    }
    raise_does_not_fit(dtype, index.get());
    return Element{};
  });
}

Element floating_element(DType dtype, PyObject* number) {
  if (PyNumber_Check(number) == 0) {
    raise(PyExc_TypeError, "an element of %s must be a number, not %s", core::name_of(dtype), Py_TYPE(number)->tp_name);
  }
  const double value = PyFloat_AsDouble(number);
  if (value == -1.0 && PyErr_Occurred() != nullptr) throw PythonError();
  if (dtype == DType::f8) return store(value);
  if (dtype == DType::f2) {
    Element element{};
    if (PyFloat_Pack2(value, reinterpret_cast<char*>(element.data()), little) < 0) raise_does_not_fit(dtype, number);
    return element;
  }
  const auto rounded = static_cast<float>(value);
  if (std::isinf(rounded) && !std::isinf(value)) raise_does_not_fit(dtype, number);
  return store(rounded);
}

Element bool_element(PyObject* number) {
  if (PyNumber_Check(number) == 0) {
    raise(PyExc_TypeError, "an element of bool must be a number, not %s", Py_TYPE(number)->tp_name);
  }
  const int truth = PyObject_IsTrue(number);
  check(truth);
  return store(static_cast<std::uint8_t>(truth));
}

}  // namespace

Ref element_to_python(DType dtype, const std::byte* data) {
  if (dtype == DType::b1) return Ref::copy(*data != std::byte{} ? Py_True : Py_False);
  if (dtype == DType::f2) {
    const double value = PyFloat_Unpack2(reinterpret_cast<const char*>(data), little);
    return own(PyFloat_FromDouble(value));
  }
  return core::with_type(dtype, [&](auto type) {
    using T = decltype(type);
    const T value = load<T>(data);
    if constexpr (std::is_floating_point_v<T>) {
      return own(PyFloat_FromDouble(static_cast<double>(value)));
    } else if constexpr (std::is_signed_v<T>) {
      return own(PyLong_FromLongLong(value));
    } else {
      return own(PyLong_FromUnsignedLongLong(value));
    }
  });
}

Element element_from_python(DType dtype, PyObject* number) {
  if (dtype == DType::b1) return bool_element(number);
  if (core::is_floating(dtype)) return floating_element(dtype, number);
  return integer_element(dtype, number);
}

Ref nested_list(ArrayObject& array, const std::byte* data, int axis) {
  if (axis == array.ndim()) return element_to_python(array.dtype, data);
  const Py_ssize_t length = array.shape()[axis];
  Ref list = own(PyList_New(length));
  for (Py_ssize_t i = 0; i < length; ++i) {
    PyList_SET_ITEM(list.get(), i, nested_list(array, data + i * array.strides()[axis], axis + 1).release());
  }
  return list;
}

// Types by name

DType dtype_named(PyObject* name) {
  if (PyUnicode_Check(name) == 0) {
    raise(PyExc_TypeError, "Array() argument 'dtype' must be a str such as 'float64', not %s", Py_TYPE(name)->tp_name);
  }
  const char* const text = PyUnicode_AsUTF8(name);
  if (text == nullptr) throw PythonError();
  std::string_view wanted = text;
  if (!wanted.empty() && std::string_view(little ? "@=<|" : "@=>|").find(wanted[0]) != std::string_view::npos) {
    wanted.remove_prefix(1);
  }
  for (int i = 0; i <= static_cast<int>(DType::f8); ++i) {
    const auto dtype = static_cast<DType>(i);
    const char kind = core::is_floating(dtype) ? 'f' : dtype == DType::b1 ? 'b' : core::name_of(dtype)[0];
    const char code[] = {kind, static_cast<char>('0' + core::size_of(dtype)), '\0'};
    if (wanted == core::name_of(dtype) || wanted == core::format_of(dtype) || wanted == code) return dtype;
  }
  raise(PyExc_ValueError,
        "Array() argument 'dtype' must be 'bool', 'int8' to 'int64', 'uint8' to 'uint64' or 'float16' to 'float64', "
        "got %R",
        name);
}

// Arrays from what Python has

namespace {

// The elements of a contiguous Array one by one, as Python's numbers: so the rules are those for numbers.
Ref converted(ArrayObject& array, DType dtype) {
  Ref result = new_array(Py_TYPE(&array), dtype, array.ndim(), array.shape());
  std::byte* to = as_array(result.get()).data;
  const std::byte* from = array.data;
  for (Py_ssize_t i = 0; i < array.size; ++i, from += array.itemsize(), to += core::size_of(dtype)) {
    const Element element = element_from_python(dtype, element_to_python(array.dtype, from).get());
    std::memcpy(to, element.data(), core::size_of(dtype));
  }
  return result;
}

// A nested sequence laid flat. Each level is copied before it is looked at: other threads may change it meanwhile, and
// so may the numbers' own methods.
class Flattened {
 public:
  explicit Flattened(PyObject* object) { add(object, 0); }

  const std::vector<Py_ssize_t>& shape() const noexcept { return shape_; }
  const std::vector<Ref>& numbers() const noexcept { return numbers_; }

 private:
  void add(PyObject* object, std::size_t depth) {
    if (is_single_number(object)) {
      if (shape_is_known_ && depth != shape_.size()) raise_ragged();
      shape_is_known_ = true;
      numbers_.push_back(Ref::copy(object));
      return;
    }
    if (PySequence_Check(object) == 0 || PyUnicode_Check(object) != 0) {
      raise(PyExc_TypeError,
            "Array() argument 'object' must be a buffer, a number or a nested sequence of them, not %s",
            Py_TYPE(object)->tp_name);
    }
    const Ref items = own(PySequence_Tuple(object));
    const Py_ssize_t length = PyTuple_GET_SIZE(items.get());
    if (!shape_is_known_) {
      if (depth == core::max_dims) {
        raise(PyExc_ValueError, "Array() argument 'object' must be nested at most %d deep", core::max_dims);
      }
      shape_.push_back(length);
    } else if (depth >= shape_.size() || shape_[depth] != length) {
      raise_ragged();
    }
    for (Py_ssize_t i = 0; i < length; ++i) add(PyTuple_GET_ITEM(items.get(), i), depth + 1);
    shape_is_known_ = true;
  }

  [[noreturn]] void raise_ragged() {
    raise(PyExc_ValueError, "Array() argument 'object' must have rows of the same length and depth");
  }

  std::vector<Py_ssize_t> shape_;  // as the first numbers have it
  bool shape_is_known_ = false;
  std::vector<Ref> numbers_;
};

// As NumPy chooses: the least of bool, int64 and float64 that holds them all, and uint64 for large ints.
DType common_type(const std::vector<Ref>& numbers) {
  if (numbers.empty()) return DType::f8;
  DType dtype = DType::b1;
  for (const Ref& number : numbers) {
    if (PyBool_Check(number.get())) continue;
    if (PyIndex_Check(number.get()) == 0) return DType::f8;
    if (dtype == DType::b1) dtype = DType::i8;
    int overflow = 0;
    const Ref index = own(PyNumber_Index(number.get()));
    if (PyLong_AsLongLongAndOverflow(index.get(), &overflow) == -1 && PyErr_Occurred() != nullptr) throw PythonError();
    if (overflow > 0) dtype = DType::u8;
  }
  return dtype;
}

Ref array_from_numbers(PyTypeObject* type, PyObject* object, std::optional<DType> dtype) {
  const Flattened flat(object);
  if (!dtype) dtype = common_type(flat.numbers());
  Ref array = new_array(type, *dtype, static_cast<int>(flat.shape().size()), flat.shape().data());
  std::byte* to = as_array(array.get()).data;
  for (const Ref& number : flat.numbers()) {
    const Element element = element_from_python(*dtype, number.get());
    std::memcpy(to, element.data(), core::size_of(*dtype));
    to += core::size_of(*dtype);
  }
  return array;
}

}  // namespace

bool is_single_number(PyObject* object) noexcept {
  if (PyFloat_Check(object) || PyLong_Check(object)) return true;
  return PyNumber_Check(object) != 0 && PySequence_Check(object) == 0;
}

Ref array_from(PyTypeObject* type, PyObject* object, std::optional<DType> dtype) {
  if (PyObject_CheckBuffer(object) == 0) return array_from_numbers(type, object, dtype);
  const Buffer buffer("Array", "object", object, Buffer::read);
  Ref array = copy_of(type, buffer.view());
  return !dtype || *dtype == buffer.view().dtype ? std::move(array) : converted(as_array(array.get()), *dtype);
}

}  // namespace binding
