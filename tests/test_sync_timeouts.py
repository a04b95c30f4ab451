"""One timeout rule for every wait."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import threadmodule
from support import eventually
from threadmodule import TIMEOUT_MAX, Empty, Full, Thread

BROKEN = threadmodule.BrokenBarrierError


class Wait(NamedTuple):
    """A wait that only ends by its timeout, or by `free`."""

    make: Callable[[], Any]  # what is waited for
    wait: Callable[..., Any]  # waits for it: wait(it, timeout=...)
    free: Callable[[Any], object]  # ends the wait
    gives_up: bool | type[Exception]  # what a wait in vain gives
    negative: str  # what a negative timeout means


def taken(lock: Any) -> Any:
    """A lock that another thread holds."""
    thread = Thread(target=lock.acquire)
    thread.start()
    thread.result()
    return lock


class Held:
    """A lock held by a thread of its own, that releases it when told to."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.done = threadmodule.Event()
        self.thread = Thread(target=self.hold, daemon=True)
        self.thread.start()
        assert eventually(lock.locked)

    def hold(self) -> None:
        with self.lock:
            self.done.wait()

    def free(self) -> None:
        self.done.set()
        self.thread.join()


def upgradable() -> tuple[Any, Held]:
    lock = threadmodule.RWLock()
    held = Held(lock.read)
    lock.read.acquire()
    return lock, held


def full(type_: Any) -> Any:
    queue = type_(1)
    queue.put(1)
    return queue


def condition_wait(condition: Any, **timeout: Any) -> Any:
    with condition:
        return condition.wait(**timeout)


def condition_wait_for(box: tuple[Any, list[int]], **timeout: Any) -> Any:
    condition, true = box
    with condition:
        return bool(condition.wait_for(lambda: true, **timeout))


def notify(condition: Any) -> None:
    with condition:
        condition.notify()


def make_true(box: tuple[Any, list[int]]) -> None:
    condition, true = box
    with condition:
        true.append(1)
        condition.notify()


def held_acquire(held: Held, **timeout: Any) -> Any:
    return held.lock.acquire(**timeout)


tm = threadmodule
QUEUES = [tm.Queue, tm.LifoQueue, tm.PriorityQueue]
WAITS = {
    "Lock": Wait(lambda: taken(tm.Lock()), lambda x, **k: x.acquire(**k), lambda x: x.release(), False, "lock"),
    "RLock": Wait(lambda: Held(tm.RLock()), held_acquire, Held.free, False, "lock"),
    "Condition.acquire": Wait(lambda: Held(tm.Condition()), held_acquire, Held.free, False, "lock"),
    "RWLock.read": Wait(
        lambda: (lock := tm.RWLock(), Held(lock.write)),
        lambda x, **k: x[0].read.acquire(**k),
        lambda x: x[1].free(),
        False,
        "lock",
    ),
    "RWLock.write": Wait(
        lambda: (lock := tm.RWLock(), Held(lock.read)),
        lambda x, **k: x[0].write.acquire(**k),
        lambda x: x[1].free(),
        False,
        "lock",
    ),
    "RWLock.upgrade": Wait(upgradable, lambda x, **k: x[0].upgrade(**k), lambda x: x[1].free(), False, "lock"),
    "Condition.wait": Wait(tm.Condition, condition_wait, notify, False, "look"),
    "Condition.wait_for": Wait(lambda: (tm.Condition(), []), condition_wait_for, make_true, False, "look"),
    "Event": Wait(tm.Event, lambda x, **k: x.wait(**k), lambda x: x.set(), False, "look"),
    "Semaphore": Wait(lambda: tm.Semaphore(0), lambda x, **k: x.acquire(**k), lambda x: x.release(), False, "look"),
    "Semaphore, many": Wait(
        lambda: tm.Semaphore(2), lambda x, **k: x.acquire(n=3, **k), lambda x: x.release(), False, "look"
    ),
    "BoundedSemaphore": Wait(
        lambda: taken(tm.BoundedSemaphore()), lambda x, **k: x.acquire(**k), lambda x: x.release(), False, "look"
    ),
    "Barrier": Wait(lambda: tm.Barrier(2), lambda x, **k: x.wait(**k) in {0, 1}, lambda x: x.wait(), BROKEN, "look"),
    "Barrier's own": Wait(
        lambda: [],
        lambda x, **k: x.append(tm.Barrier(2, **k)) or x[0].wait() in {0, 1},
        lambda x: eventually(lambda: bool(x)) and x[0].wait(),
        BROKEN,
        "look",
    ),
    "Latch": Wait(lambda: tm.Latch(1), lambda x, **k: x.wait(**k), lambda x: x.count_down(), False, "look"),
    "Latch, arriving": Wait(
        lambda: tm.Latch(2),
        lambda x, **k: x.arrive_and_wait(**k) if x.count > 1 else x.wait(**k),
        lambda x: eventually(lambda: x.count == 1) and x.count_down(),
        False,
        "look",
    ),
    **{
        f"{type_.__name__}.get": Wait(type_, lambda x, **k: x.get(**k), lambda x: x.put(True), Empty, "queue")
        for type_ in [*QUEUES, tm.SimpleQueue]
    },
    **{
        f"{type_.__name__}.get_many": Wait(
            type_, lambda x, **k: x.get_many(3, **k)[0], lambda x: x.put(True), Empty, "queue"
        )
        for type_ in [*QUEUES, tm.SimpleQueue]
    },
    **{
        f"{type_.__name__}.put": Wait(
            lambda type_=type_: full(type_), lambda x, **k: x.put(2, **k) is None, lambda x: x.get(), Full, "queue"
        )
        for type_ in QUEUES
    },
    **{
        f"{type_.__name__}.put_many": Wait(
            lambda type_=type_: full(type_),
            lambda x, **k: x.put_many([2], **k) == 1,
            lambda x: x.get(),
            Full,
            "queue",
        )
        for type_ in QUEUES
    },
}


