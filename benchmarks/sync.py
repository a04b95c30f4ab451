"""Locks, events, conditions, queues and atomics beside threading, queue and the peers from PyPI.

    python benchmarks/sync.py [--quick] [--only PATTERN] [--json FILE] [--picture FILE.png]

Peers are measured where they are installed: pip install fasteners readerwriterlock aiologic ft_utils cereggii.

All contenders of a line (ours, the standard library's, the peers) are measured in turn, round by round, in this
process; each round begins with another one. A figure is the median of the rounds, a ratio that of two medians, and more
than 1 is faster. Nothing is subtracted from a figure: loops are generated, and what they use is in local variables.

- uncontended: one thread, the statement 10 times in a row in a loop. Each contender is called the fastest way it has.
- wake latency: a thread is parked; another one wakes it and stays CPU-bound, in Python. The time from before that call
  until the woken thread's next line; the median, and the 99th percentile, of all wakes. The waker is CPU-bound before
  as well; "rested": it slept while the other one parked, and then was busy for 0.3 ms.
- ping-pong: two threads wake each other in turn. The time of a round trip.
- throughput: threads that put items, as many that get them, and so much Python before each put (none after a get: the
  consumers are to find nothing and park). Items in a second. "two fight for a Lock": acquisitions in a second, of both.
- batch: 100 items put and got at once, beside one by one. The time of an item.

Lines with two threads are measured with both on one CPU ("pinned") and where the system puts them ("free"). In the same
rounds runs the same in C with nothing but futexes, compiled for the occasion: what a wake costs here and now. It stands
in the column "futex": a ping-pong, or beside the wake latencies a wake by a busy thread.

The goals are for the interpreter that runs this: most are for builds with the GIL, some for free-threaded ones. "3.15t:
not slower than the better of its two" is read as the better placement of ours beside the better one of threading's.
"close": missed, but by less than the spread, since a quarter of the single rounds met the goal.
A wait that does not end is given up after some seconds and reported, and so is a class that does not exist (yet).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import dataclasses
import faulthandler
import functools
import gc
import importlib
import importlib.metadata
import itertools
import json
import os
import platform
import queue
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import threadmodule

Run = Callable[[int], float]  # does so many, and returns the seconds that they took
Sample = Callable[[], list[float]]  # seconds for one, measured once or more
Goal = float | Callable[[float], float]  # the least ratio, or what makes it of the other's figure

OURS, STDLIB, FUTEX, ONE_BY_ONE, IN_A_METHOD = "ours", "stdlib", "raw futex", "ours one by one", "in a method"
PINNED, FREE = "pinned", "free"
UNROLLED = 10
WARM_UP = 20
BATCH = 100
SETTLED = {"SimpleQueue": 27, "Queue": 15}  # rounds: a throughput beside itself then is 1.00x within a few percent
REST = 0.0007  # seconds
BUSY = {False: 0.001, True: 0.0003}  # seconds; if rested or not
PATIENCE = 20.0  # seconds for one sample, before it counts as hung
FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
KIND = "GIL" if not FREE_THREADED else "3.14t" if sys.version_info < (3, 15) else "3.15t"
PEERS = {
    "fasteners": ["fasteners"],
    "readerwriterlock": ["readerwriterlock.rwlock"],
    "aiologic": ["aiologic"],
    "ft_utils": ["ft_utils.concurrency", "ft_utils.synchronization"],
    "cereggii": ["cereggii", "cereggii.locks"],
}
QUEUES = {
    "SimpleQueue": {"aiologic": "SimpleQueue", "ft_utils.concurrency": "ConcurrentQueue"},
    "Queue": {"aiologic": "Queue", "ft_utils.concurrency": "StdConcurrentQueue"},
}
# What the kernel can do: two POSIX threads that wake each other in turn, and one that wakes another and stays busy.
FUTEX_SOURCE = r"""
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct game {
    _Alignas(64) atomic_int ping;
    _Alignas(64) atomic_int pong;
    long count;
};

static void give(atomic_int *word) {
    atomic_store(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void take(atomic_int *word) {
    while (!atomic_exchange(word, 0)) {
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
}

static void *answer(void *argument) {
    struct game *game = argument;
    for (long i = 0; i < game->count; i++) {
        take(&game->ping);
        give(&game->pong);
    }
    return NULL;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double ping_pong(long count) {
    struct game game = {0, 0, count + 1};
    double begin = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, &game)) return -1;
    for (long i = 0; i <= count; i++) {
        if (i == 1) begin = now();
        give(&game.ping);
        take(&game.pong);
    }
    double spent = now() - begin;
    pthread_join(thread, NULL);
    return spent;
}

struct sleeper {
    atomic_int word;
    atomic_long asked, woken;
    long count;
    double *times;
};

static void *sleeper(void *argument) {
    struct sleeper *it = argument;
    for (long i = 0; i < it->count; i++) {
        atomic_store(&it->asked, i + 1);
        take(&it->word);
        it->times[i] = now();
        atomic_store(&it->woken, i + 1);
    }
    return NULL;
}

int wakes(long count, long rest_ns, double busy, double *times) {
    struct sleeper it = {.count = count, .times = times};
    struct timespec rest = {0, rest_ns};
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleeper, &it)) return -1;
    for (long i = 0; i < count; i++) {
        while (atomic_load(&it.asked) == i) {}
        if (rest_ns) nanosleep(&rest, NULL);
        double until = now() + busy;
        while (now() < until) {}
        double begin = now();
        give(&it.word);
        while (atomic_load(&it.woken) == i) {}
        times[i] -= begin;
    }
    pthread_join(thread, NULL);
    return 0;
}
"""


class Missing(Exception):
    """What a line needs is not there."""


class Library:
    """The names of some modules. What `other` has too, the very same object, is not this library's own."""

    def __init__(self, name: str, *modules: Any, other: Any = None) -> None:
        self._name, self._modules, self._other = name, modules, other

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            found = getattr(module, name, None)
            if found is not None and found is not getattr(self._other, name, None):
                return found
        raise Missing(f"{self._name} has no {name}")


