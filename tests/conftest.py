from __future__ import annotations

import faulthandler
import gc
import signal
from collections.abc import Iterator

import pytest
from support import LINUX, eventually, open_files, os_threads

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell starts its background jobs. The programs that the tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

WATCHDOG = 300  # seconds: a test that hangs ends the run with the stacks of all threads


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module", autouse=True)
def nothing_to_collect() -> None:
    """What the modules and the run itself keep stays anyway. To look through it after each test took 50 ms."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """No test leaves a thread or an open file."""
    if not LINUX:
        yield
        return
    threads, files = os_threads(), open_files()
    yield
    gc.collect()
    assert eventually(lambda: os_threads() <= threads), f"{os_threads()} threads, {threads} before"
    assert eventually(lambda: open_files() <= files), f"{open_files()} open files, {files} before"
