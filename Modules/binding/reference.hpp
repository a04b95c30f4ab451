// Owned references as a type: whoever holds a Ref owes one Py_DECREF and pays it in the destructor.
//
// The rule of the whole binding: a raw PyObject* is borrowed, a Ref is owned. A new reference from the C API goes
// straight into own(), and leaves, if it must, by release(). A Ref lives and dies in attached code only.
#pragma once

#include <utility>

#include "binding/errors.hpp"
#include "binding/python.hpp"
#include "binding/thread_exit.hpp"

namespace binding {

class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) noexcept : object_(owned) {}
  Ref(Ref&& other) noexcept : object_(other.release()) {}
  Ref& operator=(Ref&& other) noexcept {
    // The old object goes last: its destructor may run Python code that looks at this very Ref.
    drop(std::exchange(object_, other.release()));
    return *this;
  }
  ~Ref() { drop(object_); }

  static Ref copy(PyObject* borrowed) noexcept { return Ref(Py_XNewRef(borrowed)); }

  PyObject* get() const noexcept { return object_; }
  PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(object_);
    return 0;
  }

 private:
  PyObject* object_ = nullptr;
};

// A new reference from the C API; NULL means that a Python exception is set, and throws PythonError.
inline Ref own(PyObject* new_reference) {
  if (new_reference == nullptr) throw PythonError();
  return Ref(new_reference);
}

// The same for C API functions that say -1.
inline void check(int result) {
  if (result < 0) throw PythonError();
}

}  // namespace binding
