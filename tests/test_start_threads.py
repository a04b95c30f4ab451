"""start_threads(n): the lecture's example, to the letter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
import threadmodule
from support import check_python, interrupt, run_python


@pytest.mark.parametrize("n", [0, 1, 2, 7, 200])
def test_each_thread_writes_one_whole_line(n: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert threadmodule.start_threads(n) is None
    lines = capfd.readouterr().out.splitlines(keepends=True)
    assert sorted(lines) == sorted(f"Thread {k} is executing\n" for k in range(1, n + 1))


def test_what_python_printed_comes_first() -> None:
    out = check_python("""
        import threadmodule
        print("before", end=" ")  # a pipe is block-buffered: this is in Python's buffer
        threadmodule.start_threads(1)
        print("after")
    """)
    assert out == "before Thread 1 is executing\nafter\n"


def test_without_a_standard_output_of_pythons() -> None:
    out = check_python("""
        import sys, threadmodule
        sys.stdout = None
        threadmodule.start_threads(1)
    """)
    assert out == "Thread 1 is executing\n"


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (-1, ValueError, "at least 0, got -1"),
        (-(2**100), ValueError, "at least 0"),
        (32769, OverflowError, "at most 32768, got 32769"),
        (2**31, OverflowError, "at most 32768"),
        (2**63, OverflowError, "at most 32768"),
        pytest.param(10**5000, OverflowError, "at most 32768, got an int of 16610 bits", id="huge OverflowError"),
        (1.0, TypeError, "an int, not float"),
        ("3", TypeError, "an int, not str"),
        (None, TypeError, "an int, not NoneType"),
    ],
)
def test_wrong_n(n: Any, error: type[Exception], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(error, match=rf"start_threads\(\) argument 'n' must be {message}"):
        threadmodule.start_threads(n)
    assert capfd.readouterr().out == ""


def test_wrong_number_of_arguments() -> None:
    for args in [(), (1, 2)]:
        with pytest.raises(TypeError, match=r"start_threads\(\) takes exactly 1 argument"):
            threadmodule.start_threads(*args)


def test_closed_output() -> None:
    done = run_python("""
        import os, threadmodule
        os.close(1)
        threadmodule.start_threads(3)
    """)
    assert "OSError: [Errno 9] Bad file descriptor" in done.stderr


def test_broken_pipe() -> None:
    code = "import threadmodule\ntry: threadmodule.start_threads(3)\nexcept BrokenPipeError: raise SystemExit(42)"
    read, write = os.pipe()
    os.close(read)
    try:
        assert subprocess.run([sys.executable, "-c", code], stdout=write, check=False, timeout=60).returncode == 42
    finally:
        os.close(write)


def test_an_output_that_fails_to_flush() -> None:
    done = run_python("""
        import sys, threadmodule
        class Output:
            def write(self, text): pass
            def flush(self): raise ZeroDivisionError
        sys.stdout = Output()
        try:
            threadmodule.start_threads(3)
        except ZeroDivisionError:
            sys.stdout = None
            raise SystemExit(42)
    """)
    assert (done.returncode, done.stdout) == (42, "")


def test_ctrl_c_while_nobody_reads() -> None:
    """The pipe is full, so the threads wait; Ctrl-C ends them."""
    done = interrupt("""
        import os, threadmodule
        read, write = os.pipe()
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, bytes(4096))
        except BlockingIOError:
            os.set_blocking(write, True)
        out = os.dup(1)
        os.dup2(write, 1)
        os.write(out, b"ready\\n")
        try:
            threadmodule.start_threads(3)
        except KeyboardInterrupt:
            os.write(out, b"interrupted\\n")
            os._exit(0)
    """)
    assert re.search("interrupted", done.stdout), done.stderr
