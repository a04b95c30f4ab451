#include "binding/sync/queue.hpp"

#include <algorithm>

#include "binding/number.hpp"
#include "binding/state.hpp"
#include "binding/sync/condition.hpp"
#include "binding/sync/lockable.hpp"
#include "binding/sync/queue_protocol.hpp"

namespace binding {
namespace {

// Data

// How an exact Queue, LifoQueue or PriorityQueue keeps its items. A subclass may keep them as it likes, in the methods
// _init, _qsize, _put and _get, which are called with the mutex held.
enum class Order { fifo, lifo, priority, subclass };

struct Queue {
  int traverse(visitproc visit, void* arg) const {
    for (const Ref* ref : {&items, &mutex, &not_empty, &not_full, &all_tasks_done}) {
      if (const int stop = ref->traverse(visit, arg); stop != 0) return stop;
    }
    return 0;
  }
  void clear() {
    for (Ref* ref : {&items, &mutex, &not_empty, &not_full, &all_tasks_done}) *ref = Ref();
  }

  PyObject* self = nullptr;      // the object that this is in
  const State* state = nullptr;  // NULL until __init__
  Order order = Order::subclass;
  Ref items;  // a deque or list, by the name of queue: programs look at it, and change it, with the mutex held
  Ref mutex;
  Ref not_empty;
  Ref not_full;
  Ref all_tasks_done;
  Py_ssize_t maxsize = 0;
  Py_ssize_t unfinished_tasks = 0;
  char is_shutdown = 0;
};

Queue& queue_of(PyObject* self) {
  auto& queue = value_of<Queue>(self);
  if (queue.state == nullptr) raise(PyExc_RuntimeError, "Queue.__init__() not called");
  if (!queue.mutex) raise(PyExc_RuntimeError, "the Queue was cleared by the garbage collector");
  return queue;
}

Condition& condition(const Ref& object) { return value_of<Condition>(object.get()); }

// `with self.mutex:`
class Held {
 public:
  explicit Held(Queue& queue) : lock_(value_of<Lock>(queue.mutex.get())) { lock_.acquire(core::never); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // Leaving it by an exception releases the mutex too, and waits for nobody. Left as usual, call release(): what it
  // wakes may run at once.
  ~Held() {
    core::Wakeups wakeups;
    if (!released_) lock_.permit.release(wakeups);
  }
  void release() {
    released_ = true;
    lock_.release();
  }

 private:
  Lock& lock_;
  bool released_ = false;
};

// Keeping items: all with the mutex held

Ref items_of(Queue& queue) {
  const CriticalSection section(queue.self);
  if (!queue.items) raise(PyExc_AttributeError, "queue");
  return Ref::copy(queue.items.get());
}

Ref make_items(const State& state, Order order) {
  return own(order == Order::fifo ? PyObject_CallNoArgs(state.queue_tools.deque.get()) : PyList_New(0));
}

Py_ssize_t size(PyObject* self, Queue& queue) {
  Py_ssize_t size = 0;
  if (queue.order == Order::subclass) {
    const Ref result = own(PyObject_CallMethodNoArgs(self, queue.state->queue_tools.name_qsize.get()));
    size = PyNumber_AsSsize_t(result.get(), PyExc_OverflowError);
  } else {
    size = PyObject_Size(items_of(queue).get());
  }
  if (size == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  return size;
}

bool is_deque(const State& state, const Ref& items) {
  return reinterpret_cast<PyObject*>(Py_TYPE(items.get())) == state.queue_tools.deque.get();
}

void keep(Queue& queue, Order order, PyObject* item) {
  const Ref items = items_of(queue);
  const QueueTools& tools = queue.state->queue_tools;
  PyObject* const arguments[] = {items.get(), item};
  if (order == Order::priority) {
    own(PyObject_Vectorcall(tools.heappush.get(), arguments, 2, nullptr));
  } else if (is_deque(*queue.state, items)) {
    own(PyObject_Vectorcall(tools.append.get(), arguments, 2, nullptr));
  } else if (PyList_CheckExact(items.get())) {
    check(PyList_Append(items.get(), item));
  } else {
    own(PyObject_CallMethod(items.get(), "append", "(O)", item));
  }
}

Ref take(Queue& queue, Order order) {
  const Ref items = items_of(queue);
  const QueueTools& tools = queue.state->queue_tools;
  PyObject* const arguments[] = {items.get()};
  if (order == Order::priority) return own(PyObject_Vectorcall(tools.heappop.get(), arguments, 1, nullptr));
  if (order == Order::lifo) return own(PyObject_CallMethod(items.get(), "pop", nullptr));
  if (!is_deque(*queue.state, items)) return own(PyObject_CallMethod(items.get(), "popleft", nullptr));
  return own(PyObject_Vectorcall(tools.popleft.get(), arguments, 1, nullptr));
}

void put_item(PyObject* self, Queue& queue, PyObject* item) {
  if (queue.order == Order::subclass) {
    own(PyObject_CallMethodOneArg(self, queue.state->queue_tools.name_put.get(), item));
  } else {
    keep(queue, queue.order, item);
  }
  ++queue.unfinished_tasks;
}

Ref get_item(PyObject* self, Queue& queue) {
  if (queue.order == Order::subclass)
    return own(PyObject_CallMethodNoArgs(self, queue.state->queue_tools.name_get.get()));
  return take(queue, queue.order);
}

// What the standard library has for it, imported with the first queue.
void prepare(State& state) {
  if (state.queue_tools_set.load(std::memory_order_acquire)) return;
  const Ref collections = own(PyImport_ImportModule("collections"));
  const Ref heapq = own(PyImport_ImportModule("heapq"));
  QueueTools tools;
  tools.deque = own(PyObject_GetAttrString(collections.get(), "deque"));
  tools.append = own(PyObject_GetAttrString(tools.deque.get(), "append"));
  tools.popleft = own(PyObject_GetAttrString(tools.deque.get(), "popleft"));
  tools.heappush = own(PyObject_GetAttrString(heapq.get(), "heappush"));
  tools.heappop = own(PyObject_GetAttrString(heapq.get(), "heappop"));
  tools.name_qsize = own(PyUnicode_InternFromString("_qsize"));
  tools.name_put = own(PyUnicode_InternFromString("_put"));
  tools.name_get = own(PyUnicode_InternFromString("_get"));
  const std::scoped_lock lock(state.registry->mutex);
  if (state.queue_tools_set.load(std::memory_order_relaxed)) return;
  state.queue_tools = std::move(tools);
  state.queue_tools_set.store(true, std::memory_order_release);
}

// The methods that a subclass may override, for the class whose order it is.

template <Order order>
Ref Queue_base_init(PyObject* self, PyObject*) {
  auto& queue = value_of<Queue>(self);
  State& state = *state_slot(module_of(Py_TYPE(self)));
  prepare(state);  // __init__ may not have been called
  Ref items = make_items(state, order);
  const CriticalSection section(self);
  std::swap(queue.items, items);
  return Ref::copy(Py_None);
}

Ref Queue_base_qsize(PyObject* self, PyObject*) {
  const Py_ssize_t size = PyObject_Size(items_of(queue_of(self)).get());
  check(size < 0 ? -1 : 0);
  return own(PyLong_FromSsize_t(size));
}

template <Order order>
Ref Queue_base_put(PyObject* self, PyObject* item) {
  Queue& queue = queue_of(self);
  keep(queue, order, item);
  return Ref::copy(Py_None);
}

template <Order order>
Ref Queue_base_get(PyObject* self, PyObject*) {
  Queue& queue = queue_of(self);
  return take(queue, order);
}

// Lifecycle

void make_locks(const State& state, Queue& queue, bool handoff) {
  Ref mutex = own(PyObject_CallNoArgs(state.lock_type.get()));
  const auto make_condition = [&] { return own(PyObject_CallOneArg(state.condition_type.get(), mutex.get())); };
  Ref not_empty = make_condition();
  Ref not_full = make_condition();
  Ref all_tasks_done = make_condition();
  for (const Ref* ref : {&not_empty, &not_full, &all_tasks_done}) condition(*ref).handoff = handoff;
  value_of<Lock>(mutex.get()).handoff = handoff;
  queue.not_empty = std::move(not_empty);
  queue.not_full = std::move(not_full);
  queue.all_tasks_done = std::move(all_tasks_done);
  queue.mutex = std::move(mutex);
}

template <Order order>
int Queue_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"maxsize", "handoff", nullptr};
  PyObject* maxsize = nullptr;
  int handoff = 1;
  constexpr const char* name = order == Order::fifo ? "Queue" : order == Order::lifo ? "LifoQueue" : "PriorityQueue";
  constexpr const char* format = order == Order::fifo   ? "|O$p:Queue"
                                 : order == Order::lifo ? "|O$p:LifoQueue"
                                                        : "|O$p:PriorityQueue";
  if (PyArg_ParseTupleAndKeywords(args, kwargs, format, const_cast<char**>(keywords), &maxsize, &handoff) == 0) {
    throw PythonError();
  }
  const long long most =
      maxsize == nullptr ? 0 : integer_from(name, "maxsize", maxsize, PY_SSIZE_T_MIN, PY_SSIZE_T_MAX);
  PyObject* const module = module_of(Py_TYPE(self));
  State& state = *state_slot(module);
  prepare(state);

