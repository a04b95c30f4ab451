"""Forks, by os.fork and by a bare C fork: in the child every primitive is free and of use, without anyone's help."""

from __future__ import annotations

import pytest
from support import check_python, program

PRELUDE = """
    import ctypes, os, signal, sys, threading, time, traceback, warnings, threadmodule
    from threadmodule import AtomicInt, AtomicReference, Barrier, BoundedSemaphore, Condition, Event, Latch, Lock, RLock
    from threadmodule import Empty, Full, LifoQueue, PriorityQueue, Queue, RWLock, Semaphore, SimpleQueue, Thread, Timer
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process with threads
    def fork():
        return {fork}
    def in_thread(*calls):
        "Runs each call in a thread of its own; their results."
        threads = [Thread(target=call) for call in calls]
        for thread in threads: thread.start()
        return [thread.result(20) for thread in threads]
    def background(call):
        "A thread that is left in its wait when the parent ends."
        Thread(target=call, daemon=True).start()
    def held(lock):
        "The lock, acquired by another thread that keeps it."
        done = threading.Event()
        background(lambda: lock.acquire() and (done.set() or time.sleep(1000)))
        done.wait()
        return lock
    def settled():
        "Waits until the threads of background() wait."
        deadline = time.monotonic() + 20
        def waits(thread):
            try: return open(f"/proc/self/task/{{thread}}/stat").read().rpartition(")")[2].split()[0] == "S"
            except FileNotFoundError: return True
        while not all(waits(thread) for thread in os.listdir("/proc/self/task") if int(thread) != os.getpid()):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(0.02)
    def in_child(check):
        "Runs the check in a child, which a signal ends if it hangs."
        pid = fork()
        if pid == 0:
            signal.alarm(20)
            code = 1
            try:
                check()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        wait(pid)
    def wait(pid):
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == 0, f"the child ended with {{status}}"
    def raises(error, call, *args):
        try:
            call(*args)
        except error:
            return True
        return False
    def finish():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # the threads of the parent wait for ever
"""
FORKS = ["os.fork()", "ctypes.PyDLL(None).fork()"]


def check(fork: str, code: str) -> str:
    return check_python(program(PRELUDE).format(fork=fork) + program(code) + "\nfinish()\n")


