"""A short run through everything, for Valgrind and the sanitizers: `valgrind python tests/smoke.py`."""

from __future__ import annotations

import array
import contextlib
import ctypes
import math
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import threadmodule
from threadmodule import Array

SIZES = [1, 100, 5_000, 40_000]


def cycle(letter: str, size: int, values: list[Any]) -> array.array[Any]:
    return (array.array(letter, values) * (size // len(values) + 1))[:size]


def check_reductions(letter: str, size: int, threads: int | None) -> None:
    a = cycle(letter, size, [1, 2, 3, 4])
    values = a.tolist()
    total, squares = sum(values), sum(x * x for x in values)
    assert threadmodule.sum(a, threads) == total
    assert threadmodule.sum(a, threads, exact=True) == total
    assert threadmodule.mean(a, threads) == total / size
    assert threadmodule.mean(a, threads, exact=True) == total / size
    assert threadmodule.min(a, threads) == 1
    assert threadmodule.max(a, threads) == max(values)
    assert threadmodule.argmin(a, threads) == 0
    assert threadmodule.argmax(a, threads) == values.index(max(values))
    assert threadmodule.dot(a, a, threads) == squares
    assert threadmodule.dot(a, a, threads, exact=True) == squares
    assert math.isclose(threadmodule.norm(a, threads), math.sqrt(squares))
    variance = squares / size - (total / size) ** 2
    assert math.isclose(threadmodule.var(a, threads=threads), variance, abs_tol=1e-12)
    assert threadmodule.count_nonzero(a, threads) == size
    assert threadmodule.count_nonzero(array.array(letter, bytes(a.itemsize * size)), threads) == 0


def check_maps(letter: str, size: int, threads: int | None) -> None:
    a, b = cycle(letter, size, [1, 2, 3, 4]), cycle(letter, size, [4, 3, 3, 5])

    def check(result: Any, expected: list[Any]) -> None:
        assert Array(cycle("d", size, expected)) == Array(result)

    check(threadmodule.square(a, None, threads), [1, 4, 9, 16])
    check(threadmodule.abs(a, threads=threads), [1, 2, 3, 4])
    check(threadmodule.add(a, b, threads=threads), [5, 5, 6, 9])
    check(threadmodule.subtract(b, 1, threads=threads), [3, 2, 2, 4])
    check(threadmodule.multiply(a, b, threads=threads), [4, 6, 9, 20])
    check(threadmodule.divide(a, 2, threads=threads), [0.5, 1, 1.5, 2])
    check(threadmodule.scale(a, 3, threads=threads), [3, 6, 9, 12])
    check(threadmodule.axpy(3, a, b, threads=threads), [7, 9, 12, 17])
    check(threadmodule.clip(a, 2, 3, threads=threads), [2, 2, 3, 3])
    check(threadmodule.clip(a, None, b, threads=threads), [1, 2, 3, 4])
    if letter not in "BHILQ":
        check(threadmodule.negative(a, threads=threads), [-1, -2, -3, -4])
    check(threadmodule.sqrt(threadmodule.square(a), threads=threads), [1, 2, 3, 4])
    tolerance = {"e": 1e-2, "f": 1e-5, "d": 1e-14}
    for kernel, reference in [(threadmodule.exp, math.exp), (threadmodule.log, math.log)]:
        result = kernel(a, threads=threads)
        for x, y in zip(a[:4], memoryview(Array(result, "d")[:4]), strict=True):
            assert math.isclose(y, reference(x), rel_tol=tolerance[memoryview(result).format or ""], abs_tol=1e-9)

    out = array.array(letter, a)
    assert threadmodule.square(out, out, threads) is out
    check(out, [1, 4, 9, 16])
    assert threadmodule.add(a, b, out, threads) is out
    check(out, [5, 5, 6, 9])


def check_scans(letter: str, size: int, threads: int | None) -> None:
    a = cycle(letter, size, [1, 2, 3, 4])
    sums = threadmodule.cumsum(a, threads=threads)
    assert sums[-1] == threadmodule.sum(a)
    assert sums[:4].tolist() == [1, 3, 6, 10][:size]
    if letter in "qQd":
        assert threadmodule.cumsum(a, a, threads) is a
        assert Array(a) == sums
    a = cycle(letter, size, [1, 2, 3, 4])
    counts = [a.count(x) for x in [1, 2, 3, 4]]
    assert threadmodule.histogram(a, 4, (1, 5), threads)[0].tolist() == counts
    assert threadmodule.histogram(a, [1.0, 2, 3, 4, 5], threads=threads)[0].tolist() == counts
    counted, edges = threadmodule.histogram(a, threads=threads)
    assert (threadmodule.sum(counted), len(edges)) == (size, 11)
    if letter not in "fd":
        assert threadmodule.bincount(a, 8, threads).tolist() == [0, *counts, 0, 0, 0]


def check_layouts(size: int) -> None:
    """Strides, dimensions, byte orders, types that loops do not know, memory that is not aligned."""
    foreign = ctypes.c_double.__ctype_be__ if sys.byteorder == "little" else ctypes.c_double.__ctype_le__
    plain = array.array("d", range(size))
    swapped = (foreign * size)(*plain)
    bytes_ = bytearray(8 * size + 1)
    unaligned = memoryview(bytes_)[1:].cast("d")
    threadmodule.add(swapped, 0, unaligned)
    assert Array(unaligned) == Array(plain)
    threadmodule.negative(unaligned, unaligned)
    reverse = memoryview(plain)[::-1]
    for a in [swapped, unaligned, reverse, Array(plain)[::-1], Array(plain, "f4"), Array(range(size))]:
        sign = -1 if a is unaligned else 1
        assert threadmodule.sum(a) == sign * size * (size - 1) / 2
        assert threadmodule.dot(a, a, threads=2) == threadmodule.dot(plain, plain)
        assert threadmodule.max(threadmodule.abs(a)) == size - 1
        assert threadmodule.cumsum(a)[-1] == threadmodule.sum(a)
        assert threadmodule.sum(threadmodule.histogram(a)[0]) == size
        assert threadmodule.var(a) == threadmodule.var(plain)
    assert threadmodule.argmax(reverse) == 0
    threadmodule.square(reverse, swapped)
    assert swapped[0] == (size - 1) ** 2

    for dtype in ["?", "f2", "u1"]:
        ones = Array([[True] * 10] * (size // 10), dtype)
        for view in [ones, ones.T, ones[:, ::-2], ones[::3, 5:], ones[..., 0]]:
            assert threadmodule.sum(view) == threadmodule.count_nonzero(view) == view.size
            assert threadmodule.min(threadmodule.add(view, ones[0, 0])) == 1 + (dtype != "?")

    matrix = memoryview(bytearray(range(200))).cast("B", (10, 20))
    row, column = array.array("h", range(20)), Array(range(10)).reshape(10, 1)
    table = threadmodule.add(matrix, threadmodule.multiply(row, column))
    assert table.shape == (10, 20)
    assert table[9, 19] == 199 + 9 * 19
    nested = (ctypes.c_int16 * 4 * 3)()
    assert threadmodule.add(column[:3], row[:4], threadmodule.add(table[:3, :4], 0))[2, 3] == 5
    assert threadmodule.clip(nested, 1, None).tolist() == [[1] * 4] * 3
    assert threadmodule.sum(ctypes.c_double(2.5)) == 2.5
    assert threadmodule.sqrt(ctypes.c_float(9)) == 3
    for empty in [b"", Array([], "f4"), matrix[:0]]:
        assert threadmodule.sum(empty) == threadmodule.count_nonzero(empty) == len(threadmodule.square(empty)) == 0
        assert math.isnan(threadmodule.mean(empty))


def check_pool(size: int) -> None:
    """Work that is worth a worker, which is woken by the call before."""
    a, whole = Array(cycle("d", size, [1, 2, 3, 4])), Array(cycle("H", size, [1, 2, 3, 4]))
    one = Array(a[:1])
    calls: list[Callable[[int], Any]] = [
        lambda t: threadmodule.sum(a, t),
        lambda t: threadmodule.sum(a, t, exact=True),
        lambda t: threadmodule.mean(whole, t),
        lambda t: (threadmodule.min(a, t), threadmodule.max(a, t)),
        lambda t: (threadmodule.argmin(whole, t), threadmodule.argmax(whole, t)),
        lambda t: threadmodule.dot(a, a, t),
        lambda t: threadmodule.dot(a, whole, t, exact=True),
        lambda t: threadmodule.norm(a, t),
        lambda t: threadmodule.var(a, 1, t),
        lambda t: threadmodule.count_nonzero(whole, t),
        lambda t: threadmodule.square(whole, None, t),
        lambda t: threadmodule.exp(a, None, t),
        lambda t: threadmodule.log(a, threads=t),
        lambda t: threadmodule.divide(a[::-1], a, threads=t),
        lambda t: threadmodule.axpy(one, a, whole, threads=t),
        lambda t: threadmodule.cumsum(a, None, t),
        lambda t: threadmodule.cumsum(whole[::-1], None, t),
        lambda t: threadmodule.histogram(a, 10, None, t),
        lambda t: threadmodule.bincount(whole, 0, t),
        lambda t: threadmodule.do_math(0, 10 * size, t),
        lambda t: threadmodule.sum_of_squares(10 * size, t),
    ]
    for call in calls:
        expected = call(1)
        for threads in [2, 3]:
            threadmodule.pi(600_000, 2)
            assert call(threads) == expected


def check_progress(size: int) -> None:
    a = cycle("d", size, [1, 2])

    def stop(done: int) -> None:
        raise LookupError

    for kernel in [threadmodule.sum, threadmodule.exp, threadmodule.cumsum, threadmodule.histogram]:
        done: list[int] = []
        kernel(a, progress=done.append)
        assert sum(done) == size
        with contextlib.suppress(LookupError):
            kernel(a, threads=2, progress=stop)
            raise AssertionError


def check_array() -> None:
    a = Array([[1, 2, 3], [4, 5, 6]])
    assert (a.shape, a.strides, a.ndim, a.size, a.dtype, len(a)) == ((2, 3), (24, 8), 2, 6, "int64", 2)
    assert a[1, 2] == a[-1][-1] == 6
    assert a[:, 1].tolist() == a.T[1].tolist() == [2, 5]
    assert a[::-1, ..., ::2].tolist() == [[6 - 2, 6], [1, 3]]
    assert [row.tolist() for row in a] == memoryview(a).tolist() == a.tolist()
    part = a[:, 1:]
    part[0] = [7, 8]
    a[1] = 9
    a[..., 0] = a[..., 2]
    assert a.tolist() == [[8, 7, 8], [9, 9, 9]]
    assert a.reshape(-1).tobytes() == memoryview(a).tobytes()
    assert a.copy() == a != part
    assert repr(a)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(part, protocol)) == part
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(a, 5, buffer_callback=buffers.append)
    assert pickle.loads(data, buffers=buffers) == a
    view = memoryview(Array(range(5))[1:4])
    assert view.tolist() == [1, 2, 3]  # the memory outlives its Array
    assert a.__dlpack_device__() == (1, 0)
    a.__dlpack__()  # a capsule that nobody uses
    assert float(Array(2)) == Array([[2.0]]).item() == 2
    del a, part, buffers


def fail() -> None:
    raise ValueError("on purpose")


def check_mistakes() -> None:
    data = bytearray(5_000)
    numbers, doubles = array.array("q", [2**62] * 4), array.array("d", [1, 2, 3, math.inf])
    mistakes: list[Callable[[], Any]] = [
        lambda: threadmodule.sum(),
        lambda: threadmodule.sum(3),
        lambda: threadmodule.sum(data, axis=0),
        lambda: threadmodule.sum(data, threads=0),
        lambda: threadmodule.sum(data, progress=3),
        lambda: threadmodule.sum((ctypes.c_char_p * 3)()),
        lambda: threadmodule.max(b""),
        lambda: threadmodule.argmin(b""),
        lambda: threadmodule.var(data, ddof="1"),
        lambda: threadmodule.dot(data, b""),
        lambda: threadmodule.dot(Array([[1]]), data),
        lambda: threadmodule.square(data, b"x"),
        lambda: threadmodule.square(data, bytearray(3)),
        lambda: threadmodule.square(data, Array(data, "i4")),
        lambda: threadmodule.square(b"\xff" * 5_000, data),
        lambda: threadmodule.negative(b"\1"),
        lambda: threadmodule.subtract(Array([True]), True),
        lambda: threadmodule.add(data, 300),
        lambda: threadmodule.add(data, "1"),
        lambda: threadmodule.add(data, data[:-1]),
        lambda: threadmodule.add(doubles, memoryview(doubles)[::-1], doubles),
        lambda: threadmodule.multiply(numbers, 2),
        lambda: threadmodule.axpy(2, numbers, numbers),
        lambda: threadmodule.cumsum(numbers),
        lambda: threadmodule.histogram(doubles),
        lambda: threadmodule.histogram(doubles, 0),
        lambda: threadmodule.histogram(data, [2, 1]),
        lambda: threadmodule.bincount(doubles),
        lambda: threadmodule.bincount(array.array("b", [-1])),
        lambda: Array([[1], [2, 3]]),
        lambda: Array([1], "complex"),
        lambda: Array([300], "u1"),
        lambda: Array(3)[0],
        lambda: Array([1, 2])[2],
        lambda: Array([1, 2]).reshape(3),
        lambda: threadmodule.set_num_threads(0),
        lambda: threadmodule.start_threads(-1),
        lambda: threadmodule.Thread(target=3),
        lambda: threadmodule.Thread().join(),
    ]
    for number, mistake in enumerate(mistakes):
        with contextlib.suppress(TypeError, ValueError, BufferError, OverflowError, RuntimeError, IndexError):
            mistake()
            raise AssertionError(number)
    data.append(1)  # nobody holds it any more


def check_threads() -> None:
    targets: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (threadmodule.sum, (bytearray(5_000),)),
        (threadmodule.exp, (array.array("d", bytes(8 * 5_000)),)),
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


def main() -> None:
    threading.excepthook = sys.unraisablehook = lambda args: None
    for letter in "bBhHiIlLqQfd":
        for size, threads in zip(SIZES, [1, None, 2, 3], strict=True):
            check_reductions(letter, size, threads)
            check_maps(letter, size, threads)
            check_scans(letter, size, threads)
    check_layouts(5_000)
    threadmodule.set_num_threads(3)
    check_pool(100_000)
    threadmodule.set_num_threads(None)
    check_progress(40_000)
    check_array()
    check_mistakes()
    check_threads()
    assert threadmodule.square(12) == 144
    assert threadmodule.sum_of_squares(100_000, threads=2) == 99_999 * 100_000 * 199_999 // 6
    assert abs(threadmodule.pi(100_000, threads=2) - math.pi) < 1e-8
    assert threadmodule.do_math(0, 5_000, threads=2) == sum(10**6 - p for p in range(1, 5_001))
    threadmodule.start_threads(3)
    threadmodule.Thread(target=threadmodule.pi, args=(10**15,), daemon=True).start()  # stopped at exit


if __name__ == "__main__":
    main()