  auto& queue = value_of<Queue>(self);
  {
    const CriticalSection section(self);
    if (!queue.mutex) make_locks(state, queue, handoff != 0);
    queue.self = self;
    queue.state = &state;
  }
  Held held(queue);  // __init__ may be called again, and somebody else use the queue
  queue.maxsize = static_cast<Py_ssize_t>(most);
  queue.unfinished_tasks = 0;
  queue.is_shutdown = 0;
  auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(self));
  const bool exact = std::ranges::any_of(state.queue_types, [=](const Ref& ours) { return ours.get() == type; });
  queue.order = exact ? order : Order::subclass;
  if (exact) {
    Queue_base_init<order>(self, nullptr);
  } else {
    own(PyObject_CallMethod(self, "_init", "n", queue.maxsize));
  }
  held.release();
  return 0;
}

// put() and get()

// Waits for room. False: there is none in time.
bool await_room(PyObject* self, Queue& queue, core::Deadline deadline) {
  if (queue.is_shutdown != 0) raise_queue_error(*queue.state, "ShutDown");
  if (queue.maxsize <= 0) return true;
  while (size(self, queue) >= queue.maxsize) {
    if (deadline == core::at_once || (deadline != core::never && core::Clock::now() >= deadline)) return false;
    condition(queue.not_full).wait(deadline);
    if (queue.is_shutdown != 0) raise_queue_error(*queue.state, "ShutDown");
  }
  return true;
}

// Waits for items, and says how many there are; 0 if there are none in time.
Py_ssize_t await_items(PyObject* self, Queue& queue, core::Deadline deadline) {
  for (;;) {
    const Py_ssize_t items = size(self, queue);
    if (items > 0) return items;
    if (queue.is_shutdown != 0) raise_queue_error(*queue.state, "ShutDown");
    if (deadline == core::at_once || (deadline != core::never && core::Clock::now() >= deadline)) return 0;
    condition(queue.not_empty).wait(deadline);
  }
}

// With an exception on its way: nothing is raised, and what is notified runs when the mutex is released.
void notify_quietly(Queue& queue, const Ref& object, Py_ssize_t n) noexcept {
  core::Wakeups wakeups;
  core::Semaphore& mutex = value_of<Lock>(queue.mutex.get()).permit;
  condition(object).waiters.notify(static_cast<std::uint64_t>(n), &mutex, wakeups);
}

void put(PyObject* self, PyObject* item, core::Deadline deadline) {
  Queue& queue = queue_of(self);
  Held held(queue);
  if (!await_room(self, queue, deadline)) raise_queue_error(*queue.state, "Full");
  put_item(self, queue, item);
  condition(queue.not_empty).notify(1);
  held.release();
}

Ref get(PyObject* self, core::Deadline deadline) {
  Queue& queue = queue_of(self);
  Ref item;
  Held held(queue);
  if (await_items(self, queue, deadline) == 0) raise_queue_error(*queue.state, "Empty");
  item = get_item(self, queue);
  condition(queue.not_full).notify(1);
  held.release();
  return item;
}

Ref Queue_put(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count == 1 && keywords == nullptr) {
    put(self, args[0], core::never);
  } else {
    const Arguments arguments(put_signature, args, static_cast<std::size_t>(count), keywords);
    put(self, arguments[0], queue_deadline(arguments, 1));
  }
  return Ref::copy(Py_None);
}

