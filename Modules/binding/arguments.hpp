// The arguments of a kernel call, sorted into the parameters of its signature.
//
// Kernels are called in hot loops, so they do without PyArg_ParseTupleAndKeywords, which wants a tuple and a dict made
// for each call. On Python 3.13 it takes 31 ns of a call that is given a buffer, and 119 ns with threads=1; a whole
// sum() of one element takes 64 and 86 ns (`python benchmarks/call_overhead.py`).
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "binding/python.hpp"
#include "binding/reference.hpp"

namespace binding {

// def function(names[0], names[1], ...): all positional or by keyword, the first `required` without a default.
struct Signature {
  const char* function;
  std::span<const char* const> names;
  std::size_t required;
};

class Arguments {
 public:
  static constexpr std::size_t max_parameters = 6;

  // From a vectorcall of `callee`: `count` positional arguments, then one value for each name in the tuple `keywords`
  // (or NULL). TypeError as for a Python function: too many, missing, unknown or given twice.
  Arguments(const Signature& signature, PyObject* const* arguments, std::size_t count, PyObject* keywords,
            PyObject* callee = nullptr);

  // The borrowed value of the parameter; NULL if it was left to its default.
  PyObject* operator[](std::size_t parameter) const noexcept { return values_[parameter]; }

  PyObject* callee() const noexcept { return callee_; }  // borrowed
  const char* function() const noexcept { return signature_.function; }
  const char* name(std::size_t parameter) const noexcept { return signature_.names[parameter]; }

 private:
  std::size_t parameter_named(PyObject* keyword) const;

  const Signature& signature_;
  PyObject* callee_;
  std::array<PyObject*, max_parameters> values_{};
};

// The truth of a flag; `otherwise` if it was left to its default.
inline bool is_true(PyObject* flag, bool otherwise) {
  if (flag == nullptr) return otherwise;
  const int truth = PyObject_IsTrue(flag);
  check(truth);
  return truth != 0;
}

}  // namespace binding
