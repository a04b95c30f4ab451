#include "binding/thread.hpp"

#include <cstddef>
#include <new>
#include <string>

#include "binding/boundary.hpp"
#include "binding/detached.hpp"
#include "binding/kernel.hpp"
#include "binding/runner.hpp"
#include "binding/state.hpp"
#include "binding/thread_fields.hpp"
#include "binding/timeout.hpp"

namespace binding {
namespace {

// Data

struct ThreadObject {
  PyObject_HEAD
  PyObject* dict;  // t.anything = 1 works, as it does in threading
  PyObject* weakrefs;
  ThreadFields fields;
};

ThreadObject* cast(PyObject* self) noexcept { return reinterpret_cast<ThreadObject*>(self); }

ThreadFields& initialized(PyObject* self) {
  ThreadFields& fields = cast(self)->fields;
  if (!fields.initialized.load(std::memory_order_acquire)) {
    raise(PyExc_RuntimeError, "Thread.__init__() not called");
  }
  return fields;
}

// threading.excepthook(threading.ExceptHookArgs((type, value, traceback, thread))), as threading's own threads do.
void report(PyObject* self, PyObject* exception) {
  const Ref threading = own(PyImport_ImportModule("threading"));
  // threadmodule.excepthook is threading's, unless somebody has set it.
  const Ref hook = own(PyObject_GetAttrString(module_of(Py_TYPE(self)), "excepthook"));
  const Ref traceback(PyException_GetTraceback(exception));
  const Ref tuple =
      own(Py_BuildValue("((OOOO))", Py_TYPE(exception), exception, traceback ? traceback.get() : Py_None, self));
  const Ref make_args = own(PyObject_GetAttrString(threading.get(), "ExceptHookArgs"));
  const Ref args = own(PyObject_CallObject(make_args.get(), tuple.get()));
  own(PyObject_CallOneArg(hook.get(), args.get()));
}

// threading.settrace() and setprofile() are for our threads too.
void set_hooks() {
  const Ref name = own(PyUnicode_FromString("threading"));
  const Ref threading(PyImport_GetModule(name.get()));
  if (!threading) {
    if (PyErr_Occurred() != nullptr) throw PythonError();
    return;
  }
  for (const auto& [getter, setter] : {std::pair{"gettrace", "settrace"}, std::pair{"getprofile", "setprofile"}}) {
    const Ref hook = own(PyObject_CallMethod(threading.get(), getter, nullptr));
    if (hook.get() == Py_None) continue;
    const Ref set = own(Ref::copy(PySys_GetObject(setter)).release());
    own(PyObject_CallOneArg(set.get(), hook.get()));
  }
}

// The dummy that threading.current_thread() has made for this thread.
void forget_dummy() {
  if (!threading_keeps_dummies) return;
  const Ref name = own(PyUnicode_FromString("threading"));
  const Ref threading(PyImport_GetModule(name.get()));
  if (!threading) return;
  const Ref known = own(PyObject_GetAttrString(threading.get(), "_active"));
  own(PyObject_CallMethod(known.get(), "pop", "kO", PyThread_get_thread_ident(), Py_None));
}

// What the POSIX thread of a Python target does, attached.
void Thread_main(PyObject* self) noexcept {
  boundary(0, [&] {
    Ref value(boundary<PyObject*>(nullptr, [&] {
      set_hooks();
      return PyObject_CallMethod(self, "run", nullptr);
    }));
    Ref exception(value ? nullptr : get_raised_exception());
    const Ref to_report = Ref::copy(exception.get());
    settle(cast(self)->fields, std::move(value), std::move(exception), true);
    if (to_report) report(self, to_report.get());
    return 0;
  });
  if (PyErr_Occurred() != nullptr) unless_ended([=] { PyErr_WriteUnraisable(self); });  // the hook itself raised
  boundary(0, [] {
    forget_dummy();
    return 0;
  });
  PyErr_Clear();  // then it stays
}

// Lifecycle

PyObject* Thread_new(PyTypeObject* type, PyObject*, PyObject*) noexcept {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) new (&cast(self)->fields) ThreadFields();
  return self;
}

// As in threading, a new thread is a daemon if the one that makes it is.
bool inherited_daemon(Registry& registry) {
  if (const std::shared_ptr<Runner> current = registry.current()) return current->daemon;
  const Ref name = own(PyUnicode_FromString("threading"));
  const Ref threading(PyImport_GetModule(name.get()));
  if (!threading) {
    if (PyErr_Occurred() != nullptr) throw PythonError();
    return false;  // nobody has imported threading: this is the main thread, or one that Python does not know
  }
  const Ref thread = own(PyObject_CallMethod(threading.get(), "current_thread", nullptr));
  const Ref daemon = own(PyObject_GetAttrString(thread.get(), "daemon"));
  const int is_daemon = PyObject_IsTrue(daemon.get());
  check(is_daemon);
  return is_daemon != 0;
}

// An interpreter cannot end with a thread in it, and only the main one ends with the process.
void refuse_daemon_in_subinterpreter(bool daemon) {
  if (daemon && PyInterpreterState_Get() != PyInterpreterState_Main()) {
    raise(PyExc_RuntimeError, "daemon threads are disabled in this (sub)interpreter");
  }
}

Ref default_name(State& state, PyObject* target) {
  const long number = ++state.threads_named;
  if (target != Py_None) {
    if (const Ref target_name{PyObject_GetAttrString(target, "__name__")}) {
      return own(PyUnicode_FromFormat("Thread-%ld (%S)", number, target_name.get()));
    }
    if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) throw PythonError();
    PyErr_Clear();
  }
  return own(PyUnicode_FromFormat("Thread-%ld", number));
}

