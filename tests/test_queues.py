"""Queues: batches, shutdown on every Python, and what programs change in them."""

from __future__ import annotations

import collections
import gc
import queue
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import threadmodule
from support import check_python, eventually
from threadmodule import Empty, Full, LifoQueue, PriorityQueue, Queue, ShutDown, SimpleQueue, Thread

BOUNDED = [Queue, LifoQueue, PriorityQueue]
ALL = [*BOUNDED, SimpleQueue]


def started(call: Any, *args: Any, **kwargs: Any) -> Thread:
    thread = Thread(target=call, args=args, kwargs=kwargs)
    thread.start()
    return thread


def refused(call: Any, *args: Any) -> str:
    with pytest.raises(ShutDown):
        call(*args)
    return "refused"


def test_the_exceptions_are_those_of_queue() -> None:
    assert (Empty, Full) == (queue.Empty, queue.Full)
    assert issubclass(ShutDown, Exception)
    assert ShutDown.__name__ == "ShutDown"
    if sys.version_info >= (3, 13):
        assert ShutDown is queue.ShutDown


# Batches


@pytest.mark.parametrize("type_", ALL)
def test_put_many_and_get_many(type_: Any) -> None:
    jobs = type_()
    assert jobs.put_many([]) == 0
    assert jobs.put_many(iter(range(10))) == 10
    assert jobs.put_many((10,)) == 1
    assert jobs.qsize() == 11
    first, rest = jobs.get_many(4), jobs.get_many()
    assert sorted(first + rest) == list(range(11))
    assert first == ([10, 9, 8, 7] if type_ is LifoQueue else [0, 1, 2, 3])
    assert (type(first), len(first), jobs.qsize()) == (list, 4, 0)
    jobs.put_many("ab")
    assert sorted(jobs.get_many(1000)) == ["a", "b"]
    jobs.put(1)
    assert jobs.get_many(n=1, block=False, timeout=None) == [1]


@pytest.mark.parametrize("type_", ALL)
def test_get_many_waits_for_one_only(type_: Any) -> None:
    jobs = type_()
    for get in [
        lambda: jobs.get_many(block=False),
        lambda: jobs.get_many(3, timeout=0.01),
        lambda: jobs.get_many(3, False),
    ]:
        with pytest.raises(Empty):
            get()
    thread = started(jobs.get_many, 3)
    jobs.put("item")
    assert thread.result(60) == ["item"]


@pytest.mark.parametrize("type_", BOUNDED)
def test_put_many_puts_what_there_is_room_for(type_: Any) -> None:
    jobs = type_(3)
    assert jobs.put_many(range(5), timeout=0.01) == 3
    assert jobs.put_many([], block=False) == 0
    for put in [lambda: jobs.put_many([9], timeout=0.01), lambda: jobs.put_many([9, 9], block=False)]:
        with pytest.raises(Full):
            put()
    assert sorted(jobs.get_many()) == [0, 1, 2]
    assert jobs.put_many(range(5), False) == 3
    assert jobs.unfinished_tasks == 6


@pytest.mark.parametrize("type_", BOUNDED)
def test_put_many_waits_for_room(type_: Any) -> None:
    jobs = type_(2)
    thread = started(jobs.put_many, range(100))
    got: list[int] = []
    while len(got) < 100:
        batch = jobs.get_many(timeout=60)
        assert 1 <= len(batch) <= 2
        got += batch
    assert thread.result(60) == 100
    assert sorted(got) == list(range(100))
    assert type_ is not Queue or got == sorted(got)


def test_a_batch_is_never_too_large() -> None:
    """Nor for ever on its way, though producers go on: get_many() takes what it finds, and does not race with them."""
    jobs: SimpleQueue[int] = SimpleQueue()
    ended = threading.Event()

    def produce() -> int:
        count = 0
        while not ended.is_set():
            count += jobs.put_many(range(100))
        return count

    producers = [started(produce) for _ in range(2)]
    got = 0
    try:
        for n in [1, 2, 7, 1000] * 5:
            batch = jobs.get_many(n, timeout=60)
            assert 1 <= len(batch) <= n
            got += len(batch)
        got += sum(len(started(jobs.get_many).result(20)) for _ in range(3))
    finally:
        ended.set()
    assert sum(producer.result(60) for producer in producers) == got + jobs.qsize()


def test_a_batch_serves_many_waiters() -> None:
    for type_ in ALL:
        jobs = type_()
        threads = [started(jobs.get) for _ in range(4)]
        jobs.put_many(range(4))
        assert sorted(thread.result(60) for thread in threads) == [0, 1, 2, 3]
    for type_ in BOUNDED:
        jobs = type_(4)
        jobs.put_many([1, 1, 1, 1])
        threads = [started(jobs.put, 2) for _ in range(4)]
        assert jobs.get_many() == [1] * 4 or jobs.qsize() > 0
        for thread in threads:
            thread.result(60)
        assert jobs.qsize() <= 4


