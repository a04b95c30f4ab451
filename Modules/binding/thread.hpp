// threadmodule.Thread: one POSIX thread that runs a kernel or Python code, as a Python object.
//
//     class Thread:
//         def __init__(self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None): ...
//         name, daemon                                # may be set; daemon before start() only
//         ident, native_id                            # None before start()
//         def start(self): ...
//         def run(self): return target(*args, **kwargs)  # for subclasses to override
//         def join(self, timeout=None): ...           # blocks
//         def result(self, timeout=None): ...         # blocks; the value of run(), or its exception
//         def is_alive(self): ...
//
// The thread itself is a core::Thread; its states are drawn there.
#pragma once

#include "binding/python.hpp"

namespace binding {

extern PyType_Spec Thread_spec;

// Of a Thread whose start() has been called: between the two it is about to start.
bool is_alive(PyObject* thread);
bool has_ended(PyObject* thread);

}  // namespace binding
