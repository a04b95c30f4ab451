"""Reductions: every type at every length that has an edge, NaN and ties, and sums that no rounding spoils."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import threadmodule
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import DTYPES, FLOATS, INTS, REDUCTIONS, assert_close, doubles, exact_sum, fsum, rounded, values

LENGTHS = [1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 1000, 4095, 4096, 4097, 8193, 32767, 32769, 100_003, 655_361]
PICKS = ["min", "max", "argmin", "argmax"]


def bits(x: float) -> bytes:
    return struct.pack("d", x)


def picks(a: Any, **kwargs: Any) -> list[Any]:
    return [getattr(threadmodule, name)(a, **kwargs) for name in PICKS]


def numpys_picks(a: np.ndarray) -> list[Any]:
    return [getattr(np, name)(a).item() for name in PICKS]


# Every length


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", LENGTHS)
def test_of_every_length(dtype: str, size: int) -> None:
    a = values(dtype, size, size, "tame")
    assert picks(a, threads=2) == numpys_picks(a)
    assert threadmodule.count_nonzero(a, threads=2) == np.count_nonzero(a)
    numbers, wide = a.tolist(), doubles(a)
    magnitude = math.fsum(np.abs(wide))
    assert_close(threadmodule.sum(a, threads=2), math.fsum(numbers), 1e-15 * magnitude)
    assert_close(threadmodule.mean(a, threads=2), math.fsum(numbers) / size, 2e-15 * magnitude / size)
    norm = math.hypot(*numbers)
    assert_close(threadmodule.norm(a, threads=2), norm, 2e-15 * norm)
    spread = float(np.var(wide.astype(np.longdouble)))
    assert_close(threadmodule.var(a, threads=2), spread, 1e-14 * spread + 1e-28)
    assert threadmodule.sum(a, threads=2, exact=True) == math.fsum(numbers)


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("size", LENGTHS)
def test_integers_of_every_length(dtype: str, size: int) -> None:
    a = values(dtype, size, size, "bits")
    numbers = a.tolist()
    assert threadmodule.sum(a) == sum(numbers)
    assert picks(a) == numpys_picks(a)
    assert_close(threadmodule.mean(a), sum(numbers) / size, 2e-15 * sum(map(abs, numbers)) / size)


@pytest.mark.parametrize("name", [*REDUCTIONS, "dot"])
def test_types_of_results(name: str) -> None:
    for dtype in DTYPES:
        a = np.ones(5, dtype)
        result = getattr(threadmodule, name)(*[a] * (1 + (name == "dot")))
        if name in ("mean", "norm", "var") or (name in ("sum", "dot", "min", "max") and dtype in FLOATS):
            assert type(result) is float
        elif name in ("min", "max") and dtype == "?":
            assert result is True
        else:
            assert type(result) is int or (name == "dot" and dtype == "?")


def test_of_nothing() -> None:
    for dtype in DTYPES:
        for a in [np.zeros(0, dtype), np.zeros((3, 0), dtype), np.zeros((0, 2), dtype)[:, ::-1]]:
            total = threadmodule.sum(a)
            assert total == threadmodule.sum(a, exact=True) == 0
            assert type(total) is (float if dtype in FLOATS else int)
            assert math.isnan(threadmodule.mean(a))
            assert math.isnan(threadmodule.mean(a, exact=True))
            assert math.isnan(threadmodule.var(a))
            assert bits(threadmodule.norm(a)) == bits(0.0)
            assert threadmodule.count_nonzero(a) == 0
            for name in PICKS:
                with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'a' must "):
                    getattr(threadmodule, name)(a)
        assert threadmodule.dot(np.zeros(0, dtype), np.zeros(0, dtype)) == 0


# min, max, argmin, argmax


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 17, 33, 64, 70, 1000])
def test_nan_wins_wherever_it_is(dtype: str, size: int) -> None:
    for place in range(0, size, max(1, size // 70)):
        a = np.arange(size).astype(dtype)
        a[place] = math.nan
        assert math.isnan(threadmodule.min(a))
        assert math.isnan(threadmodule.max(a))
        assert threadmodule.argmin(a) == threadmodule.argmax(a) == place
        a[-1] = -math.nan
        assert threadmodule.argmin(a) == threadmodule.argmax(a) == place


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_among_many(dtype: str) -> None:
    for places in [[0], [99_999], [250_000, 399_999], [123, 124, 300_000], [399_999]]:
        a = np.zeros(400_000, dtype)
        a[places] = math.nan
        a[200_000] = -math.inf
        assert math.isnan(threadmodule.min(a, threads=2))
        assert math.isnan(threadmodule.max(a, threads=2))
        assert threadmodule.argmin(a, threads=2) == threadmodule.argmax(a, threads=2) == places[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_first_of_equals(dtype: str) -> None:
    for size in LENGTHS:
        a = np.zeros(size, dtype)
        assert threadmodule.argmin(a, threads=2) == threadmodule.argmax(a, threads=2) == 0
        for first in {0, size // 3, size // 2, size - 1}:
            a[:] = 0
            a[first::5] = 1
            assert threadmodule.argmax(a, threads=2) == first
            assert threadmodule.argmin(1 - a if dtype != "?" else ~a, threads=2) == first


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_of_both_signs(dtype: str) -> None:
    """Are equal for argmin and argmax; min prefers -0.0, max 0.0."""
    for zeros in [[0.0, -0.0, 0.0], [-0.0, 0.0], [0.0] * 99 + [-0.0] * 99, [-0.0] * 40, [0.0] * 40]:
        a = np.array(zeros, dtype)
        assert picks(a) == [0, 0, 0, 0]
        least, greatest = picks(a)[:2]
        assert bits(least) == bits(min(zeros, key=lambda x: math.copysign(1, x)))
        assert bits(greatest) == bits(max(zeros, key=lambda x: math.copysign(1, x)))


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities(dtype: str) -> None:
    a = np.array([1, math.inf, -math.inf, math.inf, -math.inf], dtype)
    assert picks(a) == [-math.inf, math.inf, 2, 1]
    assert picks(np.full(1000, math.inf, dtype)) == [math.inf, math.inf, 0, 0]
    assert picks(np.full(1000, -math.inf, dtype)) == [-math.inf, -math.inf, 0, 0]
    both = np.resize(np.array([math.inf, -math.inf, 3], dtype), 1000)  # their sum is NaN, and none of them is
    assert picks(both) == [-math.inf, math.inf, 1, 0]
    both[-1] = math.nan
    assert picks(both)[2:] == [999, 999]


@pytest.mark.parametrize("dtype", INTS)
def test_limits(dtype: str) -> None:
    ends = np.iinfo(dtype)
    for size in [3, 100, 100_001]:
        a = np.full(size, 5, dtype)
        a[size // 2], a[-1] = ends.min, ends.max
        assert picks(a, threads=2) == [ends.min, ends.max, size // 2, size - 1]
        assert picks(np.full(size, ends.min, dtype))[:2] == [ends.min] * 2
        assert picks(np.full(size, ends.max, dtype))[:2] == [ends.max] * 2


@pytest.mark.parametrize("shape", [(3, 4, 5), (300, 500), (2, 60_000), (60_000, 2)])
def test_an_index_counts_in_c_order(shape: tuple[int, ...]) -> None:
    a = np.random.default_rng(1).permutation(math.prod(shape)).reshape(shape).astype("f8")
    ties = np.floor(a / 7)
    for b in [a, ties]:
        for view in [b, np.asfortranarray(b), b.T, b[::-1], b[..., ::-1], b[:, ::2], np.broadcast_to(b[:1], shape)]:
            assert picks(view, threads=2) == numpys_picks(np.array(view, order="C"))


# Sums


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_infinity_and_nan(name: str) -> None:
    kernel = getattr(threadmodule, name)
    for size in [3, 5000, 100_000]:
        for strange, result in [
            ([math.inf], math.inf),
            ([-math.inf, -math.inf], -math.inf),
            ([math.inf, -math.inf], math.nan),
            ([math.nan], math.nan),
            ([math.inf, math.nan], math.nan),
        ]:
            a = np.ones(size)
            a[-len(strange) :] = strange
            for exact in [False, True]:
                assert_close(kernel(a, exact=exact), result, 0)
                assert_close(kernel(a[::-1], None, exact), result, 0)


def test_a_sum_keeps_the_sign_of_zero() -> None:
    for size in [1, 2, 33, 5000, 100_000]:
        assert bits(threadmodule.sum(np.full(size, -0.0))) == bits(-0.0)
        assert bits(threadmodule.sum(np.full(size, 0.0))) == bits(0.0)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "dot", "norm"])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_errors_are_no_larger_than_numpys(name: str, offset: float) -> None:
    """The root of the mean of their squares; that of so many differs by chance, but not by much."""
    if np.longdouble(1) + np.finfo(float).eps / 4 == 1:
        pytest.skip("long double is no wider than double, here or in Valgrind")
    ours, numpys = 0.0, 0.0
    for seed in range(100):
        random = np.random.default_rng(seed)
        # Of any size: sums of 2^k squares with a mean of 1 lie where the distance between two doubles changes.
        a = (random.standard_normal(50_000) + offset) * random.uniform(1, 2)
        wide = a.astype(np.longdouble)
        answers = {
            "sum": (math.fsum(a), np.sum(a)),
            "mean": (np.mean(wide), np.mean(a)),
            "var": (np.var(wide), np.var(a)),
            "dot": (np.sum(wide * wide), np.sum(a * a)),
            "norm": (np.sqrt(np.sum(wide * wide)), np.sqrt(np.sum(a * a))),
        }
        exact, numpy = answers[name]
        arguments = (a, a) if name == "dot" else (a,)
        ours += float(getattr(threadmodule, name)(*arguments) - exact) ** 2
        numpys += float(numpy - exact) ** 2
    assert math.sqrt(ours / numpys) < 1.3


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_small_floats_are_added_up_as_doubles(dtype: str) -> None:
    a = np.full(3_000_000, 0.1, dtype)
    assert threadmodule.sum(a) == pytest.approx(3_000_000 * float(a[0]), rel=1e-14)
    assert threadmodule.mean(a) == pytest.approx(float(a[0]), rel=1e-14)
    assert threadmodule.dot(a, a) == pytest.approx(3_000_000 * float(a[0]) ** 2, rel=1e-14)
    assert threadmodule.norm(a) == pytest.approx(math.sqrt(3_000_000) * float(a[0]), rel=1e-14)
    assert threadmodule.var(a) <= 1e-30


# Exact sums


def check_exact(numbers: Sequence[float]) -> None:
    a = np.array(numbers, "f8")
    answer = fsum(a.tolist())
    assert_close(threadmodule.sum(a, exact=True), answer, 0)
    assert_close(threadmodule.sum(a[::-1], threads=2, exact=True), answer, 0)
    ones = np.ones(len(a))
    assert_close(threadmodule.dot(a, ones, exact=True), answer, 0)


@pytest.mark.parametrize(
    "numbers",
    [
        [1e100, 1.0, -1e100],
        [1.0, 1e100, 1.0, -1e100] * 10_000,
        [1e308, 1e308, -1e308, -1e308, 5e-324],
        [1.7e308, 1.7e308, -1.7e308],
        [1.7e308] * 1000 + [-1.7e308] * 999,
        [1.7e308] * 3,
        [-1.7e308] * 100,
        [5e-324] * 1000,
        [2.2250738585072014e-308, -2.225073858507201e-308],
        [1e16, 1.0, 1e-16],
        [2.0**53, 1.0],  # half way: to even
        [2.0**53, 1.0, 2.0**-1074],
        [2.0**53 + 2, 1.0],
        [2.0**53 + 2, 1.0, -(2.0**-1074)],
        [-(2.0**53), -1.0, -(2.0**-1000)],
        [1.7976931348623157e308, 2.0**969],
        [1.7976931348623157e308, 2.0**970],  # half way to 2**1024
        [1.7976931348623157e308, 2.0**970, -5e-324],
        [0.1] * 10,
        [0.1, -0.1],
        [-5e-324, 5e-324, -5e-324],
        [2.0**-1022, -(2.0**-1074)],
        [2.0**n for n in range(-1074, 1024)],
        [(-1.0) ** n * 2.0**n for n in range(-1074, 1024)],
        [],
    ],
    ids=range(25),
)
def test_exact_sums(numbers: list[float]) -> None:
    check_exact(numbers)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(), max_size=50) | st.lists(st.floats(1e-320, 1e-300) | st.floats(-1e308, 1e308)))
def test_exact_sums_of_any_floats(numbers: list[float]) -> None:
    check_exact(numbers)


@pytest.mark.parametrize("size", [10, 1000, 5000, 50_000])
def test_exact_sums_of_many(size: int) -> None:
    for seed in range(2):
        generator = np.random.default_rng(seed)
        a = np.ldexp(generator.standard_normal(size), generator.integers(-1000, 900, size))
        check_exact(a)
        generator.shuffle(a)
        check_exact(np.concatenate([a, -a, [1e-200], a[: size // 2], -a[: size // 2]]))


def test_the_largest_exact_sum() -> None:
    """So many carries that a superaccumulator's digits must be normalised on the way."""
    a = np.full(3_000_001, np.finfo("f8").max)
    a[::2] *= -1
    assert threadmodule.sum(a, exact=True) == -np.finfo("f8").max
    a = np.full(3_000_001, np.nextafter(1.0, 2))
    assert threadmodule.sum(a, exact=True) == rounded(3_000_001 * Fraction(np.nextafter(1.0, 2)))


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_exact_sums_of_small_floats(dtype: str) -> None:
    for size in [5, 1000, 100_000]:
        bits = values(dtype, size, 7, "bits")
        a = bits[np.isfinite(bits)]
        assert threadmodule.sum(a, exact=True) == rounded(exact_sum(a.tolist()))
        assert threadmodule.mean(a, exact=True) == pytest.approx(rounded(exact_sum(a.tolist()) / len(a)), rel=3e-16)


