#include "binding/sync/synchronization.hpp"

#include "binding/sync/atomic.hpp"
#include "binding/sync/barrier.hpp"
#include "binding/sync/condition.hpp"
#include "binding/sync/event.hpp"
#include "binding/sync/latch.hpp"
#include "binding/sync/lock.hpp"
#include "binding/sync/queue.hpp"
#include "binding/sync/rlock.hpp"
#include "binding/sync/rwlock.hpp"
#include "binding/sync/semaphore.hpp"
#include "binding/sync/simple_queue.hpp"

namespace binding {

void add_synchronization(PyObject* module, State& state) {
  state.lock_type = add_type(module, Lock_spec);
  state.rlock_type = add_type(module, RLock_spec);
  state.condition_type = add_type(module, Condition_spec);
  state.semaphore_types[0] = add_type(module, Semaphore_spec);
  state.semaphore_types[1] = add_type(module, BoundedSemaphore_spec, state.semaphore_types[0].get());
  state.event_type = add_type(module, Event_spec);
  add_type(module, Barrier_spec);
  add_type(module, Latch_spec);
  add_type(module, RWLock_spec);
  state.rwlock_side_type = add_type(module, RWLockSide_spec);
  add_type(module, AtomicInt_spec);
  add_type(module, AtomicReference_spec);
  state.queue_types[0] = add_type(module, Queue_spec);
  state.queue_types[1] = add_type(module, LifoQueue_spec, state.queue_types[0].get());
  state.queue_types[2] = add_type(module, PriorityQueue_spec, state.queue_types[0].get());
  add_type(module, SimpleQueue_spec);
  if (!queue_has_shutdown) {
    state.shutdown_error = own(PyErr_NewExceptionWithDoc(
        "threadmodule.ShutDown", "Raised by put() and get() of a queue that is shut down.", nullptr, nullptr));
    check(PyModule_AddObjectRef(module, "ShutDown", state.shutdown_error.get()));
  }
}

}  // namespace binding