# What another thread holds or waits for, and what the child finds
ELSEWHERE = {
    "a Lock that is held": """
        lock = Lock()
        in_thread(lock.acquire)
        def check():
            assert not lock.locked()
            for _ in range(3):
                assert lock.acquire(timeout=5) and not lock.acquire(False)
                lock.release()
            assert in_thread(lambda: lock.acquire(timeout=5)) == [True]
        in_child(check)
        assert lock.locked()
    """,
    "a Lock that is waited for": """
        lock = Lock()
        in_thread(lock.acquire)
        for _ in range(3): background(lock.acquire)
        settled()
        def check():
            for _ in range(3):
                with lock: assert lock.locked()
            assert not lock.locked()  # nobody was given it
        in_child(check)
        assert lock.locked()
    """,
    "an RLock that is held and waited for": """
        lock = held(RLock())
        background(lock.acquire)
        settled()
        def check():
            assert not lock._is_owned()
            with lock, lock:
                assert in_thread(lambda: lock.acquire(False)) == [False]
            assert raises(RuntimeError, lock.release)
        in_child(check)
        assert not lock.acquire(False)
    """,
    "a Condition that is waited for": """
        condition = Condition()
        def waiter():
            with condition: condition.wait()
        for _ in range(3): background(waiter)
        settled()
        def check():
            with condition:
                condition.notify_all()
                assert condition.wait(0.01) is False
            def ping():
                with condition: condition.notify()
            with condition:
                Thread(target=ping).start()
                assert condition.wait(5)
        in_child(check)
    """,
    "a Condition that is held, over each kind of lock": """
        for lock in [None, Lock(), RLock()]:
            condition = held(Condition(lock))
            def waiter():
                with condition: condition.wait()
            background(waiter)
            settled()
            def check():
                with condition:
                    condition.notify()
                    assert condition.wait(0.01) is False
            in_child(check)
            assert not condition.acquire(False)
    """,
    "a Semaphore whose permits are taken": """
        for semaphore in [Semaphore(2), BoundedSemaphore(2)]:
            in_thread(semaphore.acquire, semaphore.acquire)
            background(semaphore.acquire)
            background(lambda: semaphore.acquire(n=2))
            settled()
            def check():
                assert semaphore.acquire(timeout=5) and semaphore.acquire(timeout=5)
                assert not semaphore.acquire(timeout=0.01)
                semaphore.release(2)
                assert semaphore.acquire(n=2, timeout=5)
            in_child(check)
            assert not semaphore.acquire(False)
    """,
    "a Semaphore that has more than it began with": """
        semaphore = Semaphore(1)
        semaphore.release(4)
        in_thread(semaphore.acquire)
        def check():
            assert semaphore.acquire(n=4, timeout=5) and not semaphore.acquire(False)
        in_child(check)
    """,
    "an Event": """
        unset, set_ = Event(), Event()
        set_.set()
        for _ in range(3): background(unset.wait)
        settled()
        def check():
            assert set_.is_set() and set_.wait()
            assert not unset.is_set() and not unset.wait(0.01)
            Thread(target=unset.set).start()
            assert unset.wait(5)
            unset.clear()
            set_.clear()
            assert not set_.wait(0)
        in_child(check)
        assert set_.is_set() and not unset.is_set()
    """,
    "a Barrier": """
        barrier = Barrier(3)
        background(barrier.wait)
        background(barrier.wait)
        settled()
        assert barrier.n_waiting == 2
        def check():
            assert barrier.n_waiting == 0 and not barrier.broken and barrier.parties == 3
            for _ in range(3):
                assert sorted(in_thread(*[lambda: barrier.wait(5)] * 3)) == [0, 1, 2]
        in_child(check)
        assert barrier.n_waiting == 2
        barrier.wait()
    """,
    "a Latch": """
        latch = Latch(2)
        background(latch.wait)
        background(latch.arrive_and_wait)
        settled()
        def check():
            assert latch.count == 1 and not latch.wait(0.01)
            Thread(target=latch.count_down).start()
            assert latch.wait(5) and latch.count == 0
        in_child(check)
        assert latch.count == 1
    """,
    "a RWLock that is read, and waited for": """
        lock = RWLock()
        held(lock.read)
        background(lock.write.acquire)
        settled()
        background(lock.read.acquire)
        settled()
        def check():
            assert not lock.read.locked() and not lock.write.locked()
            with lock.write:
                assert in_thread(lambda: lock.read.acquire(False)) == [False]
            with lock.read:
                assert lock.upgrade(timeout=5)
                lock.downgrade()
            assert lock.write.acquire(timeout=5)
        in_child(check)
        assert not lock.write.acquire(False)
    """,
    "a RWLock that is written, and waited for": """
        lock = RWLock()
        held(lock.write)
        background(lock.write.acquire)
        background(lock.read.acquire)
        settled()
        def check():
            assert not lock.write.locked()
            with lock.read, lock.read: pass
            with lock.write: pass
        in_child(check)
        assert not lock.read.acquire(False)
    """,
    "a RWLock that is being upgraded": """
        lock = RWLock()
        held(lock.read)
        def upgrade():
            lock.read.acquire()
            lock.upgrade()
        background(upgrade)
        settled()
        def check():
            with lock.read: assert lock.upgrade(timeout=5) and (lock.downgrade() or True)
            with lock.write: pass
        in_child(check)
    """,
    "a Queue that is waited for": """
        for type_ in [Queue, LifoQueue, PriorityQueue]:
            empty, full = type_(), type_(2)
            full.put_many([1, 2])
            background(empty.get)
            background(empty.get_many)
            background(lambda: full.put(3))
            background(lambda: full.put_many([3, 4, 5]))
            background(full.join)
            settled()
            def check():
                assert sorted([full.get(), full.get()]) == [1, 2] and full.empty()
                full.put_many([6, 7], timeout=5)
                assert raises(Full, lambda: full.put(8, timeout=0.01))
                assert raises(Empty, lambda: empty.get(timeout=0.01))
                empty.put("item")
                assert empty.get(timeout=5) == "item"
                assert full.unfinished_tasks == 4
                for _ in range(4): full.task_done()
                full.join()
            in_child(check)
            assert full.full() and empty.empty()
    """,
    "a Queue whose mutex is held": """
        queue = Queue()
        queue.put(1)
        in_thread(queue.mutex.acquire)
        background(lambda: queue.put(2))
        background(queue.get)
        settled()
        def check():
            queue.put(3, timeout=5)
            assert [queue.get(timeout=5), queue.get(timeout=5)] == [1, 3] and queue.qsize() == 0
            with queue.mutex: queue.queue.clear()
        in_child(check)
    """,
    "a SimpleQueue": """
        empty, queue = SimpleQueue(), SimpleQueue()
        queue.put_many("ab")
        for wait_for in [empty.get, empty.get_many, empty.get]: background(wait_for)
        settled()
        def check():
            assert queue.get_many() == ["a", "b"]
            assert raises(Empty, lambda: empty.get(timeout=0.01))
            for item in range(3):
                empty.put(item)
                assert empty.get(timeout=5) == item
            Thread(target=lambda: empty.put("late")).start()
            assert empty.get(timeout=5) == "late"
        in_child(check)
        assert queue.qsize() == 2
    """,
    "atomics": """
        number, reference = AtomicInt(5), AtomicReference("x")
        in_thread(*[lambda: number.add(1) and reference.exchange(reference.load())] * 2)
        def check():
            assert number.add(1) == 7 and number.load() == 8
            assert reference.exchange("y") == "x" and reference.load() == "y"
        in_child(check)
        assert number.load() == 7 and reference.load() == "x"
    """,
    "a Timer": """
        called = Event()
        timer = Timer(1000, called.set)
        timer.daemon = True
        timer.start()
        def check():
            timer.cancel()
            assert not called.is_set() and not timer.is_alive()
            other = Timer(0, called.set)
            other.start()
            assert called.wait(5)
        in_child(check)
        timer.cancel()
    """,
}


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("code", ELSEWHERE.values(), ids=ELSEWHERE)
def test_the_child_is_free_of_what_other_threads_hold(fork: str, code: str) -> None:
    check(fork, code)


