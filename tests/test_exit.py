"""Programs that end while threads run: none may crash, hang or lose work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from support import check_python, program, run_python


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
        while not entered.wait(0.01):  # free-threaded, it may be for this thread to run the destructor
            pass
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