def test_an_exact_mean_of_numbers_whose_sum_is_too_large() -> None:
    a = np.full(10, 1.7e308)
    assert threadmodule.mean(a, exact=True) in (1.7e308, math.inf)


def test_exact_dot() -> None:
    shuffled = random.Random(1)
    for size in [2, 10, 1000]:
        a = [math.ldexp(shuffled.uniform(-1, 1), shuffled.randint(-300, 300)) for _ in range(size)]
        b = [math.ldexp(shuffled.uniform(-1, 1), shuffled.randint(-300, 300)) for _ in range(size)]
        a, b = [*a, *a, 1.0], [*b, *(-x for x in b), 2.0**-600]
        answer = rounded(exact_sum(Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)))
        assert threadmodule.dot(np.array(a), np.array(b), exact=True) == answer == 2.0**-600
        answer = rounded(exact_sum(Fraction(x) * Fraction(y) for x, y in zip(a[size:], b[size:], strict=True)))
        assert threadmodule.dot(np.array(a[size:]), np.array(b[size:]), exact=True) == answer


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1e-200, 1e-200], [1e-200, 1.0]),
        ([5e-324, 5e-324], [0.5, 0.5]),
        ([5e-324] * 4, [0.25] * 4),
        ([1e-160, 1.0, -1.0], [1e-160, 1e-310, 1e-310]),
        ([1.0 + 2.0**-52, -1.0], [1.0 - 2.0**-52, 1.0]),
        ([1e200, -1e200, 1.0], [1e107, 1e107, 1.0]),
        ([1e308, 1e308], [1.0, -1.0]),
    ],
)
def test_exact_dot_at_the_ends_of_the_range(a: list[float], b: list[float]) -> None:
    answer = rounded(exact_sum(Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)))
    assert threadmodule.dot(np.array(a), np.array(b), exact=True) == answer


