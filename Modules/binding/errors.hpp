// Raising: in the binding a Python exception travels as a C++ exception, so that no result is left unchecked.
#pragma once

#include <exception>

#include "binding/python.hpp"

namespace binding {

// Says only that a Python exception is set in this thread state. Thrown attached; ends at boundary().
class PythonError : public std::exception {};

// Sets an exception as PyErr_Format does, and throws PythonError.
[[noreturn]] void raise(PyObject* type, const char* format, ...);

}  // namespace binding
