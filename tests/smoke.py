"""A short run through everything, for Valgrind and the sanitizers: `valgrind python tests/smoke.py`."""

from __future__ import annotations

import array
import contextlib
import sys
import threading

import threadmodule


def fail() -> None:
    raise ValueError("on purpose")


def main() -> None:
    threading.excepthook = sys.unraisablehook = lambda args: None
    size = 100_000
    for letter in "bBhHiIlLqQfd":
        a = array.array(letter, [1, 2, 3, 4]) * (size // 4)
        for threads in [None, 1, 3]:
            assert threadmodule.sum(a, threads) == 2.5 * size
            assert threadmodule.dot(a, a, threads=threads) == 7.5 * size
            assert threadmodule.square(a, array.array(letter, a), threads)[-1] == 16
    assert threadmodule.square(12) == 144
    assert threadmodule.sum_of_squares(size, threads=2) == (size - 1) * size * (2 * size - 1) // 6
    assert abs(threadmodule.pi(size, threads=2) - 3.14159265) < 1e-8
    assert threadmodule.do_math(0, size, threads=2) == sum(10**6 - p for p in range(1, size + 1))

    data = bytearray(size)
    mistakes = [
        lambda: threadmodule.sum(),
        lambda: threadmodule.sum(3),
        lambda: threadmodule.sum(data, axis=0),
        lambda: threadmodule.sum(data, threads=0),
        lambda: threadmodule.sum(memoryview(data)[::2]),
        lambda: threadmodule.dot(data, b""),
        lambda: threadmodule.square(data),
        lambda: threadmodule.square(data, b"x"),
        lambda: threadmodule.square(b"\xff" * size, data),
        lambda: threadmodule.start_threads(-1),
        lambda: threadmodule.Thread(target=3),
        lambda: threadmodule.Thread().join(),
    ]
    for mistake in mistakes:
        with contextlib.suppress(TypeError, ValueError, BufferError, OverflowError, RuntimeError):
            mistake()
            raise AssertionError
    data.append(1)

    targets = [
        (threadmodule.sum, (data,)),
        (threadmodule.square, (b"\xff", bytearray(1))),
        (sum, (b"abc",)),
        (fail, ()),
    ]
    for target, args in targets:
        threads = [threadmodule.Thread(target=target, args=args, name=f"smoke {i}") for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads[:3]:
            with contextlib.suppress(ValueError, OverflowError):
                thread.result(timeout=100)
            assert repr(thread)
            assert not thread.is_alive()
    threadmodule.start_threads(3)
    threadmodule.Thread(target=threadmodule.pi, args=(10**15,), daemon=True).start()  # stopped at exit


if __name__ == "__main__":
    main()
