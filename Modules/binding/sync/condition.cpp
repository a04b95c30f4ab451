#include "binding/sync/condition.hpp"

#include "binding/number.hpp"
#include "binding/state.hpp"
#include "binding/sync/lockable.hpp"

namespace binding {
namespace {

// Sleeps however often a signal handler raises, and keeps the first exception for later: for waits that must not end
// without what they wait for.
struct StubbornBlock {
  static constexpr unsigned spins = Block::spins;

  core::Wake operator()(core::Waiter& waiter, core::Deadline deadline) const {
    for (;;) {
      try {
        return block(waiter, deadline);
      } catch (const PythonError&) {
        Ref exception(get_raised_exception());
        if (!pending) pending = std::move(exception);
      }
    }
  }
  Ref& pending;
};

bool has_attribute(PyObject* object, const char* name) {
  const Ref attribute(PyObject_GetAttrString(object, name));
  if (attribute) return true;
  if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) throw PythonError();
  PyErr_Clear();
  return false;
}

bool truth(const Ref& object) { return is_true(object.get(), false); }

}  // namespace

// The lock

struct Condition::Saved {
  std::uint64_t count = 1;  // of an RLock
  Ref state;                // of a lock that has _release_save()
};

void Condition::set_lock(const State* state, Ref object) {
  PyObject* const type = object ? reinterpret_cast<PyObject*>(Py_TYPE(object.get())) : nullptr;
  plain = state != nullptr && type == state->lock_type.get() ? &value_of<Lock>(object.get()) : nullptr;
  recursive = state != nullptr && type == state->rlock_type.get() ? &value_of<RLock>(object.get()) : nullptr;
  lock = std::move(object);
}

core::Semaphore* Condition::permit() const {
  if (plain != nullptr) return &plain->permit;
  return recursive != nullptr ? &recursive->lock.permit() : nullptr;
}

void Condition::release() {
  if (recursive != nullptr) return recursive->release();
  if (plain != nullptr) return plain->release();
  own(PyObject_CallMethod(lock.get(), "release", nullptr));
}

// threading's rule: a lock that does not know its owner is owned if it is locked.
bool Condition::is_owned() {
  if (recursive != nullptr) return recursive->lock.is_owned();
  if (plain != nullptr) return plain->permit.available() == 0;
  if (has_attribute(lock.get(), "_is_owned")) return truth(own(PyObject_CallMethod(lock.get(), "_is_owned", nullptr)));
  if (!truth(own(PyObject_CallMethod(lock.get(), "acquire", "(O)", Py_False)))) return true;
  own(PyObject_CallMethod(lock.get(), "release", nullptr));
  return false;
}

Condition::Saved Condition::release_save() {
  Saved saved;
  core::Wakeups wakeups;  // sent at once: this thread parks next, and with that hands over all it has
  if (recursive != nullptr) {
    saved.count = recursive->lock.release_all(wakeups);
  } else if (plain != nullptr) {
    plain->permit.release(wakeups);
  } else if (has_attribute(lock.get(), "_release_save")) {
    saved.state = own(PyObject_CallMethod(lock.get(), "_release_save", nullptr));
  } else {
    release();
  }
  return saved;
}

void Condition::reacquire(Saved& saved, core::Waiter& waiter, bool notified, Ref& pending) {
  if (core::Semaphore* const semaphore = permit()) {
    const StubbornBlock stubborn{pending};
    notified ? semaphore->acquire_adopted(waiter, stubborn) : void(semaphore->acquire(1, core::never, stubborn));
    if (recursive != nullptr) recursive->lock.own(saved.count);
  } else if (saved.state) {
    own(PyObject_CallMethod(lock.get(), "_acquire_restore", "(O)", saved.state.get()));
  } else {
    own(PyObject_CallMethod(lock.get(), "acquire", nullptr));
  }
}

// Waiting

bool Condition::wait(core::Deadline deadline) {
  if (!is_owned()) raise(PyExc_RuntimeError, "cannot wait on un-acquired lock");
  core::Waiter waiter;
  waiters.enlist(waiter);
  Saved saved;
  try {
    saved = release_save();
  } catch (...) {
    waiters.leave(waiter, permit() != nullptr);
    throw;
  }
  Ref pending;
  bool notified = false;
  try {
    // In the child of a fork that a signal handler did, this is over as if it had been notified: what the handler has
    // notified there may have been meant for it.
    notified = block(waiter, deadline) == core::Wake::woken;
  } catch (const PythonError&) {
    pending = Ref(get_raised_exception());
  }
  if (!notified) notified = !waiters.leave(waiter, permit() != nullptr);
  reacquire(saved, waiter, notified && !waiter.is_stale(), pending);
  if (!pending) return notified;
  if (notified) notify(1);  // it was not for an exception
  set_raised_exception(pending.release());
  throw PythonError();
}

