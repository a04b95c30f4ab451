// `import threadmodule as threading`: the functions of threading that know threads, and its other public names.
#pragma once

#include <vector>

#include "binding/python.hpp"
#include "binding/reference.hpp"

namespace binding {

struct State;

// Weak references to the Threads that have been started, for enumerate(). Guarded by Registry::mutex.
struct StartedThreads {
  std::vector<Ref> references;
  std::size_t enough = 16;  // from so many on, those that are gone are looked for
};

// By a weak reference to the Thread, before it runs, so that it finds itself.
void remember_started(State& state, PyObject* reference);
// It could not be started. The caller keeps the reference.
void forget_started(State& state, PyObject* reference);

Ref current_thread(PyObject* module, PyObject*);
Ref enumerate_threads(PyObject* module, PyObject*);
Ref active_count(PyObject* module, PyObject*);

// The module's __getattr__: names that it does not have itself.
Ref module_getattr(PyObject* module, PyObject* name);

// Sets __all__: what the module has itself, and what it has from elsewhere.
void add_all(PyObject* module);

}  // namespace binding
