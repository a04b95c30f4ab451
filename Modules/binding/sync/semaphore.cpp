#include "binding/sync/semaphore.hpp"

#include "binding/number.hpp"
#include "binding/state.hpp"
#include "binding/sync/lockable.hpp"
#include "core/sync/semaphore.hpp"

namespace binding {
namespace {

struct Semaphore {
  core::Semaphore permits{1};
  bool bounded = false;
  bool handoff = true;
};

constexpr auto most = static_cast<long long>(core::Semaphore::no_limit);

template <bool bounded>
int Semaphore_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"value", "handoff", nullptr};
  PyObject* value = nullptr;
  int handoff = 1;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, bounded ? "|O$p:BoundedSemaphore" : "|O$p:Semaphore",
                                  const_cast<char**>(keywords), &value, &handoff) == 0) {
    throw PythonError();
  }
  const char* name = bounded ? "BoundedSemaphore" : "Semaphore";
  const auto permits = value == nullptr ? 1 : static_cast<std::uint64_t>(integer_from(name, "value", value, 0, most));
  auto& semaphore = value_of<Semaphore>(self);
  semaphore.bounded = bounded;
  semaphore.handoff = handoff != 0;
  semaphore.permits.reset(permits, bounded ? permits : core::Semaphore::no_limit);
  return 0;
}

constexpr std::array<const char*, 3> semaphore_acquire_names{"blocking", "timeout", "n"};
constexpr Signature semaphore_acquire_signature{"acquire", semaphore_acquire_names, 0};

Ref Semaphore_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto& semaphore = value_of<Semaphore>(self);
  std::uint64_t n = 1;
  core::Deadline deadline = core::never;
  if (count != 0 || keywords != nullptr) {
    if (count > 2) raise(PyExc_TypeError, "acquire() takes at most 2 positional arguments (%zd given)", count);
    const Arguments arguments(semaphore_acquire_signature, args, static_cast<std::size_t>(count), keywords);
    PyObject* const timeout = arguments[1];
    if (arguments[2] != nullptr) n = static_cast<std::uint64_t>(integer_from("acquire", "n", arguments[2], 1, most));
    deadline = deadline_from("acquire", timeout);
    if (!is_true(arguments[0], true)) {
      if (timeout != nullptr && timeout != Py_None) {
        raise(PyExc_ValueError, "acquire() argument 'timeout' must be left out if blocking is false, got %R", timeout);
      }
      deadline = core::at_once;
    }
    if (n > semaphore.permits.limit()) {
      raise(PyExc_ValueError, "acquire() argument 'n' must be at most the semaphore's bound, %llu, got %llu",
            static_cast<unsigned long long>(semaphore.permits.limit()), static_cast<unsigned long long>(n));
    }
  }
  return Ref::copy(semaphore.permits.acquire(n, deadline, block) ? Py_True : Py_False);
}

void release(Semaphore& semaphore, std::uint64_t n) {
  core::Wakeups wakeups;
  if (!semaphore.permits.release(wakeups, n)) {
    if (semaphore.bounded) raise(PyExc_ValueError, "Semaphore released too many times");
    raise(PyExc_OverflowError, "release() argument 'n' is too large: a semaphore holds at most %lld permits", most);
  }
  wake(wakeups, semaphore.handoff);
}

constexpr std::array<const char*, 1> release_names{"n"};
constexpr Signature release_signature{"release", release_names, 0};

Ref Semaphore_release(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::uint64_t n = 1;
  if (count != 0 || keywords != nullptr) {
    const Arguments arguments(release_signature, args, static_cast<std::size_t>(count), keywords);
    if (arguments[0] != nullptr) n = static_cast<std::uint64_t>(integer_from("release", "n", arguments[0], 1, most));
  }
  release(value_of<Semaphore>(self), n);
  return Ref::copy(Py_None);
}

// A subclass may have overridden what `with` calls.
bool is_ours(PyObject* self) {
  const State& state = *state_slot(module_of(Py_TYPE(self)));
  auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(self));
  return type == state.semaphore_types[0].get() || type == state.semaphore_types[1].get();
}

