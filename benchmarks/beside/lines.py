"""The lines whose contenders are called in turn in this process, on the same arrays."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import threadmodule

from beside import peers
from beside.measure import BEST, LIMIT, OURS, Beside, Effort, Line, Maker, limit, timed
from beside.peers import Missing

Array = np.ndarray[Any, Any]
Arguments = tuple[Any, ...]  # what is a string is an array of that name

SIZES = [digit * 10**power for power in range(2, 8) for digit in (1, 2, 5)] + [10**8]
MILLION = 10**6
LARGE = 2**25  # 256 MB of f8
BINS = 64
ALL = threadmodule.cpu_count()
OURS_1, NUMPY, NUMBA, NUMBA_1, CYTHON, NUMEXPR, BARE, MEMCPY = (
    *("ours, 1 thread", "NumPy", "numba prange", "numba", "Cython prange", "numexpr", "bare extension", "memcpy"),
)
BARE_CHECKED = f"{BARE}, checked"


def within(times: float) -> float:
    """The ratio that is the goal of "at most so many times as long"."""
    return 1 / times


# Arrays begin so many bytes behind a cache line: 16 is where malloc, and so NumPy, puts large ones.
OFFSET = 16


@functools.lru_cache(maxsize=4)
def array(name: str, n: int) -> Array:
    if name in ("counts", "bins"):
        return np.zeros({"counts": 256, "bins": BINS}[name], np.intp)
    random = np.random.default_rng(list(name.encode()))
    if name in ("u8", "equal"):
        return random.integers(0, 256, n, np.uint8) if name == "u8" else np.full(n, 7, np.uint8)
    room = np.empty(n * 8 + 128, np.uint8)
    begin = (OFFSET - room.ctypes.data) % 64
    made = room[begin : begin + n * 8].view(np.float64)
    random.random(out=made)
    made += 0.5 if name == "a" else 0.25  # so that logarithms are of both signs
    return made


@dataclasses.dataclass
class Kernel:
    name: str
    arguments: Arguments
    goal: float | None = None  # beside NumPy, for a million elements
    title: str = ""
    numpy: Callable[..., Any] | None = None  # if not the function of the same name
    numpy_arguments: Arguments = ()  # if not the same, and so on
    loop: str = ""  # in numba_loops.py
    loop_arguments: Arguments = ()
    parallel: bool = True  # that loop can be
    cython: bool = False
    expression: str = ""  # for numexpr


def numpy_axpy(alpha: float, x: Array, y: Array, out: Array) -> None:
    np.multiply(x, alpha, out)
    np.add(out, y, out)


def numpy_pi(n: int) -> float:
    x = (np.arange(n) + 0.5) / n
    return float((4.0 / (1.0 + x * x)).sum() / n)


A, MAP, MAP_2 = ("a",), ("a", "out"), ("a", "b", "out")
SUM = Kernel("sum", A, 3.5, loop="sum", cython=True, expression="sum(a)")
SQRT = Kernel("sqrt", MAP, 6.5, loop="sqrt", cython=True, expression="sqrt(a)")
ADD = Kernel("add", MAP_2, 1.8, loop="add", cython=True, expression="a + b")
PI = Kernel("pi", (MILLION,), numpy=numpy_pi, loop="pi", cython=True)
SQUARE = Kernel("square", MAP, loop="square", cython=True, expression="a * a")
KERNELS = [
    Kernel("mean", A, 3.5, loop="mean", cython=True),
    Kernel("min", A),
    Kernel("max", A, 1.8, loop="maximum"),
    Kernel("argmin", A),
    Kernel("argmax", A, 1.8, loop="argmax", parallel=False),
    Kernel("dot", ("a", "b"), 1.5, loop="dot", cython=True, expression="sum(a * b)"),
    Kernel("norm", A, numpy=np.linalg.norm),
    Kernel("var", A, 6, loop="var", cython=True),
    Kernel("count_nonzero", A),
    SQRT,
    Kernel("exp", MAP, 1.7, loop="exp", cython=True, expression="exp(a)"),
    Kernel("log", MAP, 1.7, loop="log", cython=True, expression="log(a)"),
    SQUARE,
    Kernel("abs", MAP),
    Kernel("negative", MAP),
    ADD,
    Kernel("add", ("a", "b"), title="add, into a new array"),
    Kernel("subtract", MAP_2),
    Kernel("multiply", MAP_2),
    Kernel("divide", MAP_2),
    Kernel("scale", ("a", 2.5, "out"), numpy=np.multiply),
    Kernel("axpy", (2.5, "a", "b", "out"), numpy=numpy_axpy),
    Kernel("clip", ("a", 0.7, 1.2, "out")),
    Kernel("cumsum", MAP, 4, numpy_arguments=("a", None, None, "out"), loop="cumsum", parallel=False),
    Kernel("bincount", ("u8",), 6, "bincount u8", loop="bincount", loop_arguments=("u8", "counts"), parallel=False),
    Kernel("bincount", ("equal",), None, "bincount u8, all equal"),
    Kernel("histogram", ("a", BINS), 8, f"histogram, {BINS} bins"),
    Kernel(
        *("histogram", ("a", BINS, (0.5, 1.5)), 8, "histogram, range given"),
        loop="histogram",
        loop_arguments=("a", 0.5, 1.5, "bins"),
        parallel=False,
    ),
]


def ours(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(threadmodule, name, None)
    if found is None:
        raise Missing(f"threadmodule has no {name}")
    return found


class Contenders:
    """Makes those of a line, with arrays of n elements."""

    def __init__(self, effort: Effort, n: int) -> None:
        self.effort, self.n = effort, n

    def call(self, function: Callable[[], Callable[..., Any]], arguments: Arguments, **named: Any) -> Maker:
        def made() -> Callable[[], float]:
            found = function()  # first: it may be missing
            values = [array(value, self.n) if isinstance(value, str) else value for value in arguments]
            return timed(self.effort, found, *values, **named)

        return made

    def of(self, kernel: Kernel, *, serial: bool = True) -> dict[str, Maker]:
        ours_at = functools.partial(ours, kernel.name)
        loop, loop_arguments = kernel.loop, kernel.loop_arguments or kernel.arguments
        theirs = kernel.numpy or getattr(np, kernel.name)
        made = {
            OURS: self.call(ours_at, kernel.arguments),
            NUMPY: self.call(lambda: theirs, kernel.numpy_arguments or kernel.arguments),
        }
        if serial:
            made[OURS_1] = self.call(ours_at, kernel.arguments, threads=1)
        if loop and (serial or not kernel.parallel):
            made[NUMBA_1] = self.call(lambda: peers.numba(loop, False), loop_arguments)
        if loop and kernel.parallel:
            made[NUMBA] = self.call(lambda: peers.numba(loop, True), loop_arguments)
        if kernel.cython:
            made[CYTHON] = self.call(lambda: getattr(peers.cython(), kernel.name), kernel.arguments)
        if kernel.expression:
            made[NUMEXPR] = self.numexpr(kernel)
        return made

    def numexpr(self, kernel: Kernel) -> Maker:
        inputs = tuple(name for name in kernel.arguments if name != "out")

        def made() -> Callable[[], float]:
            named = {"out": array("out", self.n)} if "out" in kernel.arguments else {}
            return self.call(lambda: peers.numexpr(kernel.expression, *inputs), inputs, **named)()

        return made

    def limits(self, *kinds: str, name: str = LIMIT) -> dict[str, Maker]:
        """What the machine can do, for all kinds whose names begin like that, on one thread and on all."""

        def maker(kind: str, threads: int) -> Maker:
            def made() -> Callable[[], float]:
                a = array("a", self.n)
                b = array("b", self.n) if "add" in kind else None
                out = None if "read" in kind else array("out", self.n)
                seconds = peers.limits().seconds
                return limit(self.effort, lambda repeat: seconds(kind, threads, self.n, repeat, a, b, out))

            return made

        try:
            found = [kind for kind in peers.limits().kinds if kind.startswith(kinds)]
        except Missing:
            return {}
        return {
            f"{name}: {kind}, {threads} thread{'s' * (threads > 1)}": maker(kind, threads)
            for kind in found
            for threads in sorted({1, ALL})
        }


def elements(n: int) -> str:
    return f"{n:,} elements"


def lines(effort: Effort) -> Iterator[Line]:
    for n in SIZES:
        yield sums(effort, n)
    for n in (1000, MILLION):
        for kernel in KERNELS:
            goals = [Beside(NUMPY, kernel.goal if n == MILLION else None)]
            contenders = Contenders(effort, n)
            made = contenders.of(kernel)
            if kernel is SQRT:
                made |= contenders.limits("sqrt")
                goals += [Beside(NUMBA, within(1.05) if n == MILLION else None), Beside(LIMIT)]
            yield Line(elements(n), kernel.title or kernel.name, made, goals, n)
    pi = Contenders(effort, MILLION).of(PI)
    yield Line(elements(MILLION), "pi", pi, [Beside(NUMBA, 1), Beside(CYTHON)], MILLION)
    yield from large(effort)
    for kernel in (SQRT, ADD):
        for n in SIZES:
            contenders = Contenders(effort, n)
            made = contenders.of(kernel) | contenders.limits(kernel.name)
            yield Line(kernel.name, f"{kernel.name} of {n:,}", made, [Beside(BEST)], n)


def sums(effort: Effort, n: int) -> Line:
    contenders = Contenders(effort, n)
    made = contenders.of(SUM)
    made["np.sum"] = made.pop(NUMPY)
    made["np.add.reduce"] = contenders.call(lambda: np.add.reduce, A)
    made[BARE] = contenders.call(lambda: peers.bare().sum, A)
    made[BARE_CHECKED] = contenders.call(lambda: peers.bare().checked_sum, A)
    made |= contenders.limits("read")
    goals: list[Beside] = []
    if n in (100, 1000):
        goals += [Beside(BARE, within(1.3)), Beside(BARE_CHECKED), Beside("np.sum", 8), Beside(NUMBA_1, 1)]
    if 10**3 <= n <= 10**5:
        goals += [Beside(BEST, within(1.05))]
    if n == MILLION:
        goals += [Beside(LIMIT, within(1.1)), Beside("np.sum", 3.5), Beside(NUMBA, 1), Beside(CYTHON, 1)]
    if n == 10**7:
        goals += [Beside("np.sum", 3), Beside(LIMIT)]
    return Line("sum", f"sum of {n:,}", made, goals or [Beside(BEST)], n)


def large(effort: Effort) -> Iterator[Line]:
    """What comes from memory, as bytes in a second."""
    section, contenders = "256 MB", Contenders(effort, LARGE)
    for kernel in [SUM, *KERNELS]:
        if kernel.arguments == A or kernel.name == "dot":
            size = LARGE * 8 * len(kernel.arguments)
            made = contenders.of(kernel) | contenders.limits("read")
            # The bandwidth of dot is that of two arrays, the limit's that of one.
            yield Line(section, kernel.name, made, [Beside(LIMIT, 0.95)], LARGE, size, {LIMIT: LARGE * 8})
    for name, operands in (("sqrt", 1), ("square", 1), ("negative", 1), ("add", 2)):
        kernel = next(kernel for kernel in KERNELS if kernel.name == name)
        size = LARGE * 8 * (operands + 1)
        copies = contenders.limits("memcpy", name=MEMCPY) | contenders.limits("copy")
        made = contenders.of(kernel) | copies
        theirs = {MEMCPY: LARGE * 16, LIMIT: LARGE * 16}
        yield Line(section, f"{name}, out of place", made, [Beside(MEMCPY, 1.35)], LARGE, size, theirs)
