/* threadmodule: real parallelism in Python, by hand.
 *
 * This is the front door. What the extension is, as Python:
 *
 *     class Kernel:                       # binding/kernel.cpp     a native function on any number of threads
 *     class Array:                        # binding/array.cpp      numbers, as kernels return them
 *     class Thread:                       # binding/thread.cpp     one POSIX thread
 *     class Timer(Thread):                # binding/timer.cpp
 *
 *     class Lock, RLock, Condition, Semaphore, BoundedSemaphore, Event, Barrier, Latch, RWLock:
 *     class AtomicInt, AtomicReference, Queue, LifoQueue, PriorityQueue, SimpleQueue:
 *                                         # binding/sync/          what threads wait for
 *
 *     sum, mean, min, max, argmin, argmax, dot, norm, var, count_nonzero = ...
 *     square, sqrt, abs, negative, exp, log, add, subtract, multiply, divide, scale, axpy, clip = ...
 *     cumsum, histogram, bincount = ...
 *     sum_of_squares, pi, do_math = ...   # binding/kernels/       the kernels: reductions, maps, scans, series
 *
 *     def start_threads(n): ...           # below
 *     def cpu_count(): ...                # below
 *     def get_num_threads(), set_num_threads(n): ...               # below
 *     def get_include(): ...              # below
 *     def current_thread(), enumerate(), active_count(), __getattr__(name):
 *                                         # binding/drop_in.cpp    what else threading has
 *
 *     _C_API = ...                        # include/threadmodule.h, binding/capi.cpp
 *
 * Two houses stand behind it. core/ is C++20 without Python: threads, parking, the pool and the kernels. binding/ is
 * what CPython sees. Read on, in this order:
 *
 *     binding/reference.hpp           who owns a reference        core/parking.hpp              how a thread sleeps
 *     binding/boundary.hpp            how errors leave C++        core/thread.hpp               the life of a thread
 *     binding/detached.hpp            how the GIL is released     core/parallel.hpp             how work is cut up
 *     binding/buffer.hpp              how memory is borrowed      core/pool.hpp                 who works
 *     binding/call.hpp                what a call of a kernel is  core/kernels.hpp              what there is to do
 *     binding/kernels/reductions.cpp  the simplest of them        core/kernels/reduction.hpp    in which order
 *     binding/kernels/maps.cpp        what arrays become          core/kernels/loops/loops.hpp  with which instructions
 *     binding/array_object.hpp        what an Array is            core/strided.hpp              from any memory
 *     binding/sync/waiting.hpp        how Python code waits       core/sync/monitor.hpp         what it waits at
 *     binding/sync/lock.cpp           the simplest that does      core/hand_off.hpp             how a wake wakes
 */
#include <unistd.h>

#include <new>

#include "binding/array.hpp"
#include "binding/boundary.hpp"
#include "binding/capi.hpp"
#include "binding/detached.hpp"
#include "binding/drop_in.hpp"
#include "binding/kernel.hpp"
#include "binding/number.hpp"
#include "binding/state.hpp"
#include "binding/sync/synchronization.hpp"
#include "binding/thread.hpp"
#include "binding/timeout.hpp"
#include "binding/timer.hpp"
#include "core/cpus.hpp"
#include "core/fork.hpp"
#include "core/pool.hpp"
#include "core/start_threads.hpp"