void Condition::notify(std::uint64_t n) {
  if (!is_owned()) raise(PyExc_RuntimeError, "cannot notify on un-acquired lock");
  core::Wakeups wakeups;
  waiters.notify(n, permit(), wakeups);
  wake(wakeups, handoff);
}

namespace {

Condition& condition_of(PyObject* self) {
  auto& condition = value_of<Condition>(self);
  if (!condition.lock) raise(PyExc_RuntimeError, "Condition.__init__() not called");
  return condition;
}

int Condition_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"lock", "handoff", nullptr};
  PyObject* lock = Py_None;
  int handoff = 1;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O$p:Condition", const_cast<char**>(keywords), &lock, &handoff) == 0) {
    throw PythonError();
  }
  const State& state = *state_slot(module_of(Py_TYPE(self)));
  if (lock != Py_None && !(has_attribute(lock, "acquire") && has_attribute(lock, "release"))) {
    raise(PyExc_TypeError, "Condition() argument 'lock' must have acquire() and release(), or be None, not %s",
          Py_TYPE(lock)->tp_name);
  }
  Ref object = lock == Py_None ? own(PyObject_CallNoArgs(state.rlock_type.get())) : Ref::copy(lock);
  auto& condition = value_of<Condition>(self);
  if (condition.lock) raise(PyExc_RuntimeError, "Condition.__init__() called twice");
  condition.set_lock(&state, std::move(object));
  condition.handoff = handoff != 0;
  return 0;
}

// The lock's methods

template <const char* const& name>
Ref of_lock(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Ref function = own(PyObject_GetAttrString(condition_of(self).lock.get(), name));
  return own(PyObject_Vectorcall(function.get(), args, static_cast<std::size_t>(count), keywords));
}

constexpr const char* acquire_name = "acquire";
constexpr const char* release_name = "release";
constexpr const char* locked_name = "locked";
constexpr const char* release_save_name = "_release_save";
constexpr const char* acquire_restore_name = "_acquire_restore";
constexpr const char* recursion_count_name = "_recursion_count";
constexpr const char* reinit_name = "_at_fork_reinit";

Ref Condition_enter(PyObject* self, PyObject*) {
  Condition& condition = condition_of(self);
  if (condition.recursive != nullptr) return own(PyBool_FromLong(condition.recursive->acquire(core::never)));
  if (condition.plain != nullptr) return own(PyBool_FromLong(condition.plain->acquire(core::never)));
  return own(PyObject_CallMethod(condition.lock.get(), "__enter__", nullptr));
}

Ref Condition_exit(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Condition& condition = condition_of(self);
  if (condition.plain == nullptr && condition.recursive == nullptr) {
    const Ref function = own(PyObject_GetAttrString(condition.lock.get(), "__exit__"));
    return own(PyObject_Vectorcall(function.get(), args, static_cast<std::size_t>(count), nullptr));
  }
  condition.release();
  return Ref::copy(Py_None);
}

Ref Condition_is_owned(PyObject* self, PyObject*) { return own(PyBool_FromLong(condition_of(self).is_owned())); }

Ref Condition_get_lock(PyObject* self, void*) { return Ref::copy(condition_of(self).lock.get()); }

// Waiting and notifying

Ref Condition_wait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(wait_signature, args, static_cast<std::size_t>(count), keywords);
  return own(PyBool_FromLong(condition_of(self).wait(deadline_from("wait", arguments[0]))));
}

// A subclass may have overridden what wait_for() and notify_all() call.
bool is_ours(PyObject* self) {
  const State& state = *state_slot(module_of(Py_TYPE(self)));
  return reinterpret_cast<PyObject*>(Py_TYPE(self)) == state.condition_type.get();
}

bool call_wait(PyObject* self, core::Deadline deadline) {
  if (deadline == core::never) return truth(own(PyObject_CallMethod(self, "wait", nullptr)));
  const std::chrono::duration<double> left = deadline - core::Clock::now();
  return truth(own(PyObject_CallMethod(self, "wait", "d", left.count())));
}

constexpr std::array<const char*, 2> wait_for_names{"predicate", "timeout"};
constexpr Signature wait_for_signature{"wait_for", wait_for_names, 1};

Ref Condition_wait_for(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(wait_for_signature, args, static_cast<std::size_t>(count), keywords);
  const core::Deadline deadline = deadline_from("wait_for", arguments[1]);
  Condition& condition = condition_of(self);
  for (bool in_time = true;;) {
    Ref result = own(PyObject_CallNoArgs(arguments[0]));
    if (truth(result) || !in_time) return result;
    if (deadline != core::never && core::Clock::now() >= deadline) return result;
    in_time = is_ours(self) ? condition.wait(deadline) : call_wait(self, deadline);
  }
}

