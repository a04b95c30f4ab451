#include "binding/number.hpp"

#include <cstdint>

namespace binding {
namespace {

// high * 2^64 + low
Ref joined(const Ref& high, std::uint64_t low) {
  const Ref bits = own(PyLong_FromLong(64));
  const Ref shifted = own(PyNumber_Lshift(high.get(), bits.get()));
  const Ref rest = own(PyLong_FromUnsignedLongLong(low));
  return own(PyNumber_Or(shifted.get(), rest.get()));
}

}  // namespace

Ref shown(const Ref& integer) {
  const Ref bits = own(PyObject_CallMethod(integer.get(), "bit_length", nullptr));
  if (PyLong_AsLong(bits.get()) <= 128) return own(PyObject_Str(integer.get()));
  PyErr_Clear();
  return own(PyUnicode_FromFormat("an int of %S bits", bits.get()));
}

Ref to_python(const core::Wide& number) {
  const auto low = static_cast<std::uint64_t>(number.low);
  const core::Int128 high = number.high + static_cast<core::Int128>(number.low >> 64);
  const auto as_int64 = static_cast<std::int64_t>(low);
  if (high == (as_int64 < 0 ? -1 : 0)) return own(PyLong_FromLongLong(as_int64));
  const auto middle = static_cast<std::uint64_t>(high);
  const Ref top = own(PyLong_FromLongLong(static_cast<std::int64_t>(high >> 64)));
  return joined(joined(top, middle), low);
}

Ref to_python(const core::Number& number) {
  if (const double* value = std::get_if<double>(&number)) return own(PyFloat_FromDouble(*value));
  return to_python(std::get<core::Wide>(number));
}

long long integer_from(const char* function, const char* argument, PyObject* object, long long minimum,
                       long long maximum) {
  if (PyIndex_Check(object) == 0) {
    raise(PyExc_TypeError, "%s() argument '%s' must be an int, not %s", function, argument, Py_TYPE(object)->tp_name);
  }
  const Ref index = own(PyNumber_Index(object));
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (value == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  if (overflow < 0 || (overflow == 0 && value < minimum)) {
    raise(PyExc_ValueError, "%s() argument '%s' must be at least %lld, got %U", function, argument, minimum,
          shown(index).get());
  }
  if (overflow > 0 || value > maximum) {
    raise(PyExc_OverflowError, "%s() argument '%s' must be at most %lld, got %U", function, argument, maximum,
          shown(index).get());
  }
  return value;
}

double double_from(const char* function, const char* argument, PyObject* object) {
  const double value = PyFloat_AsDouble(object);
  if (value != -1 || PyErr_Occurred() == nullptr) return value;
  if (PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
    PyErr_Clear();
    raise(PyExc_TypeError, "%s() argument '%s' must be a number, not %s", function, argument, Py_TYPE(object)->tp_name);
  }
  if (PyErr_ExceptionMatches(PyExc_OverflowError) != 0 && PyLong_Check(object) != 0) {
    PyErr_Clear();
    raise(PyExc_OverflowError, "%s() argument '%s' must fit in a float, got %S", function, argument,
          shown(Ref::copy(object)).get());
  }
  throw PythonError();
}

}  // namespace binding