Ref Queue_get(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count == 0 && keywords == nullptr) return get(self, core::never);
  return get(self, queue_deadline(Arguments(get_signature, args, static_cast<std::size_t>(count), keywords), 0));
}

Ref Queue_put_nowait(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  PyObject* const item = Arguments(put_nowait_signature, args, static_cast<std::size_t>(count), keywords)[0];
  if (queue_of(self).order == Order::subclass) return own(PyObject_CallMethod(self, "put", "OO", item, Py_False));
  put(self, item, core::at_once);
  return Ref::copy(Py_None);
}

Ref Queue_get_nowait(PyObject* self, PyObject*) {
  if (queue_of(self).order == Order::subclass) return own(PyObject_CallMethod(self, "get", "(O)", Py_False));
  return get(self, core::at_once);
}

Ref Queue_put_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(put_many_signature, args, static_cast<std::size_t>(count), keywords);
  const core::Deadline deadline = queue_deadline(arguments, 1);
  const Ref items = own(PySequence_Tuple(arguments[0]));
  const Py_ssize_t all = PyTuple_GET_SIZE(items.get());
  if (all == 0) return own(PyLong_FromLong(0));
  Queue& queue = queue_of(self);
  Py_ssize_t done = 0;
  Py_ssize_t notified = 0;
  Held held(queue);
  try {
    while (done < all && await_room(self, queue, deadline)) {
      const Py_ssize_t room = queue.maxsize <= 0 ? all : queue.maxsize - size(self, queue);
      for (const Py_ssize_t end = room < all - done ? done + room : all; done < end; ++done) {
        put_item(self, queue, PyTuple_GET_ITEM(items.get(), done));
      }
      condition(queue.not_empty).notify(static_cast<std::uint64_t>(done - notified));
      notified = done;
    }
  } catch (const PythonError&) {
    // What has been put, is in the queue.
    notify_quietly(queue, queue.not_empty, done - notified);
    Ref exception(get_raised_exception());
    const Ref shut_down = queue_error(*queue.state, "ShutDown");
    if (done == 0 || PyErr_GivenExceptionMatches(exception.get(), shut_down.get()) == 0) {
      set_raised_exception(exception.release());
      throw;
    }
    // Else as if the time had run out: who comes next is told.
  }
  if (done == 0) raise_queue_error(*queue.state, "Full");
  held.release();
  return own(PyLong_FromSsize_t(done));
}

