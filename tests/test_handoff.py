"""A wake that wakes: who was waiting runs at once, although the one who woke it stays busy."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
import threadmodule
from support import check_python, program
from threadmodule import Thread

SWITCH = 5.0  # seconds: between threads that are not handed over to


def condition_wait(condition: Any) -> None:
    with condition:
        condition.wait()


def condition_notify(condition: Any) -> None:
    with condition:
        condition.notify()


KINDS = {
    # Its arguments, and how it is held, waited for, woken
    "Lock": ((), "it.acquire()", "it.acquire()", "it.release()"),
    "RWLock": ((), "it.write.acquire()", "it.read.acquire()", "it.write.release()"),
    "RLock": ((), "it.acquire()", "it.acquire()", "it.release()"),
    "Condition": ((None,), "pass", "notified(it)", "notify(it)"),
    "Event": ((), "pass", "it.wait()", "it.set()"),
    "Semaphore": ((0,), "pass", "it.acquire()", "it.release()"),
    "Barrier": ((2, None, None), "pass", "it.wait()", "it.wait()"),
    "Latch": ((1,), "pass", "it.wait()", "it.count_down()"),
    "Queue": ((0,), "pass", "it.get()", "it.put(1)"),
    "SimpleQueue": ((), "pass", "it.get()", "it.put(1)"),
}


@pytest.mark.parametrize("handoff", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_can_be_told(kind: str, handoff: bool) -> None:
    args, hold, wait, wake = KINDS[kind]
    it = getattr(threadmodule, kind)(*args, handoff=handoff)
    scope = {"it": it, "notified": condition_wait, "notify": condition_notify}
    exec(hold, scope)
    thread = Thread(target=exec, args=(wait, scope))
    thread.start()
    time.sleep(0.05)  # into the wait
    exec(wake, scope)
    thread.result(60)


@pytest.mark.parametrize("kind", KINDS)
def test_only_by_keyword(kind: str) -> None:
    args, make = KINDS[kind][0], getattr(threadmodule, kind)
    for bad in [lambda: make(*args, True), lambda: make(*args, hand_off=True)]:
        with pytest.raises(TypeError):
            bad()
    assert make(*args, handoff=1) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_waker_does_not_keep_the_woken_waiting(kind: str) -> None:
    """Within 100 ms, where one of threading's would not run for seconds."""
    args, hold, wait, wake = KINDS[kind]
    text = program(f"""
        import sys, time
        from threadmodule import Barrier, Condition, Event, Latch, Lock, Queue, RLock, RWLock, Semaphore, SimpleQueue
        from threadmodule import Thread
        def notified(it):
            with it: it.wait()
        def notify(it):
            with it: it.notify()
        def waiter():
            {wait}
            woken.append(time.monotonic())
        quick = 0
        for _ in range(10):
            sys.setswitchinterval(0.001)
            it, woken = {kind}{args}, []
            {hold}
            thread = Thread(target=waiter)
            thread.start()
            time.sleep(0.02)
            sys.setswitchinterval({SWITCH})
            begin = time.monotonic()
            {wake}
            while time.monotonic() < begin + 0.3 and not woken: pass  # busy, and keeps the GIL
            quick += bool(woken) and woken[0] - begin < 0.1
            sys.setswitchinterval(0.001)
            if {kind == "Lock"}: it.release()
            thread.result(60)
        print(quick)
    """)
    # Who hands over waits 200 us for the other thread to run: on a machine that has other things to do, that does not
    # always suffice. Of threading's waiters, none is quick.
    assert any(int(check_python(text)) >= 3 for _ in range(5))


def test_threading_would_keep_it_waiting() -> None:
    """Or the test above tests nothing."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("without a GIL there is none that the waker could keep")
    out = check_python(f"""
        import sys, threading, time
        event, woken = threading.Event(), []
        thread = threading.Thread(target=lambda: event.wait() and woken.append(time.monotonic()))
        thread.start()
        time.sleep(0.05)
        sys.setswitchinterval({SWITCH})
        begin = time.monotonic()
        event.set()
        while time.monotonic() < begin + 0.3 and not woken: pass
        print(len(woken))
        sys.setswitchinterval(0.001)
    """)
    assert out == "0\n"