@pytest.mark.parametrize("dtype", ["?", *INTS])
def test_integers_are_exact_anyhow(dtype: str) -> None:
    a = values(dtype, 10_000, 3, "bits")
    assert threadmodule.sum(a, exact=True) == threadmodule.sum(a) == sum(a.tolist())
    if dtype != "?":
        assert threadmodule.dot(a, a, exact=True) == threadmodule.dot(a, a) == sum(x * x for x in a.tolist())
    assert threadmodule.mean(a, exact=True) == pytest.approx(sum(a.tolist()) / len(a), rel=3e-16)


def test_exact_is_any_truth() -> None:
    a = values("f8", 100_003, 1, "tame")
    exact, other = threadmodule.sum(a, exact=True), threadmodule.sum(a)
    assert exact != other
    assert threadmodule.sum(a, None, 1) == threadmodule.sum(a, exact=[0]) == exact
    assert threadmodule.sum(a, None, 0) == threadmodule.sum(a, exact=None) == other


# dot


@pytest.mark.parametrize("dtype", DTYPES)
def test_dot_of_two_types(dtype: str) -> None:
    for other in DTYPES:
        for size in [1, 33, 5000]:
            a, b = values(dtype, size, 1, "tame"), values(other, size, 2, "tame")
            result = threadmodule.dot(a, b, threads=2)
            answer = sum(Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True))
            if dtype == other == "?":
                assert result == answer or result == bool(answer)
                continue
            assert type(result) is (float if np.result_type(a, b).kind == "f" else int)
            assert_close(result, rounded(answer), 1e-15 * float(np.abs(doubles(a) * doubles(b)).sum()))