@dataclasses.dataclass
class Effort:
    rounds: int
    short: float  # seconds for a sample of one thread
    long: float  # seconds for a sample of several threads
    wakes: float  # seconds for the wakes of a round


@dataclasses.dataclass
class Beside:
    """With whom ours is compared, and by how much it is to be faster, by kind of interpreter."""

    base: str
    goals: dict[str, Goal] = dataclasses.field(default_factory=dict)
    seconds: float | None = None  # a figure that nobody has measured: a limit


@dataclasses.dataclass
class Line:
    section: str
    name: str
    contenders: dict[str, Callable[[], Sample]]
    beside: list[Beside]
    placement: str = ""
    rate: bool = False
    tail: bool = False  # the 99th percentile too
    rounds: int | None = None


@dataclasses.dataclass
class Row:
    section: str
    line: str
    placement: str
    rate: bool
    ours: float | None  # seconds, like all figures; a rate is so many of them in a second
    base: str
    base_figure: float | None
    ratio: float | None
    quartiles: tuple[float, float] | None  # of the ratios of single rounds
    goal: float | None
    futex: float | None
    peers: dict[str, float]
    notes: list[str]
    failed: bool = False

    @property
    def met(self) -> bool | None:
        return None if self.goal is None or self.ratio is None else self.ratio >= self.goal

    @property
    def verdict(self) -> str:
        if self.goal is None or self.met is None:
            return "" if self.goal is None else "?"
        close = self.quartiles is not None and self.quartiles[1] >= self.goal
        return "met" if self.met else "close" if close else "MISSED"


ours: Any = Library("threadmodule", threadmodule, other=threading)
stdlib: Any = Library("the standard library", threading, queue)
abandoned: list[str] = []


# The loops.


def loop(body: str, **names: object) -> Callable[[int], None]:
    """A function that runs `body` so many times, in which `names` are local variables."""
    parameters = "".join(f", {name}={name}" for name in names)
    source = f"def run(count{parameters}):\n    for _ in repeat(None, count):\n{textwrap.indent(body, ' ' * 8)}\n"
    namespace: dict[str, Any] = {"repeat": itertools.repeat, **names}
    exec(source, namespace)
    run: Callable[[int], None] = namespace["run"]
    return run


def calibrated(run: Run, seconds: float, count: int = 1, per: int = 1) -> Sample:
    """Samples that take about so long."""
    while (spent := run(count)) < seconds / 4:
        count *= 4
    count = max(1, int(count * seconds / spent))
    return lambda: [run(count) / count / per]


def alone(seconds: float, body: str, per: int = 1, **names: object) -> Sample:
    times = 1 if per > 1 else UNROLLED
    run = loop("\n".join([body] * times), **names)

    def timed(count: int) -> float:
        begin = time.perf_counter()
        run(count)
        return time.perf_counter() - begin

    return calibrated(timed, seconds, per=per * times)


def together(*calls: Callable[[], object]) -> float:
    """Begins all calls at once, each in its thread; returns the seconds until the last one has ended."""
    gate = threading.Event()
    ended: queue.SimpleQueue[float | BaseException] = queue.SimpleQueue()
    guard, running = threading.Lock(), [len(calls)]

    def work(call: Callable[[], object]) -> None:
        gate.wait()
        try:
            call()
        except BaseException as error:
            ended.put(error)
            return
        end = time.perf_counter()
        with guard:
            running[0] -= 1
            last = not running[0]
        if last:
            ended.put(end)

    for call in calls:
        threading.Thread(target=work, args=(call,), daemon=True).start()
    begin = time.perf_counter()
    gate.set()
    try:
        end = ended.get(timeout=PATIENCE)
    except queue.Empty:
        abandoned.append("hung")
        raise TimeoutError(f"hung: no end within {PATIENCE:.0f} s") from None
    if isinstance(end, BaseException):
        abandoned.append("failed")
        raise end
    return end - begin


def game(first: Callable[[int], None], second: Callable[[int], None]) -> Run:
    """The first one begins and times it."""

    def run(count: int) -> float:
        spent: list[float] = []

        def begin() -> None:
            first(WARM_UP)
            start = time.perf_counter()
            first(count)
            spent.append(time.perf_counter() - start)

        together(begin, lambda: second(WARM_UP + count))
        return spent[0]

    return run


def messages(put: tuple[Any, Any], get: tuple[Any, Any], argument: str = "") -> Run:
    """A ping-pong over two channels."""
    return game(
        loop(f"put({argument})\nget()", put=put[0], get=get[1]),
        loop(f"get()\nput({argument})", put=put[1], get=get[0]),
    )


def locks(library: Any) -> Run:
    a, b = library.Lock(), library.Lock()
    a.acquire()
    b.acquire()
    return messages((a.release, b.release), (a.acquire, b.acquire))


def permits(a: Any, b: Any) -> Run:
    return messages((a.release, b.release), (a.green_acquire, b.green_acquire))


def events(a: Any, b: Any) -> Run:
    body = "{first}\n{second}"
    send, take = "give()", "wait()\nclear()"
    return game(
        loop(body.format(first=send, second=take), give=a.set, wait=b.wait, clear=b.clear),
        loop(body.format(first=take, second=send), give=b.set, wait=a.wait, clear=a.clear),
    )


def turns(condition: Any) -> Run:
    body = "with condition:\n    while turn[0] != me:\n        wait()\n    turn[0] = other\n    notify()"
    names = {"condition": condition, "wait": condition.wait, "notify": condition.notify, "turn": [0]}
    return game(loop(body, me=0, other=1, **names), loop(body, me=1, other=0, **names))


def channels(a: Any, b: Any, put: str = "put", get: str = "get") -> Run:
    puts, gets = (getattr(a, put), getattr(b, put)), (getattr(a, get), getattr(b, get))
    return messages(puts, gets, "None")


