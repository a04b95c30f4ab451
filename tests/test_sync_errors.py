"""Bad input, and what every type is as a Python object: reprs, pickling, weak references, subclasses, cycles, leaks."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import queue
import re
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import threadmodule as tm
from support import check_python, leaked_blocks

HANDOFF: dict[str, Callable[..., Any]] = {
    "Lock": tm.Lock,
    "RLock": tm.RLock,
    "Condition": tm.Condition,
    "Semaphore": tm.Semaphore,
    "BoundedSemaphore": tm.BoundedSemaphore,
    "Event": tm.Event,
    "Barrier": lambda **kwargs: tm.Barrier(2, **kwargs),
    "Latch": lambda **kwargs: tm.Latch(2, **kwargs),
    "RWLock": tm.RWLock,
    "Queue": tm.Queue,
    "LifoQueue": tm.LifoQueue,
    "PriorityQueue": tm.PriorityQueue,
    "SimpleQueue": tm.SimpleQueue,
}
MAKE: dict[str, Callable[..., Any]] = {**HANDOFF, "AtomicInt": tm.AtomicInt, "AtomicReference": tm.AtomicReference}
TYPES = {name: getattr(tm, name) for name in MAKE}
ARGS = {"Barrier": (2,), "Latch": (2,)}


def owned(lock: Any) -> Any:
    lock.acquire()
    return lock


# Bad input: the exceptions of `threading`, with messages that name the argument

BAD: list[tuple[Callable[[], object], Any, str]] = [
    # What is not held
    (lambda: tm.Lock().release(), RuntimeError, "release unlocked lock"),
    (lambda: tm.RLock().release(), RuntimeError, "cannot release un-acquired lock"),
    (lambda: tm.Condition().release(), RuntimeError, "cannot release un-acquired lock"),
    (lambda: tm.Condition(tm.Lock()).release(), RuntimeError, "release unlocked lock"),
    (lambda: tm.Condition().wait(), RuntimeError, "cannot wait on un-acquired lock"),
    (lambda: tm.Condition().wait_for(lambda: False), RuntimeError, "cannot wait on un-acquired lock"),
    (lambda: tm.Condition().notify(), RuntimeError, "cannot notify on un-acquired lock"),
    (lambda: tm.Condition().notify_all(), RuntimeError, "cannot notify on un-acquired lock"),
    (lambda: tm.Condition(tm.Lock()).wait(), RuntimeError, "cannot wait on un-acquired lock"),
    (lambda: tm.Condition(threading.Lock()).notify(), RuntimeError, "cannot notify on un-acquired lock"),
    (lambda: tm.Lock().__exit__(None, None, None), RuntimeError, "release unlocked lock"),
    (lambda: tm.RLock()._release_save(), RuntimeError, "cannot release un-acquired lock"),
    (lambda: tm.BoundedSemaphore().release(), ValueError, "Semaphore released too many times"),
    (lambda: tm.BoundedSemaphore(3).release(1), ValueError, "Semaphore released too many times"),
    (lambda: owned(tm.BoundedSemaphore(3)).release(2), ValueError, "Semaphore released too many times"),
    (lambda: tm.Queue().task_done(), ValueError, re.escape("task_done() called too many times")),
    # Numbers
    (lambda: tm.Semaphore(-1), ValueError, "value"),
    (lambda: tm.BoundedSemaphore(-(2**40)), ValueError, "value"),
    (lambda: tm.Semaphore("1"), TypeError, "value"),
    (lambda: tm.Semaphore(value=1.5), TypeError, "value"),
    (lambda: tm.Semaphore().release(0), ValueError, "n"),
    (lambda: tm.Semaphore().release(n=-1), ValueError, "n"),
    (lambda: tm.Semaphore().release("1"), TypeError, "'n'"),
    (lambda: tm.Semaphore().acquire(n=0), ValueError, "n"),
    (lambda: tm.Semaphore().acquire(n=-1), ValueError, "n"),
    (lambda: tm.Semaphore().acquire(n=1.5), TypeError, "'n'"),
    (lambda: tm.Semaphore().acquire(n=None), TypeError, "'n'"),
    (lambda: tm.Semaphore().acquire(True, None, 1), TypeError, "."),
    (lambda: tm.Barrier(0), ValueError, "parties"),
    (lambda: tm.Barrier(parties=-1), ValueError, "parties"),
    (lambda: tm.Barrier("2"), TypeError, "parties"),
    (lambda: tm.Barrier(2.0), TypeError, "parties"),
    (lambda: tm.Latch(-1), ValueError, "count"),
    (lambda: tm.Latch("1"), TypeError, "count"),
    (lambda: tm.Latch(1.0), TypeError, "count"),
    (lambda: tm.Latch(2).count_down(3), ValueError, "n"),
    (lambda: tm.Latch(2).count_down(-1), ValueError, "n"),
    (lambda: tm.Latch(2).count_down("1"), TypeError, "'n'"),
    (lambda: tm.Latch(2).arrive_and_wait(3), ValueError, "n"),
    (lambda: tm.Latch(2).arrive_and_wait(-1), ValueError, "n"),
    (lambda: owned(tm.Condition()).notify("1"), TypeError, "'n'"),
    (lambda: owned(tm.Condition()).notify(1.5), TypeError, "'n'"),
    (lambda: tm.AtomicInt("1"), TypeError, "value"),
    (lambda: tm.AtomicInt(1.5), TypeError, "value"),
    (lambda: tm.AtomicInt(2**63), OverflowError, "64"),
    (lambda: tm.AtomicInt(-(2**63) - 1), OverflowError, "64"),
    (lambda: tm.AtomicInt().store(2**63), OverflowError, "64"),
    (lambda: tm.AtomicInt().store("1"), TypeError, "."),
    (lambda: tm.AtomicInt().add("1"), TypeError, "."),
    (lambda: tm.AtomicInt().exchange(None), TypeError, "."),
    (lambda: tm.AtomicInt().compare_exchange(1.0, 1), TypeError, "."),
    (lambda: tm.Queue().get_many(0), ValueError, "n"),
    (lambda: tm.Queue().get_many(-1), ValueError, "n"),
    (lambda: tm.Queue().get_many("1"), TypeError, "'n'"),
    (lambda: tm.SimpleQueue().get_many(-1), ValueError, "n"),
    (lambda: tm.SimpleQueue().get_many(1.5), TypeError, "'n'"),
    # Objects
    (lambda: tm.Condition(5), (AttributeError, TypeError), "acquire|lock"),
    (lambda: tm.Condition(object()), (AttributeError, TypeError), "acquire|lock"),
    (lambda: tm.Barrier(1, 5).wait(), TypeError, "callable"),
    (lambda: owned(tm.Condition()).wait_for(5), TypeError, "callable"),
    (lambda: tm.Queue().put_many(5), TypeError, "iterable"),
    (lambda: tm.SimpleQueue().put_many(5), TypeError, "iterable"),
    (lambda: tm.Queue("1").put(1), TypeError, "."),
    # Calls
    (lambda: tm.Latch(), TypeError, "count"),
    (lambda: tm.Barrier(), TypeError, "parties"),
    (lambda: tm.Queue().put(), TypeError, "item"),
    (lambda: tm.SimpleQueue().put(), TypeError, "item"),
    (lambda: tm.Lock().acquire(True, 1, 1), TypeError, "."),
    (lambda: tm.Lock().acquire(wrong=1), TypeError, "wrong"),
    (lambda: tm.Event().wait(1, 1), TypeError, "."),
    (lambda: tm.Event().set(1), TypeError, "."),
    (lambda: tm.Event(1), TypeError, "."),
    (lambda: tm.Lock(1), TypeError, "."),
    (lambda: tm.RLock(1), TypeError, "."),
    (lambda: tm.RWLock(1), TypeError, "."),
    (lambda: tm.SimpleQueue(1), TypeError, "."),
    (lambda: tm.Semaphore(1, 2), TypeError, "."),
    (lambda: tm.Barrier(1, None, None, None), TypeError, "."),
    (lambda: tm.AtomicInt(1, 2), TypeError, "."),
    (lambda: tm.AtomicReference(1, 2), TypeError, "."),
    (lambda: tm.AtomicInt().compare_exchange(1), TypeError, "."),
    (lambda: tm.AtomicReference().store(), TypeError, "."),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_bad_input(call: Callable[[], object], error: Any, message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        call()
    assert str(raised.value)


SAME = [
    "Lock().release()",
    "Lock().acquire(False, 1)",
    "Lock().acquire(timeout=-2)",
    "Lock().acquire(timeout=1e300)",
    "Lock().acquire(1, 2, 3)",
    "Lock(1)",
    "RLock().release()",
    "RLock().acquire(False, 1)",
    "RLock().acquire(timeout='1')",
    "Condition().wait()",
    "Condition().notify()",
    "Condition().notify_all()",
    "Condition().release()",
    "Condition().acquire(False, 1)",
    "Semaphore(-1)",
    "Semaphore().acquire(False, 1)",
    "Semaphore().acquire(blocking=False, timeout=0)",
    "Semaphore().release(0)",
    "BoundedSemaphore().release()",
    "BoundedSemaphore(-1)",
    "Barrier(1, 5).wait()",
    "Event().wait('1')",
    "Event(1)",
    "Event().set(1)",
    "Timer()",
    "Timer(1)",
    "Queue().task_done()",
    "Queue().get(timeout=-1)",
    "Queue().get(False)",
    "Queue().get_nowait()",
    "Queue(1).put()",
    "SimpleQueue().get(timeout=-1)",
    "SimpleQueue().get(False)",
    "SimpleQueue().get(timeout='1')",
    "SimpleQueue().get(timeout=1e300)",
    "SimpleQueue(1)",
    "[q := PriorityQueue(), q.put(1), q.put('x')]",
]


@pytest.mark.parametrize("code", SAME)
def test_the_exceptions_are_those_of_threading(code: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        eval(code, {**vars(threading), **vars(queue)})
    with pytest.raises(Exception) as ours:  # noqa: PT011
        eval(code, {name: getattr(tm, name) for name in [*TYPES, "Timer"]})
    assert ours.type is theirs.type


def test_a_bad_release_changes_nothing() -> None:
    semaphore = owned(tm.BoundedSemaphore(3))
    with pytest.raises(ValueError, match="too many"):
        semaphore.release(2)
    semaphore.release(1)
    assert semaphore.acquire(n=3)
    latch = tm.Latch(2)
    for n in [3, -1]:
        with pytest.raises(ValueError, match="n"):
            latch.count_down(n)
    assert latch.count == 2
    jobs: tm.Queue[int] = tm.Queue()
    with pytest.raises(ValueError, match="too many"):
        jobs.task_done()
    assert jobs.unfinished_tasks == 0


@pytest.mark.parametrize("name", ["Lock", "RLock", "Condition"])
def test_an_exception_in_with_goes_on(name: str) -> None:
    lock = MAKE[name]()
    with pytest.raises(KeyError), lock:
        raise KeyError
    assert lock.acquire(False)


# Representation


@pytest.mark.parametrize(
    ("thing", "pattern"),
    [
        (tm.Lock(), r"<unlocked threadmodule\.Lock object at 0x[0-9a-f]+>"),
        (owned(tm.Lock()), r"<locked threadmodule\.Lock object at 0x[0-9a-f]+>"),
        (tm.RLock(), r"<unlocked threadmodule\.RLock object owner=0 count=0 at 0x[0-9a-f]+>"),
        (owned(owned(tm.RLock())), r"<locked threadmodule\.RLock object owner=[1-9][0-9]* count=2 at 0x[0-9a-f]+>"),
        (tm.Condition(), r"<Condition\(<unlocked threadmodule\.RLock object owner=0 count=0 at 0x[0-9a-f]+>, 0\)>"),
        (tm.Condition(tm.Lock()), r"<Condition\(<unlocked threadmodule\.Lock object at 0x[0-9a-f]+>, 0\)>"),
        (tm.Event(), r"<threadmodule\.Event at 0x[0-9a-f]+: unset>"),
        (tm.Semaphore(3), r"<threadmodule\.Semaphore at 0x[0-9a-f]+: value=3>"),
        (owned(tm.BoundedSemaphore(3)), r"<threadmodule\.BoundedSemaphore at 0x[0-9a-f]+: value=2/3>"),
        (tm.Barrier(3), r"<threadmodule\.Barrier at 0x[0-9a-f]+: waiters=0/3>"),
        (tm.Latch(3), r"<.*threadmodule\.Latch .*at 0x[0-9a-f]+.*>"),
        (tm.RWLock(), r"<.*threadmodule\.RWLock .*at 0x[0-9a-f]+.*>"),
        (tm.Queue(), r"<threadmodule\.Queue object at 0x[0-9a-f]+>"),
        (tm.LifoQueue(), r"<threadmodule\.LifoQueue object at 0x[0-9a-f]+>"),
        (tm.PriorityQueue(), r"<threadmodule\.PriorityQueue object at 0x[0-9a-f]+>"),
        (tm.SimpleQueue(), r"<threadmodule\.SimpleQueue object at 0x[0-9a-f]+>"),
    ],
)
def test_repr(thing: object, pattern: str) -> None:
    assert re.fullmatch(pattern, repr(thing))
    assert hex(id(thing)) in repr(thing) or isinstance(thing, tm.Condition)


@pytest.mark.parametrize("name", ["Event", "Semaphore", "BoundedSemaphore", "Barrier"])
def test_repr_of_a_subclass(name: str) -> None:
    subclass = type("Mine", (TYPES[name],), {"__module__": "my.module"})
    assert repr(subclass(*ARGS.get(name, ()))).startswith("<my.module.Mine at 0x")


@pytest.mark.parametrize("name", TYPES)
def test_names_and_docstrings(name: str) -> None:
    assert TYPES[name].__module__ == "threadmodule"
    assert TYPES[name].__qualname__ == TYPES[name].__name__ == name
    undocumented = [
        member
        for member, value in vars(TYPES[name]).items()
        if not member.startswith("_") and not isinstance(value, types.MemberDescriptorType) and not value.__doc__
    ]
    assert undocumented == []
    assert TYPES[name].__doc__


# Pickling and copying


@pytest.mark.parametrize("name", TYPES)
def test_no_pickling(name: str) -> None:
    thing = MAKE[name]()
    attempts = [lambda protocol=protocol: pickle.dumps(thing, protocol) for protocol in range(6)]
    for attempt in [*attempts, lambda: copy.copy(thing), lambda: copy.deepcopy(thing)]:
        with pytest.raises(TypeError, match=f"cannot pickle 'threadmodule.{name}' object"):
            attempt()


def test_no_pickling_of_the_sides_of_a_rwlock() -> None:
    for side in [tm.RWLock().read, tm.RWLock().write]:
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(side)


# Weak references, subclasses, generics


@pytest.mark.parametrize("name", TYPES)
def test_weak_references(name: str) -> None:
    thing = MAKE[name]()
    dead: list[object] = []
    ref = weakref.ref(thing, dead.append)
    assert ref() is thing
    del thing
    gc.collect()
    assert ref() is None
    assert dead == [ref]


@pytest.mark.parametrize("name", TYPES)
def test_subclasses(name: str) -> None:
    class Mine(TYPES[name]):  # type: ignore[misc]
        def __init__(self, *args: Any, extra: object = None, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.extra = extra

        def twice(self) -> object:
            return [self.extra] * 2

    class Slotted(TYPES[name]):  # type: ignore[misc]
        __slots__ = ("slot",)

    mine = Mine(*ARGS.get(name, ()), extra="x")
    assert isinstance(mine, TYPES[name])
    assert mine.twice() == ["x", "x"]
    assert weakref.ref(mine)() is mine
    if name in HANDOFF:
        assert Mine(*ARGS.get(name, ()), handoff=False).extra is None
    slotted = Slotted(*ARGS.get(name, ()))
    slotted.slot = mine
    assert slotted.slot is mine


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "AtomicReference"])
def test_class_getitem(name: str) -> None:
    alias = TYPES[name][int]
    assert alias == types.GenericAlias(TYPES[name], (int,))
    assert isinstance(alias(), TYPES[name])


@pytest.mark.parametrize("name", TYPES)
def test_without_init(name: str) -> None:
    """A subclass that forgets to call __init__ may not be of use, but never crashes."""
    check_python(
        f"""
        import threadmodule
        class Mine(threadmodule.{name}):
            def __init__(self): pass
        try:
            things = [Mine(), threadmodule.{name}.__new__(threadmodule.{name})]
        except TypeError:
            things = []
        for thing in things:
            for method, args in [
                ("__repr__", ()), ("acquire", (False,)), ("release", ()), ("set", ()), ("notify", ()),
                ("put_nowait", (1,)),
                ("get_nowait", ()), ("abort", ()), ("count_down", ()), ("load", ()), ("store", (1,)), ("locked", ()),
                ("exchange", (1,)), ("downgrade", ()), ("put_many", ([1],)), ("get_many", (1, False)), ("qsize", ()),
                ("is_set", ()), ("upgrade", (False,)), ("wait", (0,)), ("shutdown", ()), ("task_done", ()),
            ]:
                try:
                    getattr(thing, method, int)(*args)
                except Exception:
                    pass
            for attribute in dir(thing):
                try:
                    getattr(thing, attribute)
                except Exception:
                    pass
        """
    )


@pytest.mark.parametrize("name", TYPES)
def test_init_again(name: str) -> None:
    """It starts anew or is refused; a thing that was just made is as good as before."""
    thing = MAKE[name]()
    with contextlib.suppress(TypeError, RuntimeError):
        thing.__init__(*ARGS.get(name, ()))
    if hasattr(thing, "acquire"):
        assert thing.acquire(False)
        thing.release()


# Garbage


class Node:
    """Something that can be part of a cycle."""

    other: object = None

    def act(self) -> None:
        pass


def condition_over_a_lock_that_knows_it() -> object:
    class Locklike(Node):
        acquire = release = __enter__ = __exit__ = Node.act

    node = Locklike()
    node.other = tm.Condition(node)
    return node


def barrier_with_an_action_that_knows_it() -> object:
    node = Node()
    node.other = tm.Barrier(1, node.act)
    return node


def item_that_knows_its_queue(type_: Any) -> object:
    node = Node()
    node.other = type_()
    node.other.put(node)
    return node


def reference_to_its_owner() -> object:
    node = Node()
    node.other = tm.AtomicReference(node)
    return node


def sides_of_a_rwlock() -> object:
    node = Node()
    lock = type("Mine", (tm.RWLock,), {})()
    lock.node, lock.sides, node.other = node, [lock.read, lock.write], lock
    return node


def timer_of_a_method() -> object:
    node = Node()
    node.other = tm.Timer(1, node.act)
    return node


@pytest.mark.parametrize(
    "make",
    [
        condition_over_a_lock_that_knows_it,
        barrier_with_an_action_that_knows_it,
        lambda: item_that_knows_its_queue(tm.Queue),
        lambda: item_that_knows_its_queue(tm.LifoQueue),
        lambda: item_that_knows_its_queue(tm.PriorityQueue),
        lambda: item_that_knows_its_queue(tm.SimpleQueue),
        reference_to_its_owner,
        sides_of_a_rwlock,
        timer_of_a_method,
    ],
)
def test_cycles_are_collected(make: Callable[[], object]) -> None:
    ref = weakref.ref(make())
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("name", TYPES)
def test_cycles_through_a_subclass_are_collected(name: str) -> None:
    thing = type("Mine", (TYPES[name],), {})(*ARGS.get(name, ()))
    thing.myself = thing
    ref = weakref.ref(thing)
    del thing
    gc.collect()
    assert ref() is None


def test_a_queues_parts_outlive_it() -> None:
    """Its mutex and conditions may be all that somebody keeps."""
    jobs: tm.Queue[int] = tm.Queue()
    mutex, conditions = jobs.mutex, [jobs.not_empty, jobs.not_full, jobs.all_tasks_done]
    del jobs
    gc.collect()
    with mutex:
        assert not mutex.acquire(False)
    for condition in conditions:
        with condition:
            condition.notify_all()
            assert not condition.wait(0)
    assert not mutex.locked()


def test_the_sides_of_a_rwlock_outlive_it() -> None:
    read, write = (lock := tm.RWLock()).read, lock.write
    del lock
    gc.collect()
    with read:
        assert not write.locked()
    with write:
        assert write.locked()


def refuse(call: Callable[..., object], *args: object, **kwargs: Any) -> None:
    with contextlib.suppress(Exception):
        call(*args, **kwargs)


def use_a_condition() -> None:
    for condition in [tm.Condition(), tm.Condition(tm.Lock())]:
        with condition:
            condition.wait(0)
            condition.wait_for(lambda: True)
            condition.notify_all()
        refuse(condition.wait)


def use_a_queue(type_: Any) -> None:
    jobs = type_()
    jobs.put(object)
    jobs.get()
    refuse(jobs.get, timeout=0)
    refuse(jobs.put)
    if type_ is not tm.PriorityQueue:
        jobs.put_many([[] for _ in range(9)])
        jobs.get_many(3)
    jobs.put([1])
    if type_ is not tm.SimpleQueue:
        jobs.task_done()
        jobs.shutdown()
        refuse(jobs.put, 1)


def use_a_barrier() -> None:
    barrier = tm.Barrier(1, list)
    barrier.wait()
    barrier.abort()
    refuse(barrier.wait)


def use_references() -> None:
    reference = tm.AtomicReference([1])
    reference.store([2])
    reference.exchange([3])
    reference.compare_exchange(reference.load(), [4])
    reference.compare_exchange([], [5])
    number = tm.AtomicInt(10**10)
    number.add(10**12)
    refuse(number.add, 2**63 - 1)


def use_a_rwlock() -> None:
    lock = tm.RWLock()
    with lock.read:
        lock.upgrade()
        lock.downgrade()
        refuse(lock.write.acquire)
    refuse(lock.read.release)


def use_a_thread() -> None:
    done = tm.Event()
    thread = tm.Thread(target=done.wait)
    thread.start()
    done.set()
    thread.result()


@pytest.mark.parametrize(
    "use",
    [
        *[lambda make=make: repr(make()) for make in MAKE.values()],
        lambda: [refuse(call) for call, *_ in BAD],
        use_a_condition,
        *[
            lambda type_=type_: use_a_queue(type_)
            for type_ in (tm.Queue, tm.LifoQueue, tm.PriorityQueue, tm.SimpleQueue)
        ],
        use_a_barrier,
        use_references,
        use_a_rwlock,
        use_a_thread,
        lambda: refuse(pickle.dumps, tm.Lock()),
    ],
)
def test_nothing_leaks(use: Callable[[], object]) -> None:
    assert leaked_blocks(use) < 100
