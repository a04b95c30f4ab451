"""Thread: threading.Thread's interface, result(), and kernels that run without the interpreter."""

from __future__ import annotations

import array
import contextlib
import gc
import pickle
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import threadmodule
from support import LINUX, check_python, eventually
from threadmodule import Thread

LONG = 10**15  # steps of a kernel that would run for days


def run(target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    thread = Thread(target=target, args=args, kwargs=kwargs)
    thread.start()
    return thread.result()


@pytest.fixture(params=["kernel", "python"])
def thread(request: pytest.FixtureRequest) -> Thread:
    if request.param == "kernel":
        return Thread(target=threadmodule.sum, args=(b"abc",))
    return Thread(target=sum, args=(b"abc",))


# Life


def test_life(thread: Thread) -> None:
    assert not thread.is_alive()
    assert thread.ident is None
    assert thread.native_id is None
    thread.start()
    assert isinstance(thread.ident, int)
    assert isinstance(thread.native_id, int)
    thread.join()
    assert not thread.is_alive()
    assert thread.result() == 294
    assert thread.result(timeout=0) == 294
    thread.join()
    thread.join(0)
    assert thread.ident is not None


def test_start_twice(thread: Thread) -> None:
    thread.start()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()


def test_join_before_start(thread: Thread) -> None:
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        thread.join()
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        thread.result()


@pytest.mark.parametrize("wait", ["join", "result"])
def test_join_oneself(wait: str) -> None:
    def join_myself() -> str:
        with pytest.raises(RuntimeError, match="cannot join current thread"):
            getattr(threads[0], wait)()
        return "raised"

    threads = [Thread(target=join_myself)]
    threads[0].start()
    assert threads[0].result() == "raised"


def test_many_threads_join_one(thread: Thread) -> None:
    slow = Thread(target=time.sleep, args=(0.05,))
    slow.start()
    waiters = [Thread(target=slow.join) for _ in range(10)] + [Thread(target=slow.result) for _ in range(10)]
    for waiter in waiters:
        waiter.start()
    for waiter in waiters:
        assert waiter.result(60) is None
    assert not slow.is_alive()


def test_a_target_runs_in_a_thread_of_its_own() -> None:
    ident, native_id, name = run(
        lambda: (threading.get_ident(), threading.get_native_id(), threading.current_thread().name)
    )
    assert ident != threading.get_ident()
    assert native_id != threading.get_native_id()
    assert name


def test_ident_and_native_id_are_those_of_the_thread() -> None:
    thread = Thread(target=lambda: (threading.get_ident(), threading.get_native_id()))
    thread.start()
    assert thread.result() == (thread.ident, thread.native_id)


def test_no_target() -> None:
    thread = Thread()
    thread.start()
    assert thread.result() is None


def test_args_and_kwargs() -> None:
    assert run(lambda *args, **kwargs: (args, kwargs), 1, 2, x=3) == ((1, 2), {"x": 3})
    thread = Thread(None, max, "name", [3, 5, 4])
    thread.start()
    assert thread.result() == 5


def test_many_at_once() -> None:
    threads = [Thread(target=pow, args=(2, i)) for i in range(200)]
    for thread in threads:
        thread.start()
    assert [thread.result() for thread in threads] == [2**i for i in range(200)]


def test_many_threads_use_one(thread: Thread) -> None:
    """Exactly one of them starts it, and nothing they do besides disturbs."""
    barrier = threading.Barrier(8)
    started: list[bool] = []

    def use(number: int) -> None:
        barrier.wait(60)
        for _ in range(20):
            with contextlib.suppress(RuntimeError):
                thread.start()
                started.append(True)
            thread.name = f"name {number}"
            assert thread.name.startswith("name")
            assert "Thread(" in repr(thread)
            assert thread.daemon is False
            thread.is_alive()
            with contextlib.suppress(RuntimeError):  # not started yet
                assert thread.result(60) == 294
                thread.join(60)
                assert thread.ident is not None
                assert thread.native_id is not None

    users = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert started == [True]
    assert thread.result() == 294


# enumerate() and active_count()


def test_each_that_is_alive_is_enumerated() -> None:
    before = threadmodule.active_count()
    go = threading.Event()
    threads: list[Thread] = []
    for _ in range(100):
        threads.append(Thread(target=go.wait))
        threads[-1].start()
        listed = threadmodule.enumerate()
        assert [thread for thread in listed if thread in threads] == threads
        assert len(listed) == len(set(listed)) == before + len(threads)
    go.set()
    for thread in threads:
        thread.join()
    assert threadmodule.active_count() == before
    assert not set(threads) & set(threadmodule.enumerate())


def test_enumerating_while_threads_start_and_end() -> None:
    before = threadmodule.active_count()
    together = threading.Barrier(4)

    def is_listed(thread: object) -> bool:
        return threadmodule.enumerate().count(thread) == 1

    def use() -> None:
        together.wait(60)
        assert is_listed(threadmodule.current_thread())
        for _ in range(20):
            go = threading.Event()
            waiting = [Thread(target=go.wait) for _ in range(3)]
            ending = [Thread(target=lambda: is_listed(threadmodule.current_thread())) for _ in range(3)]
            for thread in [*waiting, *ending]:
                thread.start()
            assert all(is_listed(thread) for thread in waiting)
            go.set()
            assert all(thread.result(60) for thread in [*waiting, *ending])
            assert not any(is_listed(thread) for thread in [*waiting, *ending])

    users = [Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.result(120)
    assert threadmodule.active_count() == before


def test_a_dummy_ends_with_its_thread() -> None:
    """Threading's own current_thread(), which logging calls too, makes one."""
    before = threadmodule.active_count()
    dummy = run(threading.current_thread)
    assert type(dummy) is threading._DummyThread  # type: ignore[attr-defined]
    assert threadmodule.active_count() == before
    assert dummy not in threading.enumerate()


# Timeouts


@pytest.mark.parametrize("wait", ["join", "result"])
class TestTimeout:
    def test_it_passes(self, wait: str) -> None:
        release = threading.Event()
        thread = Thread(target=release.wait)
        thread.start()
        for timeout in [0, 0.01, -1, -1e300, float("-inf"), False]:
            if wait == "join":
                thread.join(timeout)
            else:
                with pytest.raises(TimeoutError, match="still running after"):
                    thread.result(timeout=timeout)
            assert thread.is_alive()
        release.set()
        assert getattr(thread, wait)(60) in (None, True)
        assert not thread.is_alive()

    @pytest.mark.parametrize(
        ("timeout", "error", "message"),
        [
            (float("nan"), ValueError, "must be a number of seconds or None, got NaN"),
            (float("inf"), OverflowError, "must be at most 9223372036 seconds"),
            (1e300, OverflowError, "must be at most"),
            (2**63, OverflowError, "must be at most"),
            (10**400, OverflowError, "must be at most"),
            ("1", TypeError, "must be a number of seconds or None, not str"),
            ([], TypeError, "must be a number of seconds or None, not list"),
        ],
    )
    def test_wrong(self, wait: str, timeout: Any, error: type[Exception], message: str) -> None:
        thread = Thread(target=sum, args=(b"abc",))
        thread.start()
        with pytest.raises(error, match=rf"^{wait}\(\) argument 'timeout' {message}"):
            getattr(thread, wait)(timeout)
        thread.join(threading.TIMEOUT_MAX)
        assert thread.result(timeout=None) == 294


# Kernels


def test_a_kernel_runs_beside_python() -> None:
    check_python(f"""
        import threadmodule
        thread = threadmodule.Thread(target=threadmodule.pi, args=({LONG},), daemon=True)
        thread.start()
        assert thread.is_alive()
        thread.join(0.01)
        assert thread.is_alive()
        assert "started daemon" in repr(thread)
    """)


def test_buffers_are_held_from_start_to_join() -> None:
    data = bytearray(b"abc")
    thread = Thread(target=threadmodule.sum, args=(data,))
    data.append(100)  # not held before start()
    thread.start()
    assert eventually(lambda: not thread.is_alive())
    with pytest.raises(BufferError):
        data.append(1)
    thread.join()
    data.append(1)
    assert thread.result() == 394


def test_resizing_while_a_kernel_runs() -> None:
    data = array.array("d", [1.0]) * 2_000_000
    threads = [Thread(target=threadmodule.sum, args=(data,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    with pytest.raises(BufferError):
        data.append(1.0)
    assert [thread.result() for thread in threads] == [2_000_000.0] * 4
    data.append(1.0)


def test_a_kernel_in_place() -> None:
    data = array.array("d", range(100_000))
    assert run(threadmodule.square, data, out=data) is data
    assert data[99_999] == 99_999.0**2


def test_wrong_arguments_are_raised_by_start() -> None:
    data = bytearray(8)
    thread = Thread(target=threadmodule.square, args=(data, b"12345678"))
    for _ in range(2):  # as if nothing had been tried
        with pytest.raises(BufferError, match="must be writable"):
            thread.start()
        assert not thread.is_alive()
        assert thread.ident is None
        data.append(1)


def test_an_error_in_a_kernel_is_raised_by_result() -> None:
    data = bytearray([1, 16])
    thread = Thread(target=threadmodule.square, args=(data, data))
    thread.start()
    thread.join()
    data.append(1)
    for _ in range(2):
        with pytest.raises(OverflowError, match="holds 16 at index 1"):
            thread.result()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("joined", [True, False])
def test_an_error_in_a_kernel_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch, joined: bool) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append((type(args.exc_value), str(args.object))))
    data = bytearray([16])
    thread = Thread(target=threadmodule.square, args=(data, data), name="unasked")
    thread.start()
    if joined:
        thread.join()
    else:
        assert eventually(lambda thread=thread: not thread.is_alive())
    del thread
    gc.collect()
    assert len(seen) == 1
    assert seen[0][0] is OverflowError
    assert "unasked" in seen[0][1]
    data.append(1)


def test_a_forgotten_kernel_ends_and_lets_go() -> None:
    data = array.array("d", [1.0]) * 5_000_000
    Thread(target=threadmodule.square, args=(data, data)).start()

    def released() -> bool:
        run(sum, b"")  # whoever starts a thread clears up behind those that nobody joins
        try:
            data.append(2.0)
        except BufferError:
            return False
        return True

    assert eventually(released)
    assert set(data[:-1]) == {1.0}


def test_a_kernel_thread_never_attaches() -> None:
    """It ends while this thread keeps the interpreter to itself."""
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        thread = Thread(target=threadmodule.pi, args=(10**6,))
        thread.start()
        deadline = time.monotonic() + 60
        while thread.is_alive() and time.monotonic() < deadline:
            pass
        assert not thread.is_alive()
    finally:
        sys.setswitchinterval(switch)
    assert thread.result() == pytest.approx(3.14159265)


# Exceptions


class Marker(Exception):
    pass


def fail(error: BaseException) -> None:
    raise error


def test_an_exception_goes_to_the_hook_and_to_result(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append((args.exc_type, args.exc_value, args.thread)))
    error = Marker("x")
    thread = Thread(target=fail, args=(error,))
    thread.start()
    with pytest.raises(Marker) as raised:
        thread.result()
    assert raised.value is error
    assert seen == [(Marker, error, thread)]
    assert raised.traceback[-1].name == "fail"


def test_the_default_hook_prints(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    thread = Thread(target=fail, args=(Marker("here"),), name="printer")
    thread.start()
    thread.join()
    err = capsys.readouterr().err
    assert err.startswith("Exception in thread printer:\nTraceback")
    assert "Marker: here" in err


def test_system_exit_ends_the_thread_in_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    thread = Thread(target=sys.exit, args=(3,))
    thread.start()
    with pytest.raises(SystemExit, match="3"):
        thread.result()
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bare_base_exception() -> None:
    class Bare(BaseException):
        pass

    thread = Thread(target=fail, args=(Bare(),))
    thread.start()
    with pytest.raises(Bare):
        thread.result()


def test_a_hook_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_type))
    monkeypatch.setattr(threading, "excepthook", lambda args: fail(ZeroDivisionError()))
    thread = Thread(target=fail, args=(Marker(),))
    thread.start()
    with pytest.raises(Marker):
        thread.result()
    assert seen == [ZeroDivisionError]


# Attributes


def test_names() -> None:
    assert Thread(name="mine").name == "mine"
    assert Thread(name=3).name == "3"
    assert Thread().name.startswith("Thread-")
    assert Thread(target=threadmodule.sum).name.endswith(" (sum)")
    first, second = Thread(), Thread()
    assert int(second.name.split("-")[1]) == int(first.name.split("-")[1]) + 1
    first.name = "other"
    assert first.name == "other"
    with pytest.raises(AttributeError, match="cannot delete"):
        del first.name


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
@pytest.mark.parametrize(("name", "kept"), [("short", "short"), ("a" * 30, "a" * 15), ("ä" * 10, "ä" * 7)])
def test_the_system_knows_the_name(name: str, kept: str) -> None:
    def comm() -> str:
        with open("/proc/thread-self/comm", encoding="utf-8") as file:
            return file.read().rstrip("\n")

    thread = Thread(target=comm, name=name)
    thread.start()
    assert thread.result() == kept


def test_daemon() -> None:
    thread = Thread(target=sum, args=(b"",))
    assert thread.daemon is False
    thread.daemon = True
    assert thread.daemon is True
    thread.daemon = False
    thread.start()
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        thread.daemon = True
    thread.join()
    with pytest.raises(AttributeError, match="cannot delete"):
        del thread.daemon


def test_daemon_is_inherited() -> None:
    for maker in [Thread, threading.Thread]:
        for daemon in [True, False]:
            made: list[Thread] = []
            thread = maker(target=lambda made=made: made.append(Thread()), daemon=daemon)
            thread.start()
            thread.join()
            assert made[0].daemon is daemon
            assert Thread(daemon=not daemon).daemon is not daemon


def test_repr(thread: Thread) -> None:
    thread.name = "mine"
    assert repr(thread) == "<Thread(mine, initial)>"
    thread.start()
    thread.join()
    assert repr(thread) == f"<Thread(mine, stopped {thread.ident})>"


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"group": 1}, ValueError, "'group' must be None, got 1"),
        ({"target": 3}, TypeError, "'target' must be callable or None, not int"),
        ({"args": 3}, TypeError, "'args' must be an iterable, not int"),
        ({"kwargs": 3}, TypeError, "'kwargs' must be a dict or None, not int"),
    ],
)
def test_wrong_arguments(kwargs: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^Thread\(\) argument {message}"):
        Thread(**kwargs)
    with pytest.raises(TypeError, match=r"unexpected keyword|invalid keyword"):
        Thread(none_such=1)


# Subclasses


def test_run_is_overridden() -> None:
    class Double(Thread):
        def run(self) -> Any:
            return 2 * super().run()

    thread = Double(target=threadmodule.sum, args=(b"abc",))
    thread.start()
    assert thread.result() == 588
    assert repr(thread).startswith("<Double(")


def test_run_is_set_on_the_instance() -> None:
    thread = Thread(target=threadmodule.sum, args=(b"abc",))
    thread.run = lambda: "mine"
    thread.start()
    assert thread.result() == "mine"


def test_run_may_be_called_directly(thread: Thread) -> None:
    assert thread.run() == 294


def test_a_subclass_that_forgets_init() -> None:
    class Forgets(Thread):
        def __init__(self) -> None:
            pass

    thread = Forgets()
    for use in [
        thread.start, thread.join, thread.result, thread.is_alive, thread.run,
        lambda: thread.name, lambda: thread.daemon, lambda: thread.ident, lambda: repr(thread),
        lambda: setattr(thread, "name", "x"), lambda: setattr(thread, "daemon", True),
    ]:  # fmt: skip
        with pytest.raises(RuntimeError, match=r"Thread.__init__\(\) not called"):
            use()


def test_init_twice(thread: Thread) -> None:
    with pytest.raises(RuntimeError, match=r"Thread.__init__\(\) called twice"):
        thread.__init__()


def test_threads_are_not_pickled(thread: Thread) -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(thread)
