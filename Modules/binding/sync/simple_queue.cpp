#include "binding/sync/simple_queue.hpp"

#include <bit>
#include <vector>

#include "binding/number.hpp"
#include "binding/state.hpp"
#include "binding/sync/lockable.hpp"
#include "binding/sync/queue_protocol.hpp"

namespace binding {
namespace {

using Guard = core::Monitor::Guard;

// Items in a ring: first in, first out. It owns them.
class Ring {
 public:
  std::size_t size() const noexcept { return size_; }
  bool full() const noexcept { return size_ == slots_.size(); }

  void push(PyObject* item) noexcept { slots_[(first_ + size_++) & mask()] = item; }
  PyObject* pop() noexcept {
    PyObject* const item = std::exchange(slots_[first_], nullptr);
    first_ = (first_ + 1) & mask();
    --size_;
    return item;
  }
  PyObject* operator[](std::size_t i) const noexcept { return slots_[(first_ + i) & mask()]; }

  // Moves into `slots`, which has more of them, and leaves there what it had before.
  void move_to(std::vector<PyObject*>& slots) noexcept {
    for (std::size_t i = 0; i < size_; ++i) slots[i] = (*this)[i];
    first_ = 0;
    slots_.swap(slots);
  }
  std::size_t capacity() const noexcept { return slots_.size(); }

 private:
  std::size_t mask() const noexcept { return slots_.size() - 1; }  // a power of two

  std::vector<PyObject*> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

class Monitor final : public core::Monitor {
  void make_way(Guard& guard, core::Wakeups&, core::Waiter& waiter) noexcept override { guard.put_aside(waiter); }
};

struct SimpleQueue {
  static constexpr const char* init_format = "|$p:SimpleQueue";

  ~SimpleQueue() { clear(); }

  int traverse(visitproc visit, void* arg) const {
    for (std::size_t i = 0; i < ring.size(); ++i) Py_VISIT(ring[i]);
    return 0;
  }
  void clear() {
    while (ring.size() > 0) drop(ring.pop());
  }

  std::size_t size() noexcept {
    const Guard guard(monitor);
    return ring.size();
  }
  // An item or NULL.
  PyObject* try_get() noexcept;
  void put(PyObject* item);
  Ref get(core::Deadline deadline);

  Monitor monitor;
  Ring ring;  // guarded
  const State* state = nullptr;
  bool handoff = true;

 private:
  void wake_next(Guard& guard, core::Wakeups& wakeups) noexcept {
    if (ring.size() > 0 && guard.front() != nullptr) guard.pop_front(wakeups, core::Waiter::look);
  }
};

// Under the GIL, that is guard enough as long as nobody waits.
PyObject* SimpleQueue::try_get() noexcept {
  if constexpr (free_threaded) {
    const Guard guard(monitor);
    return ring.size() > 0 ? ring.pop() : nullptr;
  } else {
    return ring.size() > 0 ? ring.pop() : nullptr;
  }
}

void SimpleQueue::put(PyObject* item) {
  if (!free_threaded && !ring.full() && !monitor.is_queued()) {
    ring.push(Py_NewRef(item));
    return;
  }
  core::Wakeups wakeups;
  for (std::vector<PyObject*> larger;;) {  // allocated without the guard
    {
      Guard guard(monitor);
      if (ring.full() && larger.size() > ring.capacity()) ring.move_to(larger);
      if (!ring.full()) {
        ring.push(Py_NewRef(item));
        wake_next(guard, wakeups);
        break;
      }
    }
    larger.assign(std::bit_ceil(2 * ring.capacity() + 8), nullptr);
  }
  wake(wakeups, handoff);
}

Ref SimpleQueue::get(core::Deadline deadline) {
  if (PyObject* const item = try_get()) return Ref(item);
  if (deadline != core::at_once) {
    PyObject* item = nullptr;
    core::Waiter waiter;
    const auto attempt = [&](Guard&, bool) {
      if (ring.size() > 0) item = ring.pop();
      return item != nullptr;
    };
    const auto abandon = [&](Guard& guard, core::Wakeups& wakeups, core::Waiter::Message) {
      wake_next(guard, wakeups);
    };
    monitor.wait(waiter, deadline, block, attempt, abandon);
    if (item != nullptr) return Ref(item);
  }
  raise_queue_error(*state, "Empty");
}

SimpleQueue& queue_of(PyObject* self) { return value_of<SimpleQueue>(self); }

PyObject* SimpleQueue_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) noexcept {
  return boundary<PyObject*>(nullptr, [&] {
    const State& state = *state_slot(module_of(type));
    PyObject* const self = Object_new<SimpleQueue>(type, args, kwargs);
    if (self != nullptr) queue_of(self).state = &state;
    return self;
  });
}

Ref SimpleQueue_put(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count == 1 && keywords == nullptr) {
    queue_of(self).put(args[0]);
  } else {
    const Arguments arguments(put_signature, args, static_cast<std::size_t>(count), keywords);
    queue_deadline(arguments, 1);  // never waited for, but checked
    queue_of(self).put(arguments[0]);
  }
  return Ref::copy(Py_None);
}

Ref SimpleQueue_get(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count == 0 && keywords == nullptr) return queue_of(self).get(core::never);
  const Arguments arguments(get_signature, args, static_cast<std::size_t>(count), keywords);
  return queue_of(self).get(queue_deadline(arguments, 0));
}

