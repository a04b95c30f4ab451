#include "binding/sync/rwlock.hpp"

#include "binding/state.hpp"
#include "binding/sync/lockable.hpp"
#include "core/sync/rwlock.hpp"

namespace binding {
namespace {

using Outcome = core::RWLock::Outcome;

struct RWLock {
  static constexpr const char* init_format = "|$p:RWLock";

  core::RWLock lock;
  bool handoff = true;
};

// RWLock.read or RWLock.write: a lock like others.
struct Side {
  int traverse(visitproc visit, void* arg) const { return object.traverse(visit, arg); }
  void clear() { object = Ref(); }

  RWLock& rwlock() const {
    if (!object) raise(PyExc_RuntimeError, "the RWLock was cleared by the garbage collector");
    return value_of<RWLock>(object.get());
  }
  bool acquire(core::Deadline deadline);
  void release();

  Ref object;
  bool writes = false;
};

bool is_done(Outcome outcome, const char* deadlock, const char* not_owner) {
  switch (outcome) {
    case Outcome::done: return true;
    case Outcome::timed_out: return false;
    case Outcome::deadlock: raise(PyExc_RuntimeError, "%s", deadlock);
    case Outcome::not_owner: raise(PyExc_RuntimeError, "%s", not_owner);
  }
  return false;
}

bool Side::acquire(core::Deadline deadline) {
  core::RWLock& lock = rwlock().lock;
  if (writes) {
    return is_done(
        lock.acquire_write(deadline, block),
        "cannot acquire RWLock.write: this thread holds the lock already (upgrade() makes a reader the writer)", "");
  }
  return is_done(lock.acquire_read(deadline, block),
                 "cannot acquire RWLock.read: this thread holds RWLock.write (downgrade() makes the writer a reader)",
                 "");
}

void Side::release() {
  RWLock& rw = rwlock();
  core::Wakeups wakeups;
  if (writes) {
    is_done(rw.lock.release_write(wakeups), "", "cannot release RWLock.write: this thread does not hold it");
  } else {
    is_done(rw.lock.release_read(wakeups), "", "cannot release RWLock.read: this thread does not hold it");
  }
  wake(wakeups, rw.handoff);
}

bool is_locked(const Side& side) {
  return side.writes ? side.rwlock().lock.is_written() : side.rwlock().lock.readers() != 0;
}

Ref Side_locked(PyObject* self, PyObject*) { return own(PyBool_FromLong(is_locked(value_of<Side>(self)))); }

// For a Condition over it.
Ref Side_is_owned(PyObject* self, PyObject*) {
  const auto& side = value_of<Side>(self);
  core::RWLock& lock = side.rwlock().lock;
  return own(PyBool_FromLong(side.writes ? lock.is_writing() : lock.is_reading()));
}

Ref Side_repr(PyObject* self) {
  const auto& side = value_of<Side>(self);
  return own(PyUnicode_FromFormat("<%s %s of %R>", is_locked(side) ? "locked" : "unlocked",
                                  side.writes ? "write" : "read", side.object.get()));
}

template <bool writes>
Ref RWLock_side(PyObject* self, void*) {
  const State& state = *state_slot(module_of(Py_TYPE(self)));
  auto* const type = reinterpret_cast<PyTypeObject*>(state.rwlock_side_type.get());
  Ref side = own(Object_new<Side>(type, nullptr, nullptr));
  value_of<Side>(side.get()).object = Ref::copy(self);
  value_of<Side>(side.get()).writes = writes;
  return side;
}

constexpr Signature upgrade_signature{"upgrade", acquire_names, 0};

Ref RWLock_upgrade(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const core::Deadline deadline =
      lock_deadline(Arguments(upgrade_signature, args, static_cast<std::size_t>(count), keywords));
  return own(PyBool_FromLong(is_done(value_of<RWLock>(self).lock.upgrade(deadline, block),
                                     "cannot upgrade: this thread holds RWLock.read more than once",
                                     "cannot upgrade: this thread does not hold RWLock.read")));
}

Ref RWLock_downgrade(PyObject* self, PyObject*) {
  auto& rw = value_of<RWLock>(self);
  core::Wakeups wakeups;
  is_done(rw.lock.downgrade(wakeups), "", "cannot downgrade: this thread does not hold RWLock.write");
  wake(wakeups, rw.handoff);
  return Ref::copy(Py_None);
}

Ref RWLock_repr(PyObject* self) {
  core::RWLock& lock = value_of<RWLock>(self).lock;
  const Ref type = qualified_name(self);
  return own(PyUnicode_FromFormat("<%U at %p: readers=%zu%s>", type.get(), self, lock.readers(),
                                  lock.is_written() ? " written" : ""));
}

PyMethodDef Side_methods[] = {
    {"acquire", method<Lockable_acquire<Side>>, METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, /, blocking=True, timeout=-1)\n--\n\n"
     "Acquire this side of the lock and return True; return False if it is not to be had without blocking\n"
     "(blocking=False) or within timeout seconds (-1 and None: however long it takes).\n\n"
     "Reading: a thread that reads may acquire it again, as often as it releases it. RuntimeError where the thread\n"
     "would wait for itself: for writing if it reads or writes, for reading if it writes. Blocks without the GIL.\n"
     "Ctrl-C ends the wait. Time-outs: see Lock.acquire()."},
    {"release", method<Lockable_release<Side>>, METH_NOARGS,
     "release($self, /)\n--\n\n"
     "Release this side of the lock, and wake who may have it next. RuntimeError if this thread does not hold it."},
    {"locked", method<Side_locked>, METH_NOARGS,
     "locked($self, /)\n--\n\nReturn whether any thread holds this side of the lock."},
    {"__enter__", method<Lockable_enter<Side>>, METH_NOARGS, enter_doc},
    {"__exit__", method<Lockable_exit<Side>>, METH_FASTCALL, exit_doc},
    {"_is_owned", method<Side_is_owned>, METH_NOARGS, nullptr},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot Side_slots[] = {
    {Py_tp_doc, const_cast<char*>("One of the two locks of an RWLock: its read or its write.")},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Side>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Side>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Side>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Side_repr>)},
    {Py_tp_methods, Side_methods},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

PyMethodDef RWLock_methods[] = {
    {"upgrade", method<RWLock_upgrade>, METH_FASTCALL | METH_KEYWORDS,
     "upgrade($self, /, blocking=True, timeout=-1)\n--\n\n"
     "Make this thread, which reads, the writer, as soon as the others have stopped reading, and before any other\n"
     "writer. Return whether it is; if not, it still reads.\n\n"
     "False at once if another thread is upgrading: each would wait for the other to stop reading. Then release\n"
     "and acquire the lock for writing. RuntimeError if this thread does not read, or more than once."},
    {"downgrade", method<RWLock_downgrade>, METH_NOARGS,
     "downgrade($self, /)\n--\n\n"
     "Make this thread, which writes, a reader, with those readers who come next. Nobody writes in between.\n"
     "RuntimeError if this thread does not write."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef RWLock_getset[] = {
    {"read", entry<RWLock_side<false>>, nullptr, "The lock for reading, which many threads may hold.", nullptr},
    {"write", entry<RWLock_side<true>>, nullptr, "The lock for writing, which one thread may hold, alone.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* RWLock_doc =
    "RWLock(*, handoff=True)\n--\n\n"
    "A lock for many readers or one writer.\n\n"
    "    with lock.read: ...\n"
    "    with lock.write: ...\n\n"
    "First come, first served: who comes while others wait, waits behind them, so that neither readers nor writers\n"
    "starve. handoff: see Lock. After a fork, the child's copy is free, but for what the thread that forked holds.";

PyType_Slot RWLock_slots[] = {
    {Py_tp_doc, const_cast<char*>(RWLock_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<RWLock>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Lockable_init<RWLock>>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<RWLock>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<RWLock_repr>)},
    {Py_tp_methods, RWLock_methods},
    {Py_tp_getset, RWLock_getset},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec RWLock_spec = {"threadmodule.RWLock", sizeof(Object<RWLock>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                           RWLock_slots};

PyType_Spec RWLockSide_spec = {
    "threadmodule.RWLockSide",
    sizeof(Object<Side>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    Side_slots,
};

}  // namespace binding
