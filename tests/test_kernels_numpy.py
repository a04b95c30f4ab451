"""The kernels agree with NumPy: any type, shape, memory layout and byte order, and the strangest values."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import threadmodule
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import (
    BINARY,
    INTS,
    UNARY,
    arrays,
    assert_close,
    assert_same,
    doubles,
    exact_sum,
    expected,
    fsum,
    layouts,
    native,
    promoted,
    rounded,
    shapes,
    threads,
)

few = settings(max_examples=60, deadline=None)
many = settings(max_examples=150, deadline=None)


# Reductions. To compare with NumPy's own float sums would be to compare with their errors.


@many
@given(arrays(), threads)
def test_sum(a: np.ndarray, threads: int | None) -> None:
    numbers = native(a).ravel().tolist()
    result = threadmodule.sum(a, threads)
    if a.dtype.kind != "f":
        assert type(result) is int
        assert result == sum(numbers)
        return
    assert type(result) is float
    magnitude = fsum([abs(x) for x in numbers if math.isfinite(x)])
    assume(math.isfinite(magnitude))
    assert_close(result, fsum(numbers), 1e-15 * magnitude)


@many
@given(arrays(), threads)
def test_exact_sum_and_mean(a: np.ndarray, threads: int | None) -> None:
    numbers = native(a).ravel().tolist()
    total, mean = threadmodule.sum(a, threads, exact=True), threadmodule.mean(a, threads, exact=True)
    if a.dtype.kind == "f":
        assert type(total) is float
        assert_close(total, fsum(numbers), 0)
    else:
        assert type(total) is int
        assert total == sum(numbers)
    assert type(mean) is float
    if not numbers or not math.isfinite(total):
        assert_close(mean, total if numbers and not all(map(math.isfinite, numbers)) else mean, 0)
        return
    answer = rounded(exact_sum(numbers) / len(numbers))
    assert_close(mean, answer, math.ulp(answer))


@many
@given(arrays(), threads)
def test_mean_and_var(a: np.ndarray, threads: int | None) -> None:
    numbers = native(a).ravel().tolist()
    mean, var = threadmodule.mean(a, threads), threadmodule.var(a, threads=threads)
    assert type(mean) is type(var) is float
    if not numbers or not all(map(math.isfinite, numbers)):
        assert_close(mean, fsum(numbers) if numbers else math.nan, 0)
        assert math.isnan(var)
        return
    largest = max(map(abs, map(float, numbers)))
    assume(largest < 1e150)
    center = exact_sum(numbers) / len(numbers)
    assert_close(mean, rounded(center), 2e-15 * largest)
    spread = rounded(exact_sum(Fraction(x) ** 2 for x in numbers) / len(numbers) - center**2)
    allowed = 1e-14 * spread + 2e-15 * largest * math.sqrt(spread) + (2e-15 * largest) ** 2
    assert_close(var, spread, allowed + 5e-324 * len(numbers))


@many
@given(arrays(), threads)
def test_min_max_argmin_argmax(a: np.ndarray, threads: int | None) -> None:
    for name in ["min", "max", "argmin", "argmax"]:
        kernel = getattr(threadmodule, name)
        if a.size == 0:
            with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'a' "):
                kernel(a, threads)
            continue
        result, answer = kernel(a, threads), getattr(np, name)(native(a)).item()
        assert type(result) is type(answer)
        assert_close(result, answer, 0)


@many
@given(arrays(), threads)
def test_count_nonzero_and_norm(a: np.ndarray, threads: int | None) -> None:
    numbers = native(a).ravel().tolist()
    count, norm = threadmodule.count_nonzero(a, threads), threadmodule.norm(a, threads)
    assert type(count) is int
    assert count == np.count_nonzero(native(a))
    assert type(norm) is float
    answer = math.nan if any(map(math.isnan, numbers)) else math.hypot(*numbers)
    assert_close(norm, answer, 2e-15 * answer + 5e-324)


@many
@given(st.data(), st.integers(0, 200), threads)
def test_dot(data: st.DataObject, size: int, threads: int | None) -> None:
    a, b = data.draw(arrays(shape=(size,))), data.draw(arrays(shape=(size,)))
    result = threadmodule.dot(a, b, threads)
    common = np.result_type(native(a), native(b))
    if common.kind != "f":
        answer = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
        assert result == answer or (common.kind == "b" and result == bool(answer))
        assert type(result) is int or common.kind == "b"
        return
    assert type(result) is float
    a, b = doubles(a), doubles(b)
    with np.errstate(all="ignore"):
        products = (a * b).tolist()
    magnitude = fsum([abs(x) for x in products if math.isfinite(x)])
    assume(math.isfinite(magnitude))
    if not all(map(math.isfinite, products)):
        assert_close(result, fsum(products), 0)
        return
    answer = rounded(exact_sum(Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True)))
    assert_close(result, answer, 1e-15 * magnitude + 5e-324 * size)
    assert_close(threadmodule.dot(a, b, threads, exact=True), answer, 0)


# Maps


def check(name: str, operands: tuple[Any, ...], data: st.DataObject, threads: int | None) -> None:
    """The result without out; the same into an out of any layout."""
    kernel = getattr(threadmodule, name)
    try:
        answer = expected(name, *operands)
    except (OverflowError, TypeError) as error:
        with pytest.raises(type(error), match=rf"^{name}\(\) "):
            kernel(*operands, threads=threads)
        return
    result = kernel(*operands, threads=threads)
    if answer.ndim == 0:
        assert type(result) is type(answer.item())
        result = np.asarray(result, answer.dtype)
    else:
        assert type(result) is threadmodule.Array
    if name in ("exp", "log"):
        assert_accurate(result, answer)
    else:
        assert_same(result, answer, zeros=name != "clip")
    out = data.draw(layouts(answer.ndim)).empty(answer.shape, answer.dtype)
    assert kernel(*operands, out, threads) is out
    assert_same(native(out), native(result))


def assert_accurate(result: Any, answer: np.ndarray) -> None:
    """Near NumPy's exp and log, which err themselves. test_maps.py knows better."""
    result = np.asarray(result)
    assert (result.dtype, result.shape) == (answer.dtype, answer.shape)
    limits, near = np.finfo(answer.dtype), doubles(answer)
    with np.errstate(invalid="ignore"):
        distance = np.abs(doubles(result) - near)
    close = distance <= 4 * (float(limits.eps) * np.abs(near) + float(limits.smallest_subnormal))
    assert np.all(close | (result == answer) | (np.isnan(result) & np.isnan(answer)))