Ref SimpleQueue_put_nowait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  queue_of(self).put(Arguments(put_nowait_signature, args, static_cast<std::size_t>(count), keywords)[0]);
  return Ref::copy(Py_None);
}

Ref SimpleQueue_get_nowait(PyObject* self, PyObject*) { return queue_of(self).get(core::at_once); }

Ref SimpleQueue_put_many(PyObject* self, PyObject* const* args, Py_ssize_t count_of_args, PyObject* keywords) {
  const Arguments arguments(put_many_signature, args, static_cast<std::size_t>(count_of_args), keywords);
  queue_deadline(arguments, 1);  // never waited for, but checked
  const Ref tuple = own(PySequence_Tuple(arguments[0]));
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.get());
  for (Py_ssize_t i = 0; i < count; ++i) queue_of(self).put(PyTuple_GET_ITEM(tuple.get(), i));
  return own(PyLong_FromSsize_t(count));
}

Ref SimpleQueue_get_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(get_many_signature, args, static_cast<std::size_t>(count), keywords);
  const core::Deadline deadline = queue_deadline(arguments, 1);
  const Py_ssize_t most = get_many_count(arguments);
  SimpleQueue& queue = queue_of(self);
  Ref items = own(PyList_New(0));
  check(PyList_Append(items.get(), queue.get(deadline).get()));
  const auto there = static_cast<Py_ssize_t>(queue.size());  // others may put more for ever
  for (Py_ssize_t taken = 1; taken < most && taken <= there; ++taken) {
    const Ref item(queue.try_get());
    if (!item) break;
    check(PyList_Append(items.get(), item.get()));
  }
  return items;
}

Ref SimpleQueue_qsize(PyObject* self, PyObject*) { return own(PyLong_FromSize_t(queue_of(self).size())); }

Ref SimpleQueue_empty(PyObject* self, PyObject*) { return own(PyBool_FromLong(queue_of(self).size() == 0)); }

PyMethodDef SimpleQueue_methods[] = {
    {"put", method<SimpleQueue_put>, METH_FASTCALL | METH_KEYWORDS,
     "put($self, /, item, block=True, timeout=None)\n--\n\n"
     "Put an item into the queue. Never blocks: block and timeout are there for Queue.put()'s sake.\n\n"
     "May be called by signal handlers and destructors, also by those that interrupt put() and get() of this queue."},
    {"get", method<SimpleQueue_get>, METH_FASTCALL | METH_KEYWORDS,
     "get($self, /, block=True, timeout=None)\n--\n\n"
     "Take an item from the queue and return it. If it is empty, block until there is one, or raise Empty: at once\n"
     "if block is false, else after timeout seconds (None: never).\n\n"
     "Blocks without the GIL. Ctrl-C ends the wait, and nothing has been taken. ValueError for a timeout that is\n"
     "negative or NaN, OverflowError above TIMEOUT_MAX."},
    {"put_nowait", method<SimpleQueue_put_nowait>, METH_FASTCALL | METH_KEYWORDS,
     "put_nowait($self, /, item)\n--\n\nput(item)"},
    {"get_nowait", method<SimpleQueue_get_nowait>, METH_NOARGS, "get_nowait($self, /)\n--\n\nget(block=False)"},
    {"put_many", method<SimpleQueue_put_many>, METH_FASTCALL | METH_KEYWORDS,
     "put_many($self, /, items, block=True, timeout=None)\n--\n\nPut the items into the queue, in their order, and "
     "return how many there are."},
    {"get_many", method<SimpleQueue_get_many>, METH_FASTCALL | METH_KEYWORDS,
     "get_many($self, /, n=None, block=True, timeout=None)\n--\n\n"
     "Take all items from the queue, or n of them if there are more, and return a list. If it is empty, wait for\n"
     "the first one as get() does. ValueError for n < 1."},
    {"qsize", method<SimpleQueue_qsize>, METH_NOARGS,
     "qsize($self, /)\n--\n\nReturn how many items are in the queue now. Another thread may change that at once."},
    {"empty", method<SimpleQueue_empty>, METH_NOARGS, "empty($self, /)\n--\n\nReturn whether qsize() is 0."},
    reduce_method,
    class_getitem_method,
    {nullptr, nullptr, 0, nullptr},
};

constexpr const char* SimpleQueue_doc =
    "SimpleQueue(*, handoff=True)\n--\n\n"
    "An unbounded queue, first in, first out, with the interface of queue.SimpleQueue, and put_many() and\n"
    "get_many().\n\n"
    "handoff: see Lock. After a fork, the child's copy has the items, and nobody waits.";

PyType_Slot SimpleQueue_slots[] = {
    {Py_tp_doc, const_cast<char*>(SimpleQueue_doc)},
    {Py_tp_new, reinterpret_cast<void*>(SimpleQueue_new)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Lockable_init<SimpleQueue>>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<SimpleQueue>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<SimpleQueue>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<SimpleQueue>)},
    {Py_tp_methods, SimpleQueue_methods},
    {Py_tp_members, Object_members},
    {0, nullptr},
};

}  // namespace

PyType_Spec SimpleQueue_spec = {
    "threadmodule.SimpleQueue",
    sizeof(Object<SimpleQueue>),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    SimpleQueue_slots,
};

}  // namespace binding
