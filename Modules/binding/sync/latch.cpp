#include "binding/sync/latch.hpp"

#include "binding/number.hpp"
#include "binding/sync/lockable.hpp"
#include "core/sync/latch.hpp"

namespace binding {
namespace {

struct Latch {
  core::Latch latch;
  bool handoff = true;
};

constexpr long long most = 1LL << 60;

int Latch_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"count", "handoff", nullptr};
  PyObject* count = nullptr;
  int handoff = 1;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|$p:Latch", const_cast<char**>(keywords), &count, &handoff) == 0) {
    throw PythonError();
  }
  auto& latch = value_of<Latch>(self);
  latch.latch.reset(static_cast<std::uint64_t>(integer_from("Latch", "count", count, 0, most)));
  latch.handoff = handoff != 0;
  return 0;
}

void count_down(PyObject* self, const char* function, PyObject* count) {
  auto& latch = value_of<Latch>(self);
  const auto n = count == nullptr ? 1 : static_cast<std::uint64_t>(integer_from(function, "n", count, 0, most));
  core::Wakeups wakeups;
  if (!latch.latch.count_down(wakeups, n)) {
    raise(PyExc_ValueError, "%s() argument 'n' must be at most the count, %llu, got %llu", function,
          static_cast<unsigned long long>(latch.latch.count()), static_cast<unsigned long long>(n));
  }
  wake(wakeups, latch.handoff);
}

bool wait(PyObject* self, core::Deadline deadline) { return value_of<Latch>(self).latch.wait(deadline, block); }

constexpr std::array<const char*, 1> count_down_names{"n"};
constexpr Signature count_down_signature{"count_down", count_down_names, 0};

Ref Latch_count_down(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  count_down(self, "count_down", Arguments(count_down_signature, args, static_cast<std::size_t>(count), keywords)[0]);
  return Ref::copy(Py_None);
}

Ref Latch_wait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(wait_signature, args, static_cast<std::size_t>(count), keywords);
  return own(PyBool_FromLong(wait(self, deadline_from("wait", arguments[0]))));
}

constexpr std::array<const char*, 2> arrive_names{"n", "timeout"};
constexpr Signature arrive_signature{"arrive_and_wait", arrive_names, 0};

Ref Latch_arrive_and_wait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(arrive_signature, args, static_cast<std::size_t>(count), keywords);
  const core::Deadline deadline = deadline_from("arrive_and_wait", arguments[1]);
  count_down(self, "arrive_and_wait", arguments[0]);
  return own(PyBool_FromLong(wait(self, deadline)));
}

Ref Latch_get_count(PyObject* self, void*) {
  return own(PyLong_FromUnsignedLongLong(value_of<Latch>(self).latch.count()));
}

Ref Latch_repr(PyObject* self) {
  const Ref type = qualified_name(self);
  return own(PyUnicode_FromFormat("<%U at %p: count=%llu>", type.get(), self,
                                  static_cast<unsigned long long>(value_of<Latch>(self).latch.count())));
}

PyMethodDef Latch_methods[] = {
    {"count_down", method<Latch_count_down>, METH_FASTCALL | METH_KEYWORDS,
     "count_down($self, /, n=1)\n--\n\n"
     "Count down by n, without blocking. At zero, wake all who wait; one of them may run before this call returns\n"
     "(handoff). ValueError if n is negative or more than the count."},
    {"wait", method<Latch_wait>, METH_FASTCALL | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\n"
     "Block until the count is zero and return True, or for timeout seconds and return False.\n\n"
     "Blocks without the GIL. Ctrl-C ends the wait. ValueError for NaN, OverflowError above TIMEOUT_MAX; a negative\n"
     "timeout is 0."},
    {"arrive_and_wait", method<Latch_arrive_and_wait>, METH_FASTCALL | METH_KEYWORDS,
     "arrive_and_wait($self, /, n=1, timeout=None)\n--\n\ncount_down(n), then wait(timeout)."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Latch_getset[] = {
    {"count", entry<Latch_get_count>, nullptr, "How much is left to count.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr const char* Latch_doc =
    "Latch(count, *, handoff=True)\n--\n\n"
    "A count that goes down to zero, once, with the names of C++20's std::latch.\n\n"
    "count: an int, at least 0. handoff: see Lock. After a fork, the child's copy is as it was, and nobody waits.";

PyType_Slot Latch_slots[] = {
    {Py_tp_doc, const_cast<char*>(Latch_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Latch>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Latch_init>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Latch>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Latch_repr>)},
    {Py_tp_methods, Latch_methods},
    {Py_tp_getset, Latch_getset},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec Latch_spec = {"threadmodule.Latch", sizeof(Object<Latch>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                          Latch_slots};

}  // namespace binding