int Thread_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"group", "target", "name", "args", "kwargs", "daemon", nullptr};
  PyObject* group = Py_None;
  PyObject* target = Py_None;
  PyObject* name = Py_None;
  PyObject* target_args = nullptr;
  PyObject* target_kwargs = Py_None;
  PyObject* daemon = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOO$O:Thread", const_cast<char**>(keywords), &group, &target, &name,
                                  &target_args, &target_kwargs, &daemon) == 0) {
    throw PythonError();
  }
  if (group != Py_None) {
    raise(PyExc_ValueError, "Thread() argument 'group' must be None, got %R", group);
  }
  if (target != Py_None && PyCallable_Check(target) == 0) {
    raise(PyExc_TypeError, "Thread() argument 'target' must be callable or None, not %s", Py_TYPE(target)->tp_name);
  }
  if (target_kwargs != Py_None && PyDict_Check(target_kwargs) == 0) {
    raise(PyExc_TypeError, "Thread() argument 'kwargs' must be a dict or None, not %s",
          Py_TYPE(target_kwargs)->tp_name);
  }
  Ref args_tuple(target_args == nullptr ? PyTuple_New(0) : PySequence_Tuple(target_args));
  if (!args_tuple) {
    if (target_args == nullptr || PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw PythonError();
    raise(PyExc_TypeError, "Thread() argument 'args' must be an iterable, not %s", Py_TYPE(target_args)->tp_name);
  }
  Ref kwargs_copy = own(target_kwargs == Py_None ? PyDict_New() : PyDict_Copy(target_kwargs));
  State& state = *state_slot(module_of(Py_TYPE(self)));
  const int named = PyObject_IsTrue(name);
  check(named);
  Ref name_text = named != 0 ? own(PyObject_Str(name)) : default_name(state, target);
  bool is_daemon = false;
  if (daemon == Py_None) {
    is_daemon = inherited_daemon(*state.registry);
  } else {
    const int truth = PyObject_IsTrue(daemon);
    check(truth);
    is_daemon = truth != 0;
    refuse_daemon_in_subinterpreter(is_daemon);
  }

  ThreadFields& fields = cast(self)->fields;
  Work work{target == Py_None ? Ref() : Ref::copy(target), std::move(args_tuple), std::move(kwargs_copy)};
  bool first = false;
  {
    const std::scoped_lock lock(state.registry->mutex);
    first = !fields.initialized.load(std::memory_order_relaxed);
    if (first) {
      fields.work = std::move(work);
      fields.name = std::move(name_text);
      fields.daemon = is_daemon;
      fields.registry = state.registry;
      fields.initialized.store(true, std::memory_order_release);
    }
  }
  if (!first) raise(PyExc_RuntimeError, "Thread.__init__() called twice");
  return 0;
}

