"""Ctrl-C in every wait: it ends, nothing is lost or doubled, and a wake already consumed is passed on.

THREADMODULE_INJECTIONS is how many signals interrupt waits in all, 2000 unless set.
"""

from __future__ import annotations

import os

import pytest
from support import check_python, interrupt, program

INJECTIONS = int(os.environ.get("THREADMODULE_INJECTIONS", "2000"))

# Every wait, by Ctrl-C

WAITS = {
    "Lock": ("Lock()", "it.acquire(); it.acquire()"),
    "Lock, with": ("Lock()", "it.acquire()\nwith it: pass"),
    "Lock, timeout": ("Lock()", "it.acquire(); it.acquire(timeout=1000)"),
    "RLock": ("RLock()", "elsewhere(it.acquire); it.acquire()"),
    "RLock, with": ("RLock()", "elsewhere(it.acquire)\nwith it: pass"),
    "Condition.wait": ("Condition()", "it.acquire(); it.wait()"),
    "Condition.wait, timeout": ("Condition()", "it.acquire(); it.wait(1000)"),
    "Condition.wait_for": ("Condition()", "it.acquire(); it.wait_for(lambda: False)"),
    "Event": ("Event()", "it.wait()"),
    "Event, timeout": ("Event()", "it.wait(1000)"),
    "Semaphore": ("Semaphore(0)", "it.acquire()"),
    "Semaphore, with": ("Semaphore(0)", "with it: pass"),
    "Semaphore, many": ("Semaphore(2)", "it.acquire(n=3)"),
    "Barrier": ("Barrier(2)", "it.wait()"),
    "Latch": ("Latch(1)", "it.wait()"),
    "Latch.arrive_and_wait": ("Latch(2)", "it.arrive_and_wait()"),
    "RWLock.read": ("RWLock()", "elsewhere(it.write.acquire); it.read.acquire()"),
    "RWLock.write": ("RWLock()", "elsewhere(it.read.acquire); it.write.acquire()"),
    "RWLock.upgrade": ("RWLock()", "elsewhere(it.read.acquire); it.read.acquire(); it.upgrade()"),
    "Queue.get": ("Queue()", "it.get()"),
    "Queue.get, timeout": ("Queue()", "it.get(timeout=1000)"),
    "Queue.get_many": ("Queue()", "it.get_many()"),
    "Queue.put": ("Queue(1)", "it.put(1); it.put(2)"),
    "Queue.put_many": ("Queue(1)", "it.put_many([1, 2])"),
    "Queue.join": ("Queue()", "it.put(1); it.join()"),
    "SimpleQueue.get": ("SimpleQueue()", "it.get()"),
    "SimpleQueue.get_many": ("SimpleQueue()", "it.get_many()"),
    "Timer.join": ("Timer(1000, print)", "it.daemon = True; it.start(); it.join()"),
}


@pytest.mark.parametrize("kind", WAITS)
def test_ctrl_c_ends_every_wait(kind: str) -> None:
    make, wait = WAITS[kind]
    done = interrupt(f"""
        from threadmodule import Barrier, Condition, Event, Latch, Lock, Queue, RLock, RWLock, Semaphore, SimpleQueue
        from threadmodule import Thread, Timer
        def elsewhere(call):
            thread = Thread(target=call)
            thread.start()
            thread.join()
        it = {make}
        print("ready")
        exec({wait!r})
    """)
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode == -2


# Many interruptions, while another thread competes for the same thing