Ref Semaphore_enter(PyObject* self, PyObject*) {
  if (!is_ours(self)) return own(PyObject_CallMethod(self, "acquire", nullptr));
  value_of<Semaphore>(self).permits.acquire(1, core::never, block);
  return Ref::copy(Py_True);
}

Ref Semaphore_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  if (is_ours(self)) {
    release(value_of<Semaphore>(self), 1);
  } else {
    own(PyObject_CallMethod(self, "release", nullptr));
  }
  return Ref::copy(Py_None);
}

Ref Semaphore_repr(PyObject* self) {
  auto& semaphore = value_of<Semaphore>(self);
  const auto value = static_cast<unsigned long long>(semaphore.permits.available());
  const Ref type = qualified_name(self);
  if (!semaphore.bounded) return own(PyUnicode_FromFormat("<%U at %p: value=%llu>", type.get(), self, value));
  return own(PyUnicode_FromFormat("<%U at %p: value=%llu/%llu>", type.get(), self, value,
                                  static_cast<unsigned long long>(semaphore.permits.limit())));
}

// threading's semaphores have a private attribute that programs look at all the same.
Ref Semaphore_get_value(PyObject* self, void*) {
  return own(PyLong_FromUnsignedLongLong(value_of<Semaphore>(self).permits.available()));
}

PyMethodDef Semaphore_methods[] = {
    {"acquire", method<Semaphore_acquire>, METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, /, blocking=True, timeout=None, *, n=1)\n--\n\n"
     "Take n permits at once and return True; return False if they are not to be had without blocking\n"
     "(blocking=False) or within timeout seconds (None: however long it takes).\n\n"
     "Blocks without the GIL. Ctrl-C ends the wait. Who waits for many permits is passed by those who need fewer\n"
     "for 1 ms at most. ValueError for n < 1, more than the bound, a timeout with blocking=False or NaN;\n"
     "OverflowError above TIMEOUT_MAX."},
    {"release", method<Semaphore_release>, METH_FASTCALL | METH_KEYWORDS,
     "release($self, /, n=1)\n--\n\n"
     "Give n permits, and wake those who wait and may go on; one of them may run before this call returns\n"
     "(handoff). ValueError for n < 1, and if a BoundedSemaphore would have more permits than at first."},
    {"__enter__", method<Semaphore_enter>, METH_NOARGS, "__enter__($self, /)\n--\n\nTake one permit."},
    {"__exit__", method<Semaphore_exit>, METH_FASTCALL,
     "__exit__($self, type, value, traceback, /)\n--\n\nGive one permit."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Semaphore_getset[] = {
    {"_value", entry<Semaphore_get_value>, nullptr, nullptr, nullptr},
    dict_attribute,
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* Semaphore_doc =
    "Semaphore(value=1, *, handoff=True)\n--\n\n"
    "A number of permits, with the interface of threading.Semaphore, and acquire(n=...).\n\n"
    "value: the permits at first, at least 0. `with semaphore:` takes one and gives it back. handoff: see Lock.\n\n"
    "After a fork, the child's copy has at least its first permits again, and nobody waits.";

constexpr const char* BoundedSemaphore_doc =
    "BoundedSemaphore(value=1, *, handoff=True)\n--\n\n"
    "A Semaphore that never has more permits than at first: threading.BoundedSemaphore.";

PyType_Slot Semaphore_slots[] = {
    {Py_tp_doc, const_cast<char*>(Semaphore_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Semaphore>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Semaphore_init<false>>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Semaphore>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Semaphore>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Semaphore>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Semaphore_repr>)},
    {Py_tp_methods, Semaphore_methods},
    {Py_tp_getset, Semaphore_getset},
    {Py_tp_members, Object_members_and_dict},
    {0, nullptr},
};

PyType_Slot BoundedSemaphore_slots[] = {
    {Py_tp_doc, const_cast<char*>(BoundedSemaphore_doc)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Semaphore_init<true>>)},
    {0, nullptr},
};

}  // namespace

PyType_Spec Semaphore_spec = {
    "threadmodule.Semaphore",
    sizeof(Object<Semaphore>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    Semaphore_slots,
};

PyType_Spec BoundedSemaphore_spec = {
    "threadmodule.BoundedSemaphore", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, BoundedSemaphore_slots,
};

}  // namespace binding
