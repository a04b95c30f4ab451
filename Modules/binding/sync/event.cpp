#include "binding/sync/event.hpp"

#include "binding/state.hpp"
#include "binding/sync/lockable.hpp"
#include "core/sync/event.hpp"

namespace binding {
namespace {

struct Event {
  static constexpr const char* init_format = "|$p:Event";

  int traverse(visitproc visit, void* arg) const { return condition.traverse(visit, arg); }
  void clear() { condition = Ref(); }

  core::Event flag;
  Ref condition;  // _cond, if anybody has asked for it
  bool handoff = true;
};

Ref Event_is_set(PyObject* self, PyObject*) {
  return Ref::copy(value_of<Event>(self).flag.is_set() ? Py_True : Py_False);
}

Ref Event_set(PyObject* self, PyObject*) {
  auto& event = value_of<Event>(self);
  core::Wakeups wakeups;
  event.flag.set(wakeups);
  wake(wakeups, event.handoff);
  return Ref::copy(Py_None);
}

Ref Event_clear(PyObject* self, PyObject*) {
  value_of<Event>(self).flag.clear();
  return Ref::copy(Py_None);
}

Ref Event_wait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  core::Deadline deadline = core::never;
  if (count != 0 || keywords != nullptr) {
    deadline = deadline_from("wait", Arguments(wait_signature, args, static_cast<std::size_t>(count), keywords)[0]);
  }
  return Ref::copy(value_of<Event>(self).flag.wait(deadline, block) ? Py_True : Py_False);
}

Ref Event_at_fork_reinit(PyObject*, PyObject*) { return Ref::copy(Py_None); }

Ref Event_repr(PyObject* self) {
  const Ref type = qualified_name(self);
  return own(
      PyUnicode_FromFormat("<%U at %p: %s>", type.get(), self, value_of<Event>(self).flag.is_set() ? "set" : "unset"));
}

// threading's Event is made of a Condition over a Lock, and some look for it. Ours is not, but has one.
Ref Event_get_cond(PyObject* self, void*) {
  auto& event = value_of<Event>(self);
  const CriticalSection section(self);
  if (!event.condition) {
    const State& state = *state_slot(module_of(Py_TYPE(self)));
    const Ref lock = own(PyObject_CallNoArgs(state.lock_type.get()));
    event.condition = own(PyObject_CallOneArg(state.condition_type.get(), lock.get()));
  }
  return Ref::copy(event.condition.get());
}

PyMethodDef Event_methods[] = {
    {"is_set", method<Event_is_set>, METH_NOARGS, "is_set($self, /)\n--\n\nReturn whether the flag is set."},
    {"isSet", method<Event_is_set>, METH_NOARGS, "isSet($self, /)\n--\n\nAn old name of is_set()."},
    {"set", method<Event_set>, METH_NOARGS,
     "set($self, /)\n--\n\n"
     "Set the flag and wake all who wait for it; one may run before this call returns (handoff).\n\n"
     "Never blocks: may be called by signal handlers and destructors."},
    {"clear", method<Event_clear>, METH_NOARGS, "clear($self, /)\n--\n\nTake the flag down."},
    {"wait", method<Event_wait>, METH_FASTCALL | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\n"
     "Block until the flag is set and return True, or for timeout seconds and return False.\n\n"
     "True too if it has been set and cleared again meanwhile. Blocks without the GIL. Ctrl-C ends the wait.\n"
     "ValueError for NaN, OverflowError above TIMEOUT_MAX; a negative timeout is 0."},
    {"_at_fork_reinit", method<Event_at_fork_reinit>, METH_NOARGS,
     "_at_fork_reinit($self, /)\n--\n\nNothing. Nobody waits in the child of a fork anyway."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Event_getset[] = {
    {"_cond", entry<Event_get_cond>, nullptr, nullptr, nullptr},
    dict_attribute,
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* Event_doc =
    "Event(*, handoff=True)\n--\n\n"
    "A flag to wait for, with the interface of threading.Event. It is not set at first.\n\n"
    "handoff: see Lock. After a fork, the child's copy is as it was, and nobody waits.";

PyType_Slot Event_slots[] = {
    {Py_tp_doc, const_cast<char*>(Event_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Event>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Lockable_init<Event>>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Event>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Event>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Event>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Event_repr>)},
    {Py_tp_methods, Event_methods},
    {Py_tp_getset, Event_getset},
    {Py_tp_members, Object_members_and_dict},
    {0, nullptr},
};

}  // namespace

PyType_Spec Event_spec = {
    "threadmodule.Event", sizeof(Object<Event>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    Event_slots,
};

}  // namespace binding
