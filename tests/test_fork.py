"""Forks, by os.fork and by a bare C fork: the child has none of its parent's threads, and may use everything."""

from __future__ import annotations

from typing import Any

import pytest
from support import check_python, program

FORK = """
    import ctypes, os, sys, threading, time, warnings, threadmodule
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process with threads
    def fork():
        return {fork}
    def wait(pid):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


@pytest.mark.parametrize("fork", ["os.fork()", "ctypes.PyDLL(None).fork()"])
class TestFork:
    def check(self, fork: str, code: str, **kwargs: Any) -> str:
        return check_python(program(FORK).format(fork=fork) + program(code), **kwargs)

    def test_the_child_does_not_wait_for_the_parents_threads(self, fork: str) -> None:
        out = self.check(
            fork,
            """
            data = bytearray(8)
            sleeper = threadmodule.Thread(target=time.sleep, args=(2,))
            kernel = threadmodule.Thread(target=threadmodule.pi, args=(10**15,), daemon=True)
            held = threadmodule.Thread(target=threadmodule.sum, args=(data,))
            for thread in [sleeper, kernel, held]:
                thread.start()
            pid = fork()
            if pid == 0:
                for thread in [sleeper, kernel]:
                    assert not thread.is_alive()
                    thread.join()
                    try:
                        thread.result()
                    except RuntimeError as error:
                        assert "stayed in the parent" in str(error)
                    else:
                        raise AssertionError
                try:
                    assert held.result() == 0  # it may have been done before the fork
                except RuntimeError:
                    pass
                data.append(1)
                assert len(os.listdir("/proc/self/task")) == 1
                sys.exit(0)  # with exit handlers: they must not wait either
            assert wait(pid) == 0
            assert sleeper.is_alive() and kernel.is_alive()
            assert held.result() == 0
            """,
        )
        assert out == ""

    def test_the_child_may_use_everything(self, fork: str) -> None:
        self.check(
            fork,
            """
            before = threadmodule.Thread(target=sum, args=(b"abc",))
            threadmodule.pi(10**7, threads=2)
            busy = threadmodule.Thread(target=threadmodule.pi, args=(10**15,), daemon=True)
            busy.start()
            for _ in range(20):
                pid = fork()
                if pid == 0:
                    assert abs(threadmodule.pi(10**7, threads=2) - 3.14159) < 1e-4
                    thread = threadmodule.Thread(target=threadmodule.pi, args=(10,))
                    thread.start()
                    thread.join()
                    before.start()
                    assert before.result() == 294
                    sys.exit(0)
                assert wait(pid) == 0
            """,
        )

    def test_a_thread_that_forks_is_alive_in_the_child(self, fork: str) -> None:
        self.check(
            fork,
            """
            def target():
                pid = fork()
                if pid == 0:
                    code = 0 if thread.is_alive() and thread.ident == threading.get_ident() else 1
                    try:
                        thread.join()
                        code = 2
                    except RuntimeError:
                        pass
                    os._exit(code)
                return wait(pid)
            thread = threadmodule.Thread(target=target)
            thread.start()
            assert thread.result() == 0
            """,
        )


@pytest.mark.parametrize("by", ["a signal handler", "progress"])
def test_a_kernel_on_one_thread_goes_on_in_a_child_forked_in_its_middle(by: str) -> None:
    out = check_python(f"""
        import os, signal, threadmodule, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = threadmodule.pi(10**9)
        children = []
        def fork(*_):
            if not children:
                children.append(os.fork())
        if {by!r} == "progress":
            result = threadmodule.pi(10**9, threads=1, progress=fork)
        else:
            signal.signal(signal.SIGALRM, fork)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            result = threadmodule.pi(10**9, threads=1)
        if children == [0]:
            os._exit(result != expected)
        assert result == expected
        print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
    """)
    assert out == "0\n"
