#include "binding/boundary.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <new>
#include <stdexcept>
#include <system_error>

#include "core/parallel.hpp"
#include "core/storage.hpp"
#include "core/thread.hpp"

namespace binding {

void raise(PyObject* type, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PyErr_FormatV(type, format, arguments);
  va_end(arguments);
  throw PythonError();
}

void set_python_exception() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (const core::Stopped& error) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (const core::OutOfMemory& error) {
    const bool more = error.bytes() == core::OutOfMemory::largest;
    PyErr_Format(PyExc_MemoryError, "no memory for an array of %zu bytes%s", error.bytes(), more ? " or more" : "");
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const core::CannotStartThread&) {
    PyErr_SetString(PyExc_RuntimeError, "can't start new thread");
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrno(PyExc_OSError);
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::overflow_error& error) {
    PyErr_SetString(PyExc_OverflowError, error.what());
  } catch (const core::Forked& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_SystemError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "threadmodule: unknown C++ exception");
  }
}

void sleep_for_ever() noexcept {
  for (;;) pause();
}

}  // namespace binding