def wakes(seconds: float, rested: bool, wait: str, wake: str, **names: object) -> Sample:
    """How long a thread that waits takes to run again, when the one that wakes it goes on in Python."""
    # The waiter has said that it is about to park. It has a millisecond for it.
    parked = "while len(asked) == len(woken):\n    pass\n"
    if rested:
        parked += f"sleep({REST})\n"
    busy = f"until = now() + {BUSY[rested]}\nwhile now() < until:\n    pass\n"
    after = "\ntarget = len(begun)\nwhile len(woken) < target:\n    pass"

    def sample(count: int) -> list[float]:
        asked: list[None] = []
        begun: list[float] = []
        woken: list[float] = []
        shared = {"asked": asked, "woken": woken, "now": time.perf_counter, **names}
        waiter = loop(wait.format(ask="asked.append(None)", woken="woken.append(now())"), **shared)
        body = f"{parked}{busy}begun.append(now())\n{wake}{after}"
        waker = loop(body, sleep=time.sleep, begun=begun, **shared)
        together(lambda: waiter(count), lambda: waker(count))
        return [end - begin for begin, end in zip(begun, woken, strict=True)]

    return as_many(seconds, sample)


def as_many(seconds: float, sample: Callable[[int], list[float]]) -> Sample:
    """As many wakes as there is time for."""
    begin = time.perf_counter()
    sample(3)
    each = (time.perf_counter() - begin) / 3
    count = min(25, max(3, int(seconds / each)))
    return lambda: sample(count)


def wakes_of(
    seconds: float, rested: bool, take: Any, give: Any, argument: str = "", then: Callable[[], None] | None = None
) -> Sample:
    wait = "{ask}\ntake()\n{woken}" + ("\nthen()" if then else "")
    return wakes(seconds, rested, wait, f"give({argument})", take=take, give=give, then=then)


def wakes_of_lock(seconds: float, rested: bool, lock: Any) -> Sample:
    lock.acquire()
    return wakes_of(seconds, rested, lock.acquire, lock.release)


def wakes_of_condition(seconds: float, rested: bool, condition: Any) -> Sample:
    wait = "with condition:\n    {ask}\n    take()\n    {woken}"
    wake = "with condition:\n    notify()"
    return wakes(seconds, rested, wait, wake, condition=condition, take=condition.wait, notify=condition.notify)


@functools.cache
def python_work(microseconds: int) -> int:
    """How many turns of an empty loop take so long."""
    run, count = loop("for _ in work: pass", work=range(1000)), 20
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        run(count)
        times.append((time.perf_counter() - begin) / count / 1000)
    return max(1, round(microseconds * 1e-6 / min(times)))