@pytest.mark.parametrize("type_", ALL)
def test_an_iterable_that_fails(type_: Any) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError

    jobs = type_()
    with pytest.raises(KeyError):
        jobs.put_many(items())
    assert sorted(jobs.get_many()) == [1, 2] if jobs.qsize() else jobs.empty()
    jobs.put(3)
    assert jobs.get(timeout=60) == 3


@pytest.mark.parametrize("type_", ALL)
def test_an_iterable_that_uses_the_queue(type_: Any) -> None:
    jobs = type_()

    def items() -> Iterator[int]:
        for n in range(3):
            jobs.put(n)
            yield n + 10
            assert jobs.qsize() > 0

    assert jobs.put_many(items()) == 3
    assert sorted(jobs.get_many()) == [0, 1, 2, 10, 11, 12]


@pytest.mark.parametrize("type_", ALL)
def test_batches_in_many_threads(type_: Any) -> None:
    jobs = type_() if type_ is SimpleQueue else type_(7)

    def produce(first: int) -> None:
        for start in range(first, first + 1000, 10):
            assert jobs.put_many(range(start, start + 10)) == 10

    def consume() -> list[int]:
        got: list[int] = []
        while -1 not in got:
            got += jobs.get_many(5)
        return got

    producers = [started(produce, n * 1000) for n in range(3)]
    consumers = [started(consume) for _ in range(3)]
    for thread in producers:
        thread.result(60)
    got: list[int] = []
    while any(thread.is_alive() for thread in consumers):
        jobs.put(-1)
        eventually(lambda: jobs.empty() or not any(thread.is_alive() for thread in consumers), 1)
    for thread in consumers:
        got += thread.result(60)
    while not jobs.empty():
        got += jobs.get_many()
    assert sorted(n for n in got if n >= 0) == list(range(3000))


def test_put_many_counts_as_unfinished_and_join_waits_for_it() -> None:
    jobs: Queue[int] = Queue()
    jobs.put_many(range(3))
    thread = started(jobs.join)
    for _ in jobs.get_many():
        assert thread.is_alive()
        jobs.task_done()
    thread.result(60)


# Shutdown, which the stdlib has from 3.13 on


@pytest.mark.parametrize("type_", BOUNDED)
@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown(type_: Any, immediate: bool) -> None:
    jobs = type_(3)
    jobs.put_many([1, 2])
    assert jobs.is_shutdown is False
    assert jobs.shutdown(immediate) is None
    assert jobs.is_shutdown is True
    for put in [lambda: jobs.put(3), lambda: jobs.put_nowait(3), lambda: jobs.put_many([3])]:
        with pytest.raises(ShutDown):
            put()
    if not immediate:
        assert sorted([jobs.get(), jobs.get_nowait()]) == [1, 2]
        jobs.task_done()
        jobs.task_done()
    assert jobs.qsize() == 0
    for get in [jobs.get, jobs.get_nowait, jobs.get_many, lambda: jobs.get(timeout=1), lambda: jobs.get_many(1, False)]:
        with pytest.raises(ShutDown):
            get()
    jobs.join()
    jobs.shutdown()


@pytest.mark.parametrize("type_", BOUNDED)
@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown_ends_every_wait(type_: Any, immediate: bool) -> None:
    empty, full = type_(), type_(1)
    full.put(1)

    waits = [(empty.get,), (empty.get_many,), (full.put, 2), (full.put_many, [2, 3])]
    threads = [started(refused, *wait) for wait in waits * 2]
    with pytest.raises(Empty):
        empty.get(timeout=0.02)
    empty.shutdown(immediate)
    full.shutdown(immediate)
    assert [thread.result(60) for thread in threads] == ["refused"] * 8
    assert full.qsize() == (0 if immediate else 1)


@pytest.mark.parametrize("type_", BOUNDED)
def test_shutdown_and_join(type_: Any) -> None:
    jobs = type_()
    jobs.put_many([1, 2])
    thread = started(jobs.join)
    jobs.get()
    jobs.shutdown()
    jobs.task_done()
    assert thread.is_alive()
    jobs.shutdown(immediate=True)
    thread.result(60)
    assert jobs.unfinished_tasks == 0


