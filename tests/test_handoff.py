"""A wake that wakes: who was waiting runs at once, although the one who woke it stays busy."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
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


tm = threadmodule
KINDS: dict[str, tuple[Callable[..., Any], str, str, str]] = {
    # Make, hold, wait, wake
    "Lock": (tm.Lock, "it.acquire()", "it.acquire()", "it.release()"),
    "RWLock": (tm.RWLock, "it.write.acquire()", "it.read.acquire()", "it.write.release()"),
    "RLock": (tm.RLock, "it.acquire()", "it.acquire()", "it.release()"),
    "Condition": (tm.Condition, "", "notified(it)", "notify(it)"),
    "Event": (tm.Event, "", "it.wait()", "it.set()"),
    "Semaphore": (lambda **k: tm.Semaphore(0, **k), "", "it.acquire()", "it.release()"),
    "Barrier": (lambda **k: tm.Barrier(2, **k), "", "it.wait()", "it.wait()"),
    "Latch": (lambda **k: tm.Latch(1, **k), "", "it.wait()", "it.count_down()"),
    "Queue": (tm.Queue, "", "it.get()", "it.put(1)"),
    "SimpleQueue": (tm.SimpleQueue, "", "it.get()", "it.put(1)"),
}


@pytest.mark.parametrize("handoff", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_can_be_told(kind: str, handoff: bool) -> None:
    make, hold, wait, wake = KINDS[kind]
    it = make(handoff=handoff)
    scope = {"it": it, "notified": condition_wait, "notify": condition_notify}
    exec(hold, scope)
    thread = Thread(target=exec, args=(wait, scope))
    thread.start()
    while thread.is_alive():
        time.sleep(0.01)
        try:
            exec(wake, scope)
        except (RuntimeError, ValueError):  # it was woken before, and is on its way
            thread.result(60)
    thread.result(60)


@pytest.mark.parametrize("kind", KINDS)
def test_only_by_keyword(kind: str) -> None:
    make = getattr(threadmodule, kind)
    args = {"Condition": (None,), "Semaphore": (0,), "Barrier": (2, None, None), "Latch": (1,), "Queue": (0,)}
    for bad in [lambda: make(*args.get(kind, ()), True), lambda: make(*args.get(kind, ()), hand_off=True)]:
        with pytest.raises(TypeError):
            bad()
    assert make(*args.get(kind, ()), handoff=1) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_waker_does_not_keep_the_woken_waiting(kind: str) -> None:
    """Within 100 ms, where a waiter of threading's would not run for seconds."""
    make, hold, wait, wake = KINDS[kind]
    text = {"Semaphore": "Semaphore(0)", "Barrier": "Barrier(2)", "Latch": "Latch(1)"}.get(kind, f"{kind}()")
    out = check_python(
        program(f"""
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
            it, woken = {text}, []
            {hold or "pass"}
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
    )
    assert int(out) >= 9


def test_threading_would_keep_it_waiting() -> None:
    """Or the test above tests nothing."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("no GIL")
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
