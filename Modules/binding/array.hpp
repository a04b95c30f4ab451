// threadmodule.Array: memory of its own, with a type and a shape. What a map returns.
#pragma once

#include "binding/python.hpp"
#include "binding/reference.hpp"
#include "core/array.hpp"
#include "core/storage.hpp"

namespace binding {

struct State;

extern PyType_Spec Array_spec;

// A new Array, in row-major order; its elements are not initialised, and begin at a multiple of 64 bytes. ValueError
// for a negative length or too many dimensions, OverflowError for more bytes than an address counts, MemoryError.
Ref new_array(const State& state, core::DType dtype, int ndim, const Py_ssize_t* shape);

// A new Array of one dimension, in memory that has been filled already.
Ref new_vector(const State& state, core::DType dtype, std::size_t size, core::Storage memory);

// What lies in an Array. Valid as long as it lives; its shape and type never change.
core::View view_of(PyObject* array) noexcept;

}  // namespace binding