int Thread_traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  const ThreadObject* thread = cast(self);
  const ThreadFields& fields = thread->fields;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(thread->dict);
  for (const Ref* ref :
       {&fields.work.target, &fields.work.args, &fields.work.kwargs, &fields.name, &fields.value, &fields.exception}) {
    if (const int stop = ref->traverse(visit, arg); stop != 0) return stop;
  }
  // A kernel that runs reads its buffers, whatever the collector thinks: only when it is done they are ours to show.
  if (fields.runner == nullptr || !fields.runner->done() || fields.runner->call == nullptr) return 0;
  return fields.runner->call->traverse(visit, arg);
}

int Thread_clear(PyObject* self) noexcept {
  ThreadFields& fields = cast(self)->fields;
  drop(std::exchange(cast(self)->dict, nullptr));
  for (Ref* ref : {&fields.work.target, &fields.work.args, &fields.work.kwargs, &fields.value, &fields.exception})
    *ref = Ref();
  if (fields.runner != nullptr) fields.registry->orphan(*fields.runner);
  return 0;
}

// An exception that nobody took is not lost in silence.
void Thread_finalize(PyObject* self) noexcept {
  PyObject* pending = get_raised_exception();
  boundary(0, [&] {
    ThreadFields& fields = cast(self)->fields;
    const std::shared_ptr<Runner> runner = fields.runner;
    if (runner == nullptr || !runner->done()) return 0;
    collect(fields, *runner);
    if (fields.exception && !std::exchange(fields.reported, true)) {
      set_raised_exception(Ref::copy(fields.exception.get()).release());
      PyErr_WriteUnraisable(self);
    }
    return 0;
  });
  set_raised_exception(pending);
}

void Thread_dealloc(PyObject* self) noexcept {
  if (unless_ended([=] { return PyObject_CallFinalizerFromDealloc(self); }) < 0) return;  // somebody kept the thread
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (cast(self)->weakrefs != nullptr) unless_ended([=] { PyObject_ClearWeakRefs(self); });
  Thread_clear(self);
  cast(self)->fields.~ThreadFields();
  type->tp_free(self);
  drop(reinterpret_cast<PyObject*>(type));
}

// Methods

Ref join_threads(PyObject* module, PyObject*) {
  state_slot(module)->registry->join_all(false);
  return Ref::copy(Py_None);
}

Ref shut_down(PyObject* module, PyObject*) {
  state_slot(module)->registry->shut_down();
  return Ref::copy(Py_None);
}

PyMethodDef join_threads_def = {"_join_threads", method<join_threads>, METH_NOARGS, nullptr};
PyMethodDef shut_down_def = {"_shut_down", method<shut_down>, METH_NOARGS, nullptr};

// Our threads are joined when threading's are: before the callbacks of atexit, and at the end of a process of
// multiprocessing, which has no atexit. threading has a register for that, but no public one; concurrent.futures uses
// it too. Without it, or too late for it, atexit has to do, which comes in any case to close the door.
void set_exit_hooks(PyTypeObject* type) {
  PyObject* module = module_of(type);
  State& state = *state_slot(module);
  if (state.exit_hooks_set.exchange(true)) return;
  try {
    const Ref hook = own(PyCFunction_New(&shut_down_def, module));
    const Ref atexit = own(PyImport_ImportModule("atexit"));
    own(PyObject_CallMethod(atexit.get(), "register", "(O)", hook.get()));
    const Ref early_hook = own(PyCFunction_New(&join_threads_def, module));
    const Ref threading = own(PyImport_ImportModule("threading"));
    const Ref registered(PyObject_CallMethod(threading.get(), "_register_atexit", "(O)", early_hook.get()));
    if (!registered) PyErr_Clear();
  } catch (...) {
    state.exit_hooks_set.store(false);
    throw;
  }
}