Ref Queue_get_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(get_many_signature, args, static_cast<std::size_t>(count), keywords);
  const core::Deadline deadline = queue_deadline(arguments, 1);
  const Py_ssize_t most = get_many_count(arguments);
  Queue& queue = queue_of(self);
  Ref items = own(PyList_New(0));
  Held held(queue);
  const Py_ssize_t there = await_items(self, queue, deadline);
  if (there == 0) raise_queue_error(*queue.state, "Empty");
  Py_ssize_t done = 0;
  try {
    for (; done < std::min(there, most); ++done) check(PyList_Append(items.get(), get_item(self, queue).get()));
  } catch (const PythonError&) {
    notify_quietly(queue, queue.not_full, done);
    if (done == 0 || PyErr_ExceptionMatches(PyExc_Exception) == 0) throw;
    PyErr_Clear();  // rather that than lose the items; who asks for the next one is told
    done = 0;
  }
  condition(queue.not_full).notify(static_cast<std::uint64_t>(done));
  held.release();
  return items;
}

// The rest

Ref Queue_qsize(PyObject* self, PyObject*) {
  Queue& queue = queue_of(self);
  const Held held(queue);
  return own(PyLong_FromSsize_t(size(self, queue)));
}

Ref Queue_empty(PyObject* self, PyObject*) {
  Queue& queue = queue_of(self);
  const Held held(queue);
  return own(PyBool_FromLong(size(self, queue) == 0));
}

