"""The module as a thing: what it says of itself, what it exports, interpreters, leaks, and its C API."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import os
import pickle
import pydoc
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import threadmodule
from support import FREE_THREADED, check_python, compiled, leaked_blocks, program, run_python

KERNELS = ["sum", "dot", "square", "sum_of_squares", "pi", "do_math"]

# What it is


def test_the_extension_is_the_package() -> None:
    assert threadmodule.__file__ is not None
    assert Path(threadmodule.__file__).suffix == ".so"
    files = {path.name for path in Path(threadmodule.__file__).parent.iterdir()}
    assert {"__init__.pyi", "py.typed", "__main__.py", "include"} <= files
    out = check_python("""
        import sys
        before = set(sys.modules)
        import threadmodule
        print(*set(sys.modules) - before)
    """)
    assert out == "threadmodule\n"


def test_version() -> None:
    assert threadmodule.__version__ == importlib.metadata.version("threadmodule")


def test_the_gil_stays_off_where_it_is_off() -> None:
    if FREE_THREADED:
        assert check_python("import threadmodule, sys; print(sys._is_gil_enabled())") == "False\n"


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
@pytest.mark.skipif(sys.platform != "linux", reason="the flag is of GNU nm")
def test_only_the_hook_is_exported() -> None:
    assert threadmodule.__file__ is not None
    done = subprocess.run(
        ["nm", "-D", "--defined-only", threadmodule.__file__], capture_output=True, text=True, check=True
    )
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["PyInit_threadmodule"]


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_introduce_themselves(name: str) -> None:
    kernel: Any = getattr(threadmodule, name)
    assert isinstance(kernel, threadmodule.Kernel)
    assert repr(kernel) == f"<kernel threadmodule.{name}>"
    assert kernel.__name__ == kernel.__qualname__ == name
    assert kernel.__module__ == "threadmodule"
    assert str(inspect.signature(kernel)) == kernel.__text_signature__
    parameters = list(inspect.signature(kernel).parameters)
    assert parameters[-1] == "progress"
    assert "threads" in parameters
    assert kernel.__doc__.startswith("Return")
    assert pickle.loads(pickle.dumps(kernel)) is kernel
    assert inspect.isroutine(kernel)
    assert name + kernel.__text_signature__ in pydoc.plain(pydoc.render_doc(threadmodule))


def test_functions_and_methods_have_signatures() -> None:
    assert str(inspect.signature(threadmodule.start_threads)) == "(n, /)"
    assert str(inspect.signature(threadmodule.Thread.join)) == "(self, /, timeout=None)"
    assert str(inspect.signature(threadmodule.Thread)) == (
        "(group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None)"
    )


def test_the_kernel_type() -> None:
    assert threadmodule.Kernel.__doc__ is not None
    assert threadmodule.Kernel.__doc__.startswith("A native function")
    with pytest.raises(TypeError, match=r"cannot create 'threadmodule\.Kernel' instances"):
        threadmodule.Kernel()
    with pytest.raises(TypeError):
        type("Sub", (threadmodule.Kernel,), {})
    with pytest.raises(TypeError):
        threadmodule.Kernel.x = 1
    with pytest.raises(AttributeError):
        threadmodule.sum.x = 1


def test_a_kernel_in_a_class_is_not_bound() -> None:
    class Uses:
        total = threadmodule.sum

    assert Uses().total(b"abc") == 294


# CPUs


def test_cpu_count_obeys_affinity() -> None:
    out = check_python("""
        import os, threadmodule
        print(threadmodule.cpu_count() == len(os.sched_getaffinity(0)) or "quota")
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(threadmodule.cpu_count())
    """)
    assert out.splitlines()[0] in ("True", "quota")
    assert out.splitlines()[1] == "1"


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("7", 7), ("100000", 32768)])
def test_cpu_count_obeys_the_environment(text: str, expected: int) -> None:
    env = {**os.environ, "THREADMODULE_NUM_THREADS": text}
    assert int(check_python("import threadmodule; print(threadmodule.cpu_count())", env=env)) == expected


@pytest.mark.parametrize("text", ["", "0", "-3", "many"])
def test_cpu_count_takes_no_nonsense(text: str) -> None:
    env = {**os.environ, "THREADMODULE_NUM_THREADS": text}
    assert int(check_python("import threadmodule; print(threadmodule.cpu_count())", env=env)) >= 1


# Leaks


def fails(error: type[Exception], call: Callable[[], object]) -> Callable[[], None]:
    def attempt() -> None:
        try:
            call()
        except error:
            return
        raise AssertionError("no error")

    return attempt


def thread_of(target: Callable[..., object], *args: Any) -> threadmodule.Thread:
    thread = threadmodule.Thread(target=target, args=args)
    thread.start()
    return thread


DATA = bytearray(100_000)


@pytest.mark.skipif(FREE_THREADED, reason="counts the blocks of one thread only, and frees later")
@pytest.mark.parametrize(
    "call",
    [
        lambda: threadmodule.sum(DATA),
        lambda: threadmodule.sum(DATA, threads=2),
        lambda: threadmodule.dot(DATA, b=DATA),
        lambda: threadmodule.square(DATA, DATA),
        lambda: threadmodule.square(3),
        lambda: threadmodule.sum_of_squares(10**5),
        lambda: threadmodule.pi(10**5),
        lambda: threadmodule.do_math(),
        fails(TypeError, lambda: threadmodule.sum()),
        fails(TypeError, lambda: threadmodule.sum(3)),
        fails(TypeError, lambda: threadmodule.sum(DATA, x=1)),
        fails(ValueError, lambda: threadmodule.sum(DATA, threads=0)),
        fails(ValueError, lambda: threadmodule.dot(DATA, b"")),
        fails(BufferError, lambda: threadmodule.square(DATA, bytes(100_000))),
        fails(OverflowError, lambda: threadmodule.square(b"\xff", bytearray(1))),
        lambda: repr(threadmodule.sum) + threadmodule.sum.__name__,
        lambda: pickle.dumps(threadmodule.pi),
        lambda: threadmodule.start_threads(0),
        fails(ValueError, lambda: threadmodule.start_threads(-1)),
        lambda: threadmodule.Thread(target=int, name="x", args=[1], kwargs={}),
        lambda: thread_of(int).join(),
        lambda: thread_of(threadmodule.sum, DATA).result(),
        lambda: repr(thread_of(threadmodule.sum, DATA)),
        fails(RuntimeError, lambda: threadmodule.Thread().join()),
        fails(ValueError, lambda: thread_of(int).join(float("nan"))),
        fails(OverflowError, lambda: thread_of(threadmodule.square, b"\xff", bytearray(1)).result()),
        fails(TypeError, lambda: thread_of(threadmodule.sum, 3)),
        lambda: threadmodule.cpu_count(),
        lambda: threadmodule.get_include(),
    ],
)
def test_nothing_leaks(call: Callable[[], object]) -> None:
    assert leaked_blocks(call) < 20


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this Python has no _testcapi")
def test_no_allocation_may_fail_unnoticed() -> None:
    """The k-th allocation of Python memory fails, for every k: MemoryError or success, and nothing is lost."""
    out = check_python("""
        import sys, threading, _testcapi, threadmodule
        sys.unraisablehook = threading.excepthook = lambda args: None
        data = bytearray(8)
        def kernel_thread():
            thread = threadmodule.Thread(target=threadmodule.sum, args=(data,))
            thread.start()
            return thread.result()
        def python_thread():
            thread = threadmodule.Thread(target=abs, args=(3,))
            thread.start()
            return thread.result()
        kernel_thread()  # the exit hook is set now
        calls = [
            lambda: threadmodule.sum(data), lambda: threadmodule.sum(a=data), lambda: threadmodule.square(data, data),
            lambda: threadmodule.dot(data, data), lambda: threadmodule.sum_of_squares(10**6),
            lambda: threadmodule.pi(9),
            lambda: threadmodule.sum(3), lambda: threadmodule.sum(data, threads=0), lambda: repr(threadmodule.sum),
            lambda: threadmodule.get_include(), kernel_thread,
        ]
        if sys.version_info >= (3, 12):
            calls.append(python_thread)  # 3.11 ends the process where it cannot make a thread state
        failed = 0
        for call in calls:
            for k in range(60):
                error = None
                _testcapi.set_nomemory(k, k + 1)
                try:
                    call()
                except (MemoryError, TypeError, ValueError) as caught:
                    error = type(caught)
                finally:
                    _testcapi.remove_mem_hooks()
                failed += error is MemoryError
                caught = None
                data.append(1); data.pop()  # BufferError if anybody still held it
        print(failed > 20)
    """)
    assert out == "True\n"


# Interpreters

SUBINTERPRETERS = """
    import sys
    try:
        import _interpreters as interpreters  # 3.13
    except ImportError:
        import _xxsubinterpreters as interpreters
    def run(code):
        interpreter = interpreters.create()
        result = interpreters.run_string(interpreter, code)
        assert result is None, result
        interpreters.destroy(interpreter)
