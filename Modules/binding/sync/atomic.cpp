#include "binding/sync/atomic.hpp"

#include <atomic>
#include <cstdint>

#include "binding/arguments.hpp"
#include "binding/object.hpp"

namespace binding {
namespace {

// AtomicInt

using Int = std::atomic<std::int64_t>;

std::int64_t int64_from(const char* function, const char* argument, PyObject* object) {
  if (PyIndex_Check(object) == 0) {
    raise(PyExc_TypeError, "%s() argument '%s' must be an int, not %s", function, argument, Py_TYPE(object)->tp_name);
  }
  const Ref index = own(PyNumber_Index(object));
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (value == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  if (overflow != 0) raise(PyExc_OverflowError, "%s() argument '%s' must fit in 64 bits", function, argument);
  return value;
}

void expect(const char* function, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most) {
  if (count < least || count > most) {
    raise(PyExc_TypeError, "%s() takes %zd argument%s (%zd given)", function, most, most == 1 ? "" : "s", count);
  }
}

int AtomicInt_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"value", nullptr};
  PyObject* value = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O:AtomicInt", const_cast<char**>(keywords), &value) == 0) {
    throw PythonError();
  }
  value_of<Int>(self).store(value == nullptr ? 0 : int64_from("AtomicInt", "value", value));
  return 0;
}

Ref AtomicInt_load(PyObject* self, PyObject*) { return own(PyLong_FromLongLong(value_of<Int>(self).load())); }

Ref AtomicInt_store(PyObject* self, PyObject* value) {
  value_of<Int>(self).store(int64_from("store", "value", value));
  return Ref::copy(Py_None);
}

Ref AtomicInt_add(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  expect("add", count, 0, 1);
  const std::int64_t n = count == 0 ? 1 : int64_from("add", "n", args[0]);
  Int& value = value_of<Int>(self);
  std::int64_t before = value.load(std::memory_order_relaxed);
  std::int64_t sum = 0;
  do {
    if (__builtin_add_overflow(before, n, &sum)) {
      raise(PyExc_OverflowError, "add() argument 'n' takes the AtomicInt out of 64 bits: %lld + %lld",
            static_cast<long long>(before), static_cast<long long>(n));
    }
  } while (!value.compare_exchange_weak(before, sum));
  return own(PyLong_FromLongLong(before));
}

Ref AtomicInt_exchange(PyObject* self, PyObject* value) {
  return own(PyLong_FromLongLong(value_of<Int>(self).exchange(int64_from("exchange", "value", value))));
}

Ref AtomicInt_compare_exchange(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  expect("compare_exchange", count, 2, 2);
  std::int64_t expected = int64_from("compare_exchange", "expected", args[0]);
  const std::int64_t desired = int64_from("compare_exchange", "desired", args[1]);
  return own(PyBool_FromLong(value_of<Int>(self).compare_exchange_strong(expected, desired)));
}

Ref AtomicInt_repr(PyObject* self) {
  const Ref type = qualified_name(self);
  return own(
      PyUnicode_FromFormat("<%U at %p: %lld>", type.get(), self, static_cast<long long>(value_of<Int>(self).load())));
}

PyMethodDef AtomicInt_methods[] = {
    {"load", method<AtomicInt_load>, METH_NOARGS, "load($self, /)\n--\n\nReturn the value."},
    {"store", method<AtomicInt_store>, METH_O, "store($self, value, /)\n--\n\nSet the value."},
    {"add", method<AtomicInt_add>, METH_FASTCALL,
     "add($self, n=1, /)\n--\n\n"
     "Add n and return the value before, as fetch_add() of C++. OverflowError, and no change, if the sum does not\n"
     "fit in 64 bits."},
    {"exchange", method<AtomicInt_exchange>, METH_O,
     "exchange($self, value, /)\n--\n\nSet the value and return the one before."},
    {"compare_exchange", method<AtomicInt_compare_exchange>, METH_FASTCALL,
     "compare_exchange($self, expected, desired, /)\n--\n\n"
     "Set the value to desired if it is expected. Return whether it was."},
    reduce_method,
    {nullptr, nullptr, 0, nullptr},
};

