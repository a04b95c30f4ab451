"""The pool as Python sees it: how many threads, where they run, when they end. core/test_pool.cpp looks closer."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
import threadmodule
from support import SANITIZED, check_python, program
from test_start_failures import shim as shim

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

TOOLS = """
    import os, sys, time, threadmodule
    from pathlib import Path
    from support import eventually, os_threads, pool_workers, thread_names

    data = bytearray([1]) * 3_000_000

    def work():
        assert abs(threadmodule.pi(10_000_000) - 3.14159265) < 1e-8

    def work_until(condition):
        def worked():
            work()
            return condition()
        assert eventually(worked), thread_names()

    def tasks():
        return {t.name: t for t in Path("/proc/self/task").iterdir() if (t / "comm").read_text().startswith("threadm")}
"""


def check(code: str, **kwargs: Any) -> str:
    env = {**kwargs.pop("env", os.environ), "PYTHONPATH": os.pathsep.join([*sys.path, os.path.dirname(__file__)])}
    return check_python(program(TOOLS) + program(code), env=env, **kwargs)


def test_nothing_starts_before_it_is_needed() -> None:
    check("""
        assert os_threads() == 1 and pool_workers() == 0
        assert threadmodule.sum(bytes(1000)) == 0
        assert threadmodule.sum(data, threads=1) == len(data)
        assert pool_workers() == 0
    """)


def test_workers_are_named_and_take_no_signals() -> None:
    check("""
        threadmodule.set_num_threads(4)
        work_until(lambda: pool_workers() == 3)
        assert sorted(n for n in thread_names() if "/" in n) == [f"threadmodule/{i}" for i in (1, 2, 3)]
        for task in tasks().values():
            blocked = int((task / "status").read_text().split("SigBlk:")[1].split()[0], 16)
            for number in (2, 15, 14, 10):
                assert blocked & 1 << number - 1
            assert not blocked & 1 << 11 - 1
    """)


def test_the_number_of_threads() -> None:
    assert threadmodule.get_num_threads() == threadmodule.cpu_count()
    try:
        for n in [1, 2, 7, 1024, True]:
            threadmodule.set_num_threads(n)
            assert threadmodule.get_num_threads() == n
        for wrong in [0, -1, 1025, 2**31, 2**63, 2**70]:
            with pytest.raises((ValueError, OverflowError), match=r"set_num_threads\(\) argument 'n' must be"):
                threadmodule.set_num_threads(wrong)
        for wrong_type in [1.5, "2", [], ...]:
            with pytest.raises(TypeError):
                threadmodule.set_num_threads(wrong_type)  # type: ignore[arg-type]
        assert threadmodule.get_num_threads() == 1
    finally:
        threadmodule.set_num_threads(None)
    assert threadmodule.get_num_threads() == threadmodule.cpu_count()


def test_the_environment_sets_the_number() -> None:
    check(
        """
        assert threadmodule.get_num_threads() == 3
        work_until(lambda: pool_workers() == 2)
        threadmodule.set_num_threads(4)
        work_until(lambda: pool_workers() == 3)
        threadmodule.set_num_threads(2)
        assert eventually(lambda: pool_workers() == 1)
        work()
        threadmodule.set_num_threads(1)
        assert eventually(lambda: pool_workers() == 0)
        work()
        assert pool_workers() == 0
        """,
        env={**os.environ, "THREADMODULE_NUM_THREADS": "3"},
    )


def test_all_callers_share_the_workers() -> None:
    check("""
        threadmodule.set_num_threads(3)
        stop = False
        def caller():
            while not stop:
                work()
        callers = [threadmodule.Thread(target=caller) for _ in range(6)]
        for thread in callers:
            thread.start()
        work_until(lambda: pool_workers() == 2)
        for _ in range(50):
            time.sleep(0.01)
            assert pool_workers() <= 2 and os_threads() <= 7
        stop = True
        for thread in callers:
            thread.result()
    """)


def test_idle_workers_use_no_cpu() -> None:
    check("""
        threadmodule.set_num_threads(4)
        work_until(lambda: pool_workers() == 3)
        def quiet():
            before = time.process_time()
            time.sleep(0.2)
            return time.process_time() - before < 0.003
        assert eventually(quiet)
    """)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU")
def test_workers_stay_in_the_callers_affinity() -> None:
    check("""
        threadmodule.set_num_threads(3)
        work_until(lambda: pool_workers() == 2)
        cpus = os.sched_getaffinity(0)
        for _ in range(20):
            time.sleep(0.002)
            work()
            for task in tasks():
                mask = os.sched_getaffinity(int(task))
                assert mask and mask <= cpus
        # On one CPU a worker could only take turns with its caller: it is not even woken.
        os.sched_setaffinity(0, {min(cpus)})
        time.sleep(0.01)
        switches = lambda: [(t / "status").read_text().split("voluntary_ctxt_switches:")[1].split()[0]
                            for t in tasks().values()]
        assert eventually(lambda: switches() == (time.sleep(0.05), switches())[1])
        before = switches()
        for _ in range(20):
            time.sleep(0.001)
            work()
        assert switches() == before
        os.sched_setaffinity(0, cpus)
        work_until(lambda: switches() != before)
    """)


def test_one_cpu_needs_no_workers() -> None:
    check("""
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for _ in range(20):
            work()
        assert threadmodule.get_num_threads() == 1 and pool_workers() == 0
        threadmodule.set_num_threads(4)
        work()
        assert pool_workers() == 0
    """)


@pytest.mark.parametrize("fail_at", [1, 2, -1])
def test_workers_that_cannot_be_started_are_done_without(fail_at: int, shim: dict[str, str]) -> None:
    check(
        f"""
        import ctypes
        fail_at = ctypes.c_int.in_dll(ctypes.CDLL(os.environ["LD_PRELOAD"]), "fail_at")
        threadmodule.set_num_threads(4)
        fail_at.value = {fail_at}
        for _ in range(10):
            work()
            data.append(1)
        assert pool_workers() == 0 or {fail_at} != -1
        fail_at.value = 0
        work_until(lambda: pool_workers() == 3)
        """,
        env=shim,
    )


@pytest.mark.parametrize("fork", ["os.fork()", "ctypes.PyDLL(None).fork()"])
def test_a_child_has_a_pool_of_its_own(fork: str) -> None:
    if SANITIZED and "ctypes" in fork:
        pytest.skip("os.fork() alone waits until the sanitizer's locks are free")
    check(f"""
        import ctypes, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        threadmodule.set_num_threads(4)
        work_until(lambda: pool_workers() == 3)
        busy = [threadmodule.Thread(target=threadmodule.pi, args=(10**15,), kwargs=dict(threads=3), daemon=True)
                for _ in range(2)]
        for thread in busy:
            thread.start()
        for _ in range(10):
            pid = {fork}
            if pid == 0:
                assert os.listdir("/proc/self/task") == [str(os.getpid())]
                assert threadmodule.get_num_threads() == 4
                work_until(lambda: pool_workers() == 3)
                grandchild = {fork}
                if grandchild == 0:
                    work_until(lambda: pool_workers() == 3)
                    os._exit(0)
                os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert all(thread.is_alive() for thread in busy)
    """)