def transfer(threads: int, microseconds: int, put: Any, get: Any) -> Run:
    """So many threads that put, as many that get. The work is the producers': the consumers find nothing, and park."""

    def run(count: int) -> float:
        share = -(-count // threads)
        calls: list[Callable[[], None]] = []
        for _ in range(threads):
            work = range(python_work(microseconds)) if microseconds else None
            produce = loop("for _ in work: pass\nput(None)" if work else "put(None)", put=put, work=work)
            consume = loop("get()", get=get)
            calls += [functools.partial(consume, share), functools.partial(produce, share)]
        return together(*calls) * count / (share * threads)

    return run


def fight(seconds: float, acquire: Any, release: Any) -> Sample:
    pairs = loop("acquire()\nrelease()", acquire=acquire, release=release)

    def sample() -> list[float]:
        counts: list[int] = []
        begun: list[float] = []

        def work() -> None:
            begun.append(time.perf_counter())
            end, count = begun[0] + seconds, 0
            while time.perf_counter() < end or not count:
                pairs(100)
                count += 100
            counts.append(count)

        spent = together(work, work)
        return [spent / sum(counts)]

    return sample


# The lines.


def at_least(ratio: float) -> dict[str, Goal]:
    """Goals are for interpreters with the GIL, unless the issue says more."""
    return {"GIL": ratio}


class Lines:
    def __init__(self, effort: Effort, peers: dict[str, Any], futex: Any) -> None:
        self.effort, self.peers, self.futex = effort, peers, futex
        self.all: list[Line] = []

    def peer(self, module: str, name: str) -> Any:
        """The class of a peer that is installed."""
        if module not in self.peers:
            raise Missing(f"{module} is not installed")
        return getattr(self.peers[module], name)

    def alone(
        self,
        name: str,
        body: str,
        names: Callable[[Any], dict[str, Any]],
        goals: dict[str, Goal] | None = None,
        peers: Mapping[str, Callable[[], tuple[str, dict[str, Any]]]] | None = None,
    ) -> None:
        """A line of one thread: the same statement for ours and for the standard library's, others for the peers."""
        seconds = self.effort.short
        contenders: dict[str, Callable[[], Sample]] = {
            OURS: lambda: alone(seconds, body, **names(ours)),
            STDLIB: lambda: alone(seconds, body, **names(stdlib)),
        }
        for peer, made in (peers or {}).items():
            contenders[peer] = functools.partial(self.alone_peer, made)
        self.all.append(Line("uncontended", name, contenders, [Beside(STDLIB, goals or {})]))

    def alone_peer(self, made: Callable[[], tuple[str, dict[str, Any]]]) -> Sample:
        body, names = made()
        return alone(self.effort.short, body, **names)

    def uncontended(self) -> None:
        peer = self.peer
        newest = sys.version_info >= (3, 15)

        def pair(
            lock: Any, acquire: str = "green_acquire", release: str = "green_release"
        ) -> tuple[str, dict[str, Any]]:
            return "acquire()\nrelease()", {"acquire": getattr(lock, acquire), "release": getattr(lock, release)}

        def guarded(lock: Any) -> tuple[str, dict[str, Any]]:
            return "with lock: pass", {"lock": lock}

        def methods(thing: Any, **names: str) -> dict[str, Any]:
            return {local: getattr(thing, name) for local, name in names.items()}

        both = {"acquire": "acquire", "release": "release"}
        self.alone(
            "Lock acquire+release",
            "acquire()\nrelease()",
            lambda library: methods(library.Lock(), **both),
            {"GIL": 1.0 if newest else 2.0, "3.15t": 1.0},
            {
                "aiologic": lambda: pair(peer("aiologic", "Lock")()),
                "ft_utils IntervalLock": lambda: pair(
                    peer("ft_utils.synchronization", "IntervalLock")(), "lock", "unlock"
                ),
            },
        )
        self.alone(
            "with Lock",
            "with lock: pass",
            lambda library: {"lock": library.Lock()},
            {"GIL": 1.0 if newest else 1.5, "3.15t": 1.0},
            {
                "aiologic": lambda: guarded(peer("aiologic", "Lock")()),
                "ft_utils IntervalLock": lambda: guarded(peer("ft_utils.synchronization", "IntervalLock")()),
            },
        )
        self.alone(
            "Lock acquire(timeout=1)+release",
            "acquire(timeout=1)\nrelease()",
            lambda library: methods(library.Lock(), **both),
            None,
            {"aiologic": lambda: ("acquire(timeout=1)\nrelease()", pair(peer("aiologic", "Lock")())[1])},
        )
        self.alone(
            "RLock acquire+release",
            "acquire()\nrelease()",
            lambda library: methods(library.RLock(), **both),
            None,
            {"aiologic": lambda: pair(peer("aiologic", "RLock")())},
        )
        self.alone(
            "with RLock",
            "with lock: pass",
            lambda library: {"lock": library.RLock()},
            None,
            {"aiologic": lambda: guarded(peer("aiologic", "RLock")())},
        )
        self.alone(
            "Semaphore acquire+release",
            "acquire()\nrelease()",
            lambda library: methods(library.Semaphore(), **both),
            at_least(15),
            {"aiologic": lambda: pair(peer("aiologic", "Semaphore")(1), release="release")},
        )
        self.alone(
            "BoundedSemaphore acquire+release",
            "acquire()\nrelease()",
            lambda library: methods(library.BoundedSemaphore(), **both),
            None,
            {"aiologic": lambda: pair(peer("aiologic", "BoundedSemaphore")(1))},
        )

        def event(library: Any) -> Any:
            made = library.Event()
            made.set()
            return made

        def revent() -> Any:
            made = peer("aiologic", "REvent")()
            made.set()
            return made

        for name, method, goals in [
            ("Event.is_set", "is_set", None),
            ("Event.set", "set", at_least(15)),
            ("Event.wait, set", "wait", at_least(10)),
        ]:
            self.alone(
                name,
                "call()",
                lambda library, method=method: methods(event(library), call=method),  # type: ignore[misc]
                goals,
                {"aiologic": lambda method=method: ("call()", methods(revent(), call=method))},  # type: ignore[misc]
            )

        def condition(made: Any) -> dict[str, Any]:
            return {"condition": made, "notify": made.notify}

        notify = "with condition:\n    notify()"
        self.alone(
            "with Condition, notify nobody",
            notify,
            lambda library: condition(library.Condition()),
            at_least(2.5),
            {"aiologic": lambda: (notify, condition(peer("aiologic", "Condition")()))},
        )
        self.alone(
            "Barrier(1).wait",
            "wait()",
            lambda library: methods(library.Barrier(1), wait="wait"),
            at_least(15),
            {"aiologic": lambda: ("wait()", methods(peer("aiologic", "Barrier")(1), wait="wait"))},
        )

        put_and_get = "put(None)\nget()"

        def channel(module: str, name: str) -> tuple[str, dict[str, Any]]:
            put, get = self.ends(module, name)
            return put_and_get, {"put": put, "get": get}

        for name, goal in [("SimpleQueue", 1.0), ("Queue", 15.0)]:
            made = {
                module.partition(".")[0]: functools.partial(channel, module, theirs)
                for module, theirs in QUEUES[name].items()
            }
            self.alone(
                f"{name} put+get",
                put_and_get,
                lambda library, name=name: methods(getattr(library, name)(), put="put", get="get"),  # type: ignore[misc]
                at_least(goal),
                made,
            )
        self.counters()
        self.readers_and_writers()

    def ends(self, module: str, name: str) -> tuple[Any, Any]:
        """A queue's put and get."""
        made = ours if module == OURS else stdlib if module == STDLIB else None
        made = getattr(made, name)() if made is not None else self.peer(module, name)()
        for put, get in [("green_put", "green_get"), ("push", "pop"), ("put", "get")]:
            if hasattr(made, put) and (put != "push" or not hasattr(made, "put")):
                return getattr(made, put), getattr(made, get)
        raise Missing(f"{name} has no put and get")

    def counters(self) -> None:
        class Counter:
            __slots__ = ("value",)

            def __init__(self) -> None:
                self.value = 0

            def add(self, lock: threading.Lock) -> None:
                with lock:
                    self.value += 1

        body = "with lock:\n    counter.value += 1"
        seconds, peer = self.effort.short, self.peer
        contenders: dict[str, Callable[[], Sample]] = {
            OURS: lambda: alone(seconds, "add()", add=ours.AtomicInt().add),
            STDLIB: lambda: alone(seconds, body, lock=threading.Lock(), counter=Counter()),
            IN_A_METHOD: lambda: alone(seconds, "add(lock)", add=Counter().add, lock=threading.Lock()),
            "ours, our Lock and +=": lambda: alone(seconds, body, lock=ours.Lock(), counter=Counter()),
            "ft_utils": lambda: alone(seconds, "add()", add=peer("ft_utils.concurrency", "AtomicInt64")(0).incr),
            "cereggii": lambda: alone(seconds, "add()", add=peer("cereggii", "AtomicInt64")(0).get_and_increment),
        }
        self.all.append(
            Line(
                "uncontended",
                "AtomicInt.add, Lock and +=",
                contenders,
                [Beside(STDLIB, at_least(6)), Beside(IN_A_METHOD)],
            ),
        )

    def readers_and_writers(self) -> None:
        """Each contender keeps what it can keep; a fasteners context manager serves once."""
        peer, seconds = self.peer, self.effort.short

        def pair(thing: Any, acquire: str = "acquire", release: str = "release") -> Sample:
            names = {"acquire": getattr(thing, acquire), "release": getattr(thing, release)}
            return alone(seconds, "acquire()\nrelease()", **names)

        def guarded(lock: Any) -> Sample:
            return alone(seconds, "with lock: pass", lock=lock)

        for side, letter, long in [("read", "r", "reader"), ("write", "w", "writer")]:

            def ft(side: str = side) -> Any:
                lock = peer("ft_utils.synchronization", "RWLock")()
                return peer("ft_utils.synchronization", f"RW{side.capitalize()}Context")(lock)

            def fair(letter: str = letter) -> Any:
                return getattr(peer("readerwriterlock.rwlock", "RWLockFair")(), f"gen_{letter}lock")()

            def cereggii(long: str = long) -> Any:
                return getattr(peer("cereggii.locks", "ReadersWriterLock")(), long)()

            pairs: dict[str, Callable[[], Sample]] = {
                OURS: lambda side=side: pair(getattr(ours.RWLock(), side)),  # type: ignore[misc]
                "fasteners": lambda side=side: pair(  # type: ignore[misc]
                    peer("fasteners", "ReaderWriterLock")(), f"acquire_{side}_lock", f"release_{side}_lock"
                ),
                "ft_utils": lambda side=side: pair(  # type: ignore[misc]
                    peer("ft_utils.synchronization", "RWLock")(), f"lock_{side}", f"unlock_{side}"
                ),
                "readerwriterlock": lambda fair=fair: pair(fair()),  # type: ignore[misc]
                "cereggii": lambda cereggii=cereggii: pair(cereggii()),  # type: ignore[misc]
            }
            withs: dict[str, Callable[[], Sample]] = {
                OURS: lambda side=side: guarded(getattr(ours.RWLock(), side)),  # type: ignore[misc]
                "fasteners": lambda side=side: alone(  # type: ignore[misc]
                    seconds,
                    "with guard(): pass",
                    guard=getattr(peer("fasteners", "ReaderWriterLock")(), f"{side}_lock"),
                ),
                "ft_utils": lambda ft=ft: guarded(ft()),  # type: ignore[misc]
                "readerwriterlock": lambda fair=fair: guarded(fair()),  # type: ignore[misc]
                "cereggii": lambda cereggii=cereggii: guarded(cereggii()),  # type: ignore[misc]
            }
            goals = [Beside("fasteners", at_least(10)), Beside("ft_utils", at_least(2))]
            self.all.append(Line("uncontended", f"RWLock {side} acquire+release", pairs, goals))
            self.all.append(Line("uncontended", f"with RWLock {side}", withs, goals))

    def across(
        self,
        section: str,
        name: str,
        contenders: dict[str, Callable[[], Sample]],
        beside: dict[str, list[Beside]],
        rate: bool = False,
        tail: bool = False,
        rounds: int | None = None,
    ) -> None:
        """A line of several threads, once for each placement, with the raw futex."""
        for placement in placements():
            line = Line(section, name, dict(contenders), beside[placement], placement, rate, tail, rounds)
            line.contenders.setdefault(FUTEX, self.raw_ping_pong)
            self.all.append(line)

    def raw_ping_pong(self) -> Sample:
        if self.futex is None:
            raise Missing("no compiler, or no futex")
        return calibrated(self.futex.ping_pong, self.effort.long / 12, count=64)

    def raw_wakes(self, rested: bool) -> Sample:
        if self.futex is None:
            raise Missing("no compiler, or no futex")
        play = self.futex.wakes

        def sample(count: int) -> list[float]:
            found = (ctypes.c_double * count)()
            play(count, int(REST * 1e9) if rested else 0, BUSY[rested], found)
            return list(found)

        return as_many(self.effort.wakes / 3, sample)

    def wake_latency(self) -> None:
        peer, seconds = self.peer, self.effort.wakes
        goals = [
            Beside(STDLIB, {"GIL": 300, "3.14t": 100, "3.15t": 100}),
            Beside("15 µs", dict.fromkeys(("GIL", "3.14t", "3.15t"), 1.0), 15e-6),
        ]
        beside = {PINNED: goals, FREE: goals}

        def lines(rested: bool) -> dict[str, dict[str, Callable[[], Sample]]]:
            def lock(made: Any) -> Sample:
                return wakes_of_lock(seconds, rested, made)

            def semaphore(made: Any) -> Sample:
                return wakes_of(seconds, rested, made.green_acquire, made.release)

            def event(made: Any) -> Sample:
                return wakes_of(seconds, rested, made.wait, made.set, then=made.clear)

            def condition(made: Any) -> Sample:
                return wakes_of_condition(seconds, rested, made)

            def channel(module: str, name: str) -> Sample:
                put, get = self.ends(module, name)
                return wakes_of(seconds, rested, get, put, "None")

            return {
                "Lock": {
                    OURS: lambda: lock(ours.Lock()),
                    STDLIB: lambda: lock(threading.Lock()),
                    "aiologic Semaphore": lambda: semaphore(peer("aiologic", "Semaphore")(0)),
                },
                "Event": {
                    OURS: lambda: event(ours.Event()),
                    STDLIB: lambda: event(threading.Event()),
                },
                "Condition": {
                    OURS: lambda: condition(ours.Condition()),
                    STDLIB: lambda: condition(threading.Condition()),
                },
                "SimpleQueue": {
                    OURS: lambda: channel(OURS, "SimpleQueue"),
                    STDLIB: lambda: channel(STDLIB, "SimpleQueue"),
                },
                "Queue": {
                    OURS: lambda: channel(OURS, "Queue"),
                    STDLIB: lambda: channel(STDLIB, "Queue"),
                    "ft_utils": lambda: channel("ft_utils.concurrency", "StdConcurrentQueue"),
                },
            }

        for rested, suffix, names in [
            (False, "", ["Lock", "Event", "Condition", "SimpleQueue", "Queue"]),
            (True, ", rested", ["Lock", "Queue"]),
        ]:
            kinds = lines(rested)
            for name in names:
                contenders: dict[str, Callable[[], Sample]] = {**kinds[name]}
                contenders[FUTEX] = functools.partial(self.raw_wakes, rested)
                self.across("wake latency", f"wake by {name}{suffix}", contenders, beside, tail=True, rounds=8)

    def ping_pong(self) -> None:
        peer, seconds = self.peer, self.effort.long / 5

        def game(made: Callable[[], Run]) -> Callable[[], Sample]:
            return lambda: calibrated(made(), seconds, count=64)

        def two(module: str, name: str) -> Run:
            (put, get), (put_back, get_back) = self.ends(module, name), self.ends(module, name)
            return messages((put, put_back), (get, get_back), "None")

        kinds: dict[str, tuple[float | None, dict[str, Callable[[], Sample]]]] = {
            "Lock": (
                2.3,
                {
                    OURS: game(lambda: locks(ours)),
                    STDLIB: game(lambda: locks(stdlib)),
                    "aiologic Semaphore": game(
                        lambda: permits(peer("aiologic", "Semaphore")(0), peer("aiologic", "Semaphore")(0))
                    ),
                },
            ),
            "Event": (
                4,
                {
                    OURS: game(lambda: events(ours.Event(), ours.Event())),
                    STDLIB: game(lambda: events(threading.Event(), threading.Event())),
                    "aiologic REvent": game(lambda: events(peer("aiologic", "REvent")(), peer("aiologic", "REvent")())),
                },
            ),
            "Condition": (
                3,
                {
                    OURS: game(lambda: turns(ours.Condition())),
                    STDLIB: game(lambda: turns(threading.Condition())),
                    "aiologic": game(lambda: turns(peer("aiologic", "Condition")())),
                },
            ),
            "SimpleQueue": (
                None,
                {
                    OURS: game(lambda: two(OURS, "SimpleQueue")),
                    STDLIB: game(lambda: two(STDLIB, "SimpleQueue")),
                    "aiologic": game(lambda: two("aiologic", "SimpleQueue")),
                    "ft_utils": game(lambda: two("ft_utils.concurrency", "ConcurrentQueue")),
                },
            ),
            "Queue": (
                4,
                {
                    OURS: game(lambda: two(OURS, "Queue")),
                    STDLIB: game(lambda: two(STDLIB, "Queue")),
                    "aiologic": game(lambda: two("aiologic", "Queue")),
                    "ft_utils": game(lambda: two("ft_utils.concurrency", "StdConcurrentQueue")),
                },
            ),
        }
        for name, (ratio, contenders) in kinds.items():
            pinned: dict[str, Goal] = {"3.14t": 10} if ratio is None else {"GIL": ratio, "3.14t": 10}
            free: dict[str, Goal] = {"GIL": lambda base: 2.5 if base >= 30e-6 else 1.0, "3.14t": 3}
            beside = {
                PINNED: [Beside(STDLIB, pinned), Beside(FUTEX, at_least(1 / 1.5))],
                FREE: [Beside(STDLIB, free)],
            }
            self.across("ping-pong", f"{name} ping-pong", contenders, beside)

    def throughput(self) -> None:
        seconds = self.effort.long
        goals = {"SimpleQueue": {0: 0.95, 1: 0.95, 20: 0.95}, "Queue": {0: 8, 1: 1.8, 20: 1}}

        def moved(module: str, name: str, threads: int, work: int) -> Sample:
            return calibrated(transfer(threads, work, *self.ends(module, name)), seconds, count=256)

        for name in ("SimpleQueue", "Queue"):
            for threads in (1, 4):
                for work, goal in goals[name].items():
                    theirs = {OURS: name, STDLIB: name, **QUEUES[name]}
                    contenders: dict[str, Callable[[], Sample]] = {
                        module.partition(".")[0]: functools.partial(moved, module, kind, threads, work)
                        for module, kind in theirs.items()
                    }
                    beside = [Beside(STDLIB, at_least(goal))]
                    title = f"{name} {threads}:{threads}, {work} µs an item"
                    both = {PINNED: beside, FREE: beside}
                    self.across("throughput", title, contenders, both, rate=True, rounds=SETTLED[name])

        def fought(lock: Any, acquire: str = "acquire", release: str = "release") -> Sample:
            return fight(seconds, getattr(lock, acquire), getattr(lock, release))

        contenders = {
            OURS: lambda: fought(ours.Lock()),
            STDLIB: lambda: fought(threading.Lock()),
            "aiologic": lambda: fought(self.peer("aiologic", "Lock")(), "green_acquire", "green_release"),
        }
        beside = [Beside(STDLIB, at_least(1))]
        self.across("throughput", "two fight for a Lock", contenders, {PINNED: beside, FREE: beside}, rate=True)

    def batch(self) -> None:
        seconds, items = self.effort.short, [None] * BATCH
        single = "for item in items: put(item)\nfor item in items: get()"

        def one_by_one(made: Any) -> Sample:
            return alone(seconds, single, per=BATCH, items=items, put=made.put, get=made.get)

        def at_once(made: Any) -> Sample:
            body = "put_many(items)\nget_many()"
            return alone(seconds, body, per=BATCH, items=items, put_many=made.put_many, get_many=made.get_many)

        for name in ("SimpleQueue", "Queue"):
            contenders: dict[str, Callable[[], Sample]] = {
                OURS: lambda name=name: at_once(getattr(ours, name)()),  # type: ignore[misc]
                STDLIB: lambda name=name: one_by_one(getattr(stdlib, name)()),  # type: ignore[misc]
                ONE_BY_ONE: lambda name=name: one_by_one(getattr(ours, name)()),  # type: ignore[misc]
            }
            beside = [Beside(STDLIB), Beside(ONE_BY_ONE)]
            self.all.append(Line("batch", f"{name}, {BATCH} at once", contenders, beside))


# What surrounds them.


def placements() -> list[str]:
    return [PINNED, FREE] if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1 else [FREE]


@contextlib.contextmanager
def placed(placement: str) -> Iterator[None]:
    """Threads that begin in here are all on one CPU, if pinned. Threads inherit their CPUs from who begins them."""
    if placement != PINNED:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compiled(folder: Path) -> Any:
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    source, target = folder / "futex.c", folder / "futex.so"
    source.write_text(FUTEX_SOURCE)
    command = [compiler, "-O2", "-shared", "-fPIC", "-pthread", str(source), "-o", str(target)]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        return None
    library = ctypes.CDLL(str(target))
    library.ping_pong.restype, library.ping_pong.argtypes = ctypes.c_double, [ctypes.c_long]
    library.wakes.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_double, ctypes.POINTER(ctypes.c_double)]
    return library