def test_shutdown_between_the_items_of_a_batch() -> None:
    """What was put stays, and is counted; the next one is told."""
    jobs: Queue[int] = Queue(2)
    thread = started(jobs.put_many, range(5))
    assert eventually(jobs.full)
    jobs.shutdown()
    assert thread.result(60) == 2
    assert refused(jobs.put_many, range(5)) == "refused"
    assert jobs.get_many() == [0, 1]


def test_an_exception_between_the_items_of_a_batch_strands_nobody() -> None:
    jobs: PriorityQueue[Any] = PriorityQueue()
    getter = started(jobs.get)
    assert eventually(lambda: "1)>" in repr(jobs.not_empty))
    with pytest.raises(TypeError):
        jobs.put_many([1, "a"])
    assert getter.result(60) == 1


def test_an_exception_between_the_items_of_a_batch_loses_none() -> None:
    class Fails(Queue[int]):
        taken = 0

        def _get(self) -> int:
            self.taken += 1
            if self.taken == 3:
                raise ValueError("the third")
            return super()._get()  # type: ignore[misc]

    jobs = Fails(4)
    jobs.put_many(range(4))
    putter = started(jobs.put, 4)
    assert jobs.get_many() == [0, 1]
    putter.result(60)
    assert jobs.get_many() == [2, 3, 4]


# What programs change


class Deque(collections.deque[Any]):
    """Not quite a deque: a queue cannot take the short way."""


def test_items_are_not_taken_apart() -> None:
    class Odd(Queue[Any]):
        def _init(self, maxsize: int) -> None:
            self.queue = Deque()

    jobs = Odd()
    jobs.put(("a", 1))
    assert jobs.get() == ("a", 1)


def test_put_nowait_is_put() -> None:
    class Doubles(Queue[int]):
        def put(self, item: int, block: bool = True, timeout: float | None = None) -> None:
            super().put(2 * item, block, timeout)

        def get(self, block: bool = True, timeout: float | None = None) -> int:
            return -super().get(block, timeout)

    jobs = Doubles()
    jobs.put_nowait(2)
    assert jobs.get_nowait() == -4


def test_a_queue_may_begin_anew() -> None:
    jobs: Queue[int] = Queue(1)
    jobs.put(1)
    mutex = jobs.mutex
    jobs.__init__(3)  # type: ignore[misc]
    assert (jobs.maxsize, jobs.qsize(), jobs.unfinished_tasks, jobs.mutex is mutex) == (3, 0, 0, True)
    del jobs.queue
    with pytest.raises(AttributeError):
        jobs.qsize()


@pytest.mark.parametrize("type_", BOUNDED)
def test_a_queue_that_was_never_initialized(type_: Any) -> None:
    """The first of its process: what queues need is not there yet."""
    out = check_python(
        """
        import sys, threadmodule
        type_ = getattr(threadmodule, sys.argv[1])
        type_.__new__(type_)._init(0)
        jobs = type_.__new__(type_)
        calls = [jobs.get, jobs.get_nowait, jobs.get_many, jobs.qsize, jobs.empty, jobs.full, jobs.task_done, jobs.join]
        calls += [jobs.shutdown, jobs._qsize, jobs._get, lambda: jobs.queue, lambda: jobs.mutex, lambda: jobs.not_empty]
        calls += [lambda: jobs.put(1), lambda: jobs.put_nowait(1), lambda: jobs.put_many([1]), lambda: jobs._put(1)]
        for prepare in [lambda: None, lambda: jobs._init(0)]:
            prepare()
            for call in calls:
                try:
                    call()
                except RuntimeError as error:
                    assert "__init__() not called" in str(error), error
                else:
                    raise AssertionError(call)
        jobs.__init__()
        jobs.put(1)
        print(jobs.get())
        """,
        type_.__name__,
    )
    assert out == "1\n"


def test_a_simple_queue_that_was_never_initialized() -> None:
    check_python("""
        from threadmodule import Empty, SimpleQueue
        jobs = SimpleQueue.__new__(SimpleQueue)
        try:
            jobs.get_nowait()
        except Empty:
            assert (jobs.put_many([1, 2]), jobs.get(), jobs.get_many(), jobs.qsize()) == (2, 1, [2], 0)
    """)


def test_overridden_parts() -> None:
    class Logged(Queue[Any]):
        def _init(self, maxsize: int) -> None:
            self.log = [("init", maxsize)]
            self.items: list[Any] = []

        def _qsize(self) -> int:
            return len(self.items)

        def _put(self, item: Any) -> None:
            self.log.append(("put", item))
            self.items.append(item)

        def _get(self) -> Any:
            self.log.append(("get", self.items[0]))
            return self.items.pop(0)

    jobs = Logged(3)
    jobs.put("a")
    assert jobs.put_many(["b", "c", "d"], block=False) == 2
    assert jobs.full()
    with pytest.raises(Full):
        jobs.put("e", timeout=0.01)
    assert jobs.get() == "a"
    assert jobs.get_many() == ["b", "c"]
    assert jobs.empty()
    names = "abc"
    assert jobs.log == [("init", 3), *[("put", name) for name in names], *[("get", name) for name in names]]


