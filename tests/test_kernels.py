"""Sums, dot products and squares at every length that has an edge, the kernels of the tutorials, and threads."""

from __future__ import annotations

import array
import fractions
import math
import random
import struct

import numpy as np
import pytest
import threadmodule
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import exact_sum
from support import eventually, pool_workers

CHUNK = 32 * 1024  # core::chunk_size: what one thread claims at a time
LENGTHS = [0, 1, 2, 15, 16, 17, 2047, 2048, 2049, 5000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5, 20 * CHUNK + 1]
FLOATS = ["f4", "f8"]
INTS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
THREADS = [1, 2, 3, 8]


def numbers(dtype: str, size: int, seed: int = 0) -> np.ndarray:
    """Any bits for integers; for floats, numbers of both signs and many magnitudes."""
    generator = np.random.default_rng(seed)
    if dtype in FLOATS:
        return (generator.standard_normal(size) * 10.0 ** generator.integers(-3, 4, size)).astype(dtype)
    return np.frombuffer(generator.bytes(size * int(dtype[1])), dtype=dtype)


def bits(x: float) -> bytes:
    return struct.pack("d", x)


# sum


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("size", LENGTHS)
def test_sum_of_integers_is_exact(dtype: str, size: int) -> None:
    a = numbers(dtype, size)
    assert threadmodule.sum(a, threads=2) == sum(a.tolist())


@pytest.mark.parametrize("dtype", ["i8", "u8"])
@pytest.mark.parametrize("extreme", ["min", "max"])
def test_sum_of_extremes_does_not_wrap(dtype: str, extreme: str) -> None:
    value = getattr(np.iinfo(dtype), extreme)
    assert threadmodule.sum(np.full(100_000, value, dtype)) == 100_000 * int(value)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", LENGTHS)
def test_sum_of_floats(dtype: str, size: int) -> None:
    a = numbers(dtype, size)
    exact = math.fsum(a.tolist())
    total = threadmodule.sum(a, threads=2)
    assert type(total) is float
    assert abs(total - exact) <= 1e-15 * math.fsum(abs(a).tolist())


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -0.0, 5e-324])
def test_sum_of_special_values(value: float) -> None:
    total = threadmodule.sum(array.array("d", [value]))
    assert bits(total) == bits(value) or (math.isnan(value) and math.isnan(total))
    assert math.isnan(threadmodule.sum(array.array("d", [math.inf, -math.inf])))


def test_sum_of_nothing_is_zero() -> None:
    assert bits(threadmodule.sum(array.array("d"))) == bits(0.0)
    assert threadmodule.sum(b"") == 0
    assert type(threadmodule.sum(b"")) is int


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.sampled_from(THREADS))
def test_sum_agrees_with_python(values: list[int], threads: int) -> None:
    assert threadmodule.sum(array.array("q", values), threads) == sum(values)


