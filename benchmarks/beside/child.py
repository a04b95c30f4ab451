"""Contenders in processes of their own, for what depends on how their threads sleep, wake and are kept waiting.

Each has its own runtime and its own environment, does what it is asked to on stdin, and sleeps in between.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from beside.peers import Missing

Work = Callable[[], object]


class Child:
    """The process, as its parent sees it."""

    def __init__(self, name: str, product: str, **environment: str) -> None:
        self.name = name
        folders = [str(Path(__file__).parent.parent), *filter(None, sys.path)]
        # What numba needs to find a TBB that was installed from a wheel.
        libraries = os.pathsep.join(filter(None, [f"{sys.prefix}/lib", os.environ.get("LD_LIBRARY_PATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "beside.child", product],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(folders),
                "LD_LIBRARY_PATH": libraries,
                **environment,
            },
        )

    def ask(self, what: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps({"what": what, **arguments}), file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            raise ChildProcessError(f"{self.name} has died") from None
        if "missing" in answer:
            raise Missing(answer["missing"])
        if "error" in answer:
            raise ChildProcessError(answer["error"])
        return answer["result"]

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


# And as it is from inside.


@functools.cache
def data(n: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random(n)


def argument(name: str, n: int) -> Any:
    return n if name == "pi" else data(n)


@functools.cache
def ours(name: str, n: int, serial: bool) -> Work:
    import threadmodule

    kernel = getattr(threadmodule, name)
    return functools.partial(kernel, argument(name, n), **({"threads": 1} if serial else {}))


@functools.cache
def numba(name: str, n: int) -> Work:
    from beside.peers import numba

    return functools.partial(numba(name, True), argument(name, n))


@functools.cache
def cython(name: str, n: int) -> Work:
    from beside.peers import cython

    return functools.partial(getattr(cython(), name), argument(name, n))


def work(product: str, name: str, n: int, serial: bool) -> Work:
    """A call; serial: the same loop on one thread, since numba's compiler makes others of those without prange."""
    if product == "ours":
        return ours(name, n, serial)
    set_threads(product, 1 if serial else len(os.sched_getaffinity(0)))
    return numba(name, n) if product == "numba" else cython(name, n)


def set_threads(product: str, threads: int) -> None:
    if product == "numba":
        from numba import config, set_num_threads

        set_num_threads(min(threads, config.NUMBA_NUM_THREADS))
    else:
        from beside.peers import cython

        cython().set_num_threads(threads)


def spent(call: Work) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def sized(product: str, name: str, seconds: float) -> int:
    """How many elements or steps the serial loop does in that time."""
    n = 1000
    for _ in range(12):
        call = work(product, name, n, True)
        best = min(spent(call) for _ in range(30))
        if abs(best / seconds - 1) < 0.03:
            break
        n = max(100, int(n * min(20.0, seconds / best)))
    return n


def cpu_time() -> float:
    """Of all threads, up to now: the clock of the process knows of one that runs elsewhere only what it did before."""
    # The clock of a thread as the kernel numbers it: man 2 clock_getres, "Dynamic clocks", and CPUCLOCK_SCHED.
    return sum(time.clock_gettime(~int(thread) << 3 | 6) for thread in os.listdir("/proc/self/task"))


def cold(call: Work, sleep: float) -> tuple[float, float, float]:
    """Seconds of a call after a sleep, and the CPU time of the process for it and in the 5 ms after it."""
    for _ in range(3):
        call()
    time.sleep(sleep)
    before = cpu_time()
    took = spent(call)
    after = cpu_time()
    time.sleep(0.005)
    return took, after - before, cpu_time() - after


def hot(call: Work, seconds: float) -> list[float]:
    """Calls back to back."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(spent(call))
    return times


def paced(call: Work, seconds: float, period: float) -> list[float]:
    """A call in each period, and sleep between."""
    times, begin = [], time.perf_counter()
    while (now := time.perf_counter()) < begin + seconds:
        times.append(spent(call))
        time.sleep(max(0.0, now + period - time.perf_counter()))
    return times


def bits(product: str, n: int, most: int) -> list[str]:
    """The sum on 1 to `most` threads."""
    results: list[str] = []
    result: Any
    for threads in range(1, most + 1):
        if product == "ours":
            import threadmodule

            result = threadmodule.sum(data(n), threads=threads)
        else:
            call: Callable[[], Any] = work(product, "sum", n, False)
            set_threads(product, threads)
            result = call()
        results.append(float(result).hex())
    return results


def answer(product: str, what: str, work_name: str = "", n: int = 0, serial: bool = False, **rest: Any) -> Any:
    if what == "size":
        return sized(product, work_name, **rest)
    if what == "bits":
        return bits(product, n, **rest)
    call = work(product, work_name, n, serial)
    ways: dict[str, Callable[..., Any]] = {"cold": cold, "hot": hot, "paced": paced}
    return ways[what](call, **rest)


def main() -> None:
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"result": answer(sys.argv[1], **request)}
        except (Missing, ImportError) as missing:
            reply = {"missing": str(missing)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