# What the forking thread itself holds
HELD = {
    "Lock": """
        lock = Lock()
        with lock:
            pid = fork()
        assert not lock.locked()
        assert raises(RuntimeError, lock.release)
        with lock: assert lock.locked()
    """,
    "Lock that is waited for": """
        lock = Lock()
        with lock:
            background(lambda: lock.acquire() and lock.release())
            settled()
            pid = fork()
        assert lock.acquire(timeout=5)
        lock.release()
    """,
    "RLock": """
        lock = RLock()
        with lock:
            with lock:
                pid = fork()
                assert lock._is_owned()
                assert in_thread(lambda: lock.acquire(False)) == [False]
            assert lock._is_owned()
        assert not lock._is_owned() and raises(RuntimeError, lock.release)
        assert in_thread(lambda: lock.acquire(timeout=5)) == [True]
    """,
    "RLock that is waited for": """
        lock = RLock()
        with lock:
            background(lambda: lock.acquire() and lock.release())
            settled()
            pid = fork()
        assert in_thread(lambda: lock.acquire(timeout=5) and (lock.release() or True)) == [True]
    """,
    "Condition": """
        condition = Condition()
        def waiter():
            with condition: condition.wait(20)
        background(waiter)
        settled()
        with condition:
            pid = fork()
            condition.notify_all()
            condition.wait(0.01)
        with condition: pass
        assert raises(RuntimeError, condition.release)
    """,
    "Condition over a Lock": """
        condition = Condition(Lock())
        with condition:
            pid = fork()
        with condition: assert not condition.acquire(False)
        assert raises(RuntimeError, condition.release)
    """,
    "Semaphore": """
        semaphore = Semaphore(2)
        with semaphore:
            pid = fork()
        assert semaphore.acquire(timeout=5) and semaphore.acquire(timeout=5)
        assert not semaphore.acquire(False)
    """,
    "BoundedSemaphore": """
        semaphore = BoundedSemaphore(2)
        with semaphore:
            pid = fork()
        assert semaphore.acquire(timeout=5) and semaphore.acquire(timeout=5)
        assert not semaphore.acquire(False)
        semaphore.release(2)
    """,
    "RWLock.read": """
        lock = RWLock()
        background(lambda: lock.read.acquire() and time.sleep(1) or lock.read.release())
        settled()
        with lock.read:
            pid = fork()
            assert in_thread(lambda: lock.write.acquire(False)) == [False]
        assert raises(RuntimeError, lock.read.release)
        with lock.write: pass
    """,
    "RWLock.read twice": """
        lock = RWLock()
        with lock.read, lock.read:
            pid = fork()
        with lock.write: pass
    """,
    "RWLock.write": """
        lock = RWLock()
        with lock.write:
            pid = fork()
            assert in_thread(lambda: lock.read.acquire(False)) == [False]
        assert raises(RuntimeError, lock.write.release)
        with lock.read: assert lock.upgrade(timeout=5) and (lock.downgrade() or True)
    """,
    "a Queue's mutex": """
        queue = Queue()
        with queue.mutex:
            pid = fork()
            queue.queue.append(1)
        assert queue.get(timeout=5) == 1
        with queue.not_empty:
            assert not queue.mutex.acquire(False)
    """,
}


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("code", HELD.values(), ids=HELD)
def test_a_fork_within_with(fork: str, code: str) -> None:
    """Both processes leave the block as if nothing had happened."""
    check(
        fork,
        "pid = None\ntry:\n    signal.alarm(30)\n"
        + "".join(f"    {line}\n" for line in program(code).strip().splitlines())
        + "except BaseException:\n    traceback.print_exc()\n    os._exit(1)\n"
        + "if pid == 0: finish()\nwait(pid)",
    )