Ref Queue_full(PyObject* self, PyObject*) {
  Queue& queue = queue_of(self);
  const Held held(queue);
  return own(PyBool_FromLong(queue.maxsize > 0 && size(self, queue) >= queue.maxsize));
}

Ref Queue_task_done(PyObject* self, PyObject*) {
  Queue& queue = queue_of(self);
  Held held(queue);
  if (queue.unfinished_tasks <= 0) raise(PyExc_ValueError, "task_done() called too many times");
  if (--queue.unfinished_tasks == 0) condition(queue.all_tasks_done).notify(PY_SSIZE_T_MAX);
  held.release();
  return Ref::copy(Py_None);
}

Ref Queue_join(PyObject* self, PyObject*) {
  Queue& queue = queue_of(self);
  const Held held(queue);
  while (queue.unfinished_tasks != 0) condition(queue.all_tasks_done).wait(core::never);
  return Ref::copy(Py_None);
}

constexpr std::array<const char*, 1> shutdown_names{"immediate"};
constexpr Signature shutdown_signature{"shutdown", shutdown_names, 0};

Ref Queue_shutdown(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Arguments arguments(shutdown_signature, args, static_cast<std::size_t>(count), keywords);
  const bool immediate = is_true(arguments[0], false);
  Queue& queue = queue_of(self);
  Ref dropped = own(PyList_New(0));  // goes after the mutex: destructors may use the queue
  Held held(queue);
  queue.is_shutdown = 1;
  if (immediate) {
    while (size(self, queue) > 0) {
      check(PyList_Append(dropped.get(), get_item(self, queue).get()));
      if (queue.unfinished_tasks > 0) --queue.unfinished_tasks;
    }
    condition(queue.all_tasks_done).notify(PY_SSIZE_T_MAX);
  }
  condition(queue.not_empty).notify(PY_SSIZE_T_MAX);
  condition(queue.not_full).notify(PY_SSIZE_T_MAX);
  held.release();
  return Ref::copy(Py_None);
}

// Attributes

template <Ref Queue::* member>
Ref Queue_get_reference(PyObject* self, void*) {
  return Ref::copy((queue_of(self).*member).get());
}

Ref Queue_get_items(PyObject* self, void*) { return items_of(queue_of(self)); }

int Queue_set_items(PyObject* self, PyObject* items, void*) {
  Ref copy = Ref::copy(items);
  const CriticalSection section(self);
  std::swap(value_of<Queue>(self).items, copy);
  return 0;
}

// Tables

