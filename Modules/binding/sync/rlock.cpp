#include "binding/sync/rlock.hpp"

#include "binding/number.hpp"
#include "binding/sync/lockable.hpp"

namespace binding {

bool RLock::acquire(core::Deadline deadline) { return lock.acquire(deadline, block); }

void RLock::release() {
  core::Wakeups wakeups;
  if (!lock.release(wakeups)) raise(PyExc_RuntimeError, "cannot release un-acquired lock");
  wake(wakeups, handoff);
}

namespace {

core::RLock& lock_of(PyObject* self) { return value_of<RLock>(self).lock; }

Ref RLock_locked(PyObject* self, PyObject*) { return own(PyBool_FromLong(lock_of(self).is_locked())); }

// What threading.Condition asks of its lock, and tests of both.

Ref RLock_is_owned(PyObject* self, PyObject*) { return own(PyBool_FromLong(lock_of(self).is_owned())); }

Ref RLock_recursion_count(PyObject* self, PyObject*) {
  core::RLock& lock = lock_of(self);
  return own(PyLong_FromUnsignedLongLong(lock.is_owned() ? lock.count() : 0));
}

Ref RLock_release_save(PyObject* self, PyObject*) {
  auto& rlock = value_of<RLock>(self);
  if (!rlock.lock.is_owned()) raise(PyExc_RuntimeError, "cannot release un-acquired lock");
  core::Wakeups wakeups;
  const std::uint64_t count = rlock.lock.release_all(wakeups);
  wake(wakeups, rlock.handoff);
  return own(PyLong_FromUnsignedLongLong(count));
}

Ref RLock_acquire_restore(PyObject* self, PyObject* state) {
  const long long count = integer_from("_acquire_restore", "state", state, 1, PY_SSIZE_T_MAX);
  auto& rlock = value_of<RLock>(self);
  rlock.acquire(core::never);
  rlock.lock.own(static_cast<std::uint64_t>(count));
  return Ref::copy(Py_None);
}

Ref RLock_at_fork_reinit(PyObject* self, PyObject*) {
  lock_of(self).reset();
  return Ref::copy(Py_None);
}

Ref RLock_repr(PyObject* self) {
  core::RLock& lock = lock_of(self);
  const std::uintptr_t owner = lock.owner_pthread();
  return own(PyUnicode_FromFormat("<%s %s object owner=%zu count=%zu at %p>", owner == 0 ? "unlocked" : "locked",
                                  Py_TYPE(self)->tp_name, static_cast<std::size_t>(owner),
                                  static_cast<std::size_t>(lock.count()), self));
}

PyMethodDef RLock_methods[] = {
    {"acquire", method<Lockable_acquire<RLock>>, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", method<Lockable_release<RLock>>, METH_NOARGS,
     "release($self, /)\n--\n\n"
     "Undo one acquire(); the last one releases the lock. RuntimeError if the caller does not own it.\n\n"
     "If a thread waits for the lock, it is woken, and may run before this call returns (handoff)."},
    {"locked", method<RLock_locked>, METH_NOARGS, "locked($self, /)\n--\n\nReturn whether any thread owns the lock."},
    {"__enter__", method<Lockable_enter<RLock>>, METH_NOARGS, enter_doc},
    {"__exit__", method<Lockable_exit<RLock>>, METH_FASTCALL, exit_doc},
    {"_is_owned", method<RLock_is_owned>, METH_NOARGS, nullptr},
    {"_recursion_count", method<RLock_recursion_count>, METH_NOARGS, nullptr},
    {"_release_save", method<RLock_release_save>, METH_NOARGS, nullptr},
    {"_acquire_restore", method<RLock_acquire_restore>, METH_O, nullptr},
    {"_at_fork_reinit", method<RLock_at_fork_reinit>, METH_NOARGS,
     "_at_fork_reinit($self, /)\n--\n\nUnlock it. As in threading; nobody has to call it after a fork."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

constexpr const char* RLock_doc =
    "RLock(*, handoff=True)\n--\n\n"
    "A lock that the thread that owns it may acquire again, with the interface of threading.RLock.\n\n"
    "It must be released as often. `with rlock:` does both. handoff: see Lock.\n\n"
    "After a fork it is unlocked in the child, unless the thread that forked owns it: that one still does.";

PyType_Slot RLock_slots[] = {
    {Py_tp_doc, const_cast<char*>(RLock_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<RLock>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Lockable_init<RLock>>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<RLock>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<RLock_repr>)},
    {Py_tp_methods, RLock_methods},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec RLock_spec = {"threadmodule.RLock", sizeof(Object<RLock>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                          RLock_slots};

}  // namespace binding