def load_peers() -> tuple[dict[str, Any], list[str], list[str]]:
    """The modules, who they are, and who is left out and why."""
    modules: dict[str, Any] = {}
    present, absent = [], []
    for peer, names in PEERS.items():
        if FREE_THREADED:
            script = f"import sys, {', '.join(names)}; print(sys._is_gil_enabled())"
            ran = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
            if ran.stdout.strip() == "True":
                absent.append(f"{peer} (switches the GIL on)")
                continue
        try:
            modules.update({name: importlib.import_module(name) for name in names})
        except ImportError:
            absent.append(peer)
        else:
            present.append(f"{peer} {importlib.metadata.version(peer)}")
    return modules, present, absent


def median(samples: list[list[float]] | None) -> float | None:
    return statistics.median(itertools.chain.from_iterable(samples)) if samples else None


def measured(line: Line, effort: Effort) -> list[Row]:
    """Rounds in which all contenders take turns."""
    notes: dict[str, str] = {}
    failed: set[str] = set()
    sampled: dict[str, list[list[float]]] = {}

    def attempt(name: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Missing as error:
            notes[name] = str(error)
        except Exception as error:
            notes[name] = f"{type(error).__name__}: {error}"
            failed.add(name)
        return None

    rounds = line.rounds if line.rounds is not None and effort.rounds > 3 else effort.rounds
    with placed(line.placement):
        samples = {name: attempt(name, made) for name, made in line.contenders.items()}
        collecting = gc.isenabled()
        gc.disable()
        try:
            for i in range(rounds):
                gc.collect(0)
                names = list(samples)
                for name in names[i % len(names) :] + names[: i % len(names)]:
                    if i % 3 and line.rate and name not in (OURS, STDLIB):
                        continue  # long samples, of which these need fewer
                    if name not in notes and (times := attempt(name, samples[name])) is not None:
                        sampled.setdefault(name, []).append(times)
        finally:
            if collecting:
                gc.enable()
            gc.collect()
    finished = {name: times for name, times in sampled.items() if name not in notes}
    told = [f"{name}: {note}" for name, note in notes.items() if name in (OURS, STDLIB) or "not installed" not in note]

    def row(beside: Beside, title: str, figure: Callable[[list[list[float]] | None], float | None], goal: bool) -> Row:
        mine = figure(finished.get(OURS))
        base = figure(finished.get(beside.base)) if beside.seconds is None else beside.seconds
        wanted = beside.goals.get(KIND) if goal else None
        if callable(wanted):
            wanted = wanted(base) if base is not None else None
        pairs = zip(finished.get(OURS, []), finished.get(beside.base, []), strict=False)
        ratios = [statistics.median(b) / statistics.median(a) for a, b in pairs]
        quartiles = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else None
        peers = {
            name: figure(times) for name, times in finished.items() if name not in (OURS, STDLIB, FUTEX, IN_A_METHOD)
        }
        return Row(
            line.section,
            title,
            line.placement,
            line.rate,
            mine,
            beside.base,
            base,
            base / mine if base is not None and mine is not None else None,
            (quartiles[0], quartiles[2]) if quartiles and goal else None,
            wanted,
            median(finished.get(FUTEX)),
            {name: time for name, time in peers.items() if time is not None and name != beside.base},
            told,
            OURS in failed,
        )

    def tail(samples: list[list[float]] | None) -> float | None:
        ordered = sorted(itertools.chain.from_iterable(samples or []))
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] if ordered else None

    rows = [row(beside, line.name, median, True) for beside in line.beside]
    if line.tail:
        rows.append(row(Beside(STDLIB), f"{line.name}, p99", tail, False))
    return rows


