"""Signal handlers that use the very thing their thread waits for: the wait makes way for them."""

from __future__ import annotations

import pytest
from support import check_python

# How it is made, waited for, used by the handler, and released by another thread.
CASES = {
    "Lock": ("x = Lock(); x.acquire()", "x.acquire()", "use(x)", "x.release()"),
    "RLock": ("x = RLock(); hold(x)", "x.acquire(); x.release()", "use(x)", "let_go.set()"),
    "Semaphore": ("x = Semaphore(0)", "x.acquire()", "use(x)", "x.release()"),
    "bulk": ("x = Semaphore(1)", "x.acquire(n=2)", "use(x)", "x.release()"),
    "RWLock.read": ("x = RWLock(); hold(x.write)", "x.read.acquire()", "use(x.write)", "let_go.set()"),
    "RWLock.write": ("x = RWLock(); hold(x.read)", "x.write.acquire()", "use(x.write)", "let_go.set()"),
    "SimpleQueue": ("x = SimpleQueue()", "x.get()", "x.put(x.get())", "x.put(1)"),
    "Event": ("x = Event()", "x.wait()", "x.wait(1)", "x.set()"),
    "Latch": ("x = Latch(1)", "x.wait()", "x.wait(1)", "x.count_down()"),
    "Condition": (
        "x = Condition(); done = []",
        "x.acquire(); x.wait_for(lambda: done); x.release()",
        "x.acquire(); x.notify(); x.release()",
        "x.acquire(); done.append(1); x.notify(); time.sleep(0.01); x.release()",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_handler_may_wait_for_what_its_thread_waits_for(kind: str) -> None:
    make, wait, use, release = CASES[kind]
    check_python(f"""
        import signal, sys, time, threading
        from threadmodule import *

        def use(lock):
            lock.acquire()
            lock.release()

        def hold(lock):
            held = Event()
            def body():
                with lock:
                    held.set()
                    let_go.wait()
            Thread(target=body, daemon=True).start()
            held.wait()

        def handler(*_):
            global handled
            handled += 1
            in_handler.set()
            time.sleep(0.01)
            {use}

        def release():
            in_handler.wait()  # not before: what the wait has got, the handler would wait for in vain
            time.sleep(delay)
            {release}

        signal.signal(signal.SIGALRM, handler)
        handled = 0
        for delay in (0.0, 0.003, 0.006, 0.01, 0.012, 0.016, 0.02, 0.03):  # the handler sleeps, or waits
            let_go, in_handler = Event(), Event()
            {make}
            releaser = Thread(target=release)
            releaser.start()
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            {wait}
            signal.setitimer(signal.ITIMER_REAL, 0)
            releaser.join()
        assert handled == 8, handled
    """)
