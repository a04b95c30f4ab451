// Where several threads may be attached at once, a Python object's own lock while its references change hands. Under
// the GIL there is nothing to do.
#pragma once

#include "binding/python.hpp"

namespace binding {

class CriticalSection {
 public:
  CriticalSection(const CriticalSection&) = delete;
  CriticalSection& operator=(const CriticalSection&) = delete;
#ifdef Py_GIL_DISABLED
  explicit CriticalSection(PyObject* object) noexcept { PyCriticalSection_Begin(&section_, object); }
  ~CriticalSection() { PyCriticalSection_End(&section_); }

 private:
  PyCriticalSection section_;
#else
  explicit CriticalSection(PyObject*) noexcept {}
#endif
};

}  // namespace binding
