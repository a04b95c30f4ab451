#include "binding/sync/barrier.hpp"

#include "binding/number.hpp"
#include "binding/state.hpp"
#include "binding/sync/lockable.hpp"
#include "core/sync/barrier.hpp"

namespace binding {
namespace {

struct Barrier {
  int traverse(visitproc visit, void* arg) const {
    const int stop = action.traverse(visit, arg);
    return stop != 0 ? stop : timeout.traverse(visit, arg);
  }
  void clear() {
    action = Ref();
    timeout = Ref();
  }

  core::Barrier barrier;
  Ref action;
  Ref timeout;
  bool handoff = true;
};

int Barrier_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"parties", "action", "timeout", "handoff", nullptr};
  PyObject* parties = nullptr;
  PyObject* action = Py_None;
  PyObject* timeout = Py_None;
  int handoff = 1;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO$p:Barrier", const_cast<char**>(keywords), &parties, &action,
                                  &timeout, &handoff) == 0) {
    throw PythonError();
  }
  const long long count = integer_from("Barrier", "parties", parties, 1, PY_SSIZE_T_MAX);
  if (action != Py_None && PyCallable_Check(action) == 0) {
    raise(PyExc_TypeError, "Barrier() argument 'action' must be callable or None, not %s", Py_TYPE(action)->tp_name);
  }
  deadline_from("Barrier", timeout);  // so that what is wrong with it is said here
  auto& barrier = value_of<Barrier>(self);
  Ref new_action = Ref::copy(action);  // what they replace goes after the critical section
  Ref new_timeout = Ref::copy(timeout);
  const CriticalSection section(self);
  barrier.barrier.set_parties(static_cast<std::uint64_t>(count));
  std::swap(barrier.action, new_action);
  std::swap(barrier.timeout, new_timeout);
  barrier.handoff = handoff != 0;
  return 0;
}

[[noreturn]] void raise_broken() {
  const Ref threading = own(PyImport_ImportModule("threading"));
  const Ref error = own(PyObject_GetAttrString(threading.get(), "BrokenBarrierError"));
  PyErr_SetNone(error.get());
  throw PythonError();
}

// __init__ may be called again.
Ref copy_of(PyObject* self, const Ref& member) {
  const CriticalSection section(self);
  return Ref::copy(member.get());
}

// The last one runs the action, and then all may go.
void act(PyObject* self) {
  auto& barrier = value_of<Barrier>(self);
  core::Wakeups wakeups;
  try {
    const Ref action = copy_of(self, barrier.action);
    if (action && action.get() != Py_None) own(PyObject_CallNoArgs(action.get()));
  } catch (...) {
    barrier.barrier.open(false, wakeups);
    throw;
  }
  barrier.barrier.open(true, wakeups);
  wake(wakeups, barrier.handoff);
}

Ref Barrier_wait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto& barrier = value_of<Barrier>(self);
  const Arguments arguments(wait_signature, args, static_cast<std::size_t>(count), keywords);
  const bool given = arguments[0] != nullptr && arguments[0] != Py_None;
  const Ref own_timeout = copy_of(self, barrier.timeout);
  const core::Deadline deadline = deadline_from("wait", given ? arguments[0] : own_timeout.get());
  const core::Barrier::Arrival arrival = barrier.barrier.arrive(deadline, block);
  if (arrival.outcome == core::Barrier::Outcome::broken) raise_broken();
  if (arrival.outcome == core::Barrier::Outcome::last) act(self);
  return own(PyLong_FromUnsignedLongLong(arrival.index));
}

Ref Barrier_reset(PyObject* self, PyObject*) {
  auto& barrier = value_of<Barrier>(self);
  core::Wakeups wakeups;
  barrier.barrier.reset(wakeups);
  wake(wakeups, barrier.handoff);
  return Ref::copy(Py_None);
}

Ref Barrier_abort(PyObject* self, PyObject*) {
  auto& barrier = value_of<Barrier>(self);
  core::Wakeups wakeups;
  barrier.barrier.abort(wakeups);
  wake(wakeups, barrier.handoff);
  return Ref::copy(Py_None);
}

Ref Barrier_get_parties(PyObject* self, void*) {
  return own(PyLong_FromUnsignedLongLong(value_of<Barrier>(self).barrier.parties()));
}

Ref Barrier_get_n_waiting(PyObject* self, void*) {
  return own(PyLong_FromUnsignedLongLong(value_of<Barrier>(self).barrier.waiting()));
}

Ref Barrier_get_broken(PyObject* self, void*) { return own(PyBool_FromLong(value_of<Barrier>(self).barrier.broken())); }

Ref Barrier_repr(PyObject* self) {
  core::Barrier& barrier = value_of<Barrier>(self).barrier;
  const Ref type = qualified_name(self);
  if (barrier.broken()) return own(PyUnicode_FromFormat("<%U at %p: broken>", type.get(), self));
  return own(PyUnicode_FromFormat("<%U at %p: waiters=%llu/%llu>", type.get(), self,
                                  static_cast<unsigned long long>(barrier.waiting()),
                                  static_cast<unsigned long long>(barrier.parties())));
}

PyMethodDef Barrier_methods[] = {
    {"wait", method<Barrier_wait>, METH_FASTCALL | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\n"
     "Block until all parties wait, and return this thread's place: 0 for the first to come, parties - 1 for the\n"
     "last, which runs the action before any of them goes on.\n\n"
     "BrokenBarrierError, for all who wait, if one waits longer than timeout seconds (None: the barrier's own),\n"
     "if the action raises, or after abort() or reset(). Blocks without the GIL. Ctrl-C ends the wait; then this\n"
     "thread does not count any more. ValueError for NaN, OverflowError above TIMEOUT_MAX; a negative timeout is 0."},
    {"reset", method<Barrier_reset>, METH_NOARGS,
     "reset($self, /)\n--\n\nMake the barrier whole and empty. Who waits gets a BrokenBarrierError."},
    {"abort", method<Barrier_abort>, METH_NOARGS,
     "abort($self, /)\n--\n\nBreak the barrier. Who waits, and who comes until reset(), gets a BrokenBarrierError."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Barrier_getset[] = {
    {"parties", entry<Barrier_get_parties>, nullptr, "How many threads pass together.", nullptr},
    {"n_waiting", entry<Barrier_get_n_waiting>, nullptr, "How many wait now.", nullptr},
    {"broken", entry<Barrier_get_broken>, nullptr, "Whether the barrier is broken.", nullptr},
    dict_attribute,
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* Barrier_doc =
    "Barrier(parties, action=None, timeout=None, *, handoff=True)\n--\n\n"
    "A point that a number of threads pass together, again and again, with the interface of threading.Barrier.\n\n"
    "parties: an int, at least 1. action: called by the last thread to come. timeout: of wait(), in seconds.\n"
    "handoff: see Lock. After a fork, nobody waits in the child.";

PyType_Slot Barrier_slots[] = {
    {Py_tp_doc, const_cast<char*>(Barrier_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Barrier>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Barrier_init>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Barrier>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Barrier>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Barrier>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Barrier_repr>)},
    {Py_tp_methods, Barrier_methods},
    {Py_tp_getset, Barrier_getset},
    {Py_tp_members, Object_members_and_dict},
    {0, nullptr},
};

}  // namespace

PyType_Spec Barrier_spec = {
    "threadmodule.Barrier", sizeof(Object<Barrier>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    Barrier_slots,
};

}  // namespace binding