constexpr std::array<const char*, 1> notify_names{"n"};
constexpr Signature notify_signature{"notify", notify_names, 0};

Ref Condition_notify(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(notify_signature, args, static_cast<std::size_t>(count), keywords);
  const long long n = arguments[0] == nullptr ? 1 : integer_from("notify", "n", arguments[0], 0, PY_SSIZE_T_MAX);
  condition_of(self).notify(static_cast<std::uint64_t>(n));
  return Ref::copy(Py_None);
}

Ref Condition_notify_all(PyObject* self, PyObject*) {
  Condition& condition = condition_of(self);
  if (is_ours(self)) {
    condition.notify(PY_SSIZE_T_MAX);
  } else {
    own(PyObject_CallMethod(self, "notify", "n", static_cast<Py_ssize_t>(condition.waiters.waiting())));
  }
  return Ref::copy(Py_None);
}

Ref Condition_repr(PyObject* self) {
  Condition& condition = condition_of(self);
  return own(PyUnicode_FromFormat("<Condition(%R, %zu)>", condition.lock.get(),
                                  static_cast<std::size_t>(condition.waiters.waiting())));
}

PyMethodDef Condition_methods[] = {
    {"acquire", method<of_lock<acquire_name>>, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", method<of_lock<release_name>>, METH_FASTCALL | METH_KEYWORDS,
     "release($self, /)\n--\n\nRelease the lock."},
    {"locked", method<of_lock<locked_name>>, METH_FASTCALL | METH_KEYWORDS,
     "locked($self, /)\n--\n\nReturn whether the lock is locked."},
    {"__enter__", method<Condition_enter>, METH_NOARGS, enter_doc},
    {"__exit__", method<Condition_exit>, METH_FASTCALL, exit_doc},
    {"wait", method<Condition_wait>, METH_FASTCALL | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\n"
     "Release the lock, block until notified, or for timeout seconds, and acquire the lock again. Return whether\n"
     "notified.\n\n"
     "Releasing and beginning to wait is atomic: no notification comes between. There are no wakes without one.\n"
     "Ctrl-C ends the wait, but not before the lock is acquired again; a notification that came meanwhile goes to\n"
     "another waiter. RuntimeError if the lock is not held, ValueError for NaN, OverflowError above TIMEOUT_MAX; a\n"
     "negative timeout is 0."},
    {"wait_for", method<Condition_wait_for>, METH_FASTCALL | METH_KEYWORDS,
     "wait_for($self, /, predicate, timeout=None)\n--\n\n"
     "wait() until predicate() is true, or for timeout seconds in all. Return what predicate() returned last."},
    {"notify", method<Condition_notify>, METH_FASTCALL | METH_KEYWORDS,
     "notify($self, /, n=1)\n--\n\n"
     "Notify the n threads that have waited longest, or fewer if fewer wait. They go on as the lock is released.\n\n"
     "RuntimeError if the lock is not held."},
    {"notify_all", method<Condition_notify_all>, METH_NOARGS,
     "notify_all($self, /)\n--\n\nNotify all threads that wait."},
    {"notifyAll", method<Condition_notify_all>, METH_NOARGS, "notifyAll($self, /)\n--\n\nAn old name of notify_all()."},
    {"_is_owned", method<Condition_is_owned>, METH_NOARGS, nullptr},
    {"_release_save", method<of_lock<release_save_name>>, METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"_acquire_restore", method<of_lock<acquire_restore_name>>, METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"_recursion_count", method<of_lock<recursion_count_name>>, METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"_at_fork_reinit", method<of_lock<reinit_name>>, METH_FASTCALL | METH_KEYWORDS, nullptr},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Condition_getset[] = {
    {"_lock", entry<Condition_get_lock>, nullptr, nullptr, nullptr},
    dict_attribute,
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* Condition_doc =
    "Condition(lock=None, *, handoff=True)\n--\n\n"
    "A condition variable, with the interface of threading.Condition.\n\n"
    "lock: a Lock, an RLock, or anything with acquire() and release(); None: a new RLock. handoff: see Lock.\n"
    "After a fork, nobody waits in the child.";

PyType_Slot Condition_slots[] = {
    {Py_tp_doc, const_cast<char*>(Condition_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Condition>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Condition_init>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Condition>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Condition>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Condition>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Condition_repr>)},
    {Py_tp_methods, Condition_methods},
    {Py_tp_getset, Condition_getset},
    {Py_tp_members, Object_members_and_dict},
    {0, nullptr},
};

}  // namespace

PyType_Spec Condition_spec = {
    "threadmodule.Condition",
    sizeof(Object<Condition>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    Condition_slots,
};

}  // namespace binding