Ref Thread_run(PyObject* self, PyObject*) {
  const Work work = work_of(initialized(self));
  if (!work.target) return Ref::copy(Py_None);
  return own(PyObject_Call(work.target.get(), work.args.get(), work.kwargs.get()));
}

// Does self.run() mean our own run(), so that a kernel needs no interpreter?
bool runs_its_target(PyObject* self) {
  const Ref run = own(PyObject_GetAttrString(self, "run"));
  return PyCFunction_Check(run.get()) && PyCFunction_GetFunction(run.get()) == method<Thread_run>;
}

bool is_kernel(const State& state, PyObject* object) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object)) == state.kernel_type.get();
}

std::shared_ptr<Runner> make_runner(PyObject* self, ThreadFields& fields) {
  const State& state = *state_slot(module_of(Py_TYPE(self)));
  const Work work = work_of(fields);
  const bool daemon = daemon_of(fields);
  if (work.target && is_kernel(state, work.target.get()) && runs_its_target(self)) {
    auto call = prepare_call(work.target.get(), work.args.get(), work.kwargs.get());
    return std::make_shared<KernelRunner>(daemon, std::move(call));
  }
  return std::make_shared<PythonRunner>(daemon, self, Thread_main);
}

Ref Thread_start(PyObject* self, PyObject*) {
  ThreadFields& fields = initialized(self);
  if (runner_of(fields) != nullptr) raise(PyExc_RuntimeError, "threads can only be started once");
  set_exit_hooks(Py_TYPE(self));
  const Ref name = name_of(fields);
  const Ref utf8 = own(PyUnicode_AsEncodedString(name.get(), "utf-8", "replace"));
  std::string os_name = PyBytes_AS_STRING(utf8.get());
  const std::shared_ptr<Runner> runner = make_runner(self, fields);
  const Ref reference = own(PyWeakref_NewRef(self, nullptr));
  const bool first = locked(fields, [&](ThreadFields& f) {
    if (f.runner != nullptr) return false;
    f.runner = runner;
    return true;
  });
  if (!first) raise(PyExc_RuntimeError, "threads can only be started once");
  State& state = *state_slot(module_of(Py_TYPE(self)));
  try {
    remember_started(state, reference.get());
    fields.registry->add(runner);
    runner->start(std::move(os_name));
  } catch (...) {
    // As if nothing had been tried. The registry may know the runner a little longer, but not its call.
    forget_started(state, reference.get());
    std::shared_ptr<Call> call;
    locked(fields, [&](ThreadFields& f) {
      f.runner = nullptr;
      call = std::move(runner->call);
    });
    throw;
  }
  return Ref::copy(Py_None);
}

// Waits for the thread, and takes over what it leaves. False: the timeout passed first.
bool wait_for(ThreadFields& fields, const char* function, PyObject* timeout) {
  const core::Deadline deadline = deadline_from(function, timeout);
  const std::shared_ptr<Runner> runner = runner_of(fields);
  if (runner == nullptr || !runner->started()) {
    raise(PyExc_RuntimeError, "cannot join thread before it is started");
  }
  if (runner->is_current()) raise(PyExc_RuntimeError, "cannot join current thread");
  if (!wait_until(deadline, [&](core::Deadline until) { return runner->join(until); })) return false;
  collect(fields, *runner);
  return true;
}

Ref Thread_join(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"timeout", nullptr};
  PyObject* timeout = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O:join", const_cast<char**>(keywords), &timeout) == 0) {
    throw PythonError();
  }
  wait_for(initialized(self), "join", timeout);
  return Ref::copy(Py_None);
}

