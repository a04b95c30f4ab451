// What the module owns: nothing in it is static, so each interpreter has its own.
#pragma once

#include <array>
#include <atomic>

#include "binding/drop_in.hpp"
#include "binding/python.hpp"
#include "binding/reference.hpp"
#include "binding/registry.hpp"

namespace binding {

// What queues need of the standard library, and the names of the methods that their subclasses may override.
struct QueueTools {
  Ref deque;
  Ref append;
  Ref popleft;
  Ref heappush;
  Ref heappop;
  Ref name_qsize;
  Ref name_put;
  Ref name_get;
};

struct State {
  // All references below, for the collector.
  template <class F>
  int each_reference(F&& f) {
    for (Ref* ref : {&kernel_type, &array_type, &thread_type, &event_type, &lock_type, &rlock_type, &condition_type,
                     &rwlock_side_type, &semaphore_types[0], &semaphore_types[1], &queue_types[0], &queue_types[1],
                     &queue_types[2], &shutdown_error, &queue_tools.deque, &queue_tools.append, &queue_tools.popleft,
                     &queue_tools.heappush, &queue_tools.heappop}) {
      if (const int stop = f(*ref); stop != 0) return stop;
    }
    return 0;
  }

  Ref kernel_type;
  Ref array_type;
  Ref thread_type;
  Ref event_type;
  Ref lock_type;
  Ref rlock_type;
  Ref condition_type;
  Ref rwlock_side_type;
  std::array<Ref, 2> semaphore_types;  // Semaphore, BoundedSemaphore
  std::array<Ref, 3> queue_types;      // Queue, LifoQueue, PriorityQueue
  Ref shutdown_error;                  // before 3.13; later it is queue.ShutDown
  QueueTools queue_tools;              // set by the first queue
  std::atomic<bool> queue_tools_set{false};
  std::shared_ptr<Registry> registry = std::make_shared<Registry>();  // shared with every Thread object
  StartedThreads started;
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

// Makes a type, a subclass of `base` if that is not NULL, and adds it to the module.
inline Ref add_type(PyObject* module, PyType_Spec& spec, PyObject* base = nullptr) {
  Ref type = own(PyType_FromModuleAndSpec(module, &spec, base));
  check(PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type.get())));
  return type;
}

}  // namespace binding