PyMethodDef Queue_methods[] = {
    {"put", method<Queue_put>, METH_FASTCALL | METH_KEYWORDS,
     "put($self, /, item, block=True, timeout=None)\n--\n\n"
     "Put an item into the queue. If it is full, block until there is room, or raise Full: at once if block is\n"
     "false, else after timeout seconds (None: never).\n\n"
     "Blocks without the GIL. Ctrl-C ends the wait, and nothing has been put. ShutDown if the queue is shut down.\n"
     "ValueError for a timeout that is negative or NaN, OverflowError above TIMEOUT_MAX."},
    {"get", method<Queue_get>, METH_FASTCALL | METH_KEYWORDS,
     "get($self, /, block=True, timeout=None)\n--\n\n"
     "Take an item from the queue and return it. If it is empty, block until there is one, or raise Empty: at once\n"
     "if block is false, else after timeout seconds (None: never).\n\n"
     "Blocks without the GIL. Ctrl-C ends the wait, and nothing has been taken. ShutDown if the queue is shut down\n"
     "and empty. ValueError for a timeout that is negative or NaN, OverflowError above TIMEOUT_MAX."},
    {"put_nowait", method<Queue_put_nowait>, METH_FASTCALL | METH_KEYWORDS,
     "put_nowait($self, /, item)\n--\n\nput(item, block=False)"},
    {"get_nowait", method<Queue_get_nowait>, METH_NOARGS, "get_nowait($self, /)\n--\n\nget(block=False)"},
    {"put_many", method<Queue_put_many>, METH_FASTCALL | METH_KEYWORDS,
     "put_many($self, /, items, block=True, timeout=None)\n--\n\n"
     "Put the items into the queue, in their order, as far as there is room, and wait for more as put() does.\n"
     "Return how many have been put: all, unless the time ran out or the queue was shut down meanwhile. Full if not\n"
     "one could be put. Who ends it by Ctrl-C finds the first of them in the queue."},
    {"get_many", method<Queue_get_many>, METH_FASTCALL | METH_KEYWORDS,
     "get_many($self, /, n=None, block=True, timeout=None)\n--\n\n"
     "Take all items from the queue, or n of them if there are more, and return a list. If it is empty, wait for\n"
     "the first one as get() does. ValueError for n < 1. If a later one cannot be taken because of an exception in\n"
     "_get() or in a comparison, return those before it."},
    {"qsize", method<Queue_qsize>, METH_NOARGS,
     "qsize($self, /)\n--\n\nReturn how many items are in the queue now. Another thread may change that at once."},
    {"empty", method<Queue_empty>, METH_NOARGS, "empty($self, /)\n--\n\nReturn whether qsize() is 0."},
    {"full", method<Queue_full>, METH_NOARGS, "full($self, /)\n--\n\nReturn whether qsize() is maxsize or more."},
    {"task_done", method<Queue_task_done>, METH_NOARGS,
     "task_done($self, /)\n--\n\n"
     "Say that the work on an item that get() returned is done. ValueError if it was said of all that were put."},
    {"join", method<Queue_join>, METH_NOARGS,
     "join($self, /)\n--\n\nBlock until task_done() has been called for each item that was put. Ctrl-C ends it."},
    {"shutdown", method<Queue_shutdown>, METH_FASTCALL | METH_KEYWORDS,
     "shutdown($self, /, immediate=False)\n--\n\n"
     "From now on put() raises ShutDown, and get() does when the queue is empty; those who wait are woken to raise\n"
     "it. immediate: the items are dropped, as if each had been taken and done."},
    {"_init", method<Queue_base_init<Order::fifo>>, METH_O, "_init($self, maxsize, /)\n--\n\nPrepare to keep items."},
    {"_qsize", method<Queue_base_qsize>, METH_NOARGS, "_qsize($self, /)\n--\n\nHow many items there are."},
    {"_put", method<Queue_base_put<Order::fifo>>, METH_O, "_put($self, item, /)\n--\n\nKeep an item."},
    {"_get", method<Queue_base_get<Order::fifo>>, METH_NOARGS, "_get($self, /)\n--\n\nTake an item."},
    reduce_method,
    class_getitem_method,
    {nullptr, nullptr, 0, nullptr},
};

