#include "binding/sync/lock.hpp"

#include "binding/sync/lockable.hpp"

namespace binding {

bool Lock::acquire(core::Deadline deadline) { return permit.acquire(1, deadline, block); }

void Lock::release() {
  core::Wakeups wakeups;
  if (!permit.release(wakeups)) raise(PyExc_RuntimeError, "release unlocked lock");
  wake(wakeups, handoff);
}

namespace {

bool is_locked(PyObject* self) { return value_of<Lock>(self).permit.available() == 0; }

Ref Lock_locked(PyObject* self, PyObject*) { return own(PyBool_FromLong(is_locked(self))); }

Ref Lock_at_fork_reinit(PyObject* self, PyObject*) {
  value_of<Lock>(self).permit.reset(1, 1);
  return Ref::copy(Py_None);
}

Ref Lock_repr(PyObject* self) {
  const char* state = is_locked(self) ? "locked" : "unlocked";
  return own(PyUnicode_FromFormat("<%s %s object at %p>", state, Py_TYPE(self)->tp_name, self));
}

PyMethodDef Lock_methods[] = {
    {"acquire", method<Lockable_acquire<Lock>>, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", method<Lockable_release<Lock>>, METH_NOARGS,
     "release($self, /)\n--\n\n"
     "Release the lock. Any thread may, not only the one that has acquired it. RuntimeError if it is not locked.\n\n"
     "If a thread waits for the lock, it is woken, and may run before this call returns (handoff)."},
    {"locked", method<Lock_locked>, METH_NOARGS, "locked($self, /)\n--\n\nReturn whether the lock is locked."},
    {"__enter__", method<Lockable_enter<Lock>>, METH_NOARGS, enter_doc},
    {"__exit__", method<Lockable_exit<Lock>>, METH_FASTCALL, exit_doc},
    {"_at_fork_reinit", method<Lock_at_fork_reinit>, METH_NOARGS,
     "_at_fork_reinit($self, /)\n--\n\nUnlock it. As in threading; nobody has to call it after a fork."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

constexpr const char* Lock_doc =
    "Lock(*, handoff=True)\n--\n\n"
    "A mutual exclusion lock, with the interface of threading.Lock.\n\n"
    "`with lock:` acquires and releases it. Atomic: of several threads that acquire, one succeeds. A thread that\n"
    "runs may acquire it before one that must be woken, but never before one that has waited for 1 ms.\n\n"
    "handoff: whether release() lets a thread that waited run at once, if that seems worth it; it gets the GIL, and\n"
    "the releaser waits for its return, up to one switch interval. False: it runs when the releaser lets go.\n\n"
    "After a fork, the child's copy is unlocked, and nobody waits for it. One surplus release() is forgiven then,\n"
    "so that a fork inside `with lock:` is no error.";

PyType_Slot Lock_slots[] = {
    {Py_tp_doc, const_cast<char*>(Lock_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Lock>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Lockable_init<Lock>>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Lock>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Lock_repr>)},
    {Py_tp_methods, Lock_methods},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec Lock_spec = {"threadmodule.Lock", sizeof(Object<Lock>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                         Lock_slots};

}  // namespace binding