@pytest.fixture(params=WAITS)
def wait(request: pytest.FixtureRequest) -> Wait:
    return WAITS[request.param]


@pytest.fixture
def thing(wait: Wait) -> Iterator[Any]:
    thing = wait.make()
    yield thing
    for part in thing if isinstance(thing, tuple) else [thing]:
        if isinstance(part, Held):
            part.free()


def in_vain(wait: Wait, thing: Any, timeout: object) -> float:
    """How long a wait took that had to end without success."""
    begin = time.monotonic()
    if isinstance(wait.gives_up, bool):
        assert wait.wait(thing, timeout=timeout) is wait.gives_up
    else:
        with pytest.raises(wait.gives_up):
            wait.wait(thing, timeout=timeout)
    return time.monotonic() - begin


@pytest.mark.parametrize("timeout", [0.05, math.nextafter(0.05, 1)])
def test_a_wait_is_never_shorter_than_its_timeout(wait: Wait, thing: Any, timeout: float) -> None:
    assert timeout <= in_vain(wait, thing, timeout) < 5


@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, 5e-324, 1e-9])
def test_zero_looks_and_does_not_wait(wait: Wait, thing: Any, timeout: float) -> None:
    assert in_vain(wait, thing, timeout) < 5


@pytest.mark.parametrize("timeout", [None, TIMEOUT_MAX, int(TIMEOUT_MAX), 100, 1e6])
def test_a_wait_ends_by_its_success(wait: Wait, thing: Any, timeout: float | None) -> None:
    def target() -> None:
        time.sleep(0.02)  # most often the wait has begun
        while not done:
            wait.free(thing)
            if wait.wait is not condition_wait:
                break

    done: list[object] = []
    thread = Thread(target=target)
    thread.start()
    done.append(wait.wait(thing, timeout=timeout))
    thread.result()
    assert done == [True]


@pytest.mark.parametrize("timeout", [-1, -1.0])
@pytest.mark.parametrize("wait", [name for name, wait in WAITS.items() if wait.negative == "lock"], indirect=True)
def test_minus_one_is_for_ever(wait: Wait, thing: Any, timeout: float) -> None:
    test_a_wait_ends_by_its_success(wait, thing, timeout)


@pytest.mark.parametrize("timeout", [-1, -0.5, -1e-300, -1000, -(10**6), -TIMEOUT_MAX])
def test_negative(wait: Wait, thing: Any, timeout: float) -> None:
    if wait.negative == "look":
        assert in_vain(wait, thing, timeout) < 5
    elif wait.negative == "queue" or timeout != -1:
        with pytest.raises(ValueError, match="timeout"):
            wait.wait(thing, timeout=timeout)