@pytest.mark.parametrize("name", UNARY)
@few
@given(a=arrays(), data=st.data(), threads=threads)
def test_maps_of_one(name: str, a: np.ndarray, data: st.DataObject, threads: int | None) -> None:
    check(name, (a,), data, threads)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of shapes that broadcast together, half of them of the same type."""
    shape = draw(shapes)
    other = tuple(draw(st.sampled_from([side, side, 1])) for side in shape)[draw(st.integers(0, len(shape))) :]
    first, second = draw(st.permutations([shape, draw(st.sampled_from([shape, other]))]))
    a = draw(arrays(shape=first))
    return a, draw(arrays([a.dtype.str[1:].replace("b1", "?")], second) | arrays(shape=second))


@pytest.mark.parametrize("name", BINARY)
@many
@given(pair=pairs(), data=st.data(), threads=threads)
def test_maps_of_two(name: str, pair: tuple[np.ndarray, np.ndarray], data: st.DataObject, threads: int | None) -> None:
    check(name, pair, data, threads)


numbers = st.one_of(
    st.booleans(),
    st.integers(-300, 300),
    st.sampled_from([2**31, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, -(2**70)]),
    st.floats(width=16),
)


@pytest.mark.parametrize("name", BINARY)
@few
@given(a=arrays(), number=numbers, swap=st.booleans(), data=st.data(), threads=threads)
def test_maps_with_a_number(
    name: str, a: np.ndarray, number: float, swap: bool, data: st.DataObject, threads: int | None
) -> None:
    check(name, (number, a) if swap else (a, number), data, threads)


@many
@given(arrays(), st.integers(-300, 300) | st.floats(width=16), st.data(), threads)
def test_scale(a: np.ndarray, alpha: float, data: st.DataObject, threads: int | None) -> None:
    check("scale", (a, alpha), data, threads)


@many
@given(pairs(), st.integers(-3, 3) | st.floats(width=16), st.data(), threads)
def test_axpy(pair: tuple[np.ndarray, np.ndarray], alpha: float, data: st.DataObject, threads: int | None) -> None:
    """Where the type of the product on its own makes no difference, neither by its rounding nor by its limits."""
    x, y = pair
    product = promoted(alpha, x)
    if promoted(alpha, x, y).kind == "f":
        assume(product == promoted(alpha, x, y) != np.dtype("f2"))
    else:
        assume(promoted(product.type(0), y) == promoted(alpha, x, y))
        assume(all(np.all(np.abs(doubles(a)) < 40) for a in pair))
        assume(alpha >= 0 or product.kind == "i")
    check("axpy", (alpha, x, y), data, threads)


limits = st.none() | st.integers(-100, 100) | st.floats(width=16)


@many
@given(arrays(), limits, limits, st.data(), threads)
def test_clip(a: np.ndarray, low: Any, high: Any, data: st.DataObject, threads: int | None) -> None:
    if a.dtype.kind == "u":
        low, high = (abs(limit) if type(limit) is int else limit for limit in (low, high))
    assume(a.dtype.kind != "b" or (low, high) != (None, None))  # a TypeError in NumPy
    check("clip", (a, low, high), data, threads)


# Scans and scatters


@many
@given(arrays(), st.data(), threads)
def test_cumsum(a: np.ndarray, data: st.DataObject, threads: int | None) -> None:
    flat = native(a).ravel()
    dtype = np.cumsum(flat[:0]).dtype
    out = data.draw(layouts(1)).empty(flat.shape, dtype)
    if a.dtype.kind != "f":
        answer = np.cumsum(flat, dtype=object)
        limits = np.iinfo(dtype)
        if not all(limits.min <= x <= limits.max for x in answer):
            with pytest.raises(OverflowError, match=r"^cumsum\(\) argument 'a' has a sum that does not fit in u?int64"):
                threadmodule.cumsum(a, out, threads)
            assert not out.any()
            return
        answer = answer.astype(dtype)
        assert_same(threadmodule.cumsum(a, threads=threads), answer)
    else:
        result = native(threadmodule.cumsum(a, threads=threads))
        assert (result.dtype, result.shape) == (dtype, out.shape)
        check_float_cumsum(flat, result)
        answer = result
    assert threadmodule.cumsum(a, out, threads) is out
    assert_same(native(out), answer)


def check_float_cumsum(a: np.ndarray, result: np.ndarray) -> None:
    limits = np.finfo(a.dtype)
    with np.errstate(all="ignore"):
        magnitude = np.cumsum(np.where(np.isfinite(a), np.abs(a), 0), dtype="f8")
        answer = np.cumsum(a, dtype="f8")
    assume(magnitude.max(initial=0) < limits.max / 2)
    finite = np.isfinite(answer)
    assert np.array_equal(result[~finite], answer[~finite], equal_nan=True)
    allowed = len(a) * float(limits.eps) * magnitude + float(limits.smallest_subnormal)
    assert np.all(np.abs(result[finite] - answer[finite]) <= allowed[finite])


@many
@given(arrays(), st.integers(1, 40), st.none() | st.tuples(st.integers(-50, 0), st.integers(0, 50)), threads)
def test_histogram(a: np.ndarray, bins: int, range: tuple[int, int] | None, threads: int | None) -> None:
    flat = native(a).ravel()
    flat = flat.astype("u1") if flat.dtype == bool else flat
    try:
        with np.errstate(all="ignore"):
            counts, edges = np.histogram(flat, bins, range)
    except IndexError:  # NumPy 1 of the least int64
        assume(False)
    except ValueError as error:
        assume("Too many bins" not in str(error))  # newer versions only: two edges would be the same number
        with pytest.raises(ValueError, match=r"^histogram\(\) "):
            threadmodule.histogram(a, bins, range, threads)
        return
    assume(np.isfinite(edges).all())
    result = threadmodule.histogram(a, bins, range, threads)
    assert [type(part) for part in result] == [threadmodule.Array] * 2
    check_histogram(flat, *map(native, result))
    assert np.allclose(result[1], edges, rtol=0, atol=4 * float(np.finfo(edges.dtype).eps) * float(np.abs(edges).max()))
    if a.dtype.newbyteorder("=") == np.dtype("f8"):
        assert_same(result[0], counts)
        assert_same(result[1], edges)


@many
@given(arrays(), st.lists(st.floats(width=16, allow_nan=False), min_size=2, max_size=20), threads)
def test_histogram_with_edges(a: np.ndarray, edges: list[float], threads: int | None) -> None:
    edges.sort()
    result = threadmodule.histogram(a, np.array(edges), threads=threads)
    counts, _ = np.histogram(doubles(a), edges)
    assert_same(result[0], counts)
    assert np.asarray(result[1]).tolist() == edges


def check_histogram(a: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> None:
    """Every element is in the bin whose edges are around it; the last bin has its upper edge, too."""
    assert counts.dtype == np.dtype("i8")
    assert len(counts) == len(edges) - 1
    a = np.sort(doubles(a))
    below = np.append(np.searchsorted(a, doubles(edges[:-1])), np.searchsorted(a, float(edges[-1]), "right"))
    assert counts.tolist() == np.diff(below).tolist()


@many
@given(st.data(), st.integers(0, 300), st.integers(0, 300), threads)
def test_bincount(data: st.DataObject, size: int, minlength: int, threads: int | None) -> None:
    x = data.draw(arrays(["?", *INTS], (size,), data.draw(st.sampled_from(["tame", "small"]))))
    if native(x).astype("i8").min(initial=0) < 0:
        with pytest.raises(ValueError, match=r"^bincount\(\) argument 'x'"):
            threadmodule.bincount(x, minlength, threads)
        return
    result = threadmodule.bincount(x, minlength, threads)
    assert type(result) is threadmodule.Array
    assert_same(result, np.bincount(native(x).astype("i8"), minlength=minlength))