PRELUDE = """
    import contextlib, faulthandler, operator, random, signal, sys, time
    from functools import partial
    from threadmodule import Barrier, Condition, Event, Latch, Lock, Queue, RLock, RWLock, Semaphore, SimpleQueue
    from threadmodule import BrokenBarrierError, Empty, Full, Thread
    faulthandler.dump_traceback_later(100, exit=True)

    class Interrupt(Exception): pass
    wanted, injections, armed, stop = int(sys.argv[1]), 0, False, False

    def handler(*_):
        global armed, injections
        if armed:
            armed = False
            injections += 1
            raise Interrupt
    signal.signal(signal.SIGALRM, handler)

    def attempt(call):
        '''What the call returned, in a list; the list is empty if a signal ended the call.

        No signal handler runs between the end of the call and the entry in the list: no bytecode is between them.
        '''
        global armed
        done = []
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 4e-4), 5e-4)
            done.extend(map(operator.call, [call]))
            armed = False
        except Interrupt:
            pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        return done

    def pause():
        time.sleep(random.choice([0, 0, 1e-5, 1e-4, 3e-4]))

    def background(call):
        def loop():
            while not stop: call()
        thread = Thread(target=loop)
        thread.start()
        return thread

    def storm(step, *rivals):
        '''Calls step() in the main thread, and the others in threads of their own, until there were enough signals.'''
        global stop
        threads = [background(rival) for rival in rivals]
        while injections < wanted: step()
        stop = True
        return threads

    def finish(threads):
        for thread in threads: thread.result(20)

    class Critical:
        '''Where only so many may be at once.'''
        def __init__(self, most): self.inside, self.most, self.guard = 0, most, __import__("threading").Lock()
        def __call__(self, n=1):
            with self.guard: self.inside += n
            assert self.inside <= self.most, self.inside
            pause()
            with self.guard: self.inside -= n
"""