"""


def in_subinterpreters(code: str) -> str:
    return check_python(program(SUBINTERPRETERS) + program(code))


def test_every_interpreter_has_its_own_module() -> None:
    in_subinterpreters("""
        import threadmodule
        threadmodule.marker = 1
        for _ in range(10):
            run('''if True:
                import threadmodule, array
                assert not hasattr(threadmodule, "marker")
                assert threadmodule.sum(array.array("d", [1, 2, 3])) == 6.0
                assert threadmodule.pi(10**6, threads=2) > 3
            ''')
    """)


def test_threads_of_an_interpreter_run_in_it_and_end_with_it() -> None:
    in_subinterpreters("""
        import threadmodule
        for _ in range(10):
            run('''if True:
                import sys, threadmodule
                sys.here = []
                thread = threadmodule.Thread(target=sys.here.append, args=(1,))
                thread.start()
                thread.join()
                assert sys.here == [1]
                if sys.version_info >= (3, 12):  # 3.11 refuses to end an interpreter with threads
                    threadmodule.Thread(target=threadmodule.pi, args=(10**7,)).start()
                    import time
                    threadmodule.Thread(target=time.sleep, args=(0.05,)).start()
                try:
                    threadmodule.Thread(daemon=True)
                except RuntimeError as error:
                    assert "daemon threads are disabled" in str(error)
                else:
                    raise AssertionError
            ''')
        assert not hasattr(sys, "here")
    """)


def test_an_interpreter_that_nobody_closes_does_not_hang_the_program() -> None:
    """What becomes of its thread is for CPython to say, and differs between versions."""
    run_python(
        program(SUBINTERPRETERS)
        + program("""
        interpreters.run_string(interpreters.create(), '''if True:
            import threadmodule, time
            threadmodule.Thread(target=time.sleep, args=(0.05,)).start()
            threadmodule.Thread(target=threadmodule.pi, args=(10**9,)).start()
        ''')
    """)
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a GIL for each interpreter is from Python 3.12")
def test_interpreters_run_at_once() -> None:
    in_subinterpreters("""
        import threading
        def work():
            for _ in range(5):
                run('''if True:
                    import threadmodule
                    threads = [threadmodule.Thread(target=threadmodule.sum, args=(bytes(10**6),)) for _ in range(3)]
                    for thread in threads: thread.start()
                    assert [thread.result() for thread in threads] == [0, 0, 0]
                ''')
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """)


# The C API

CLIENT = """
    #include <threadmodule.h>

    static void
    add_indices(void *context, size_t begin, size_t end)
    {
        size_t sum = 0;
        for (size_t i = begin; i < end; i++) {
            sum += i;
        }
        __atomic_fetch_add((size_t *)context, sum, __ATOMIC_RELAXED);
    }

    static PyObject *
    sum_of_indices(PyObject *module, PyObject *args)
    {
        Py_ssize_t count, grain;
        unsigned int threads;
        const ThreadmoduleAPI *api = threadmodule_import();
        if (api == NULL || !PyArg_ParseTuple(args, "nnI", &count, &grain, &threads)) {
            return NULL;
        }
        size_t sum = 0;
        int error;
        Py_BEGIN_ALLOW_THREADS
        error = api->parallel_for((size_t)count, (size_t)grain, threads, grain ? add_indices : NULL, &sum);
        Py_END_ALLOW_THREADS
        if (error) {
            errno = error;
            return PyErr_SetFromErrno(PyExc_OSError);
        }
        return Py_BuildValue("nI", (Py_ssize_t)sum, api->cpu_count());
    }

    static PyMethodDef methods[] = {{"sum_of_indices", sum_of_indices, METH_VARARGS, NULL}, {NULL}};
    static PyModuleDef_Slot slots[] = {{0, NULL}};
    static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "client", NULL, 0, methods, slots};
    PyMODINIT_FUNC PyInit_client(void) { return PyModuleDef_Init(&def); }
