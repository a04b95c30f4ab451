"""Programs that end while threads run: at exit, by Ctrl-C, in a fork. None may crash, hang or lose work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from support import check_python, compiled, interrupt, program, run_python

# Exit


def test_threads_that_are_no_daemons_are_joined_at_exit() -> None:
    out = check_python("""
        import array, mmap, time, threadmodule
        def late():
            time.sleep(0.2)
            print("late")
        threadmodule.Thread(target=late).start()
        threadmodule.Thread(target=threadmodule.pi, args=(100_000_000,)).start()
        print("main")
    """)
    assert out == "main\nlate\n"


def test_a_thread_may_start_another_at_exit() -> None:
    out = check_python("""
        import time, threadmodule
        def first():
            time.sleep(0.1)
            threadmodule.Thread(target=second).start()
        def second():
            time.sleep(0.1)
            print("second")
        threadmodule.Thread(target=first).start()
    """)
    assert out == "second\n"


def test_a_kernel_writes_its_result_before_the_program_ends() -> None:
    out = check_python("""
        import array, atexit, threadmodule
        data = array.array("d", [3.0]) * 20_000_000
        atexit.register(lambda: print(set(data)))  # registered before the first start(): runs after the join
        threadmodule.Thread(target=threadmodule.square, args=(data, data)).start()
    """)
    assert out == "{9.0}\n"


@pytest.mark.parametrize("daemon", [True, False])
def test_no_thread_begins_once_the_interpreter_exits(daemon: bool) -> None:
    out = check_python(f"""
        import atexit, threadmodule
        def too_late():
            thread = threadmodule.Thread(target=print, daemon={daemon})
            try:
                thread.start()
            except RuntimeError as error:
                print(error, thread.is_alive())
        atexit.register(too_late)
        threadmodule.Thread(target=int).start()
    """)
    assert out == "can't create new thread at interpreter shutdown False\n"


def test_kernels_of_daemons_are_stopped_at_exit() -> None:
    check_python("""
        import threadmodule
        for threads in [1, 2]:
            threadmodule.Thread(target=threadmodule.pi, args=(10**15, threads), daemon=True).start()
    """)


DAEMONS = {
    "python": "while True: sum(range(100))",
    "sleep": "while True: time.sleep(0.0001)",
    "join": "while True: worker.join(0.0001)",
    "result": """
        while True:
            try: worker.result(0.0001)
            except TimeoutError: pass""",
    "kernel": "while True: threadmodule.sum(data)",
    "start": "while True: t = threadmodule.Thread(target=int); t.start(); t.join()",
    "start kernel": "while True: t = threadmodule.Thread(target=threadmodule.sum, args=(b'abc',)); t.start(); t.join()",
    "exceptions": """
        while True:
            try: threadmodule.sum(3)
            except TypeError: pass""",
}


@pytest.mark.parametrize("maker", ["threadmodule", "threading"])
@pytest.mark.parametrize("body", DAEMONS)
def test_daemons_end_with_the_program(body: str, maker: str) -> None:
    """Many times, because the interpreter must go at the unfortunate moment."""
    code = """
        import sys, threading, time, threadmodule
        sys.setswitchinterval(1e-5)
        sys.unraisablehook = threading.excepthook = lambda args: None  # start() may be told that it is too late
        data = bytes(100_000)
        worker = threadmodule.Thread(target=time.sleep, args=(1000,), daemon=True)
        worker.start()
        def body():
            {body}
        for _ in range(4):
            {maker}.Thread(target=body, daemon=True).start()
        time.sleep(0.02)
    """
    for _ in range(8):
        done = run_python(program(code).format(body=indent(program(DAEMONS[body]), "    ").strip(), maker=maker))
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("daemon", ["threadmodule.Thread(target=lambda _: None, args=(Slow(),), daemon=True).start()",
                                    "threading.Thread(target=drop, daemon=True).start()"])  # fmt: skip
def test_a_daemon_that_sleeps_in_a_destructor_of_ours(daemon: str) -> None:
    check_python(f"""
        import threading, time, threadmodule
        class Slow:
            def __del__(self, sleep=time.sleep):
                entered.set()
                sleep(0.3)
        def drop():
            thread = threadmodule.Thread(args=(Slow(),))
            del thread
        entered = threading.Event()
        {daemon}
        entered.wait()
        import ctypes
        usleep = ctypes.CDLL(None).usleep
        class AtTheVeryEnd:  # keeps the process while the daemon wakes up
            def __del__(self, usleep=usleep): usleep(600_000)
        import sys
        sys.at_the_very_end = AtTheVeryEnd()
    """)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_threads_are_joined_at_the_end_of_a_process_of_multiprocessing(method: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        program(f"""
            import multiprocessing, os, time, threadmodule, warnings
            warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process with threads
            def late():
                time.sleep(0.2)
                os.write(1, b"late ")
            def child():
                threadmodule.Thread(target=late).start()
            if __name__ == "__main__":
                threadmodule.Thread(target=int).start()
                process = multiprocessing.get_context({method!r}).Process(target=child)
                process.start()
                process.join()
                print(process.exitcode)
        """)
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("late 0\n", "")


def test_threads_are_joined_before_the_callbacks_of_atexit() -> None:
    out = check_python("""
        import atexit, time, threadmodule
        threadmodule.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
        atexit.register(print, "atexit")
    """)
    assert out == "thread\natexit\n"


def test_os_exit_with_running_threads() -> None:
    done = run_python("""
        import os, time, threadmodule
        threadmodule.Thread(target=threadmodule.pi, args=(10**15,)).start()
        threadmodule.Thread(target=time.sleep, args=(1000,)).start()
        os._exit(7)
    """)
    assert done.returncode == 7


def test_the_module_may_be_forgotten_while_threads_run() -> None:
    check_python("""
        import gc, sys, time, threadmodule
        data = bytearray(50_000_000)
        thread = threadmodule.Thread(target=threadmodule.sum, args=(data,))
        thread.start()
        threadmodule.Thread(target=time.sleep, args=(0.1,)).start()
        del sys.modules["threadmodule"], threadmodule
        gc.collect()
        assert thread.result() == 0
    """)


def test_a_new_import_is_a_new_module_and_the_old_one_goes() -> None:
    check_python("""
        import gc, sys, weakref
        def reimport():
            sys.modules.pop("threadmodule", None)
            import threadmodule
            assert threadmodule.sum(b"abc") == 294
            return [weakref.ref(x) for x in (threadmodule, threadmodule.Kernel, threadmodule.Thread, threadmodule.sum)]
        references = [reference for _ in range(100) for reference in reimport()]
        sys.modules.pop("threadmodule")
        gc.collect()
        alive = [reference() for reference in references if reference() is not None]
        assert not alive, alive
    """)


# Signals

WAITS = {
    "join": "thread.join()",
    "join with a timeout": "thread.join(1000)",
    "result": "thread.result()",
    "kernel": "threadmodule.pi(10**15, threads=2)",
    "kernel on one thread": "threadmodule.do_math(0, 10**15, threads=1)",
    "exit": "sys.exit()",
}


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_ends_every_wait(wait: str) -> None:
    done = interrupt(f"""
        import sys, time, threadmodule
        begin = 0
        thread = threadmodule.Thread(target=time.sleep, args=(1000,), daemon={wait != "exit"})
        thread.start()
        print("ready")
        begin = time.monotonic()
        {WAITS[wait]}
    """)
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode == (0 if wait == "exit" else -2)


def test_ctrl_c_leaves_the_thread_and_its_buffer_alone() -> None:
    done = interrupt("""
        import threading, threadmodule
        release = threading.Event()
        thread = threadmodule.Thread(target=release.wait)
        thread.start()
        print("ready")
        try:
            thread.join()
        except KeyboardInterrupt:
            assert thread.is_alive()
            release.set()
            print(thread.result())
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_ctrl_c_in_a_kernel_releases_the_buffers() -> None:
    done = interrupt("""
        import threadmodule
        data = bytearray(1 << 30)
        print("ready")
        try:
            while True:
                threadmodule.sum(data)
        except KeyboardInterrupt:
            data.append(1)
            print("released")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "released\n", "")


def test_a_handler_that_raises_ends_the_wait_with_its_exception() -> None:
    check_python("""
        import signal, time, threadmodule
        class Alarm(Exception): pass
        def handler(*_): raise Alarm
        signal.signal(signal.SIGALRM, handler)
        thread = threadmodule.Thread(target=time.sleep, args=(1000,), daemon=True)
        thread.start()
        for wait in [thread.join, thread.result, lambda: threadmodule.pi(10**15)]:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                wait()
            except Alarm:
                continue
            raise SystemExit("no Alarm")
    """)


def test_a_storm_of_signals_disturbs_nobody() -> None:
    check_python("""
        import signal, time, threadmodule
        count = 0
        def handler(*_):
            global count
            count += 1
        signal.signal(signal.SIGALRM, handler)
        expected = threadmodule.pi(10**6)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            thread = threadmodule.Thread(target=threadmodule.pi, args=(10**6,))
            thread.start()
            assert threadmodule.pi(10**6) == expected
            assert thread.result(timeout=60) == expected
            sleeper = threadmodule.Thread(target=time.sleep, args=(0.003,))
            sleeper.start()
            sleeper.join(60)
            assert not sleeper.is_alive()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert count > 100
    """)


def test_a_thread_has_the_signal_mask_of_its_creator() -> None:
    """Or a process that is started in it could not be terminated."""
    out = check_python("""
        import signal, subprocess, sys, threadmodule
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        def target():
            process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
            process.terminate()
            return signal.pthread_sigmask(signal.SIG_BLOCK, []), process.wait(60)
        thread = threadmodule.Thread(target=target)
        thread.start()
        mask, status = thread.result()
        print(mask == {signal.SIGUSR1} == signal.pthread_sigmask(signal.SIG_BLOCK, []), status)
    """)
    assert out == "True -15\n"


def test_a_crash_in_a_thread_is_reported() -> None:
    done = run_python("""
        import ctypes, threadmodule
        thread = threadmodule.Thread(target=ctypes.string_at, args=(1,))
        thread.start()
        thread.join()
    """)
    assert done.returncode == -11
    assert "Segmentation fault" in done.stderr
    assert "string_at" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_signals_never_reach_the_thread_of_a_kernel() -> None:
    out = check_python("""
        import signal, threadmodule
        thread = threadmodule.Thread(target=threadmodule.pi, args=(10**15,), daemon=True)
        thread.start()
        status = open(f"/proc/self/task/{thread.native_id}/status").read()
        blocked = int(status.split("SigBlk:")[1].split()[0], 16)
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGSEGV]:
            print(number.name, bool(blocked & 1 << number - 1))
    """)
    assert out == "SIGINT True\nSIGTERM True\nSIGALRM True\nSIGUSR1 True\nSIGSEGV False\n"


# Fork

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


# Failures to start

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
