#include "binding/timeout.hpp"

#include <cmath>

#include "binding/errors.hpp"

namespace binding {

core::Deadline deadline_from(const char* function, PyObject* timeout) {
  if (timeout == nullptr || timeout == Py_None) return core::never;
  const double seconds = PyFloat_AsDouble(timeout);
  const bool failed = seconds == -1.0 && PyErr_Occurred() != nullptr;
  if (failed && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
    raise(PyExc_TypeError, "%s() argument 'timeout' must be a number of seconds or None, not %s", function,
          Py_TYPE(timeout)->tp_name);
  }
  if (seconds > timeout_max || (failed && PyErr_ExceptionMatches(PyExc_OverflowError) != 0)) {
    raise(PyExc_OverflowError, "%s() argument 'timeout' must be at most %lld seconds (TIMEOUT_MAX)", function,
          static_cast<long long>(timeout_max));
  }
  if (failed) throw PythonError();
  if (std::isnan(seconds)) {
    raise(PyExc_ValueError, "%s() argument 'timeout' must be a number of seconds or None, got NaN", function);
  }
  if (seconds <= 0) return core::Clock::now();
  // Rounded up: a wait may be longer than asked for, never shorter.
  return core::deadline_in(std::chrono::nanoseconds(static_cast<long long>(std::ceil(seconds * 1e9))));
}

}  // namespace binding
