"""Latch: a count down to zero, once."""

from __future__ import annotations

import pytest
from support import eventually
from threadmodule import AtomicInt, Latch, Thread


def started(call: object, *args: object) -> Thread:
    thread = Thread(target=call, args=args)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_life() -> None:
    latch = Latch(3)
    assert latch.count == 3
    assert latch.wait(0) is False
    assert latch.count_down() is None
    assert latch.count == 2
    latch.count_down(2)
    assert latch.count == 0
    assert latch.wait() is True
    assert latch.wait(0) is True
    latch.count_down(0)
    with pytest.raises(ValueError, match="n"):
        latch.count_down()
    assert latch.wait() is True


def test_nothing_to_wait_for() -> None:
    assert Latch(0).wait() is True
    assert Latch(0).arrive_and_wait(0) is True


def test_the_count_is_read_only() -> None:
    with pytest.raises(AttributeError):
        Latch(1).count = 2  # type: ignore[misc]


def test_all_waiters_are_let_go() -> None:
    latch = Latch(2)
    waiters = [started(latch.wait) for _ in range(5)]
    latch.count_down()
    assert not latch.wait(0.02)
    assert all(waiter.is_alive() for waiter in waiters)
    latch.count_down()
    assert [waiter.result(60) for waiter in waiters] == [True] * 5


def test_a_latch_may_begin_anew() -> None:
    latch = Latch(2)
    waiters = [started(latch.wait, 60) for _ in range(3)]
    latch.__init__(1)  # type: ignore[misc]
    assert not latch.wait(0.05)  # the others wait by now
    assert all(waiter.is_alive() for waiter in waiters)
    latch.__init__(0)  # type: ignore[misc]
    assert [waiter.result(30) for waiter in waiters] == [True] * 3
    latch.__init__(1)  # type: ignore[misc]
    assert latch.wait(0) is False
    latch.count_down()
    assert latch.wait() is True


def test_arrive_and_wait() -> None:
    latch = Latch(4)
    threads = [started(latch.arrive_and_wait) for _ in range(3)]
    assert eventually(lambda: latch.count == 1)
    assert all(thread.is_alive() for thread in threads)
    assert latch.arrive_and_wait(1, 60) is True
    assert [thread.result(60) for thread in threads] == [True] * 3


def test_who_arrives_and_gives_up_has_arrived() -> None:
    latch = Latch(3)
    assert latch.arrive_and_wait(2, timeout=0.01) is False
    assert latch.count == 1
    assert latch.arrive_and_wait(n=1, timeout=0) is True


def test_bad_counts_change_nothing() -> None:
    latch = Latch(3)
    for n in [4, -1, 10**30, -(10**30)]:
        for call in [latch.count_down, latch.arrive_and_wait]:
            with pytest.raises((ValueError, OverflowError)):
                call(n)
    assert latch.count == 3


def test_a_large_count() -> None:
    latch = Latch(2**31)
    latch.count_down(2**31 - 1)
    assert latch.count == 1


def test_many_threads_count_down() -> None:
    for _ in range(50):
        latch, before = Latch(8), AtomicInt()

        def work(latch: Latch = latch, before: AtomicInt = before) -> None:
            before.add(1)
            latch.count_down(2)

        threads = [started(work) for _ in range(4)]
        assert latch.wait(60)
        assert before.load() == 4
        for thread in threads:
            thread.result(60)
        assert latch.count == 0
