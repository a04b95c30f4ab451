// What the module owns: nothing in it is static, so each interpreter has its own.
#pragma once

#include <atomic>

#include "binding/python.hpp"
#include "binding/reference.hpp"
#include "binding/registry.hpp"

namespace binding {

struct State {
  Ref kernel_type;
  Ref thread_type;
  std::shared_ptr<Registry> registry = std::make_shared<Registry>();  // shared with every Thread object
  std::atomic<long> threads_named{0};
  std::atomic<bool> exit_hooks_set{false};
};

extern PyModuleDef module_def;

// The state of `module`. CPython keeps a pointer for us; it is NULL until the module has been executed.
inline State*& state_slot(PyObject* module) noexcept { return *static_cast<State**>(PyModule_GetState(module)); }

// The module that a type of ours, or a subclass of one, came from. Borrowed.
inline PyObject* module_of(PyTypeObject* type) {
  PyObject* module = PyType_GetModuleByDef(type, &module_def);
  if (module == nullptr) throw PythonError();
  return module;
}

}  // namespace binding