constexpr const char* AtomicInt_doc =
    "AtomicInt(value=0)\n--\n\n"
    "A 64-bit integer whose operations are atomic and sequentially consistent: std::atomic<std::int64_t> of C++.\n\n"
    "Never blocks. TypeError for no int, OverflowError for one that does not fit.";

PyType_Slot AtomicInt_slots[] = {
    {Py_tp_doc, const_cast<char*>(AtomicInt_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Int>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<AtomicInt_init>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Int>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<AtomicInt_repr>)},
    {Py_tp_methods, AtomicInt_methods},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

// AtomicReference

struct Reference {
  int traverse(visitproc visit, void* arg) const { return object.traverse(visit, arg); }
  void clear() { object = Ref(); }
  Ref object;
};

// The reference as it is, and `desired` in its place if it is `expected`, or if that is NULL. What is let go of goes
// outside of the critical section: its destructor may run Python code.
Ref exchange(PyObject* self, PyObject* expected, PyObject* desired) {
  Ref now = Ref::copy(desired);
  const CriticalSection section(self);
  Ref& object = value_of<Reference>(self).object;
  if (expected != nullptr && object.get() != expected) return {};
  std::swap(object, now);
  return now;
}

int AtomicReference_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"value", nullptr};
  PyObject* value = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O:AtomicReference", const_cast<char**>(keywords), &value) == 0) {
    throw PythonError();
  }
  exchange(self, nullptr, value);
  return 0;
}

Ref AtomicReference_load(PyObject* self, PyObject*) {
  const CriticalSection section(self);
  PyObject* const object = value_of<Reference>(self).object.get();
  return Ref::copy(object == nullptr ? Py_None : object);
}

Ref AtomicReference_store(PyObject* self, PyObject* value) {
  exchange(self, nullptr, value);
  return Ref::copy(Py_None);
}

Ref AtomicReference_exchange(PyObject* self, PyObject* value) {
  Ref before = exchange(self, nullptr, value);
  return before ? std::move(before) : Ref::copy(Py_None);
}

Ref AtomicReference_compare_exchange(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  expect("compare_exchange", count, 2, 2);
  return Ref::copy(exchange(self, args[0], args[1]) ? Py_True : Py_False);
}

Ref AtomicReference_repr(PyObject* self) {
  const Ref type = qualified_name(self);
  const Ref object = AtomicReference_load(self, nullptr);
  return own(PyUnicode_FromFormat("<%U at %p: %R>", type.get(), self, object.get()));
}

PyMethodDef AtomicReference_methods[] = {
    {"load", method<AtomicReference_load>, METH_NOARGS, "load($self, /)\n--\n\nReturn the object."},
    {"store", method<AtomicReference_store>, METH_O, "store($self, value, /)\n--\n\nRefer to value."},
    {"exchange", method<AtomicReference_exchange>, METH_O,
     "exchange($self, value, /)\n--\n\nRefer to value and return the object before."},
    {"compare_exchange", method<AtomicReference_compare_exchange>, METH_FASTCALL,
     "compare_exchange($self, expected, desired, /)\n--\n\n"
     "Refer to desired if the object is expected (by identity, as `is`). Return whether it was."},
    reduce_method,
    class_getitem_method,
    {nullptr, nullptr, 0, nullptr},
};

constexpr const char* AtomicReference_doc =
    "AtomicReference(value=None)\n--\n\n"
    "A reference to an object, whose operations are atomic.";

PyType_Slot AtomicReference_slots[] = {
    {Py_tp_doc, const_cast<char*>(AtomicReference_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Reference>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<AtomicReference_init>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Reference>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Reference>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Reference>)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<AtomicReference_repr>)},
    {Py_tp_methods, AtomicReference_methods},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec AtomicInt_spec = {"threadmodule.AtomicInt", sizeof(Object<Int>), 0,
                              Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, AtomicInt_slots};

PyType_Spec AtomicReference_spec = {
    "threadmodule.AtomicReference",
    sizeof(Object<Reference>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    AtomicReference_slots,
};

}  // namespace binding