@pytest.mark.parametrize("timeout", [math.nan, -math.nan])
def test_nan(wait: Wait, thing: Any, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        wait.wait(thing, timeout=timeout)


@pytest.mark.parametrize("timeout", [math.inf, TIMEOUT_MAX + 1, 1e300, 10**400, 2**63], ids=repr)
def test_too_much(wait: Wait, thing: Any, timeout: float) -> None:
    with pytest.raises(OverflowError, match="timeout"):
        wait.wait(thing, timeout=timeout)


@pytest.mark.parametrize("timeout", ["1", b"1", (), [1], 1j, object()], ids=repr)
def test_no_number(wait: Wait, thing: Any, timeout: object) -> None:
    with pytest.raises(TypeError, match="timeout"):
        wait.wait(thing, timeout=timeout)


class OwnError(Exception):
    pass


def test_the_error_of_a_numbers_own_conversion(wait: Wait, thing: Any) -> None:
    class Number:
        def __float__(self) -> float:
            raise OwnError

    with pytest.raises((OwnError, TypeError)):  # where only numbers proper are taken, it is not asked
        wait.wait(thing, timeout=Number())


@pytest.mark.parametrize("wait", [name for name in WAITS if name != "Barrier's own"], indirect=True)
def test_a_bad_timeout_changes_nothing(wait: Wait, thing: Any) -> None:
    before = repr(thing)
    for timeout in [math.nan, math.inf, "x"]:
        with pytest.raises((ValueError, OverflowError, TypeError)):
            wait.wait(thing, timeout=timeout)
    assert repr(thing) == before
    in_vain(wait, thing, 0)


@pytest.mark.parametrize(
    "acquire",
    [
        tm.Lock().acquire,
        tm.RLock().acquire,
        tm.Condition().acquire,
        tm.Condition(tm.Lock()).acquire,
        tm.Semaphore().acquire,
        tm.BoundedSemaphore().acquire,
        tm.RWLock().read.acquire,
        tm.RWLock().write.acquire,
    ],
)
def test_no_timeout_where_there_is_no_waiting(acquire: Callable[..., bool]) -> None:
    for bad in [lambda: acquire(False, 1), lambda: acquire(blocking=False, timeout=0.5), lambda: acquire(False, 0)]:
        with pytest.raises(ValueError, match="timeout"):
            bad()
    assert acquire(False)


def test_no_timeout_where_there_is_no_upgrading() -> None:
    lock = tm.RWLock()
    with lock.read:
        with pytest.raises(ValueError, match="timeout"):
            lock.upgrade(False, 1)
        assert lock.read.locked()


def test_blocking_false_looks_once() -> None:
    for queue in [tm.Queue(), tm.LifoQueue(), tm.PriorityQueue(), tm.SimpleQueue()]:
        for look in [lambda: queue.get(False), lambda: queue.get(block=False, timeout=100), queue.get_nowait]:  # noqa: B023
            with pytest.raises(Empty):
                look()
        with pytest.raises(Empty):
            queue.get_many(block=False)
    for type_ in QUEUES:
        queue = full(type_)
        for look in [lambda: queue.put(1, False), lambda: queue.put(1, False, 100), lambda: queue.put_nowait(1)]:  # noqa: B023
            with pytest.raises(Full):
                look()
        with pytest.raises(Full):
            queue.put_many([1], block=False)


def test_a_success_at_hand_needs_no_time() -> None:
    """Even with a timeout that allows no waiting."""
    for timeout in [0, -5]:
        event = tm.Event()
        event.set()
        assert event.wait(timeout) is True
        assert tm.Semaphore().acquire(timeout=timeout) is True
        assert tm.Barrier(1).wait(timeout) == 0
        assert tm.Latch(0).wait(timeout) is True
        with (condition := tm.Condition()):
            assert condition.wait_for(lambda: "yes", timeout) == "yes"
    assert tm.Lock().acquire(timeout=0) is True
    assert tm.RLock().acquire(timeout=0) is True
    assert tm.RWLock().read.acquire(timeout=0) is True
    assert tm.RWLock().write.acquire(timeout=0) is True
    for queue in [tm.Queue(1), tm.SimpleQueue()]:
        queue.put("item", timeout=0)
        assert queue.get(timeout=0) == "item"
        queue.put("item")
        assert queue.get_many(timeout=0) == ["item"]
