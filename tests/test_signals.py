"""Ctrl-C and other signals: every wait ends, handlers run, and nobody else is disturbed."""

from __future__ import annotations

import sys

import pytest
from support import check_python, interrupt, run_python

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
