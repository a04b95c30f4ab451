"""Programs in the style of the `threading` tutorials: the same output when only the import is changed."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import threadmodule as tm
from support import check_python, program

PROGRAMS = {
    "a counter under a Lock": """
        counter = 0
        lock = threading.Lock()
        def increment(times):
            global counter
            for _ in range(times):
                with lock:
                    value = counter
                    counter = value + 1
        threads = [threading.Thread(target=increment, args=(2000,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(counter, lock.locked())
    """,
    "a Lock without with": """
        lock = threading.Lock()
        print(lock.acquire(), lock.acquire(False), lock.acquire(blocking=False), lock.acquire(True, 0.01))
        print(lock.acquire(timeout=0.01), lock.locked())
        lock.release()
        try:
            lock.release()
        except RuntimeError as error:
            print(error)
        print(lock.acquire(timeout=1), lock.locked())
    """,
    "recursion under an RLock": """
        lock = threading.RLock()
        def factorial(n):
            with lock:
                return 1 if n < 2 else n * factorial(n - 1)
        results = []
        threads = [threading.Thread(target=lambda n=n: results.append(factorial(n))) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(sorted(results))
        try:
            lock.release()
        except RuntimeError as error:
            print(error)
    """,
    "an account with an RLock": """
        class Account:
            def __init__(self):
                self.lock = threading.RLock()
                self.balance = 0
            def deposit(self, amount):
                with self.lock:
                    self.balance += amount
            def transfer(self, other, amount):
                with self.lock:
                    self.deposit(-amount)
                    other.deposit(amount)
        one, two = Account(), Account()
        one.deposit(1000)
        threads = [threading.Thread(target=one.transfer, args=[two, 10]) for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(one.balance, two.balance)
    """,
    "a Semaphore of 2": """
        import time
        pool = threading.Semaphore(2)
        guard = threading.Lock()
        inside = most = 0
        def work():
            global inside, most
            with pool:
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.01)
                with guard:
                    inside -= 1
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(most, inside)
        print(pool.acquire(blocking=False), pool.acquire(timeout=0.01), pool.acquire(False))
        pool.release(2)
    """,
    "a BoundedSemaphore": """
        pool = threading.BoundedSemaphore(value=2)
        pool.acquire()
        pool.release()
        try:
            pool.release()
        except ValueError as error:
            print(error)
    """,
    "an Event": """
        ready, done = threading.Event(), threading.Event()
        log = []
        def worker():
            ready.wait()
            log.append("worker")
            done.set()
        thread = threading.Thread(target=worker)
        thread.start()
        print(ready.is_set(), done.wait(0.01))
        log.append("main")
        ready.set()
        print(done.wait(), log)
        thread.join()
        ready.clear()
        print(ready.is_set(), ready.wait(timeout=0))
    """,
    "producer and consumer on a Condition": """
        from collections import deque
        items = deque()
        condition = threading.Condition()
        log = []
        def producer():
            for item in range(20):
                with condition:
                    while len(items) == 3:
                        condition.wait()
                    items.append(item)
                    condition.notify_all()
            with condition:
                items.append(None)
                condition.notify_all()
        def consumer():
            while True:
                with condition:
                    condition.wait_for(lambda: items)
                    item = items.popleft()
                    condition.notify_all()
                if item is None:
                    return
                log.append(item)
        threads = [threading.Thread(target=target) for target in (producer, consumer)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(log)
        try:
            condition.notify()
        except RuntimeError as error:
            print(error)
        try:
            condition.wait()
        except RuntimeError as error:
            print(error)
        with condition:
            print(condition.wait(0.01), condition.wait_for(lambda: 7), condition.wait_for(lambda: 0, timeout=0.01))
    """,
    "two Conditions over one Lock": """
        lock = threading.Lock()
        full, empty = threading.Condition(lock), threading.Condition(lock)
        slot = []
        def put(item):
            with empty:
                while slot: empty.wait()
                slot.append(item)
                full.notify()
        def get():
            with full:
                while not slot: full.wait()
                empty.notify()
                return slot.pop()
        thread = threading.Thread(target=lambda: [put(n) for n in range(50)])
        thread.start()
        print([get() for _ in range(50)])
        thread.join()
        print(lock.locked())
    """,
    "a Barrier": """
        log, actions = [], []
        barrier = threading.Barrier(3, action=lambda: actions.append(len(log)))
        def runner():
            for _ in range(4):
                log.append(None)
                barrier.wait()
                barrier.wait()
        threads = [threading.Thread(target=runner) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(actions, barrier.parties, barrier.n_waiting, barrier.broken)
        try:
            barrier.wait(timeout=0.01)
        except threading.BrokenBarrierError as error:
            print(type(error).__name__, isinstance(error, RuntimeError), barrier.broken)
        barrier.reset()
        print(barrier.broken)
        barrier.abort()
        print(barrier.broken)
    """,
    "a Timer": """
        done = threading.Event()
        timer = threading.Timer(0.01, lambda *args, **kwargs: (print(args, kwargs), done.set()), [1, 2], {"x": 3})
        timer.start()
        print(done.wait(20))
        timer.join()
        never = threading.Timer(1000, print, args=["never"])
        print(never.interval, never.args, never.kwargs, never.function is print, never.finished.is_set())
        never.start()
        never.cancel()
        never.join()
        print(never.finished.is_set(), never.is_alive(), isinstance(never, threading.Thread))
    """,
    "a subclass of Timer that repeats": """
        class Repeat(threading.Timer):
            def run(self):
                while not self.finished.wait(self.interval):
                    self.function(*self.args, **self.kwargs)
        ticks = []
        def tick():
            ticks.append(None)
            if len(ticks) == 3:
                timer.cancel()
        timer = Repeat(0.005, tick)
        timer.start()
        timer.join()
        print(len(ticks))
    """,
    "a subclass of Thread": """
        class Worker(threading.Thread):
            def __init__(self, number):
                super().__init__(name=f"worker-{number}", daemon=True)
                self.number = number
                self.result_ = None
            def run(self):
                self.result_ = self.number ** 2, threading.current_thread() is self, threading.current_thread().name
        workers = [Worker(n) for n in range(4)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        print([worker.result_ for worker in workers], [worker.daemon for worker in workers])
    """,
    "local": """
        data = threading.local()
        data.value = "main"
        seen = []
        def target(value):
            seen.append(hasattr(data, "value"))
            data.value = value
            seen.append(data.value)
        for n in range(3):
            thread = threading.Thread(target=target, args=(n,))
            thread.start()
            thread.join()
        print(seen, data.value)
        class Mine(threading.local):
            number = 1
            def __init__(self, start): self.start = start
        print(Mine(5).start)
    """,
    "a Queue of workers": """
        jobs, results = queue.Queue(), []
        def worker():
            while True:
                job = jobs.get()
                if job is None:
                    jobs.task_done()
                    return
                results.append(job * job)
                jobs.task_done()
        threads = [threading.Thread(target=worker) for _ in range(4)]
        for thread in threads: thread.start()
        for job in range(100): jobs.put(job)
        jobs.join()
        print(sorted(results) == [n * n for n in range(100)], jobs.empty(), jobs.qsize(), jobs.unfinished_tasks)
        for _ in threads: jobs.put(None)
        for thread in threads: thread.join()
        jobs.join()
        try:
            jobs.task_done()
        except ValueError as error:
            print(error)
    """,
    "a bounded Queue": """
        buffer = queue.Queue(maxsize=2)
        buffer.put(1)
        buffer.put_nowait(2)
        print(buffer.full(), buffer.qsize(), buffer.maxsize)
        puts = [lambda: buffer.put(3, block=False), lambda: buffer.put(3, timeout=0.01), lambda: buffer.put_nowait(3)]
        for call in puts:
            try:
                call()
            except queue.Full as error:
                print(repr(error))
        print(buffer.get(), buffer.get())
        for call in [lambda: buffer.get(False), lambda: buffer.get(True, 0.01), buffer.get_nowait]:
            try:
                call()
            except queue.Empty as error:
                print(repr(error))
        thread = threading.Thread(target=lambda: [buffer.put(n) for n in range(30)])
        thread.start()
        print([buffer.get() for _ in range(30)])
        thread.join()
    """,
    "LifoQueue, PriorityQueue and SimpleQueue": """
        for type_ in [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue]:
            q = type_()
            for item in [(2, "b"), (3, "c"), (1, "a")]:
                q.put(item)
            print(type_.__name__, [q.get() for _ in range(3)], q.empty())
    """,
    "a Queue that is cleared": """
        jobs = queue.Queue()
        for n in range(5): jobs.put(n)
        with jobs.mutex:
            print(list(jobs.queue), len(jobs.queue), jobs.queue[0], 3 in jobs.queue)
            jobs.queue.clear()
        print(jobs.empty(), jobs.unfinished_tasks)
        jobs.put("x")
        print(jobs.get())
        with jobs.mutex:
            jobs.unfinished_tasks = 0
            jobs.all_tasks_done.notify_all()
        jobs.join()
        with jobs.not_empty:
            print(jobs.not_empty.wait(0.01))
    """,
    "a subclass of Queue": """
        class Unique(queue.Queue):
            def _init(self, maxsize): self.queue = set()
            def _put(self, item): self.queue.add(item)
            def _get(self): return self.queue.pop()
        q = Unique()
        for n in [1, 2, 1, 2, 3]: q.put(n)
        print(q.qsize(), sorted(q.get() for _ in range(3)), q.empty())
    """,
    "who runs": """
        print(threading.current_thread().name, threading.current_thread() is threading.main_thread())
        print(threading.active_count(), [thread.name for thread in threading.enumerate()])
        go, started = threading.Event(), threading.Event()
        seen = []
        def target():
            seen.append(threading.current_thread().name)
            seen.append(threading.get_ident() == threading.current_thread().ident)
            seen.append(threading.get_native_id() == threading.current_thread().native_id)
            started.set()
            go.wait()
        thread = threading.Thread(target=target, name="the worker")
        thread.start()
        started.wait()
        print(threading.active_count(), sorted(thread.name for thread in threading.enumerate()))
        print(thread in threading.enumerate(), threading.main_thread() in threading.enumerate())
        go.set()
        thread.join()
        print(seen, threading.active_count(), thread.is_alive())
    """,
    "an excepthook": """
        def hook(args):
            print(args.exc_type.__name__, args.exc_value, args.thread.name, args.exc_traceback is not None)
        threading.excepthook = hook
        def fail(): raise ValueError("oh")
        thread = threading.Thread(target=fail, name="failing")
        thread.start()
        thread.join()
    """,
    "settrace and setprofile": """
        calls = []
        def traced(): return 1
        def trace(frame, event, arg):
            if frame.f_code.co_name == "traced":
                calls.append(event)
            return trace
        def profile(frame, event, arg):
            if frame.f_code.co_name == "traced":
                calls.append("profiled " + event)
        for install, get, hook in [
            (threading.settrace, threading.gettrace, trace),
            (threading.setprofile, threading.getprofile, profile),
        ]:
            install(hook)
            print(get() is hook)
            thread = threading.Thread(target=traced)
            thread.start()
            thread.join()
            install(None)
        print(calls)
    """,
    "public names": """
        print(sorted(name for name in original.__all__ if not hasattr(threading, name)))
        print(threading.TIMEOUT_MAX == original.TIMEOUT_MAX, threading.ThreadError is RuntimeError)
        print(threading.stack_size(), threading.BrokenBarrierError is original.BrokenBarrierError)
        print(queue.Empty.__name__, queue.Full.__name__, issubclass(queue.Empty, Exception))
    """,
}
HEAD = """
    import threading as original
    import {0} as threading
    import {1} as queue
"""


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_only_the_import_changes(text: str) -> None:
    ours, theirs = (
        check_python(program(HEAD).format(*modules) + program(text))
        for modules in [("threadmodule", "threadmodule"), ("threading", "queue")]
    )
    assert ours == theirs
    assert ours


ATTRIBUTES = [tm.Event, tm.Condition, tm.Semaphore, tm.BoundedSemaphore, lambda: tm.Barrier(1), tm.Queue, tm.LifoQueue]


@pytest.mark.parametrize("make", ATTRIBUTES)
def test_objects_take_attributes_where_threading_s_do(make: Callable[[], Any]) -> None:
    it = make()
    it.answer = 42
    it.itself = it
    assert it.__dict__ == {"answer": 42, "itself": it}
    gone = weakref.ref(it)
    del it
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("make", [threading.RLock, threading.Lock, lambda: tm.RWLock().write, tm.Semaphore])
def test_a_condition_over_another_lock(make: Callable[[], Any]) -> None:
    condition = tm.Condition(make())
    ready = []
    with condition:
        assert not condition.wait(0.01)

        def notify() -> None:
            with condition:
                ready.append(1)
                condition.notify()

        thread = tm.Thread(target=notify)
        thread.start()
        assert condition.wait_for(lambda: ready, 60)
    thread.result(60)


def test_methods_call_what_a_subclass_has_overridden() -> None:
    calls = []

    class Condition(tm.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            calls.append("wait")
            return super().wait(timeout)

        def notify(self, n: Any = 1) -> None:
            calls.append("notify")
            super().notify(n)

    class Semaphore(tm.Semaphore):
        def acquire(self, *args: Any, **kwargs: Any) -> bool:
            calls.append("acquire")
            return super().acquire(*args, **kwargs)

        def release(self, n: Any = 1) -> None:
            calls.append("release")
            super().release(n)

    condition = Condition()
    with condition:
        condition.notify_all()
        condition.wait_for(lambda: False, 0.01)
    with Semaphore():
        pass
    assert calls == ["notify", "wait", "acquire", "release"]


def test_an_action_that_comes_back_to_its_barrier() -> None:
    barrier = tm.Barrier(1, lambda: barrier.wait(0.01))
    with pytest.raises(tm.BrokenBarrierError):
        barrier.wait()
