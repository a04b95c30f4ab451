"""When pthread_create fails: who says so, and what is as if nothing had been tried."""

from __future__ import annotations

import os
import sys

import pytest
from support import SANITIZED, check_python, compiled

SHIM = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <pthread.h>

    int fail_at = 0;  /* the k-th thread from now on cannot be created; -1: none can */

    int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
    {
        int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
        real = dlsym(RTLD_NEXT, "pthread_create");
        if (fail_at < 0 || (fail_at > 0 && __sync_sub_and_fetch(&fail_at, 1) == 0)) {
            return EAGAIN;
        }
        return real(thread, attr, run, arg);
    }
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    if sys.platform != "linux":
        pytest.skip("LD_PRELOAD is Linux's")
    if SANITIZED:
        pytest.skip("LD_PRELOAD is taken")
    path = compiled(SHIM, "shim.so", tmp_path_factory.mktemp("shim"), "-shared", "-fPIC")
    return {**os.environ, "LD_PRELOAD": str(path)}


@pytest.mark.parametrize("fail_at", [1, 2, -1])
def test_no_thread_can_be_created(fail_at: int, shim: dict[str, str]) -> None:
    """Thread and start_threads say so; a kernel does its work on the threads that it gets."""
    check_python(
        f"""
        import ctypes, os, sys, threadmodule
        fail_at = ctypes.c_int.in_dll(ctypes.CDLL(os.environ["LD_PRELOAD"]), "fail_at")
        def fails(call):
            fail_at.value = {fail_at}
            try:
                call()
            except RuntimeError as error:
                assert str(error) == "can't start new thread", error
            else:
                raise AssertionError("no error")
            finally:
                fail_at.value = 0
            assert len(os.listdir("/proc/self/task")) == 1
        data = bytearray([3]) * 1_000_000
        for target, args in [(threadmodule.sum, (data,)), (sum, (data,))]:
            if {fail_at} == 2:
                break
            thread = threadmodule.Thread(target=target, args=args)
            fails(thread.start)
            assert not thread.is_alive() and thread.ident is None and "initial" in repr(thread)
            data.append(3)
            thread.start()  # it was as if nothing had been tried
            assert threadmodule.enumerate().count(thread) <= 1
            assert thread.result() == 3 * len(data)
        fails(lambda: threadmodule.start_threads(2))
        fail_at.value = {fail_at}
        assert threadmodule.sum(data, threads=5) == 3 * len(data)
        assert threadmodule.square(data, data, threads=5) is data
        fail_at.value = 0
        assert set(data) == {{9}}
        data.append(1)
        """,
        env=shim,
    )


@pytest.mark.parametrize("target", ["threadmodule.sum", "sum"])
def test_others_wait_for_a_thread_that_cannot_be_created(target: str, shim: dict[str, str]) -> None:
    check_python(
        f"""
        import ctypes, os, threading, time, threadmodule
        fail_at = ctypes.c_int.in_dll(ctypes.CDLL(os.environ["LD_PRELOAD"]), "fail_at")
        thread = threadmodule.Thread(target={target}, args=(bytearray(1000),))
        stop = False
        def wait():
            while not stop:
                for use in [thread.join, thread.result]:
                    try:
                        use()
                    except RuntimeError as error:
                        assert "before it is started" in str(error), error
                thread.is_alive()
                repr(thread)
        waiters = [threading.Thread(target=wait) for _ in range(3)]
        for waiter in waiters:
            waiter.start()
        fail_at.value = -1
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                thread.start()
            except RuntimeError as error:
                assert str(error) == "can't start new thread", error
        fail_at.value = 0
        thread.start()
        stop = True
        for waiter in waiters:
            waiter.join()
        assert thread.result() == 0
        """,
        env=shim,
    )