def better_of_two(rows: list[Row]) -> list[Row]:
    """On 3.15t a ping-pong is compared with the better placement of the standard library's."""
    pairs = [row for row in rows if row.section == "ping-pong" and row.base == STDLIB]
    result = []
    for a, b in itertools.combinations(pairs, 2):
        if a.line == b.line and None not in (a.ours, b.ours, a.base_figure, b.base_figure):
            mine, theirs = min(a.ours or 0, b.ours or 0), min(a.base_figure or 0, b.base_figure or 0)
            best = {name: min(a.peers[name], b.peers[name]) for name in a.peers if name in b.peers}
            futex = min((time for time in (a.futex, b.futex) if time is not None), default=None)
            result.append(
                Row(a.section, a.line, "better", False, mine, STDLIB, theirs, theirs / mine, None, 1.0, futex, best, [])
            )
    return result


def shown(seconds: float | None, rate: bool = False) -> str:
    if seconds is None:
        return "-"
    if rate:
        scales = [(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")]
        value = 1 / seconds
    else:
        scales = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
        value = seconds
    scale, unit = next((pair for pair in scales if value >= pair[0]), scales[-1])
    value /= scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.{0 if ratio >= 100 else 1 if ratio >= 10 else 2}f}x"


HEAD = ["", "placement", "ours", "beside", "", "ratio", "goal", "", "futex", "best peer"]
WIDTHS = [-35, -9, 9, -16, 9, 8, 6, -6, 8, 0]


def printed(cells: list[str]) -> None:
    aligned = (
        cell.rjust(width) if width > 0 else cell.ljust(-width) for cell, width in zip(cells, WIDTHS, strict=True)
    )
    print(" ".join(aligned).rstrip(), flush=True)


def print_row(row: Row) -> None:
    peer = min(row.peers, key=lambda name: row.peers[name], default=None)
    printed(
        [
            row.line,
            row.placement,
            shown(row.ours, row.rate) if row.ours is not None else "failed" if row.failed else "missing",
            row.base,
            shown(row.base_figure, row.rate),
            times(row.ratio),
            "" if row.goal is None else times(row.goal),
            row.verdict,
            shown(row.futex) if row.placement else "",
            f"{peer} {shown(row.peers[peer], row.rate)}" if peer is not None else "",
        ]
    )


def draw(rows: list[Row], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = [row for row in rows if row.ratio is not None]
    labels = [f"{row.line} ({row.placement})" if row.placement else row.line for row in drawn]
    labels = [f"{label} / {row.base}" for label, row in zip(labels, drawn, strict=True)]
    colors = {"met": "tab:green", "close": "tab:orange", "MISSED": "tab:red"}
    figure, axes = pyplot.subplots(figsize=(12, 1.5 + 0.2 * len(drawn)))
    for i, row in enumerate(drawn):
        ratio = row.ratio or 1.0
        axes.plot([1, ratio], [i, i], color=colors.get(row.verdict, "tab:gray"), linewidth=6, solid_capstyle="butt")
        axes.text(max(ratio, 1, row.goal or 0) * 1.05, i, times(ratio), va="center", fontsize=7)
        if row.goal is not None:
            axes.plot([row.goal], [i], marker="|", color="black", markersize=9, markeredgewidth=2)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(drawn)), labels, fontsize=7)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("times as fast as what it stands beside (black: the goal; green: met; orange: close; red: missed)")
    axes.set_title(f"threadmodule {threadmodule.__version__}, {interpreter()}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def interpreter() -> str:
    return f"Python {platform.python_version()} ({'free-threaded' if FREE_THREADED else 'GIL'})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds, and figures that say nothing")
    parser.add_argument("--only", default="", metavar="PATTERN", help='a regular expression: "ping-pong: Lock.*free"')
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--picture", metavar="FILE.png")
    arguments = parser.parse_args()

    effort = Effort(3, 0.0002, 0.004, 0.015) if arguments.quick else Effort(21, 0.0015, 0.04, 0.12)
    peers, present, absent = load_peers()
    with tempfile.TemporaryDirectory() as folder:
        futex = compiled(Path(folder))
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = [
        f"threadmodule {threadmodule.__version__}, {interpreter()}, {platform.system()} {platform.release()}",
        f"{cpus} CPUs allowed, {os.cpu_count()} in the machine ({platform.machine()})",
        f"peers: {', '.join(present) or 'none'}; not installed: {', '.join(absent) or 'none'}",
    ]
    if futex is None:
        machine.append("no raw futex ping-pong: no compiler, or no futex")
    if FREE not in (chosen := placements()) or PINNED not in chosen:
        machine.append(f"{chosen[0]} only: threads cannot be pinned here, or there is one CPU")
    print("\n".join(machine))

    lines = Lines(effort, peers, futex)
    lines.uncontended()
    lines.wake_latency()
    lines.ping_pong()
    lines.throughput()
    lines.batch()
    wanted = re.compile(arguments.only, re.IGNORECASE)
    selected = [line for line in lines.all if wanted.search(f"{line.section}: {line.name} {line.placement}")]
    rows: list[Row] = []
    told: set[str] = set()
    began, section = time.perf_counter(), ""
    for i, line in enumerate(selected):
        if line.section != section:
            section = line.section
            HEAD[0] = section
            print()
            printed(HEAD)
        # Should even the main thread hang: say where, and end.
        faulthandler.dump_traceback_later(len(line.contenders) * 3 * PATIENCE, exit=True)
        found = measured(line, effort)
        faulthandler.cancel_dump_traceback_later()
        ends = i + 1 == len(selected) or selected[i + 1].name != line.name
        if KIND == "3.15t" and line.section == "ping-pong" and ends:
            found += better_of_two([row for row in [*rows, *found] if row.line == line.name])
        rows += found
        for row in found:
            print_row(row)
        for note in found[0].notes:
            if note not in told:
                told.add(note)
                print(f"    {note}", flush=True)

    goals = [row for row in rows if row.goal is not None]
    took = time.perf_counter() - began
    print(f"\n{sum(row.met is True for row in goals)} of {len(goals)} goals met, in {took:.0f} s")
    for row in goals:
        if row.met is False:
            how = f"{row.verdict}, {times(row.ratio)}, to be {times(row.goal)}"
            print(f"    {row.line}{' ' * bool(row.placement)}{row.placement} / {row.base}: {how}")
    unmeasured = sum(row.met is None for row in goals)
    if unmeasured:
        print(f"    {unmeasured} not measured: ours or the other is missing")
    for placement in placements():
        theirs = {
            row.line: row.futex
            for row in rows
            if row.placement == placement and row.futex is not None and row.section != "wake latency"
        }
        if theirs:
            low, middle, high = (shown(pick(theirs.values())) for pick in (min, statistics.median, max))
            print(f"raw futex ping-pong, {placement}: {middle} ({low} to {high}, by line)")
    if arguments.json:
        found_rows = [{**dataclasses.asdict(row), "met": row.met, "verdict": row.verdict} for row in rows]
        document = {"machine": machine, "interpreter": KIND, "quick": arguments.quick, "rows": found_rows}
        Path(arguments.json).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    if arguments.picture:
        draw(rows, arguments.picture)
    if abandoned:  # threads that still wait, or spin: they are not waited for
        sys.stdout.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
