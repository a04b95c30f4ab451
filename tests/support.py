"""What several test files share: programs in subprocesses, and the state of this process."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LINUX = sys.platform.startswith("linux")
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python has the name since 3.13
# A sanitizer is there: its malloc keeps what is freed, its locks do not survive a fork beside busy threads.
SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")
FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


def program(code: str) -> str:
    """The text of a test program, which begins where its author's indentation does."""
    return textwrap.dedent(code)


def run_python(code: str, *args: str, timeout: float = 60, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end. Whatever crashes or hangs in it is an exit status here."""
    command = [sys.executable, "-X", "faulthandler", "-c", program(code), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **kwargs)


def check_python(code: str, *args: str, **kwargs: Any) -> str:
    """Runs a program that must succeed and be silent on standard error; what it printed."""
    done = run_python(code, *args, **kwargs)
    assert (done.returncode, done.stderr) == (0, ""), f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def interrupt(code: str, after: str = "ready", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs a program, and sends it SIGINT when it has printed the line `after`."""
    command = [sys.executable, "-X", "faulthandler", "-u", "-c", program(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.strip() == after, line + process.communicate()[1]
            time.sleep(0.1)  # into the wait
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def thread_names() -> list[str]:
    """Of all POSIX threads of this process, as `top -H` shows them."""
    names = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            names.append(Path("/proc/self/task", task, "comm").read_text(encoding="utf-8").rstrip("\n"))
    return names


def pool_workers() -> int:
    return sum(name.startswith("threadmodule/") for name in thread_names())


def os_threads() -> int:
    """Those of the pool are not counted: they stay until the process ends."""
    return len(thread_names()) - pool_workers()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def eventually(condition: Callable[[], bool], timeout: float = 20) -> bool:
    """True as soon as the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def leaked_blocks(call: Callable[[], object], rounds: int = 200) -> int:
    """How many more of Python's memory blocks are in use after many calls.

    The least of up to 20 series: a leak makes each more; caches, of which busy CPUs make threads fill more, make the
    first ones more.
    """

    def series() -> int:
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(rounds):
            call()
        gc.collect()
        return sys.getallocatedblocks() - before

    least = series()
    for _ in range(19):
        if least <= 5:
            break
        least = min(least, series())
    return least


def compiled(source: str, name: str, folder: Path, *flags: str) -> Path:
    """A program or library, compiled from C or C++ by the compiler of the tests."""
    suffix = ".cpp" if flags and "-std=c++20" in flags else ".c"
    text, target = folder / f"{name}{suffix}", folder / name
    text.write_text(program(source))
    compiler = os.environ.get("CXX", "g++") if suffix == ".cpp" else os.environ.get("CC", "gcc")
    subprocess.run([compiler, *flags, str(text), "-o", str(target)], check=True)
    return target