@pytest.mark.parametrize("method", ["_put", "_get", "_qsize"])
def test_only_one_part_overridden(method: str) -> None:
    calls = []

    def override(self: Any, *args: Any) -> Any:
        calls.append(args)
        return getattr(Queue, method)(self, *args)

    jobs = type("Mine", (Queue,), {method: override})()
    jobs.put(1)
    assert jobs.put_many([2, 3]) == 2
    assert jobs.get() == 1
    assert jobs.get_many() == [2, 3]
    assert calls


def test_parts_overridden_in_the_instance_or_later() -> None:
    class Mine(Queue[Any]):
        pass

    jobs = Mine()
    Mine._put = lambda self, item: self.queue.append(item * 2)  # type: ignore[attr-defined]
    jobs.put(5)
    assert jobs.get() == 10
    jobs._get = lambda: "from the instance"  # type: ignore[attr-defined]
    jobs.put(1)
    assert jobs.get() == "from the instance"


def test_a_part_that_fails() -> None:
    class Failing(Queue[Any]):
        fail = False

        def _put(self, item: Any) -> None:
            if self.fail:
                raise KeyError
            super()._put(item)  # type: ignore[misc]

        def _get(self) -> Any:
            if self.fail:
                raise KeyError
            return super()._get()  # type: ignore[misc]

    jobs = Failing(2)
    jobs.put(1)
    jobs.fail = True
    for call in [lambda: jobs.put(2), lambda: jobs.put_many([2]), jobs.get, jobs.get_many]:
        with pytest.raises(KeyError):
            call()
    jobs.fail = False
    assert not jobs.mutex.locked()
    assert jobs.unfinished_tasks == 1
    jobs.put(2)
    assert jobs.get_many() == [1, 2]


def test_a_queue_of_a_set() -> None:
    class SetQueue(Queue[Any]):
        def _init(self, maxsize: int) -> None:
            self.queue = set()

        def _put(self, item: Any) -> None:
            self.queue.add(item)

        def _get(self) -> Any:
            return self.queue.pop()

    jobs = SetQueue(maxsize=2)
    assert jobs.put_many([1, 1, 1, 2]) == 4
    assert jobs.full()
    assert sorted(jobs.get_many()) == [1, 2]
    with pytest.raises(Empty):
        jobs.get(False)


def test_a_priority_queue_of_ones_own() -> None:
    import heapq

    class Largest(PriorityQueue[int]):
        def _put(self, item: int) -> None:
            heapq.heappush(self.queue, -item)

        def _get(self) -> int:
            return -heapq.heappop(self.queue)

    jobs = Largest()
    jobs.put_many([3, 1, 2])
    assert [jobs.get(), *jobs.get_many()] == [3, 2, 1]


@pytest.mark.parametrize("type_", BOUNDED)
def test_maxsize_may_change(type_: Any) -> None:
    jobs = type_(2)
    jobs.put_many([1, 2])
    jobs.maxsize = 3
    jobs.put(3, block=False)
    assert jobs.full()
    jobs.maxsize = 1
    assert jobs.get() == (3 if type_ is LifoQueue else 1)
    with pytest.raises(Full):
        jobs.put(4, block=False)
    jobs.get_many()
    jobs.put(5, block=False)
    with pytest.raises(Full):
        jobs.put(6, block=False)
    jobs.maxsize = 0
    assert jobs.put_many(range(100), block=False) == 100
    assert not jobs.full()
    jobs.maxsize = -1
    jobs.put(7, block=False)


@pytest.mark.parametrize("type_", BOUNDED)
def test_the_container_may_be_used_and_replaced(type_: Any) -> None:
    jobs = type_()
    jobs.put_many([3, 1, 2])
    with jobs.mutex:
        assert sorted(jobs.queue) == [1, 2, 3]
        jobs.queue.clear()
    assert jobs.empty()
    with pytest.raises(Empty):
        jobs.get_nowait()
    with jobs.not_empty:
        jobs.queue = type(jobs.queue)([7])
        jobs.not_empty.notify()
    assert jobs.get(timeout=60) == 7