Ref Thread_result(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"timeout", nullptr};
  PyObject* timeout = Py_None;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O:result", const_cast<char**>(keywords), &timeout) == 0) {
    throw PythonError();
  }
  ThreadFields& fields = initialized(self);
  if (!wait_for(fields, "result", timeout)) {
    raise(PyExc_TimeoutError, "the thread is still running after %S seconds", timeout);
  }
  Ref exception;
  Ref value;
  locked(fields, [&](ThreadFields& f) {
    exception = Ref::copy(f.exception.get());
    value = Ref::copy(f.value.get());
    f.reported = true;
  });
  if (exception) {
    set_raised_exception(exception.release());
    throw PythonError();
  }
  if (!value) raise(PyExc_RuntimeError, "the thread was cleared by the garbage collector");
  return value;
}

Ref Thread_is_alive(PyObject* self, PyObject*) { return own(PyBool_FromLong(is_alive(self))); }

Ref Thread_repr(PyObject* self) {
  ThreadFields& fields = initialized(self);
  const std::shared_ptr<Runner> runner = runner_of(fields);
  const bool started = runner != nullptr && runner->started();
  const char* status = !started ? "initial" : runner->done() ? "stopped" : "started";
  const char* daemon = daemon_of(fields) ? " daemon" : "";
  const Ref type_name = own(PyType_GetName(Py_TYPE(self)));
  const Ref name = name_of(fields);
  if (!started) return own(PyUnicode_FromFormat("<%U(%S, %s%s)>", type_name.get(), name.get(), status, daemon));
  return own(PyUnicode_FromFormat("<%U(%S, %s%s %zu)>", type_name.get(), name.get(), status, daemon,
                                  static_cast<std::size_t>(runner->ident())));
}

// Attributes

Ref Thread_get_name(PyObject* self, void*) { return name_of(initialized(self)); }

int Thread_set_name(PyObject* self, PyObject* value, void*) {
  ThreadFields& fields = initialized(self);
  if (value == nullptr) raise(PyExc_AttributeError, "cannot delete attribute 'name' of a Thread");
  Ref name = own(PyObject_Str(value));
  locked(fields, [&](ThreadFields& f) { std::swap(f.name, name); });
  return 0;
}

Ref Thread_get_daemon(PyObject* self, void*) { return own(PyBool_FromLong(daemon_of(initialized(self)))); }

int Thread_set_daemon(PyObject* self, PyObject* value, void*) {
  ThreadFields& fields = initialized(self);
  if (value == nullptr) raise(PyExc_AttributeError, "cannot delete attribute 'daemon' of a Thread");
  const int daemon = PyObject_IsTrue(value);
  check(daemon);
  refuse_daemon_in_subinterpreter(daemon != 0);
  const bool started = locked(fields, [&](ThreadFields& f) {
    if (f.runner == nullptr) f.daemon = daemon != 0;
    return f.runner != nullptr;
  });
  if (started) raise(PyExc_RuntimeError, "cannot set daemon status of active thread");
  return 0;
}

Ref Thread_get_ident(PyObject* self, void*) {
  const std::shared_ptr<Runner> runner = runner_of(initialized(self));
  if (runner == nullptr || !runner->started()) return Ref::copy(Py_None);
  return own(PyLong_FromSize_t(runner->ident()));
}

Ref Thread_get_native_id(PyObject* self, void*) {
  const std::shared_ptr<Runner> runner = runner_of(initialized(self));
  if (runner == nullptr || !runner->started()) return Ref::copy(Py_None);
  std::uint64_t id = 0;
  detached([&] { id = runner->native_id(); });
  return own(PyLong_FromUnsignedLongLong(id));
}

// Tables