def test_dot_of_other_places() -> None:
    a, b = values("f8", 40_000, 1, "tame"), values("f8", 20_000, 2, "tame")
    answer = threadmodule.dot(a[::2].copy(), b[::-1].copy())
    assert threadmodule.dot(a[::2], b[::-1], threads=2) == answer
    assert threadmodule.dot(a[::2].astype(">f8"), b[::-1]) == answer
    assert threadmodule.dot(np.frombuffer(b"x" + a[::2].tobytes(), "f8", offset=1), b[::-1]) == answer


def test_dot_of_another_length_or_dimension() -> None:
    with pytest.raises(ValueError, match=r"^dot\(\) argument 'b' must be as long as 'a' \(3\), got 4"):
        threadmodule.dot(np.ones(3), np.ones(4))
    for a, b, name in [((2, 2), (4,), "a"), ((4,), (2, 2), "b"), ((), (), "a"), ((1,), (), "b")]:
        with pytest.raises(ValueError, match=rf"^dot\(\) argument '{name}' must have 1 dimension, got [02]"):
            threadmodule.dot(np.ones(a), np.ones(b))


# norm


@pytest.mark.parametrize(
    ("element", "size"),
    [(1e300, 4), (1e154, 1000), (1.3e308, 1), (1e-300, 4), (5e-324, 4), (1e-310, 100_000), (1e-160, 9), (3.0, 100)],
)
def test_norm_beyond_the_range_of_squares(element: float, size: int) -> None:
    a = np.full(size, element)
    answer = rounded(Fraction(element) * Fraction(math.sqrt(size)))
    assert_close(threadmodule.norm(a, threads=2), answer, max(1e-15 * answer, 5e-324))
    a[::2] *= -1
    assert_close(threadmodule.norm(a, threads=2), answer, max(1e-15 * answer, 5e-324))