# A signal handler that forks while its thread waits; in the child it makes way and the wait goes on
INSIDE = {
    "Lock": ("Lock()", "in_thread(it.acquire)", "it.acquire()", "pass", "it.release()"),
    "RLock": ("RLock()", "held(it)", "it.acquire()", "pass", None),
    "Semaphore": ("Semaphore(1)", "it.acquire()", "it.acquire()", "it.release()", "it.release()"),
    "Event": ("Event()", "pass", "it.wait()", "it.set()", "it.set()"),
    "Latch": ("Latch(1)", "pass", "it.wait()", "it.count_down()", "it.count_down()"),
    "RWLock.read": ("RWLock()", "held(it.write)", "it.read.acquire()", "pass", None),
    "RWLock.write": ("RWLock()", "held(it.read)", "it.write.acquire()", "pass", None),
    "Queue.get": ("Queue()", "pass", "it.get()", "it.put(1)", "it.put(1)"),
    "Queue.put": ("Queue(1)", "it.put(1)", "it.put(2) is None", "it.get()", "it.get()"),
    "SimpleQueue.get": ("SimpleQueue()", "pass", "it.get()", "it.put(1)", "it.put(1)"),
}


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("kind", INSIDE)
def test_a_handler_that_forks_inside_a_wait(fork: str, kind: str) -> None:
    make, block, wait, in_child, in_parent = INSIDE[kind]
    check(
        fork,
        f"""
        it, pid = {make}, None
        {block}
        settled()
        def handler(*_):
            global pid
            pid = fork()
            if pid == 0:
                signal.alarm(20)  # the default action ends a child that hangs
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                {in_child}
            elif {in_parent is None}:
                wait(pid)
                finish()  # nobody will ever release it
            else:
                wait(pid)
                {in_parent or "pass"}
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert {wait}
        assert pid is not None
        """,
    )


@pytest.mark.parametrize("fork", FORKS)
def test_a_handler_that_forks_inside_a_wait_of_a_condition(fork: str) -> None:
    check(
        fork,
        """
        condition, pid = Condition(), None
        def handler(*_):
            global pid
            pid = fork()
            if pid == 0:
                signal.alarm(20)
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
            else:
                wait(pid)
            with condition: condition.notify()
        signal.signal(signal.SIGALRM, handler)
        with condition:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert condition.wait_for(lambda: pid is not None)
            assert condition._is_owned()
        with condition: pass
        """,
    )


def test_forks_in_the_midst_of_traffic() -> None:
    """Whatever the other threads are doing at that moment. (A bare fork would leave CPython itself in disorder.)"""
    check(
        "os.fork()",
        """
        lock, queue, simple, semaphore, event = Lock(), Queue(2), SimpleQueue(), Semaphore(2), Event()
        rwlock, condition, barrier = RWLock(), Condition(), Barrier(2)
        stop = False
        def traffic():
            while not stop:
                with lock, semaphore, rwlock.read: pass
                with rwlock.write: pass
                with condition: condition.notify_all()
                event.set()
                event.clear()
                try: queue.put(1, timeout=0.001)
                except Full: queue.get_many(block=False)
                except Empty: pass
                simple.put(1)
                simple.get()
        def traffic_that_may_find_nothing():
            while True:
                try: return traffic()
                except Empty: pass
        threads = [Thread(target=traffic_that_may_find_nothing) for _ in range(3)]
        for thread in threads: thread.start()
        def check():
            with lock, rwlock.write, condition: pass
            assert semaphore.acquire(n=2, timeout=5)
            try:
                while True: queue.get(block=False)
            except Empty: pass
            queue.put_many([1, 2], timeout=5)
            assert queue.get_many() == [1, 2]
            simple.put(1)
            assert simple.get(timeout=5) == 1
            assert sorted(in_thread(*[lambda: barrier.wait(5)] * 2)) == [0, 1]
            event.set()
            assert event.wait()
        for _ in range(50): in_child(check)
        stop = True
        for thread in threads: thread.result(20)
        """,
    )


def test_many_generations() -> None:
    check(
        "os.fork()",
        """
        lock, queue = Lock(), Queue()
        def generation(depth):
            with lock:
                in_thread(lambda: lock.acquire(False))
                queue.put(depth)
                if depth < 8:
                    in_child(lambda: generation(depth + 1))
            assert queue.qsize() == depth + 1
        generation(0)
        """,
    )