PyMethodDef Thread_methods[] = {
    {"start", method<Thread_start>, METH_NOARGS,
     "start($self, /)\n--\n\n"
     "Start the POSIX thread. Once; RuntimeError if called again, or if no thread can be started.\n\n"
     "A kernel's arguments are parsed and its buffers held here, so what is wrong with them is raised here,\n"
     "and the thread may then be started again."},
    {"run", method<Thread_run>, METH_NOARGS,
     "run($self, /)\n--\n\n"
     "What the thread does: return target(*args, **kwargs). A subclass may override it."},
    {"join", method<Thread_join>, METH_VARARGS | METH_KEYWORDS,
     "join($self, /, timeout=None)\n--\n\n"
     "Block until the thread has ended, or for timeout seconds; is_alive() tells which. Return None.\n\n"
     "Ctrl-C ends the wait, not the thread. Buffers that a kernel held are released. RuntimeError for a thread\n"
     "that is not started or is the current one."},
    {"result", method<Thread_result>, METH_VARARGS | METH_KEYWORDS,
     "result($self, /, timeout=None)\n--\n\n"
     "Block as join() does; return the value of run(), or raise its exception. May be called again.\n\n"
     "TimeoutError if the thread is still running after timeout seconds."},
    {"is_alive", method<Thread_is_alive>, METH_NOARGS,
     "is_alive($self, /)\n--\n\nReturn whether the thread has been started and has not ended."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef Thread_getset[] = {
    {"name", entry<Thread_get_name>, entry<Thread_set_name>,
     "The thread's name. The operating system shows the first 15 bytes of what it was at start().", nullptr},
    {"daemon", entry<Thread_get_daemon>, entry<Thread_set_daemon>,
     "Whether the program ends without waiting for this thread. Inherited from the thread that makes it.", nullptr},
    {"ident", entry<Thread_get_ident>, nullptr, "pthread_self() of the thread as an int; None before start().",
     nullptr},
    {"native_id", entry<Thread_get_native_id>, nullptr,
     "The kernel's number of the thread, as `top -H` shows it; None before start().", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef Thread_members[] = {
    {"__dictoffset__", Py_T_PYSSIZET, offsetof(ThreadObject, dict), Py_READONLY, nullptr},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ThreadObject, weakrefs), Py_READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

constexpr const char* Thread_doc =
    "Thread(group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None)\n--\n\n"
    "One POSIX thread, with the interface of threading.Thread, and result().\n\n"
    "target: a kernel (Thread(target=threadmodule.sum, args=(a,))), which then runs without the interpreter, on\n"
    "this one thread unless its argument threads says more; or any callable. Threads that are no daemons are\n"
    "joined when the interpreter exits; kernels of daemons are stopped then. To threading, a Thread of ours is a\n"
    "foreign one: in it, threading.current_thread() is a dummy, and a threading.Thread is a daemon unless told\n"
    "otherwise.\n\n"
    "An exception in a Python target goes to threading.excepthook at once, and is raised by result(). An exception\n"
    "in a kernel that nobody asks for by result() goes to sys.unraisablehook when the Thread is collected.";

PyType_Slot Thread_slots[] = {
    {Py_tp_doc, const_cast<char*>(Thread_doc)},
    {Py_tp_new, reinterpret_cast<void*>(Thread_new)},
    {Py_tp_init, reinterpret_cast<void*>(entry<Thread_init>)},
    {Py_tp_traverse, reinterpret_cast<void*>(Thread_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(Thread_clear)},
    {Py_tp_finalize, reinterpret_cast<void*>(Thread_finalize)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Thread_dealloc)},
    {Py_tp_repr, reinterpret_cast<void*>(entry<Thread_repr>)},
    {Py_tp_methods, Thread_methods},
    {Py_tp_getset, Thread_getset},
    {Py_tp_members, Thread_members},
    {0, nullptr},
};

}  // namespace

bool is_alive(PyObject* thread) {
  const std::shared_ptr<Runner> runner = runner_of(initialized(thread));
  return runner != nullptr && runner->started() && !runner->done();
}

bool has_ended(PyObject* thread) {
  const std::shared_ptr<Runner> runner = runner_of(initialized(thread));
  return runner != nullptr && runner->done();
}

PyType_Spec Thread_spec = {
    "threadmodule.Thread", sizeof(ThreadObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    Thread_slots,
};

}  // namespace binding