def test_norm_of_the_large_and_the_small() -> None:
    for numbers in [[1e300, 1e-300], [3e200, 4e200], [5e-324, 1.0], [1e-170, 1e170], [0.0, 1e-320], [0.0, 0.0]]:
        for size in [2, 100, 100_000]:
            a = np.resize(numbers, size)
            answer = math.hypot(*a)
            assert_close(threadmodule.norm(a), answer, 2e-15 * answer + 5e-324)
    assert threadmodule.norm(np.full(4, 1.7e308)) == math.inf
    assert threadmodule.norm(np.array([-math.inf, 1.0])) == math.inf
    assert math.isnan(threadmodule.norm(np.array([math.inf, math.nan])))
    for dtype in DTYPES:
        for size in [1, 100, 100_000]:
            assert bits(threadmodule.norm(np.zeros(size, dtype))) == bits(0.0)
    assert math.isnan(threadmodule.norm(np.array([math.nan] + [1.0] * 100_000)))


@pytest.mark.parametrize("dtype", [*INTS, "f2", "f4"])
def test_norm_of_limits(dtype: str) -> None:
    a = np.full(1000, np.iinfo(dtype).min or np.iinfo(dtype).max if dtype in INTS else np.finfo(dtype).max, dtype)
    assert threadmodule.norm(a) == pytest.approx(math.hypot(*a.tolist()), rel=1e-15)