# dot


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("size", LENGTHS)
def test_dot_of_integers_is_exact(dtype: str, size: int) -> None:
    a, b = numbers(dtype, size, 1), numbers(dtype, size, 2)
    assert threadmodule.dot(a, b, threads=2) == sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def test_dot_of_the_smallest_int64_needs_more_than_128_bits() -> None:
    a = np.full(1000, -(2**63), "i8")
    assert threadmodule.dot(a, a) == 1000 * 2**126
    largest = np.full(1000, 2**64 - 1, "u8")
    assert threadmodule.dot(largest, largest) == 1000 * (2**64 - 1) ** 2


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", LENGTHS)
def test_dot_of_floats(dtype: str, size: int) -> None:
    a, b = numbers(dtype, size, 1), numbers(dtype, size, 2)
    products = [fractions.Fraction(x) * fractions.Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    allowed = 1e-15 * float(exact_sum(map(abs, products)))
    assert abs(threadmodule.dot(a, b, threads=2) - float(exact_sum(products))) <= allowed


# square


@pytest.mark.parametrize("x", [3, -4, 0, 10**30, True, 2.5, -0.0, 1 + 2j, fractions.Fraction(2, 3)])
def test_square_of_a_number(x: complex) -> None:
    assert threadmodule.square(x) == x * x
    assert type(threadmodule.square(x)) is type(x * x)


def test_square_of_a_numpy_scalar() -> None:
    assert threadmodule.square(np.float64(1.5)) == 2.25
    assert threadmodule.square(np.int32(-3)) == 9
    assert threadmodule.square(np.array(4.0)) == 16.0


@pytest.mark.parametrize("dtype", INTS)
def test_square_that_overflows_writes_nothing(dtype: str) -> None:
    root = math.isqrt(np.iinfo(dtype).max)
    a = np.full(100_000, root, dtype)
    assert int(threadmodule.square(a, out=a.copy())[0]) == root * root
    for wrong in [root + 1, -root - 1] if dtype[0] == "i" else [root + 1]:
        a[77_777] = wrong
        before = a.copy()
        with pytest.raises(
            OverflowError, match=rf"square\(\) argument 'x' holds {wrong} at index 77777, .*does not fit in {a.dtype}"
        ):
            threadmodule.square(a, out=a)
        assert np.array_equal(a, before)


# The loops of the tutorials


@pytest.mark.parametrize("n", [0, 1, 2, 10, 1000, *LENGTHS, 10**7])
def test_sum_of_squares(n: int) -> None:
    assert threadmodule.sum_of_squares(n, threads=2) == (n - 1) * n * (2 * n - 1) // 6


def test_sum_of_squares_past_64_bits() -> None:
    assert threadmodule.sum_of_squares(10**7) == 333333283333335000000


def test_sum_of_squares_of_numbers_past_32_bits() -> None:
    """5 * 10^9 terms; the last ones are squares of more than 64 bits."""
    n = 2**32 + 10**6
    assert threadmodule.sum_of_squares(n) == (n - 1) * n * (2 * n - 1) // 6


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000, 100_000, 10**7])
def test_pi(n: int) -> None:
    step = 1 / n
    if n <= 100_000:
        midpoints = math.fsum(4 / (1 + ((i + 0.5) * step) ** 2) for i in range(n)) * step
        assert threadmodule.pi(n, threads=2) == pytest.approx(midpoints, rel=1e-15, abs=0)
    assert abs(threadmodule.pi(n) - math.pi) <= 1 / (11 * n * n) + 1e-14


@pytest.mark.parametrize(
    ("start", "num"),
    [(0, 10), (0, 0), (5, 3), (0, 10**6), (10**6, 10**6 + 1), (-5, 5), (0, 3_000_000), (10**9, 10**9 + 70_000)],
)
def test_do_math(start: int, num: int) -> None:
    expected = sum(abs(p - 10**6) for p in range(start + 1, num + 1))
    result = threadmodule.do_math(start, num, threads=2)
    assert type(result) is float
    assert result == pytest.approx(expected, rel=1e-15)


def test_do_math_has_the_tutorials_defaults() -> None:
    assert threadmodule.do_math() == threadmodule.do_math(0, 10) == 9999945.0
    assert threadmodule.do_math(num=20) == threadmodule.do_math(0, 20)


def test_do_math_at_the_ends_of_int64() -> None:
    assert threadmodule.do_math(2**63 - 3, 2**63 - 1) == pytest.approx(2 * 2.0**63)
    assert threadmodule.do_math(-(2**63), -(2**63) + 2) == pytest.approx(2 * 2.0**63)
    assert threadmodule.do_math(2**63 - 1, -(2**63)) == 0.0


# Threads


def test_a_call_runs_on_as_many_posix_threads_as_asked() -> None:
    threadmodule.set_num_threads(6)
    kernel = threadmodule.Thread(target=threadmodule.pi, args=(2_000_000_000,), kwargs={"threads": 5}, daemon=True)
    kernel.start()
    assert eventually(lambda: pool_workers() >= 4)
    kernel.join()
    assert pool_workers() == 4  # and the Thread itself
    threadmodule.set_num_threads(None)


@pytest.mark.parametrize("threads", [None, 1, 2, 100, 32768, np.int64(2), True])
def test_threads_is_an_upper_bound(threads: int | None) -> None:
    a = array.array("d", [1.0]) * 300_000
    assert threadmodule.sum(a, threads) == 300_000.0
    assert threadmodule.sum(b"abc", threads=threads) == 294


def test_many_python_threads_call_kernels_at_once() -> None:
    a = numbers("f8", 500_000)
    expected = threadmodule.sum(a)
    results: list[float] = []

    def work() -> None:
        for _ in range(20):
            results.append(threadmodule.sum(a, random.choice(THREADS)))

    threads = [threadmodule.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.result()
    assert results == [expected] * 160
