#include "binding/timeout.hpp"

#include <cmath>

#include "binding/errors.hpp"

namespace binding {

core::Deadline deadline_from(const char* function, PyObject* timeout, Negative negative) {
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
  if (seconds < 0) {
    if (negative == Negative::one_means_for_ever && seconds == -1) return core::never;
    if (negative != Negative::looks) {
      raise(PyExc_ValueError, "%s() argument 'timeout' must be a non-negative number of seconds or None, got %R",
            function, timeout);
    }
    return core::at_once;
  }
  // Rounded up: a wait may be longer than asked for, never shorter.
  return core::deadline_in(std::chrono::nanoseconds(static_cast<long long>(std::ceil(seconds * 1e9))));
}

core::Deadline lock_deadline(const Arguments& arguments) {
  PyObject* const blocking = arguments[0];
  PyObject* const timeout = arguments[1];
  if (is_true(blocking, true)) return deadline_from(arguments.function(), timeout, Negative::one_means_for_ever);
  if (timeout != nullptr && timeout != Py_None &&
      deadline_from(arguments.function(), timeout, Negative::one_means_for_ever) != core::never) {
    raise(PyExc_ValueError, "%s() argument 'timeout' must be left out if blocking is false, got %R",
          arguments.function(), timeout);
  }
  return core::at_once;
}

}  // namespace binding
