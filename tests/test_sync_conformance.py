"""CPython's own tests of `threading` and `queue`, those of the interpreter that runs, pointed at our classes."""

from __future__ import annotations

import sys
import unittest
from typing import Any

import pytest
import threadmodule

NEW = sys.version_info[:2]
WHY = "this Python was installed without its test suite"
support: Any = pytest.importorskip("test.support", reason=WHY)
lock_tests: Any = pytest.importorskip("test.lock_tests", reason=WHY)
test_queue: Any = pytest.importorskip("test.test_queue", reason=WHY)


@pytest.fixture(autouse=True)
def enough_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or CPython skips the tests with many threads."""
    monkeypatch.setattr(support, "real_max_memuse", 16 << 30)
    monkeypatch.setattr(support, "verbose", 0)  # else a second process watches the memory


# threading


class LockTests(lock_tests.LockTests):  # type: ignore[misc]
    locktype = threadmodule.Lock


class RLockTests(lock_tests.RLockTests):  # type: ignore[misc]
    locktype = threadmodule.RLock


class ConditionAsRLockTests(lock_tests.RLockTests):  # type: ignore[misc]
    locktype = threadmodule.Condition

    # CPython skips these for its own Condition: it takes a positional argument, and has no such method.
    test_constructor_noargs = None
    test_recursion_count = None


class ConditionTests(lock_tests.ConditionTests):  # type: ignore[misc]
    condtype = threadmodule.Condition


class EventTests(lock_tests.EventTests):  # type: ignore[misc]
    eventtype = threadmodule.Event


class SemaphoreTests(lock_tests.SemaphoreTests):  # type: ignore[misc]
    semtype = threadmodule.Semaphore


class BoundedSemaphoreTests(lock_tests.BoundedSemaphoreTests):  # type: ignore[misc]
    semtype = threadmodule.BoundedSemaphore


class BarrierTests(lock_tests.BarrierTests):  # type: ignore[misc]
    barriertype = threadmodule.Barrier


# queue


class QueueTest(test_queue.QueueTest, unittest.TestCase):  # type: ignore[misc]
    queue = threadmodule


class LifoQueueTest(test_queue.LifoQueueTest, unittest.TestCase):  # type: ignore[misc]
    queue = threadmodule


class PriorityQueueTest(test_queue.PriorityQueueTest, unittest.TestCase):  # type: ignore[misc]
    queue = threadmodule


class FailingQueueTest(test_queue.FailingQueueTest, unittest.TestCase):  # type: ignore[misc]
    queue = threadmodule


class SimpleQueueTest(test_queue.CSimpleQueueTest):  # type: ignore[misc]
    queue = threadmodule
    test_simplequeue_sizeof = None  # the size of CPython's own C structure


LOCK_SUITES = [
    LockTests,
    RLockTests,
    ConditionAsRLockTests,
    ConditionTests,
    EventTests,
    SemaphoreTests,
    BoundedSemaphoreTests,
    BarrierTests,
]
QUEUE_SUITES = [QueueTest, LifoQueueTest, PriorityQueueTest, FailingQueueTest, SimpleQueueTest]


def count(suites: list[type[unittest.TestCase]]) -> int:
    names = ((suite, name) for suite in suites for name in unittest.defaultTestLoader.getTestCaseNames(suite))
    return sum(getattr(suite, name) is not None for suite, name in names)


def test_the_suites_are_whole() -> None:
    """The numbers of 3.11.7, 3.13.0, 3.14.7 and 3.15.0; later releases only add."""
    assert count(LOCK_SUITES) >= (111 if NEW >= (3, 15) else 109 if NEW >= (3, 14) else 103 if NEW >= (3, 13) else 102)
    assert count(QUEUE_SUITES) >= (82 if NEW >= (3, 13) else 28)