"""


@pytest.fixture(scope="module", params=["c", "c++"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("client")
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]
    flags += ["-Werror", "-isystem", sysconfig.get_path("include"), f"-I{threadmodule.get_include()}"]
    if request.param == "c++":
        flags.append("-std=c++20")
    path = compiled(CLIENT, "client.so", folder, *flags)
    spec = importlib.util.spec_from_file_location("client", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
@pytest.mark.parametrize(("count", "grain"), [(0, 1), (1, 1), (10, 3), (1000, 1), (10**6, 1000), (10**6, 10**9)])
@pytest.mark.filterwarnings("ignore:.*has been enabled to load module:RuntimeWarning")
def test_another_extension_uses_our_threads(client: Any, count: int, grain: int, threads: int) -> None:
    assert client.sum_of_indices(count, grain, threads) == (count * (count - 1) // 2, threadmodule.cpu_count())


@pytest.mark.filterwarnings("ignore:.*has been enabled to load module:RuntimeWarning")
def test_another_extension_makes_a_mistake(client: Any) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        client.sum_of_indices(10, 0, 0)


def test_a_version_that_does_not_fit(client: Any) -> None:
    """The header refuses a module that is too old for it."""
    code = f"""
        import ctypes, importlib.util, sys, threadmodule
        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_void_p]
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        name = ctypes.create_string_buffer(b"threadmodule._C_API")
        old = ctypes.create_string_buffer(ctypes.string_at(get(threadmodule._C_API, name), 32))
        ctypes.c_uint.from_buffer(old).value = 99
        threadmodule._C_API = make(ctypes.addressof(old), ctypes.addressof(name), None)
        spec = importlib.util.spec_from_file_location("client", {str(client.__file__)!r})
        client = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(client)
        try:
            client.sum_of_indices(10, 1, 1)
        except ImportError as error:
            print(error)
    """
    done = run_python(code)
    assert "threadmodule has C API version 99, this extension was built for 1" in done.stdout, done.stderr