STORMS = {
    "Lock": """
        lock, critical = Lock(), Critical(1)
        def rival():
            with lock: critical()
            pause()
        def step():
            if attempt(lock.acquire):
                critical()
                lock.release()
        finish(storm(step, rival, rival))
        assert lock.acquire(timeout=5)
        lock.release()
        assert not lock.locked()
    """,
    "Lock with a timeout": """
        lock, critical = Lock(), Critical(1)
        def rival():
            if lock.acquire(timeout=1e-4):
                critical()
                lock.release()
            pause()
        def step():
            if True in attempt(partial(lock.acquire, timeout=2e-4)):
                critical()
                lock.release()
        finish(storm(step, rival, rival))
        assert lock.acquire(timeout=5)
    """,
    "RLock": """
        lock, critical = RLock(), Critical(1)
        def rival():
            with lock, lock: critical()
            pause()
        def step():
            if attempt(lock.acquire):
                with lock: critical()
                lock.release()
            assert not lock._is_owned()
        finish(storm(step, rival, rival))
        assert lock.acquire(timeout=5) and lock._recursion_count() == 1
    """,
    "Condition.wait": """
        # The main thread takes a token only when it was notified: a notification that is lost with it leaves the
        # other thread asleep beside a token.
        condition, tokens, taken = Condition(), 0, 0
        def produce():
            global tokens
            with condition:
                tokens += 1
                condition.notify()
            deadline = time.monotonic() + 20
            while tokens:
                assert time.monotonic() < deadline, "a notification was lost"
                pause()
        def consume():
            global tokens, taken
            with condition:
                while not tokens and not stop: condition.wait()
                if tokens:
                    tokens -= 1
                    taken += 1
        def step():
            global tokens, taken
            with condition:
                if attempt(condition.wait) and tokens:
                    tokens -= 1
                    taken += 1
                assert condition._is_owned()
            assert not condition._is_owned()
        threads = storm(step, produce, consume)
        while any(thread.is_alive() for thread in threads):
            with condition: condition.notify_all()
            tokens = 0
        finish(threads)
        assert taken > 0
        with condition: assert not condition.wait(0)
    """,
    "Condition.wait_for": """
        condition, tokens, made, taken = Condition(Lock()), 0, 0, 0
        def produce():
            global tokens, made
            with condition:
                if tokens < 3:
                    tokens += 1
                    made += 1
                    condition.notify_all()
            pause()
        def consume():
            global tokens, taken
            with condition:
                if condition.wait_for(lambda: tokens, 0.001):
                    tokens -= 1
                    taken += 1
        def step():
            global tokens, taken
            with condition:
                if attempt(partial(condition.wait_for, lambda: tokens)):
                    tokens -= 1
                    taken += 1
        finish(storm(step, produce, consume))
        assert made == taken + tokens and tokens >= 0
        assert not condition.locked()
    """,
    "Event.wait": """
        ping, pong, pings, pongs = Event(), Event(), 0, 0
        def rival():
            global pings
            pings += 1
            ping.set()
            assert pong.wait(20) or stop
            pong.clear()
            pause()
        def step():
            global pongs
            if attempt(ping.wait):
                ping.clear()
                pongs += 1
                pong.set()
        threads = storm(step, rival)
        pong.set()
        finish(threads)
        assert pongs <= pings <= pongs + 1
        ping.set()
        assert ping.wait()
    """,
    "Semaphore.acquire": """
        semaphore, critical = Semaphore(2), Critical(2)
        def rival():
            with semaphore: critical()
            pause()
        def step():
            if attempt(semaphore.acquire):
                critical()
                semaphore.release()
        finish(storm(step, rival, rival, rival))
        assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
    """,
    "Semaphore.acquire of many": """
        semaphore, critical = Semaphore(3), Critical(3)
        def rival():
            n = random.randint(1, 2)
            assert semaphore.acquire(n=n)
            critical(n)
            semaphore.release(n)
            pause()
        def step():
            if attempt(partial(semaphore.acquire, n=3)):
                critical(3)
                semaphore.release(3)
        finish(storm(step, rival, rival))
        assert semaphore.acquire(False, n=3) and not semaphore.acquire(False)
    """,
    "Barrier.wait": """
        barrier, here, there = Barrier(2), 0, 0
        def rival():
            global there
            with contextlib.suppress(BrokenBarrierError):
                assert barrier.wait() in {0, 1}
                there += 1
        def step():
            global here
            index = attempt(barrier.wait)
            here += len(index)
            assert set(index) <= {0, 1} and not barrier.broken
            pause()
        threads = storm(step, rival)
        while any(thread.is_alive() for thread in threads): barrier.abort()
        finish(threads)
        # A signal that came when all were there already ends the wait of one, but of one only.
        assert here - 1 <= there <= here + injections
        barrier.reset()
        assert barrier.n_waiting == 0
        other = Thread(target=barrier.wait)
        other.start()
        barrier.wait(20)
        other.result(20)
    """,
    "Latch.wait": """
        latch = Latch(1)
        def rival():
            pause()
            if latch.count: latch.count_down()
        def step():
            global latch
            current = Latch(2)
            latch = current
            while not attempt(current.wait):
                assert 0 <= current.count <= 2
            assert current.count == 0
        finish(storm(step, rival))
    """,
    "RWLock.read": """
        lock, writing = RWLock(), 0
        def rival():
            global writing
            with lock.write:
                writing += 1
                assert writing == 1
                pause()
                writing -= 1
            pause()
        def step():
            if attempt(lock.read.acquire):
                assert not writing
                lock.read.release()
        finish(storm(step, rival, rival))
        assert not lock.read.locked() and not lock.write.locked()
        with lock.write: pass
    """,
    "RWLock.write": """
        lock, critical, value = RWLock(), Critical(1), 0
        def reader():
            with lock.read:
                before = value
                pause()
                assert value == before
            pause()
        def writer():
            global value
            with lock.write:
                critical()
                value += 1
            pause()
        def step():
            global value
            if attempt(lock.write.acquire):
                critical()
                value += 1
                lock.write.release()
        finish(storm(step, reader, reader, writer))
        assert not lock.read.locked() and not lock.write.locked()
        with lock.write: pass
    """,
    "RWLock.upgrade": """
        lock, value = RWLock(), 0
        def rival():
            with lock.read:
                before = value
                pause()
                assert value == before
            pause()
        def step():
            global value
            lock.read.acquire()
            if attempt(lock.upgrade) == [True]:
                value += 1
                if random.random() < 0.5: lock.write.release()
                else:
                    lock.downgrade()
                    lock.read.release()
            else:
                lock.read.release()
        finish(storm(step, rival, rival))
        assert not lock.read.locked() and not lock.write.locked()
        with lock.write: pass
    """,
    **{
        f"{type_}.{method}": f"""
        queue, put, mine, others = {type_}, 0, [], []
        def produce():
            global put
            queue.put(put)
            put += 1
            pause()
        def consume():
            with contextlib.suppress(Empty): others.append(queue.get(timeout=0.01))
        def step():
            for got in attempt({call}):
                mine.extend(got if type(got) is list else [got])
        finish(storm(step, produce, consume))
        with contextlib.suppress(Empty):
            while True: others.append(queue.get(False))
        assert sorted(mine + others) == list(range(put))
        assert mine == sorted(mine)
        queue.put("more")
        assert queue.get(timeout=5) == "more"
        """
        for type_ in ["Queue()", "SimpleQueue()"]
        for method, call in [
            ("get", "queue.get"),
            ("get, timeout", "partial(queue.get, timeout=20)"),
            ("get_many", "queue.get_many"),
            ("get_many, 2", "partial(queue.get_many, 2)"),
        ]
    },
    "Queue.put": """
        queue, mine, got = Queue(2), 0, []
        def consume():
            with contextlib.suppress(Empty): got.append(queue.get(timeout=0.01))
            pause()
        def produce():
            with contextlib.suppress(Full): queue.put(-1, timeout=0.01)
        def step():
            global mine
            if attempt(partial(queue.put, mine)): mine += 1
        finish(storm(step, consume, produce))
        got.extend(queue.get(False) for _ in range(queue.qsize()))
        assert [item for item in got if item >= 0] == list(range(mine))
        queue.put_many("ab", timeout=5)
        assert queue.get_many() == ["a", "b"]
    """,
    "Queue.put_many": """
        queue, sizes, got = Queue(2), [], []
        def consume():
            with contextlib.suppress(Empty): got.append(queue.get(timeout=0.01))
            pause()
        def step():
            batch = len(sizes)
            sizes.append((attempt(partial(queue.put_many, [(batch, n) for n in range(5)])) or [None])[0])
        finish(storm(step, consume))
        got.extend(queue.get(False) for _ in range(queue.qsize()))
        # Of a batch that was interrupted, the first so many were put; nothing came twice or out of order.
        assert got == sorted(set(got))
        for batch, size in enumerate(sizes):
            numbers = [n for b, n in got if b == batch]
            assert numbers == list(range(len(numbers))) and size in {None, 5} and (size is None or len(numbers) == 5)
        queue.put_many("ab", timeout=5)
        assert queue.get_many() == ["a", "b"]
    """,
    "Queue.join": """
        queue, jobs = Queue(), 0
        def work():
            with contextlib.suppress(Empty):
                queue.get(timeout=0.01)
                pause()
                queue.task_done()
        def step():
            queue.put(None)
            queue.put(None)
            while not attempt(queue.join): pass
            assert queue.unfinished_tasks == 0
        finish(storm(step, work, work))
        queue.join()
    """,
}

