"""RWLock: many readers or one writer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from support import eventually
from threadmodule import Barrier, Event, RWLock, Thread

DEADLOCK = "upgrade|downgrade|already|holds"


def run(call: Callable[[], Any]) -> Any:
    thread = Thread(target=call)
    thread.start()
    return thread.result(60)


def started(call: Callable[[], Any]) -> Thread:
    thread = Thread(target=call)
    thread.start()
    return thread


class Holding:
    """In another thread: `with Holding(side)`."""

    def __init__(self, side: Any) -> None:
        self.side, self.held, self.done = side, Event(), Event()
        self.thread = Thread(target=self.hold)

    def hold(self) -> None:
        with self.side:
            self.held.set()
            self.done.wait()

    def __enter__(self) -> None:
        self.thread.start()
        assert self.held.wait(60)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.result(60)


def test_readers_are_many() -> None:
    lock, together = RWLock(), Barrier(4)

    def read() -> None:
        with lock.read:
            together.wait(60)

    for thread in [started(read) for _ in range(4)]:
        thread.result(60)
    assert not lock.read.locked()


def test_a_writer_is_alone() -> None:
    lock = RWLock()
    with lock.write:
        assert lock.write.locked()
        assert not run(lambda: lock.read.acquire(False))
        assert not run(lambda: lock.write.acquire(False))
        assert not run(lambda: lock.read.acquire(timeout=0.01))
        assert not run(lambda: lock.write.acquire(timeout=0.01))
    with Holding(lock.read):
        assert lock.read.locked()
        assert not lock.write.locked()
        assert not lock.write.acquire(False)
        assert not lock.write.acquire(timeout=0.01)
        assert lock.read.acquire(False)
        lock.read.release()
    assert lock.write.acquire(False)


def test_with_gives_true() -> None:
    lock = RWLock()
    with lock.read as entered:
        assert entered is True
    with lock.write as entered:
        assert entered is True


def test_the_sides_are_always_the_same() -> None:
    lock = RWLock()
    lock.read.acquire()
    side = lock.read
    assert side.locked()
    side.release()
    assert not lock.read.locked()


def test_reading_is_reentrant() -> None:
    lock = RWLock()
    with lock.read, lock.read, lock.read:
        assert not run(lambda: lock.write.acquire(False))
    assert run(lambda: lock.write.acquire(False))


def test_reading_is_reentrant_when_a_writer_waits() -> None:
    lock, wrote = RWLock(), Event()

    def write() -> None:
        with lock.write:
            wrote.set()

    with lock.read:
        writer = started(write)
        assert eventually(lambda: not run(lambda: lock.read.acquire(False) and (lock.read.release() or True)))
        with lock.read:
            assert not wrote.is_set()
    writer.result(60)
    assert wrote.is_set()


def test_new_readers_queue_behind_a_writer() -> None:
    lock, order = RWLock(), list[str]()

    def write() -> None:
        with lock.write:
            order.append("writer")

    def read() -> None:
        with lock.read:
            order.append("reader")

    with lock.read:
        writer = started(write)
        assert eventually(lambda: not run(lambda: lock.read.acquire(False) and (lock.read.release() or True)))
        readers = [started(read) for _ in range(3)]
        time.sleep(0.02)  # a chance to get ahead of the writer
        assert order == []
    for thread in [writer, *readers]:
        thread.result(60)
    assert order == ["writer", *["reader"] * 3]


def test_a_writer_that_gives_up_lets_the_readers_in() -> None:
    lock = RWLock()
    with Holding(lock.read):
        writer = started(lambda: lock.write.acquire(timeout=0.3))
        assert eventually(lambda: not run(lambda: lock.read.acquire(False) and (lock.read.release() or True)))
        reader = started(lambda: lock.read.acquire(timeout=60) and (lock.read.release() or True))
        assert writer.result(60) is False
        assert reader.result(60) is True  # although the first reader still reads


def test_writers_are_not_starved() -> None:
    lock, stop = RWLock(), Event()

    def read() -> None:
        while not stop.is_set():
            with lock.read:
                time.sleep(0.001)

    readers = [started(read) for _ in range(4)]
    for _ in range(20):
        assert lock.write.acquire(timeout=30)
        lock.write.release()
    stop.set()
    for thread in readers:
        thread.result(60)


def test_readers_are_not_starved() -> None:
    lock, stop = RWLock(), Event()

    def write() -> None:
        while not stop.is_set():
            with lock.write:
                time.sleep(0.001)

    writers = [started(write) for _ in range(3)]
    for _ in range(20):
        assert lock.read.acquire(timeout=30)
        lock.read.release()
    stop.set()
    for thread in writers:
        thread.result(60)


# Errors


def test_release_of_what_is_not_held() -> None:
    lock = RWLock()
    for release in [lock.read.release, lock.write.release, lock.downgrade, lock.upgrade]:
        with pytest.raises(RuntimeError):
            release()
    for held, other in [(lock.read, lock.write), (lock.write, lock.read)]:
        with held, pytest.raises(RuntimeError):
            other.release()
        with pytest.raises(RuntimeError):
            held.release()
    with lock.read, pytest.raises(RuntimeError):
        lock.downgrade()
    with lock.write, pytest.raises(RuntimeError):
        lock.upgrade()
    assert not lock.read.locked()
    assert not lock.write.locked()


def test_release_by_another_thread() -> None:
    lock = RWLock()
    for side in [lock.read, lock.write]:
        with Holding(side):
            with pytest.raises(RuntimeError):
                side.release()
            assert side.locked()
    with Holding(lock.read):
        with pytest.raises(RuntimeError):
            lock.upgrade()
        with lock.read:
            pass
        with pytest.raises(RuntimeError):
            lock.read.release()


@pytest.mark.parametrize("args", [(), (False,), (True, 0.01)])
def test_what_would_deadlock_is_an_error(args: tuple[Any, ...]) -> None:
    lock = RWLock()
    with lock.read:
        with pytest.raises(RuntimeError, match=DEADLOCK):
            lock.write.acquire(*args)
        assert lock.read.locked()
    with lock.write:
        for side in [lock.read, lock.write]:
            with pytest.raises(RuntimeError, match=DEADLOCK):
                side.acquire(*args)
        assert lock.write.locked()
    assert lock.write.acquire(False)


# Upgrade and downgrade


def test_upgrade() -> None:
    lock = RWLock()
    lock.read.acquire()
    assert lock.upgrade() is True
    assert lock.write.locked()
    assert not run(lambda: lock.read.acquire(False))
    with pytest.raises(RuntimeError):
        lock.read.release()
    lock.write.release()
    assert run(lambda: lock.write.acquire(False))


def test_upgrade_waits_for_the_other_readers() -> None:
    lock, upgraded = RWLock(), Event()

    def upgrade() -> None:
        with lock.read:
            assert lock.upgrade(timeout=60)
            upgraded.set()
            lock.downgrade()

    with Holding(lock.read), lock.read:
        thread = started(upgrade)
        assert not upgraded.wait(0.05)
    thread.result(60)
    assert upgraded.is_set()


@pytest.mark.parametrize("args", [(False,), (True, 0), (True, 0.01)])
def test_an_upgrade_in_vain_still_reads(args: tuple[Any, ...]) -> None:
    lock = RWLock()
    with Holding(lock.read):
        lock.read.acquire()
        assert lock.upgrade(*args) is False
        assert lock.read.locked()
        assert not lock.write.locked()
        assert run(lambda: lock.read.acquire(False) and (lock.read.release() or True))  # no writer waits
    assert lock.upgrade(False)
    lock.write.release()


def test_the_second_upgrade_fails_at_once() -> None:
    """Two readers that wait for each other would wait for ever."""
    lock, together = RWLock(), Barrier(2)

    def upgrade() -> bool:
        with lock.read:
            together.wait(60)
            upgraded = lock.upgrade()
            if upgraded:
                lock.downgrade()
            return upgraded

    for _ in range(50):
        threads = [started(upgrade) for _ in range(2)]
        assert True in [thread.result(60) for thread in threads]


def test_an_upgrade_goes_before_waiting_writers() -> None:
    lock, order = RWLock(), list[str]()

    def write() -> None:
        with lock.write:
            order.append("writer")

    lock.read.acquire()
    writer = started(write)
    assert eventually(lambda: not run(lambda: lock.read.acquire(False) and (lock.read.release() or True)))
    assert lock.upgrade(timeout=60)
    order.append("upgraded")
    lock.write.release()
    writer.result(60)
    assert order == ["upgraded", "writer"]


def test_only_a_single_hold_is_upgraded() -> None:
    lock = RWLock()
    with lock.read:
        with lock.read, pytest.raises(RuntimeError):
            lock.upgrade()
        assert lock.upgrade()
        lock.downgrade()


def test_downgrade_lets_readers_in() -> None:
    lock = RWLock()
    lock.write.acquire()
    readers = [started(lambda: lock.read.acquire(timeout=60) and (lock.read.release() or True)) for _ in range(3)]
    time.sleep(0.02)
    lock.downgrade()
    for reader in readers:
        assert reader.result(60) is True
    assert not run(lambda: lock.write.acquire(False))
    with pytest.raises(RuntimeError):
        lock.write.release()
    lock.read.release()
    assert run(lambda: lock.write.acquire(False))


def test_no_update_is_lost() -> None:
    lock, value, together = RWLock(), [0, 0], Barrier(6)

    def write() -> None:
        together.wait(60)
        for _ in range(500):
            with lock.write:
                value[0] += 1
                value[1] += 1

    def upgrade() -> int:
        together.wait(60)
        done = 0
        for _ in range(500):
            with lock.read:
                before = value[0]
                if lock.upgrade():
                    assert value == [before, before]  # nobody wrote between
                    value[0] += 1
                    value[1] += 1
                    done += 1
                    lock.downgrade()
        return done

    def read() -> None:
        together.wait(60)
        for _ in range(500):
            with lock.read:
                assert value[0] == value[1]

    others = [started(call) for call in [write, write, read, read]]
    upgraders = [started(upgrade), started(upgrade)]
    for thread in others:
        thread.result(120)
    upgrades = sum(thread.result(120) for thread in upgraders)
    assert value == [1000 + upgrades] * 2