# var


@pytest.mark.parametrize("ddof", [0, 1, 2, -1, 4, 5, 6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_var(dtype: str, ddof: int) -> None:
    for a in [values(dtype, 5, 1, "tame"), np.ones(5, dtype)]:
        with np.errstate(all="ignore"), pytest.warns() if ddof >= 5 else np.errstate():
            answer = float(np.var(doubles(a), ddof=ddof))
        assert_close(threadmodule.var(a, ddof), answer, 1e-14 * answer if math.isfinite(answer) else 0)


def test_var_far_from_zero() -> None:
    for offset in [1e6, 1e9, 1e12]:
        for size in [10, 5000, 70_000]:
            a = np.random.default_rng(1).standard_normal(size) + offset
            center = exact_sum(a.tolist()) / size
            answer = rounded(exact_sum(Fraction(x) ** 2 for x in a.tolist()) / size - center**2)
            assert threadmodule.var(a, threads=2) == pytest.approx(answer, rel=1e-12 + 1e-16 * offset)
    a = np.array([2**62, 2**62 + 1024, 2**62 + 2048])
    assert threadmodule.var(a) == pytest.approx(1024**2 * 2 / 3, rel=1e-3)


@pytest.mark.parametrize("size", [2, 3, 8, 17, 1000, 4097, 200_003])
def test_var_whatever_a_sample_of_the_elements_is(size: int) -> None:
    """Its guess of a leaf's mean, from its first 16 elements, may be all wrong: then there is a second pass."""
    random = np.random.default_rng(size)
    for sampled, others in [(1e6, 0), (0, 1e8), (1e200, 1), (1e-200, 1), (3, 3)]:
        a = random.standard_normal(size) * (sampled != others) + others
        for begin in range(0, size, 4096):
            a[begin : begin + 16] = sampled
        wide = a.astype(np.longdouble)
        answer = float(np.mean((wide - wide.mean()) ** 2))
        for threads in [1, 2]:
            assert_close(threadmodule.var(a, threads=threads), answer, 1e-13 * answer if math.isfinite(answer) else 0)


def test_var_of_a_bad_guess_is_as_exact() -> None:
    """The rounding of the mean is taken out again."""
    a = 1e12 + np.random.default_rng(1).integers(0, 2, 20_000)
    for begin in range(0, len(a), 4096):
        a[begin : begin + 16] += 40
    center = Fraction(sum(map(int, a)), len(a))
    answer = float(sum((int(x) - center) ** 2 for x in a) / len(a))
    assert threadmodule.var(a) == pytest.approx(answer, rel=1e-14)


def test_var_of_few_different_elements() -> None:
    """Their sums are rounded again and again to the same side, but not in all leaves."""
    errors = []
    for seed in range(20):
        a = np.where(np.random.default_rng(seed).random(100_000) < 0.5, 0.1, 0.2)
        answer = np.var(a.astype(np.longdouble))
        errors.append(float((threadmodule.var(a) - answer) / answer))
    assert math.sqrt(sum(error**2 for error in errors) / len(errors)) < 2.5e-16


def test_var_of_equal_elements_is_zero() -> None:
    for value in [0.1, 1 / 3, 1e300, -5e-324]:
        for size in [1, 2, 15, 16, 17, 33, 5000]:
            assert bits(threadmodule.var(np.full(size, value))) == bits(0.0)


def test_var_of_infinity_and_nan() -> None:
    for strange in [math.inf, -math.inf, math.nan]:
        for size in [1, 2, 100_000]:
            a = np.ones(size)
            a[size // 2] = strange
            assert math.isnan(threadmodule.var(a))


def test_var_of_nothing_is_one_nan() -> None:
    for a, ddof in [([], 0), ([1.0], 1), ([math.nan], 0), ([1.0, 2.0], -math.nan)]:
        assert bits(threadmodule.var(np.array(a), ddof)) == bits(math.nan)


def test_var_of_one_element_is_zero() -> None:
    assert bits(threadmodule.var(np.array([7.5]))) == bits(0.0)
    assert bits(threadmodule.var(np.array(7))) == bits(0.0)


@pytest.mark.parametrize("ddof", ["1", [1], 1j])
def test_ddof_of_another_type(ddof: Any) -> None:
    with pytest.raises(TypeError, match=rf"^var\(\) argument 'ddof' must be .*, not {type(ddof).__name__}"):
        threadmodule.var(np.ones(3), ddof)


def test_ddof_that_no_float_holds() -> None:
    for ddof in (10**400, -(10**400)):
        with pytest.raises(OverflowError, match=r"'ddof' must fit in a float, got an int of 1329 bits$"):
            threadmodule.var(np.ones(3), ddof=ddof)


# What they all share


@pytest.mark.parametrize("name", REDUCTIONS)
def test_many_dimensions_in_any_order(name: str) -> None:
    kernel = getattr(threadmodule, name)
    a = values("f8", 3 * 200 * 500, 1, "tame").reshape(3, 200, 500)
    for view in [a, a.T, a[:, ::-1], a[..., 1::3], a[::2, 5:100:7, ::-2], np.broadcast_to(a[:, :1], a.shape), a[1:1]]:
        if view.size == 0 and name in PICKS:
            continue
        flat = np.array(view, order="C")
        answer = kernel(flat)
        assert bits(answer) == bits(kernel(flat.ravel())) == bits(kernel(flat.astype(">f8")))
        # In any other order of memory, sums are rounded otherwise.
        for other in [view, view.astype(">f8"), memoryview(view)]:
            assert_close(kernel(other, threads=3), answer, 0 if name in PICKS else 1e-12 * abs(answer))


@pytest.mark.parametrize("name", [*REDUCTIONS, "dot"])
def test_elements_of_another_type(name: str) -> None:
    kernel = getattr(threadmodule, name)
    for dtype in ["c8", "c16", "S3", "U2", "i4,f8", "V5"]:
        a = np.zeros(3, dtype)
        with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'a' must have elements of .*got"):
            kernel(*[a] * (1 + (name == "dot")))
    for wrong in [3, None, "text", [1, 2], object(), 2.5]:
        with pytest.raises(
            TypeError, match=rf"^{name}\(\) argument 'a' must be .*buffer.*, not {type(wrong).__name__}"
        ):
            kernel(*[wrong] * (1 + (name == "dot")))