namespace binding {
namespace {

// Functions

// Python's own buffer is written first, so that what the program has printed stands before what the threads write.
void flush_stdout() {
  const Ref standard_output = Ref::copy(PySys_GetObject("stdout"));
  if (standard_output && standard_output.get() != Py_None) {
    own(PyObject_CallMethod(standard_output.get(), "flush", nullptr));
  }
}

Ref start_threads(PyObject*, PyObject* args) {
  PyObject* object = nullptr;
  if (PyArg_ParseTuple(args, "O:start_threads", &object) == 0) throw PythonError();
  const auto n = static_cast<unsigned>(integer_from("start_threads", "n", object, 0, core::max_threads));
  flush_stdout();
  core::Control control;
  detached_with_signals(control, [&] { core::start_threads(control, n, STDOUT_FILENO); });
  return Ref::copy(Py_None);
}

Ref cpu_count(PyObject*, PyObject*) { return own(PyLong_FromUnsignedLong(core::cpu_count())); }

Ref get_num_threads(PyObject*, PyObject*) { return own(PyLong_FromUnsignedLong(core::get_num_threads())); }

Ref set_num_threads(PyObject*, PyObject* number) {
  const unsigned threads =
      number == Py_None ? 0
                        : static_cast<unsigned>(integer_from("set_num_threads", "n", number, 1, core::max_num_threads));
  core::set_num_threads(threads);
  return Ref::copy(Py_None);
}

// The header lies beside the extension: the directory of __file__, and then include.
Ref get_include(PyObject* module, PyObject*) {
  const Ref file = own(PyModule_GetFilenameObject(module));
  const Py_ssize_t length = PyUnicode_GetLength(file.get());
  const Py_ssize_t slash = PyUnicode_FindChar(file.get(), '/', 0, length, -1);
  if (slash < 0) return own(PyUnicode_FromString("include"));
  const Ref directory = own(PyUnicode_Substring(file.get(), 0, slash));
  return own(PyUnicode_FromFormat("%U/include", directory.get()));
}

PyMethodDef functions[] = {
    {"start_threads", method<start_threads>, METH_VARARGS,
     "start_threads($module, n, /)\n--\n\n"
     "Start n POSIX threads that each write one line, 'Thread k is executing' with k from 1 to n, to standard\n"
     "output, and join them. Return None.\n\n"
     "The lines are whole and come in any order, after what Python has printed so far. They go to file\n"
     "descriptor 1, whatever sys.stdout is. n: an int from 0 to 32768. RuntimeError if a thread cannot be\n"
     "started, OSError if a line cannot be written."},
    {"cpu_count", method<cpu_count>, METH_NOARGS,
     "cpu_count($module, /)\n--\n\n"
     "Return how many CPUs this process may use: those that its affinity and its cgroup's quota (v1 or v2,\n"
     "rounded up) allow, or THREADMODULE_NUM_THREADS from the environment. Kernels use as many threads."},
    {"get_num_threads", method<get_num_threads>, METH_NOARGS,
     "get_num_threads($module, /)\n--\n\n"
     "Return how many threads a kernel runs on at most, the calling one included: cpu_count(), unless\n"
     "set_num_threads() said otherwise."},
    {"set_num_threads", method<set_num_threads>, METH_O,
     "set_num_threads($module, n, /)\n--\n\n"
     "Let kernels run on at most n threads, the calling one included, from their next call on. Return None.\n\n"
     "It holds for the whole process. n: an int from 1 to 1024, which may be more than there are CPUs, or None\n"
     "for cpu_count(). A kernel's threads= can ask for fewer. Threads that are too many end when they are idle."},
    {"get_include", method<get_include>, METH_NOARGS,
     "get_include($module, /)\n--\n\n"
     "Return the directory of threadmodule.h, for extensions that use threadmodule's threads."},
    {"current_thread", method<current_thread>, METH_NOARGS,
     "current_thread($module, /)\n--\n\n"
     "Return the Thread that this code runs in; one of threading's if it is none of ours."},
    {"enumerate", method<enumerate_threads>, METH_NOARGS,
     "enumerate($module, /)\n--\n\nReturn a list of all threads that are alive, threading's and ours."},
    {"active_count", method<active_count>, METH_NOARGS,
     "active_count($module, /)\n--\n\nReturn how many threads are alive: len(enumerate())."},
    {"currentThread", method<current_thread>, METH_NOARGS,
     "currentThread($module, /)\n--\n\nAn old name of current_thread()."},
    {"activeCount", method<active_count>, METH_NOARGS, "activeCount($module, /)\n--\n\nAn old name of active_count()."},
    {"__getattr__", method<module_getattr>, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// Lifecycle

int exec(PyObject* module) noexcept {
  return boundary(-1, [&] {
    State*& state = state_slot(module);
    state = new State();
    core::watch_forks();
    add_synchronization(module, *state);
    state->kernel_type = add_type(module, Kernel_spec);
    state->array_type = add_type(module, Array_spec);
    state->thread_type = add_type(module, Thread_spec);
    add_type(module, Timer_spec, state->thread_type.get());
    add_kernels(module, reinterpret_cast<PyTypeObject*>(state->kernel_type.get()));
    check(PyModule_AddObjectRef(module, "_C_API", make_capi_capsule().get()));
    check(PyModule_AddObjectRef(module, "TIMEOUT_MAX", own(PyFloat_FromDouble(timeout_max)).get()));
    check(PyModule_AddStringConstant(module, "__version__", THREADMODULE_VERSION));
    add_all(module);
    return 0;
  });
}

int traverse(PyObject* module, visitproc visit, void* arg) noexcept {
  State* state = state_slot(module);
  if (state == nullptr) return 0;  // collected between creation and exec
  return state->each_reference([=](const Ref& ref) { return ref.traverse(visit, arg); });
}

int clear(PyObject* module) noexcept {
  if (State* state = state_slot(module)) {
    state->each_reference([](Ref& ref) {
      ref = Ref();
      return 0;
    });
  }
  return 0;
}

void free(void* module) noexcept { delete std::exchange(state_slot(static_cast<PyObject*>(module)), nullptr); }

// Tables

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(exec)},
    slot_interpreters,
    slot_gil,
    {0, nullptr},
};

}  // namespace

PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    "threadmodule",
    "Real parallelism in Python: POSIX threads that run native kernels on any buffer, without the GIL.\n\n"
    "    >>> import array, threadmodule\n"
    "    >>> a = array.array('d', range(1_000_000))\n"
    "    >>> threadmodule.sum(a)                               # on all cores\n"
    "    499999500000.0\n"
    "    >>> threadmodule.sqrt(a)[4]                           # an Array\n"
    "    2.0\n"
    "    >>> t = threadmodule.Thread(target=threadmodule.dot, args=(a, a))\n"
    "    >>> t.start(); t.result()                             # in one thread, beside this one\n"
    "    3.333328333335e+17\n",
    sizeof(State*),
    functions,
    slots,
    traverse,
    clear,
    free,
};

}  // namespace binding

PyMODINIT_FUNC PyInit_threadmodule() { return PyModuleDef_Init(&binding::module_def); }
