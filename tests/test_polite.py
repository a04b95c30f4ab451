"""Long work is polite: Ctrl-C ends it and leaves the inputs whole, and it tells how far it is."""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import threadmodule
from reference import MAPS, REDUCTIONS, calls
from support import LINUX, MAP_NORESERVE, interrupt

# Work for minutes without the memory for it: the same elements again and again.
MINUTES = 1 << 37
EXACT = ["sum", "mean", "dot"]
EVERY = list(calls(None, None))
OF_BUFFERS = [name for name in EVERY if name not in ("sum_of_squares", "pi", "do_math")]


def endless(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, (MINUTES // x.size, x.size))


def long_calls() -> dict[str, tuple[tuple[Any, ...], dict[str, Any]]]:
    """Of every kernel that needs no memory for its result."""
    x = np.random.default_rng(1).uniform(0.5, 2, 1 << 16)
    small = np.random.default_rng(1).integers(0, 100, 1 << 16)
    one, number = np.broadcast_to(x[:1], MINUTES), np.broadcast_to(small[:1], MINUTES)
    found = {name: ((endless(x),), {}) for name in REDUCTIONS} | {
        "dot": ((one, one), {}),
        "bincount": ((number,), {}),
        "bincount of bytes": ((np.broadcast_to(np.uint8(7), MINUTES),), {}),
        "histogram": ((endless(x),), {}),
        "histogram in a range": ((endless(x), 10, (0, 1)), {}),
        "histogram with edges": ((endless(x), np.array([0.0, 1.0, 1.25, 3.0])), {}),
        "sum of integers": ((endless(small),), {}),
        "sum of bytes": ((np.broadcast_to(np.uint8(7), MINUTES),), {}),
        "var of floats": ((endless(x.astype("f4")),), {}),
        "argmax of shorts": ((endless(small.astype("i2")).T,), {}),
        "sum of halves": ((endless(x.astype("f2")[::-1]),), {}),
        "sum_of_squares": ((2**62,), {}),
        "pi": ((2**62,), {}),
        "do_math": ((0, 2**62), {}),
    }
    for name in EXACT:
        found[f"{name} exact"] = (found[name][0], {"exact": True})
    return found


# What they count comes after a look at all elements, which is no progress.
SILENT = ["histogram", "bincount", "bincount of bytes"]


@contextlib.contextmanager
def wide_memory() -> Iterator[Callable[[str], np.ndarray]]:
    """Memory for 64 GiB of results: the same 64 MiB of it again and again."""
    size, times = 1 << 26, 1 << 10
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    fixed, none = 0x10, ctypes.c_void_p(-1).value

    def map(address: int | None, length: int, protection: int, flags: int, file: int) -> int:
        found = libc.mmap(address, length, protection, flags, file, 0)
        if found in (none, None):
            pytest.skip("no address space")
        return int(found)

    file = os.memfd_create("results")
    try:
        os.truncate(file, size)
        start = map(None, size * times, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE, -1)
        for i in range(times):
            map(start + i * size, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | fixed, file)
        memory = (ctypes.c_ubyte * (size * times)).from_address(start)
        yield lambda dtype: np.frombuffer(memory, dtype)
        libc.munmap(start, size * times)
    finally:
        os.close(file)


class Alarm(Exception):
    pass


def check_that_a_signal_ends(call: Callable[[], object]) -> None:
    def handler(*_: object) -> None:
        raise Alarm

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        begin = time.monotonic()
        with pytest.raises(Alarm):
            call()
        took = time.monotonic() - begin
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert took < 5  # 0.07 where no other program wants the CPU


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("name", long_calls())
def test_a_signal_ends_every_kernel_without_out(name: str, threads: int | None) -> None:
    args, kwargs = long_calls()[name]
    before = [np.array(x[:1]) if isinstance(x, np.ndarray) else x for x in args]
    check_that_a_signal_ends(lambda: getattr(threadmodule, name.split()[0])(*args, threads=threads, **kwargs))
    after = [np.array(x[:1]) if isinstance(x, np.ndarray) else x for x in args]
    assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "call",
    [
        "threadmodule.histogram(threadmodule.Array([1.0, 2.0]), 5 * 10**8)",
        "threadmodule.bincount(threadmodule.Array([5 * 10**8]))",
        "threadmodule.bincount(bytes(1000), 5 * 10**8)",
    ],
)
def test_a_signal_ends_work_on_large_tables(call: str) -> None:
    done = interrupt(f"import threadmodule\nprint('ready', flush=True)\nwhile True: {call}")
    assert "KeyboardInterrupt" in done.stderr


@pytest.mark.skipif(not LINUX, reason="memfd_create is Linux's")
def test_a_signal_ends_every_map_and_scan() -> None:
    with wide_memory() as memory:
        for dtype in ["f8", "f4", "i4"]:
            out = memory(dtype)
            x = np.broadcast_to(np.ones((), dtype), out.shape)
            for name in [*MAPS, "cumsum"]:
                if dtype == "i4" and name in ("sqrt", "exp", "log", "divide", "cumsum"):
                    continue  # their results are of other types
                check_that_a_signal_ends(lambda: getattr(threadmodule, name)(*calls(x, x)[name], out=out))  # noqa: B023
                assert x[0] == x[-1] == 1


@pytest.mark.parametrize(
    "call",
    [
        "threadmodule.sum(x, exact=True)",
        "threadmodule.argmin(x)",
        "threadmodule.histogram(x, 7, (0, 1))",
        "threadmodule.cumsum(y, z)",
        "threadmodule.multiply(y, y, z)",
    ],
)
def test_ctrl_c_ends_kernels_and_leaves_inputs_whole(call: str) -> None:
    done = interrupt(f"""
        import time, numpy as np, threadmodule
        x = np.broadcast_to(np.arange(1000.0), (1 << 30, 1000))
        y = np.broadcast_to(np.ones((), "f4"), 1 << 26)
        memory = bytearray(1 << 28)
        z = memoryview(memory).cast("f")
        print("ready")
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            assert np.array_equal(x[5], np.arange(1000.0)) and y[7] == 1
            z.release()  # BufferError if anybody still held it
            print("whole")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


def test_a_call_that_was_ended_holds_nothing() -> None:
    data = bytearray(1 << 20)

    def call() -> None:
        threadmodule.sum(np.broadcast_to(np.frombuffer(data, "f8"), (1 << 24, 1 << 17)))

    check_that_a_signal_ends(call)
    data.append(1)  # BufferError if anybody still held it
    assert threadmodule.sum(data) == 1


def test_a_signal_whose_handler_returns_ends_nothing() -> None:
    times: list[int] = []
    previous = signal.signal(signal.SIGALRM, lambda *_: times.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        x = np.broadcast_to(np.ones(1000), (200_000, 1000))
        begin = time.monotonic()
        while not times or time.monotonic() < begin + 0.1:
            assert threadmodule.sum(x) == 2e8
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


# progress


class Bar:
    """Like that of tqdm."""

    def __init__(self) -> None:
        self.n = 0
        self.steps: list[int] = []
        self.idents: set[int] = set()

    def update(self, n: float = 1) -> bool | None:
        self.n += n
        self.steps.append(n)
        self.idents.add(threading.get_ident())
        return True if len(self.steps) % 2 else None


@pytest.mark.parametrize("threads", [1, 2, None])
@pytest.mark.parametrize("name", EVERY)
def test_progress_adds_up(name: str, threads: int | None) -> None:
    kernel = getattr(threadmodule, name)
    for size in [1, 5, 1000, 70_001, 1_000_003]:
        args = calls(np.ones(size), np.ones(size, "u1"))[name]
        if name not in OF_BUFFERS:
            args = (0, size) if name == "do_math" else (size,)
        bar = Bar()
        result = kernel(*args, threads=threads, progress=bar.update)
        assert bar.n == size
        assert all(type(step) is int and step > 0 for step in bar.steps)
        assert bar.idents == {threading.get_ident()}
        assert np.array_equal(result, kernel(*args)) or name == "histogram"


@pytest.mark.parametrize("dtype", ["i4", "u1", "f4", "?"])
@pytest.mark.parametrize("name", OF_BUFFERS)
def test_progress_of_other_types_and_places(name: str, dtype: str) -> None:
    if (dtype in ("?", "f4") and name == "bincount") or (
        dtype in ("?", "u1") and name in ("negative", "subtract", "clip")
    ):
        return
    for x in [np.ones(400_001, dtype)[::2], np.ones((2, 500, 300), dtype).T, np.ones((2, 0), dtype)]:
        if x.ndim > 1 and name in ("dot", "bincount"):
            continue
        if x.size == 0 and name in ("min", "max", "argmin", "argmax"):
            continue
        bar = Bar()
        getattr(threadmodule, name)(*calls(x, x)[name], progress=bar.update)
        assert bar.n == x.size


@pytest.mark.parametrize("name", EXACT)
def test_progress_of_exact_sums(name: str) -> None:
    bar = Bar()
    x = np.ones(3_000_000)
    getattr(threadmodule, name)(*calls(x, x)[name], exact=True, progress=bar.update)
    assert bar.n == x.size


def test_progress_is_made_on_the_way() -> None:
    bar = Bar()
    times: list[float] = []

    def progress(n: int) -> None:
        bar.update(n)
        times.append(time.monotonic())

    x = np.broadcast_to(np.ones(1000), (1_000_000, 1000))
    begin = time.monotonic()
    threadmodule.sum(x, progress=progress)
    took = time.monotonic() - begin
    assert bar.n == x.size
    if took > 0.5:
        assert 2 <= len(bar.steps) <= 1000 * took
        assert max(bar.steps) < x.size


def test_progress_of_a_broadcast_map_counts_results() -> None:
    bar = Bar()
    threadmodule.add(np.ones((300, 1)), np.ones(700), progress=bar.update)
    assert bar.n == 300 * 700


def test_nothing_is_no_progress() -> None:
    bar = Bar()
    assert threadmodule.sum(np.ones(0), progress=bar.update) == 0
    assert threadmodule.sum_of_squares(0, progress=bar.update) == 0
    assert threadmodule.do_math(5, 3, progress=bar.update) == 0
    assert bar.n == 0
    assert threadmodule.sum(np.ones(5), progress=None) == 5


class Enough(Exception):
    pass


def enough(n: int) -> None:
    raise Enough(n)


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("name", [name for name in long_calls() if name not in SILENT])
def test_an_exception_in_progress_ends_the_kernel(name: str, threads: int | None) -> None:
    args, kwargs = long_calls()[name]
    begin = time.monotonic()
    with pytest.raises(Enough):
        getattr(threadmodule, name.split()[0])(*args, threads=threads, progress=enough, **kwargs)
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("name", EVERY)
def test_an_exception_in_the_progress_of_a_small_call(name: str) -> None:
    x, small = np.ones(5), np.ones(5, "u1")
    args = calls(x, small)[name]
    with pytest.raises(Enough):
        getattr(threadmodule, name)(*args, progress=enough)
    assert np.array_equal(x, np.ones(5))
    getattr(threadmodule, name)(*args)  # as if nothing had happened


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, BaseException, StopIteration, GeneratorExit])
def test_any_exception_comes_through(error: type[BaseException]) -> None:
    def progress(n: int) -> None:
        raise error("so far")

    with pytest.raises(error, match="so far"):
        threadmodule.sum(np.broadcast_to(np.ones(1000), (1 << 30, 1000)), progress=progress)


def test_after_an_exception_progress_is_called_no_more() -> None:
    times = 0

    def progress(n: int) -> None:
        nonlocal times
        times += 1
        if times == 3:
            raise Enough

    with pytest.raises(Enough):
        threadmodule.pi(2**62, progress=progress)
    time.sleep(0.05)
    assert times == 3


def test_progress_may_call_kernels() -> None:
    inner: list[float] = []

    def progress(n: int) -> None:
        inner.append(threadmodule.sum(np.ones(300_000)))

    assert threadmodule.sum(np.ones(5_000_000), progress=progress) == 5_000_000
    assert set(inner) == {300_000.0}


def test_a_signal_in_progress() -> None:
    def progress(n: int) -> None:
        time.sleep(0.2)

    check_that_a_signal_ends(lambda: threadmodule.pi(2**62, progress=progress))


@pytest.mark.parametrize("wrong", [3, "text", [print], object()])
def test_progress_that_cannot_be_called(wrong: object) -> None:
    for x in [np.ones(3), np.ones(300_000)]:
        kind = type(wrong).__name__
        with pytest.raises(TypeError, match=rf"^sum\(\) argument 'progress' must be callable.*, not {kind}"):
            threadmodule.sum(x, progress=wrong)


def test_progress_in_a_thread() -> None:
    bar = Bar()
    x = np.ones(3_000_000)
    thread = threadmodule.Thread(target=lambda: threadmodule.norm(x, progress=bar.update))
    thread.start()
    assert thread.result() == math.sqrt(x.size)
    assert bar.n == x.size
    assert len(bar.idents) == 1
    assert threading.get_ident() not in bar.idents


def test_no_progress_of_a_kernel_that_is_a_target() -> None:
    """The thread that it runs in is not Python's."""
    thread = threadmodule.Thread(target=threadmodule.sum, args=(np.ones(3),), kwargs={"progress": print})
    with pytest.raises(TypeError, match=r"^sum\(\) argument 'progress' "):
        thread.start()
    thread = threadmodule.Thread(target=threadmodule.sum, args=(np.ones(3),), kwargs={"progress": None})
    thread.start()
    assert thread.result() == 3


def test_many_threads_make_progress() -> None:
    x = np.ones(2_000_000)
    bars = [Bar() for _ in range(8)]

    def work(bar: Bar) -> None:
        for _ in range(5):
            threadmodule.sum(x, progress=bar.update)

    threads = [threadmodule.Thread(target=work, args=(bar,)) for bar in bars]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.result()
    assert [bar.n for bar in bars] == [5 * x.size] * 8
    assert all(len(bar.idents) == 1 for bar in bars)
