// threadmodule.Kernel: a native function that runs on any number of threads, as a Python object.
//
//     class Kernel:
//         __name__, __qualname__, __module__, __doc__, __text_signature__
//         def __call__(self, *args, **kwargs): ...   # parse, run on all cores, return the result
//         def __reduce__(self): return self.__name__  # pickled by name
//
// Kernels are made when the module is, one for each entry of the table; Python code cannot make one.
#pragma once

#include <memory>

#include "binding/call.hpp"
#include "binding/reference.hpp"

namespace binding {

extern PyType_Spec Kernel_spec;

// Adds the built-in kernels to the module.
void add_kernels(PyObject* module, PyTypeObject* kernel_type);

// The call kernel(*args, **kwargs), parsed and with its buffers held, but not run.
std::shared_ptr<Call> prepare_call(PyObject* kernel, PyObject* args, PyObject* kwargs);

}  // namespace binding