counted: dict[str, int] = {}


@pytest.mark.parametrize("kind", STORMS)
def test_a_storm_of_interruptions(kind: str) -> None:
    wanted = -(-INJECTIONS // len(STORMS))
    out = check_python(program(PRELUDE) + program(STORMS[kind]) + "\nprint(injections)\n", str(wanted), timeout=120)
    counted[kind] = int(out)
    assert counted[kind] >= wanted


def test_the_storms_were_as_many_as_wanted() -> None:
    if counted.keys() != STORMS.keys():
        pytest.skip("not all storms were run")
    assert sum(counted.values()) >= INJECTIONS


# A wake that came together with a signal

PASSED_ON = {
    # Made, then waited for twice, woken once, and woken once more
    "Lock": ("Lock()", "it.acquire()", "it.acquire", "it.release()"),
    "Lock with a timeout": ("Lock()", "it.acquire()", "partial(it.acquire, timeout=50)", "it.release()"),
    "Semaphore": ("Semaphore(0)", "pass", "it.acquire", "it.release()"),
    "Semaphore of many": ("Semaphore(0)", "pass", "partial(it.acquire, n=2)", "it.release(2)"),
    "Queue.get": ("Queue()", "pass", "it.get", "it.put(1)"),
    "Queue.get_many": ("Queue()", "pass", "it.get_many", "it.put(1)"),
    "Queue.put": ("Queue(1)", "it.put(1)", "partial(it.put, 2)", "it.get()"),
    "SimpleQueue.get": ("SimpleQueue()", "pass", "it.get", "it.put(1)"),
    "SimpleQueue.get_many": ("SimpleQueue()", "pass", "it.get_many", "it.put(1)"),
    "Condition": ("Condition()", "pass", "it.wait", "notify(it)"),
}


@pytest.mark.parametrize("kind", PASSED_ON)
def test_a_wake_is_passed_on_by_a_thread_whose_handler_raises(kind: str) -> None:
    """One wake for two waiters: the first is interrupted at the same moment, so either of them has it, never nobody."""
    make, block, wait, wake = PASSED_ON[kind]
    check_python(
        program(PRELUDE)
        + program(f"""
        main, interrupted = __import__("threading").main_thread().ident, 0
        def notify(it):
            with it: it.notify()
        for number in range(int(sys.argv[1])):
            it, entered, woken = {make}, [], []
            {block}
            outer = it if type(it) is Condition else contextlib.nullcontext()
            def second():
                while not armed: time.sleep(1e-4)
                time.sleep(1e-3)  # behind the main thread
                with outer:
                    entered.append("second")
                    woken.extend(map(operator.call, [{wait}]))
            def waker():
                while not entered: time.sleep(1e-4)
                time.sleep(1e-3)  # into the waits
                steps = [lambda: {wake}, lambda: signal.pthread_kill(main, signal.SIGALRM)]
                if number % 2: steps.reverse()
                steps.insert(1, lambda: time.sleep(random.choice([0, 1e-5, 1e-4])))
                for step in steps: step()
            threads = [Thread(target=second), Thread(target=waker)]
            for thread in threads: thread.start()
            with outer:
                mine = []
                try:
                    armed = True
                    mine.extend(map(operator.call, [{wait}]))
                    armed = False
                except Interrupt:
                    pass
            if mine:
                {wake}
            else:
                interrupted += 1
                deadline = time.monotonic() + 20
                while not woken:  # the other has it
                    assert time.monotonic() < deadline, f"a wake was lost in round {{number}}"
                    time.sleep(1e-4)
            for thread in threads: thread.result(20)
        assert interrupted
        """),
        "60",
        timeout=120,
    )


def test_a_handler_may_use_what_its_thread_waits_for() -> None:
    check_python("""
        import signal
        from threadmodule import Event, Latch, Queue, Semaphore, SimpleQueue
        for make, wait, wake in [
            (Event, lambda it: it.wait(), lambda it: it.set()),
            (SimpleQueue, lambda it: it.get(), lambda it: it.put(1)),
            (SimpleQueue, lambda it: it.get_many(), lambda it: it.put_many([1])),
            (Queue, lambda it: it.get(), lambda it: it.put(1)),
            (lambda: Semaphore(0), lambda it: it.acquire(), lambda it: it.release()),
            (lambda: Latch(1), lambda it: it.wait(), lambda it: it.count_down()),
        ]:
            it = make()
            signal.signal(signal.SIGALRM, lambda *_: wake(it))
            for timer in [0.01, 1e-5]:
                it = make()
                signal.setitimer(signal.ITIMER_REAL, timer)
                wait(it)
    """)