template <Order order>
PyMethodDef order_methods[] = {
    {"_init", method<Queue_base_init<order>>, METH_O, "_init($self, maxsize, /)\n--\n\nPrepare to keep items."},
    {"_put", method<Queue_base_put<order>>, METH_O, "_put($self, item, /)\n--\n\nKeep an item."},
    {"_get", method<Queue_base_get<order>>, METH_NOARGS, "_get($self, /)\n--\n\nTake an item."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Queue_getset[] = {
    {"queue", entry<Queue_get_items>, entry<Queue_set_items>, "The items. Hold the mutex to look at them.", nullptr},
    {"mutex", entry<Queue_get_reference<&Queue::mutex>>, nullptr, "The Lock that guards the queue.", nullptr},
    {"not_empty", entry<Queue_get_reference<&Queue::not_empty>>, nullptr, "Notified when an item is put.", nullptr},
    {"not_full", entry<Queue_get_reference<&Queue::not_full>>, nullptr, "Notified when an item is taken.", nullptr},
    {"all_tasks_done", entry<Queue_get_reference<&Queue::all_tasks_done>>, nullptr,
     "Notified when the last task is done.", nullptr},
    dict_attribute,
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

constexpr Py_ssize_t offset_of(std::size_t member) noexcept {
  return static_cast<Py_ssize_t>(offsetof(Object<Queue>, value) + member);
}

PyMemberDef Queue_members[] = {
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ObjectHead, weakrefs), Py_READONLY, nullptr},
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(ObjectHead, dict), Py_READONLY, nullptr},
    {"maxsize", Py_T_PYSSIZET, offset_of(offsetof(Queue, maxsize)), 0,
     "How many items are too many; 0 or less: no number is."},
    {"unfinished_tasks", Py_T_PYSSIZET, offset_of(offsetof(Queue, unfinished_tasks)), 0,
     "How many items were put and are not done."},
    {"is_shutdown", Py_T_BOOL, offset_of(offsetof(Queue, is_shutdown)), 0, "Whether the queue is shut down."},
    {nullptr, 0, 0, 0, nullptr},
};

constexpr const char* Queue_doc =
    "Queue(maxsize=0, *, handoff=True)\n--\n\n"
    "A queue, first in, first out, with the interface of queue.Queue, and put_many() and get_many().\n\n"
    "maxsize: how many items it holds before put() waits; 0 or less: any number. handoff: see Lock. Subclasses may\n"
    "keep the items as they like, in _init(), _qsize(), _put() and _get(), which are called with the mutex held.\n\n"
    "After a fork, the child's copy has the items, and nobody waits.";

PyType_Slot Queue_slots[] = {
    {Py_tp_doc, const_cast<char*>(Queue_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Object_new<Queue>)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Queue_init<Order::fifo>>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Object_traverse<Queue>)},
    {Py_tp_clear, reinterpret_cast<void*>(Object_clear<Queue>)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Object_dealloc<Queue>)},
    {Py_tp_methods, Queue_methods},
    {Py_tp_getset, Queue_getset},
    {Py_tp_members, Queue_members},
    {0, nullptr},
};

PyType_Slot LifoQueue_slots[] = {
    {Py_tp_doc, const_cast<char*>("LifoQueue(maxsize=0, *, handoff=True)\n--\n\n"
                                  "A Queue, last in, first out: queue.LifoQueue.")},
    {Py_tp_init, reinterpret_cast<void*>(entry<Queue_init<Order::lifo>>)},
    {Py_tp_methods, order_methods<Order::lifo>},
    {0, nullptr},
};

PyType_Slot PriorityQueue_slots[] = {
    {Py_tp_doc, const_cast<char*>("PriorityQueue(maxsize=0, *, handoff=True)\n--\n\n"
                                  "A Queue, least item first: queue.PriorityQueue.")},
    {Py_tp_init, reinterpret_cast<void*>(entry<Queue_init<Order::priority>>)},
    {Py_tp_methods, order_methods<Order::priority>},
    {0, nullptr},
};

}  // namespace

PyType_Spec Queue_spec = {
    "threadmodule.Queue", sizeof(Object<Queue>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    Queue_slots,
};

PyType_Spec LifoQueue_spec = {
    "threadmodule.LifoQueue", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, LifoQueue_slots,
};

PyType_Spec PriorityQueue_spec = {
    "threadmodule.PriorityQueue", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, PriorityQueue_slots,
};

}  // namespace binding