def test_the_parts_of_a_queue() -> None:
    jobs: Queue[int] = Queue()
    assert type(jobs.mutex) is threadmodule.Lock
    conditions = [jobs.not_empty, jobs.not_full, jobs.all_tasks_done]
    assert {type(condition) for condition in conditions} == {threadmodule.Condition}
    assert jobs.mutex is jobs.mutex
    assert jobs.not_empty is jobs.not_empty
    for condition in conditions:
        with condition:
            assert jobs.mutex.locked()
            for other in conditions:
                assert not other.acquire(False)
    with jobs.mutex:
        thread = started(jobs.put, 1)
        assert not thread.join(0.02)
        assert thread.is_alive()
    thread.result(60)


def test_who_waits_for_a_part_is_notified() -> None:
    jobs: Queue[int] = Queue(1)

    def not_empty() -> bool:
        with jobs.not_empty:
            return jobs.not_empty.wait_for(lambda: len(jobs.queue) == 1, 60)

    def not_full() -> bool:
        with jobs.not_full:
            return jobs.not_full.wait_for(lambda: not jobs.queue, 60)

    thread = started(not_empty)
    jobs.put(1)
    assert thread.result(60) is True
    thread = started(not_full)
    jobs.get()
    assert thread.result(60) is True


@pytest.mark.parametrize("type_", [Queue, SimpleQueue])
def test_threads_of_threading_and_ours(type_: Any) -> None:
    jobs = type_()
    thread = threading.Thread(target=jobs.put, args=(1,))
    thread.start()
    assert jobs.get(timeout=60) == 1
    thread.join()


# Priorities


def test_items_that_have_no_order() -> None:
    jobs: PriorityQueue[Any] = PriorityQueue()
    jobs.put(1)
    for put in [lambda: jobs.put("x"), lambda: jobs.put_many(["x"]), lambda: jobs.put(None, False)]:
        with pytest.raises(TypeError, match="not supported between"):
            put()
    assert not jobs.mutex.locked()
    # The stdlib's heap keeps the item that could not be compared; whichever it is, the queue goes on.
    with jobs.mutex:
        jobs.queue[:] = [1]
    jobs.put(0)
    assert [jobs.get(), jobs.get()] == [0, 1]
    jobs.put_many([(2, "b"), (1, "a")])
    assert jobs.get_many() == [(1, "a"), (2, "b")]


def test_a_comparison_may_take_its_time_and_use_other_queues() -> None:
    class Item:
        def __init__(self, rank: int) -> None:
            self.rank = rank

        def __lt__(self, other: Item) -> bool:
            others.put(self.rank)
            gc.collect()
            return self.rank < other.rank

    others: Queue[int] = Queue()
    jobs: PriorityQueue[Item] = PriorityQueue()
    threads = [started(jobs.put_many, [Item(n) for n in range(first, 30, 3)]) for first in range(3)]
    for thread in threads:
        thread.result(60)
    assert [jobs.get().rank for _ in range(30)] == list(range(30))
    assert others.qsize() > 0


# Re-entrance and references


def test_a_destructor_may_put_into_a_simple_queue() -> None:
    jobs: SimpleQueue[Any] = SimpleQueue()

    class Item:
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def __del__(self) -> None:
            jobs.put(self.depth)
            if self.depth:
                jobs.put_many([Item(self.depth - 1)])

    jobs.put(Item(5))
    seen = []
    while not jobs.empty():
        seen += [item for item in jobs.get_many() if type(item) is int]
        gc.collect()
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]


def test_a_destructor_may_put_into_any_queue_that_lets_go_of_it() -> None:
    for type_ in ALL:
        other = SimpleQueue[str]()

        class Item:
            def __del__(self, other: SimpleQueue[str] = other) -> None:
                other.put("gone")

        jobs = type_()
        jobs.put(Item())
        if hasattr(jobs, "shutdown"):
            jobs.shutdown(immediate=True)
        del jobs
        gc.collect()
        assert other.get(timeout=60) == "gone"


@pytest.mark.parametrize("type_", ALL)
def test_a_queue_forgets_what_it_gave(type_: Any) -> None:
    class Item:
        def __lt__(self, other: object) -> bool:
            return False

    jobs = type_()
    for get in [jobs.get, lambda: jobs.get_many()[0], lambda: jobs.get_many(1)[0]]:
        item = Item()
        ref = weakref.ref(item)
        jobs.put(item)
        del item
        assert get() is not None
        gc.collect()
        assert ref() is None


def test_none_and_falsehood_are_items() -> None:
    for type_ in [Queue, LifoQueue, SimpleQueue]:
        jobs = type_()
        for item in [None, 0, "", False]:
            jobs.put(item)
            assert jobs.get() is item
            jobs.put(item)
            assert jobs.get_many() == [item]
