"""Maps: the types of their results, what does not fit, where they write to, and how exact exp and log are."""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
import pytest
import threadmodule
from reference import (
    BINARY,
    DTYPES,
    FLOATS,
    INTS,
    MAPS,
    SIGNED,
    UNARY,
    UNSIGNED,
    Layout,
    assert_same,
    calls,
    doubles,
    expected,
    native,
    values,
)

SIZE = 200_003  # several chunks and a rest
LAYOUTS = [(2, 0, False), (-1, 0, False), (-3, 0, False), (1, 1, False), (1, 0, True), (2, 3, True)]


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(threadmodule, name)(*args, **kwargs)


def answers(name: str, *operands: Any) -> Any:
    """NumPy's answer, or the type of its error."""
    try:
        return expected(name, *operands)
    except (TypeError, OverflowError) as error:
        return type(error)


# Types


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_types_of_maps_of_one(name: str, dtype: str) -> None:
    x = np.ones(3, dtype)
    answer = answers(name, x) if name != "negative" or dtype not in UNSIGNED else OverflowError
    if isinstance(answer, type):
        with pytest.raises(answer, match=rf"^{name}\(\) "):
            call(name, x)
    elif name == "exp":
        assert np.asarray(call(name, x)).dtype == answer.dtype
    else:
        assert_same(call(name, x), answer)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_types_of_maps_of_two(name: str, dtype: str) -> None:
    for other in DTYPES:
        a, b = np.ones(3, dtype), np.ones(3, other)
        answer = answers(name, a, b)
        if isinstance(answer, type):
            with pytest.raises(answer, match=rf"^{name}\(\) "):
                call(name, a, b)
        else:
            assert_same(call(name, a, b), answer)


@pytest.mark.parametrize(
    ("dtype", "number", "result"),
    [
        ("?", True, "?"),
        ("?", 1, "i8"),
        ("?", 1.0, "f8"),
        ("i1", True, "i1"),
        ("i1", 1, "i1"),
        ("u8", 1, "u8"),
        ("i1", 1.0, "f8"),
        ("u4", 1.0, "f8"),
        ("f2", True, "f2"),
        ("f2", 1, "f2"),
        ("f2", 1.0, "f2"),
        ("f4", 1e300, "f4"),
        ("f4", 2**70, "f4"),
        ("f8", 1, "f8"),
    ],
)
def test_a_python_number_adapts(dtype: str, number: float, result: str) -> None:
    a = np.ones(3, dtype)
    for name in ["add", "multiply"]:
        for operands in [(a, number), (number, a)]:
            assert np.asarray(call(name, *operands)).dtype == result
            assert_same(call(name, *operands), expected(name, *operands))
    assert np.asarray(threadmodule.scale(a, number)).dtype == result
    if result != "?":
        assert np.asarray(threadmodule.axpy(number, a, a)).dtype == result


@pytest.mark.parametrize("dtype", INTS)
def test_a_python_int_that_does_not_fit(dtype: str) -> None:
    a, limits = np.zeros(3, dtype), np.iinfo(dtype)
    for number in [int(limits.max) + 1, int(limits.min) - 1, 2**100, -(2**100)]:
        for name in ["add", "subtract", "multiply"]:
            for operands in [(a, number), (number, a)]:
                with pytest.raises(OverflowError, match=rf"^{name}\(\) argument '[ab]' "):
                    call(name, *operands)
        with pytest.raises(OverflowError, match=r"^scale\(\) argument 'alpha' "):
            threadmodule.scale(a, number)
        with pytest.raises(OverflowError, match=r"^axpy\(\) argument 'alpha' "):
            threadmodule.axpy(number, a, a)


def test_an_int_too_large_for_any_float() -> None:
    with pytest.raises(OverflowError):
        threadmodule.add(np.ones(3), 10**400)
    with pytest.raises(OverflowError):
        threadmodule.scale(np.ones(3), 10**400)


def test_bools() -> None:
    a, b = np.array([False, False, True, True]), np.array([False, True, False, True])
    assert_same(threadmodule.add(a, b), a | b)
    assert_same(threadmodule.multiply(a, b), a & b)
    assert_same(threadmodule.abs(a), a)
    assert_same(threadmodule.square(a), a.astype("i1"))
    assert_same(threadmodule.divide(a, np.ones(4, "?")), a.astype("f8"))
    for wrong in [lambda: threadmodule.subtract(a, b), lambda: threadmodule.subtract(a, True)]:
        with pytest.raises(TypeError, match=r"^subtract\(\) .*bool"):
            wrong()
    for wrong in [lambda: threadmodule.negative(a), lambda: threadmodule.axpy(True, a, b)]:
        with pytest.raises(TypeError, match=r"^(negative|axpy)\(\) .*bool"):
            wrong()


def test_a_bool_is_true_if_it_is_not_zero() -> None:
    a = memoryview(bytes([0, 1, 2, 255])).cast("?")
    truth = np.array([False, True, True, True])
    assert_same(threadmodule.add(a, a), truth)
    assert_same(threadmodule.multiply(a, 3), truth * 3)
    assert_same(threadmodule.abs(a), truth)
    assert_same(threadmodule.clip(a, 0, 5), truth.astype("i8"))
    assert threadmodule.sum(a) == threadmodule.count_nonzero(a) == 3
    assert threadmodule.argmax(a) == 1
    assert np.asarray(threadmodule.cumsum(a)).tolist() == [0, 1, 2, 3]
    assert np.asarray(threadmodule.bincount(a)).tolist() == [1, 3]


# Many elements


def operands_of(name: str, dtype: str, size: int = SIZE) -> tuple[Any, ...]:
    """Operands whose result fits."""
    x, y = values(dtype, size, 1, "tame"), values(dtype, size, 2, "tame")
    if dtype in FLOATS and name in ("sqrt", "log"):
        x = np.abs(x)
    if dtype in UNSIGNED and name == "negative":
        x = x * 0
    if dtype in UNSIGNED and name == "subtract":
        x = x + y
    return (*calls(x, x)[name][:-1], y) if name in BINARY or name == "axpy" else calls(x, x)[name]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in MAPS if name not in ("exp", "log")])
def test_many_elements(name: str, dtype: str) -> None:
    if dtype == "?" and name in ("negative", "subtract", "clip"):
        return
    operands = operands_of(name, dtype, SIZE if dtype in FLOATS else 20_003)
    result = np.asarray(call(name, *operands, threads=2))
    if name == "axpy" and dtype == "f2":  # rounded once, not twice
        exact = expected("axpy", 2, *map(doubles, operands[1:]))
        assert result.dtype == np.float16
        assert np.all(np.abs(result - exact) <= 2**-11 * np.abs(exact) + 2**-25)
    else:
        assert_same(result, expected(name, *operands))


@pytest.mark.parametrize("layout", [Layout((0,), (step,), shift, swapped) for step, shift, swapped in LAYOUTS])
@pytest.mark.parametrize("dtype", ["f2", "i2", "f4", "f8"])
@pytest.mark.parametrize("name", ["square", "add", "divide"])
def test_many_elements_in_other_places(name: str, dtype: str, layout: Layout) -> None:
    operands = operands_of(name, dtype)
    answer = np.asarray(call(name, *operands))
    operands = tuple(map(layout.place, operands))
    assert_same(call(name, *operands, threads=2), answer)
    out = layout.empty(answer.shape, answer.dtype)
    assert call(name, *operands, out) is out
    assert_same(native(out), answer)


@pytest.mark.parametrize("shape", [(300, 700), (3, 70_000), (70_000, 3), (2, 300, 400)])
def test_many_dimensions(shape: tuple[int, ...]) -> None:
    a, b = (values("f8", math.prod(shape), seed, "tame").reshape(shape) for seed in [1, 2])
    for x, y in [(a, b), (np.asfortranarray(a), b), (a.T, b.T), (a[..., ::-1], b), (a, b[:1]), (a[..., :1], b[0])]:
        assert_same(threadmodule.add(x, y, threads=2), x + y)
        out = np.empty((x + y).shape[::-1]).T
        assert threadmodule.subtract(x, y, out) is out
        assert_same(out, x - y)


# Overflow


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("name", ["square", "abs", "negative", "add", "subtract", "multiply", "scale", "axpy"])
def test_overflow_writes_nothing(name: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    lowest, highest = int(limits.min), int(limits.max)
    worst: dict[str, tuple[Any, ...]] = {
        "square": (highest,),
        "abs": (lowest,),
        "negative": (lowest or 1,),
        "add": (highest, 1),
        "subtract": (lowest, 1),
        "multiply": (highest, 2),
        "scale": (highest, 2),
        "axpy": (highest, 1),
    }
    if name == "abs" and dtype in UNSIGNED:
        assert_same(threadmodule.abs(np.array([0, highest], dtype)), np.array([0, highest], dtype))
        return
    for place in [0, 77_777, SIZE - 1]:
        operands = [np.zeros(SIZE, dtype) for _ in worst[name]]
        for x, element in zip(operands, worst[name], strict=True):
            x[place] = element
        before = [x.copy() for x in operands]
        if name == "scale":
            operands[1:] = [2]
        arguments = (1, *operands) if name == "axpy" else operands
        for out in [np.full(SIZE, 7, dtype), np.full(2 * SIZE, 7, dtype)[::2], operands[0]]:
            ends = out.copy()
            with pytest.raises(OverflowError, match=rf"^{name}\(\) .*index {place}\b"):
                call(name, *arguments, out=out, threads=2)
            assert np.array_equal(out, ends)
        with pytest.raises(OverflowError, match=rf"^{name}\(\) "):
            call(name, *arguments)
        assert all(np.array_equal(x, y) for x, y in zip(operands, before, strict=True) if name != "scale")


@pytest.mark.parametrize("dtype", SIGNED)
def test_products_at_the_limits(dtype: str) -> None:
    lowest, highest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    for a, b in [(lowest, 1), (1, lowest), (highest, -1), (lowest // 2, 2), (highest, 1), (lowest, 0)]:
        assert np.asarray(threadmodule.multiply(np.array([a], dtype), np.array([b], dtype))).tolist() == [a * b]
    for a, b in [(lowest, -1), (-1, lowest), (lowest, lowest), (lowest // 2, -2), (highest // 2 + 1, 2)]:
        with pytest.raises(OverflowError):
            threadmodule.multiply(np.array([a], dtype), np.array([b], dtype))
    assert np.asarray(threadmodule.add(np.array([lowest], dtype), np.array([highest], dtype))).tolist() == [-1]
    assert np.asarray(threadmodule.subtract(np.array([-1], dtype), np.array([lowest], dtype))).tolist() == [highest]
    for a, b in [(0, lowest), (highest, -1), (lowest, 1)]:
        with pytest.raises(OverflowError):
            threadmodule.subtract(np.array([a], dtype), np.array([b], dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_overflow_to_infinity_without_a_word(dtype: str) -> None:
    a = np.full(3, np.finfo(dtype).max, dtype)
    for result in [
        threadmodule.square(a),
        threadmodule.add(a, a),
        threadmodule.scale(a, 2),
        threadmodule.axpy(1, a, a),
    ]:
        assert np.asarray(result).tolist() == [math.inf] * 3


# Special values


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values(dtype: str) -> None:
    x = np.array([-1, -0.0, 0.0, math.inf, -math.inf, math.nan], dtype)
    nan, inf = math.nan, math.inf
    for name, answer in {
        "square": [1, 0.0, 0.0, inf, inf, nan],
        "sqrt": [nan, -0.0, 0.0, inf, nan, nan],
        "abs": [1, 0.0, 0.0, inf, inf, nan],
        "negative": [1, 0.0, -0.0, -inf, inf, nan],
        "log": [nan, -inf, -inf, inf, nan, nan],
    }.items():
        assert_same(call(name, x), np.array(answer, dtype))
    assert_same(threadmodule.exp(x[1:]), np.array([1, 1, inf, 0.0, nan], dtype))
    assert_same(threadmodule.log(np.ones(1, dtype)), np.zeros(1, dtype))
    assert_same(threadmodule.divide(np.ones(6, dtype), x), np.array([-1, -inf, inf, 0.0, -0.0, nan], dtype))
    assert_same(threadmodule.divide(x[1:3], 0), np.array([nan, nan], dtype))
    assert_same(threadmodule.subtract(x[3:5], x[3:5]), np.array([nan, nan], dtype))


def test_division_of_integers_by_zero() -> None:
    a = np.array([-1, 0, 1])
    assert_same(threadmodule.divide(a, 0), np.array([-math.inf, math.nan, math.inf]))
    assert_same(threadmodule.divide(a, a * 0), np.array([-math.inf, math.nan, math.inf]))


def test_clip() -> None:
    a = np.array([math.nan, -math.inf, -1.5, 0.0, 1.5, math.inf])
    nan = math.nan
    assert_same(threadmodule.clip(a, -1, 1), np.array([nan, -1, -1, 0, 1, 1]))
    assert_same(threadmodule.clip(a, None, 1), np.array([nan, -math.inf, -1.5, 0, 1, 1]))
    assert_same(threadmodule.clip(a, min=-1, max=None), np.array([nan, -1, -1, 0, 1.5, math.inf]))
    assert_same(threadmodule.clip(a, None, None), a)
    assert_same(threadmodule.clip(a, 3, -3), np.array([nan, -3, -3, -3, -3, -3]))
    assert np.isnan(threadmodule.clip(a, nan, 1)).all()
    assert np.isnan(threadmodule.clip(a, -1, nan)).all()
    assert_same(threadmodule.clip(np.array([-7, 0, 7], "i1"), -3, 3), np.array([-3, 0, 3], "i1"))
    assert_same(threadmodule.clip(np.array([-7, 0, 7], "i1"), -2.5, None), np.array([-2.5, 0, 7]))
    assert_same(threadmodule.clip(np.array([-7, 0, 7], "i1"), 5, 1), np.array([1, 1, 1], "i1"))
    big = np.array([-(2**63), 2**53 + 1, 2**63 - 1])
    assert_same(threadmodule.clip(big, None, 2**53 + 1), np.array([-(2**63), 2**53 + 1, 2**53 + 1]))


@pytest.mark.parametrize("dtype", INTS)
def test_clip_at_limits_that_no_element_reaches(dtype: str) -> None:
    a = values(dtype, 1000, 1, "any")
    assert_same(threadmodule.clip(a, -(2**70), 2**70), a)


# exp and log


def worst_error(result: np.ndarray, exact: np.ndarray) -> float:
    """In units of the last place of the nearest numbers; these must be met where they are not finite."""
    with np.errstate(over="ignore"):
        nearest = exact.astype(result.dtype)
    finite = np.isfinite(nearest)
    assert np.array_equal(result[~finite], nearest[~finite], equal_nan=True)
    distance = np.abs(result[finite].astype(exact.dtype) - exact[finite])
    return float(np.max(distance / np.spacing(np.abs(nearest[finite])).astype(exact.dtype), initial=0))


def arguments(name: str, dtype: str) -> np.ndarray:
    """Every half; of the larger types a sweep of all results that are numbers, the hard places, and any bits."""
    if dtype == "f2":
        return np.arange(1 << 16, dtype="u2").view("f2")
    limits = np.finfo(dtype)
    if name == "exp":
        ends = [float(np.log(limits.smallest_subnormal)) - 1, float(np.log(limits.max)) + 1]
        sweep, center = np.linspace(*ends, 150_000), 0.0
        hard = [*ends, math.log(limits.tiny), math.log(limits.max), *(n * math.log(2) for n in range(-150, 128))]
    else:
        sweep = np.exp2(np.linspace(limits.minexp - limits.nmant, limits.maxexp - 1e-9, 150_000))
        center = 1.0
        hard = [float(limits.tiny), float(limits.smallest_subnormal), float(limits.max), 2**0.5, 0.5**0.5, 2, 0.5]
    near = center + np.geomspace(1e-18, 1, 20_000)
    steps = np.arange(-50, 51)
    hard = [h * (1 + step * float(limits.eps)) for h in hard for step in steps.tolist()]
    with np.errstate(over="ignore", under="ignore"):
        chosen = np.concatenate([sweep, near, 2 * center - near, np.array(hard)]).astype(dtype)
    return np.concatenate([chosen, values(dtype, 100_000, 5, "bits")])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["exp", "log"])
def test_exp_and_log_are_within_one_unit_of_the_last_place(name: str, dtype: str) -> None:
    wide = np.dtype(np.longdouble if dtype == "f8" else "f8")
    if wide == dtype:
        pytest.skip("long double is no wider than double here")
    x = arguments(name, dtype)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(wide))
    assert worst_error(np.asarray(call(name, x, threads=2)), exact) <= 1


@pytest.mark.parametrize("name", ["exp", "log"])
def test_exp_and_log_of_integers(name: str) -> None:
    for dtype in ["?", *INTS]:
        x = np.abs(values(dtype, 10_000, 1, "tame"))
        result = np.asarray(call(name, x))
        assert result.dtype == expected(name, x).dtype
        with np.errstate(all="ignore"):
            assert worst_error(result, getattr(np, name)(x.astype("f8")).astype(np.longdouble)) <= 1.01


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100])
@pytest.mark.parametrize("name", MAPS)
def test_an_element_has_one_result_wherever_it_lies(name: str, size: int) -> None:
    """In a vector, in the rest that fills none, in strides: the same bits."""
    for dtype in FLOATS:
        operands = operands_of(name, dtype, 128)
        whole = np.asarray(call(name, *operands))
        parts = [x[:size] if isinstance(x, np.ndarray) else x for x in operands]
        assert_same(call(name, *parts), whole[:size])
        apart = [x[: 3 * size : 3] if isinstance(x, np.ndarray) else x for x in operands]
        assert_same(call(name, *apart), whole[: 3 * size : 3])


# Results


@pytest.mark.parametrize("name", MAPS)
def test_the_result_is_a_new_array(name: str) -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    first, second = call(name, *calls(x, x)[name]), call(name, *calls(x, x)[name])
    assert type(first) is type(second) is threadmodule.Array
    assert np.asarray(first).shape == (2, 3)
    assert np.asarray(first).flags.c_contiguous
    assert not np.shares_memory(first, x)
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5, 2)])
def test_empty(name: str, shape: tuple[int, ...]) -> None:
    for dtype in ["f4", "f8", "i4", "u1"]:
        x = np.zeros(shape, dtype)
        result = call(name, *calls(x, x)[name])
        assert_same(result, expected(name, *calls(x, x)[name]))
        out = np.empty(shape, np.asarray(result).dtype)
        assert call(name, *calls(x, x)[name], out=out) is out


@pytest.mark.parametrize("name", MAPS)
def test_no_dimensions(name: str) -> None:
    x = np.array(2.0)
    result = call(name, *calls(x, x)[name])
    assert type(result) is float
    assert result == pytest.approx(float(expected(name, *calls(x, x)[name])), rel=1e-15)
    out = np.array(0.0)
    assert call(name, *calls(x, x)[name], out=out) is out
    assert out == result
    ints = calls(np.array(4, "i4"), None)[name]
    assert type(call(name, *ints)) is type(expected(name, *ints).item())


@pytest.mark.parametrize(
    ("name", "number", "result"),
    [
        ("sqrt", 4, 2.0),
        ("sqrt", 2.25, 1.5),
        ("sqrt", -1, math.nan),
        ("sqrt", True, 1.0),
        ("exp", 0, 1.0),
        ("exp", -math.inf, 0.0),
        ("exp", 1000.0, math.inf),
        ("log", 1, 0.0),
        ("log", 0.0, -math.inf),
        ("log", -1.0, math.nan),
        ("abs", -3, 3),
        ("abs", -2.5, 2.5),
        ("negative", 3, -3),
        ("negative", 0.0, -0.0),
        ("square", 1.5, 2.25),
        ("square", -4, 16),
    ],
)
def test_of_a_number(name: str, number: float, result: float) -> None:
    answer = call(name, number)
    assert type(answer) is type(result)
    assert np.array_equal(answer, result, equal_nan=True)
    assert math.copysign(1, answer) == math.copysign(1, result) or math.isnan(result)


def test_of_buffers_that_are_not_numpys() -> None:
    assert np.asarray(threadmodule.sqrt(b"\x04\x10")).tolist() == [2, 4]
    a, b = array.array("d", [1, 2, 3]), memoryview(array.array("f", [4, 5, 6]))
    assert np.asarray(threadmodule.add(a, b)).tolist() == [5, 7, 9]
    assert threadmodule.multiply(a, 2, a) is a
    assert a.tolist() == [2, 4, 6]
    table = memoryview(bytearray(range(6))).cast("B", (2, 3))
    assert np.asarray(threadmodule.subtract(table, 0)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.asarray(threadmodule.sqrt(threadmodule.multiply(a, a))).tolist() == [2, 4, 6]


# Into out


@pytest.mark.parametrize("name", MAPS)
def test_in_place_of_each_operand(name: str) -> None:
    for layout in [np.s_[:], np.s_[::2], np.s_[::-1]]:
        for position, operand in enumerate(operands_of(name, "f8", 5000)):
            if isinstance(operand, np.ndarray):
                operands = list(operands_of(name, "f8", 5000))
                operands = [x[layout] if isinstance(x, np.ndarray) else x for x in operands]
                answer = np.asarray(call(name, *operands))
                assert call(name, *operands, out=operands[position]) is operands[position]
                assert_same(operands[position], answer)


@pytest.mark.parametrize("name", [*BINARY, "axpy"])
def test_all_operands_and_out_are_the_same(name: str) -> None:
    x = np.arange(1.0, 100_001.0)
    answer = expected(name, *calls(x, x)[name])
    call(name, *calls(x, x)[name], out=x, threads=2)
    assert_same(x, answer)


@pytest.mark.parametrize("name", MAPS)
def test_overlap_in_part(name: str) -> None:
    memory = np.arange(1.0, 101.0)
    square = memory[:100].reshape(10, 10)
    whole = memory.copy()
    for x, out in [
        (memory[1:], memory[:-1]),
        (memory[:-1], memory[1:]),
        (memory, memory[::-1]),
        (memory[:50], memory[:100:2]),
        (square, square.T),
        (np.broadcast_to(memory[5:6], 100), memory),
    ]:
        with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'out' must .*overlap"):
            call(name, *calls(x, x)[name], out=out)
    assert np.array_equal(memory, whole)
    call(name, *calls(memory[:50], None)[name], out=memory[50:])
    assert np.array_equal(memory[:50], whole[:50])


def test_out_whose_elements_share_memory() -> None:
    out = np.lib.stride_tricks.as_strided(np.zeros(3), (2, 2), (8, 8))
    for kernel in [threadmodule.square, threadmodule.exp]:
        with pytest.raises(ValueError, match=r"argument 'out' must have memory of its own for each element"):
            kernel(np.ones((2, 2)), out)


def test_overlap_of_another_type() -> None:
    memory = np.arange(100.0)
    with pytest.raises(ValueError, match=r"^sqrt\(\) argument 'out' must .*overlap"):
        threadmodule.sqrt(memory.view("i4")[:100], memory)


@pytest.mark.parametrize("name", MAPS)
def test_out_of_another_type(name: str) -> None:
    x = np.ones((2, 3))
    for dtype in ["f4", "f2", "i8", "?"]:
        with pytest.raises(
            ValueError, match=rf"^{name}\(\) argument 'out' must .*float64.*, got {np.dtype(dtype).name}"
        ):
            call(name, *calls(x, x)[name], out=np.zeros((2, 3), dtype))


@pytest.mark.parametrize("name", MAPS)
def test_out_of_another_shape(name: str) -> None:
    x = np.ones((2, 3))
    for shape in [(3, 2), (6,), (2, 3, 1), (1, 2, 3), (2, 4), (2, 0), ()]:
        with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'out' must .*shape"):
            call(name, *calls(x, x)[name], out=np.zeros(shape))


@pytest.mark.parametrize("name", MAPS)
def test_out_that_cannot_be_written(name: str) -> None:
    x = np.ones(3)
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    for out in [bytes(24), frozen, memoryview(frozen)]:
        with pytest.raises(BufferError, match=rf"^{name}\(\) argument 'out' must be writable, got a read-only"):
            call(name, *calls(x, x)[name], out=out)
    for wrong in [3, "text", [0.0, 0.0, 0.0], object()]:
        with pytest.raises(TypeError, match=rf"^{name}\(\) argument 'out' must be .*, not {type(wrong).__name__}"):
            call(name, *calls(x, x)[name], out=wrong)


@pytest.mark.parametrize("name", [*BINARY, "axpy"])
def test_shapes_that_do_not_broadcast(name: str) -> None:
    for first, second in [((3,), (4,)), ((2, 3), (2,)), ((0,), (2,)), ((2, 3), (3, 3))]:
        for shapes in [(first, second), (second, first)]:
            x, y = map(np.ones, shapes)
            with pytest.raises(ValueError, match=rf"^{name}\(\) argument.* must have .*shapes .*got"):
                call(name, *([2] if name == "axpy" else []), x, y)


@pytest.mark.parametrize("name", BINARY)
def test_out_does_not_broadcast(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'out' must .*shape"):
        call(name, np.ones(3), np.ones(3), np.ones((2, 3)))
    with pytest.raises(ValueError, match=rf"^{name}\(\) argument 'out' must .*shape"):
        call(name, np.ones((2, 3)), np.ones(3), np.ones(3))


@pytest.mark.parametrize("wrong", ["2", None, 1j, [2], object()])
def test_numbers_that_are_none(wrong: Any) -> None:
    x = np.ones(3)
    kind = type(wrong).__name__
    with pytest.raises(TypeError, match=rf"^scale\(\) argument 'alpha' must be .*, not {kind}"):
        threadmodule.scale(x, wrong)
    with pytest.raises(TypeError, match=rf"^axpy\(\) argument 'alpha' must be .*, not {kind}"):
        threadmodule.axpy(wrong, x, x)
    with pytest.raises(TypeError, match=rf"^add\(\) argument 'b' must be .*, not {kind}"):
        threadmodule.add(x, wrong)
    if wrong is not None:
        with pytest.raises(TypeError, match=rf"^clip\(\) argument 'max' must be .*, not {kind}"):
            threadmodule.clip(x, 0, wrong)


def test_numbers_far_too_large() -> None:
    for number in (2**64, 10**400, 10**5000):
        for a, name in ((np.arange(3), "int64"), (np.ones(3, "u1"), "uint8")):
            with pytest.raises(OverflowError, match=rf"^add\(\) argument 'b' must fit in {name}, got "):
                threadmodule.add(a, number)
    for number in (10**400, 10**5000):
        with pytest.raises(OverflowError, match=r"^add\(\) argument 'b' must fit in float64, got an int of \d+ bits"):
            threadmodule.add(np.ones(3), number)
        with pytest.raises(OverflowError, match=r"^exp\(\) argument 'x' must fit in float64, got an int of"):
            threadmodule.exp(number)


def test_products_of_u8_that_are_more_than_127_bits() -> None:
    most = 2**64 - 1
    a = np.full(100, most, "u8")
    for y in (a, np.zeros(100, "u8")):
        with pytest.raises(OverflowError, match=r"^axpy\(\) "):
            threadmodule.axpy(most, a, y)


# Past the caches


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("offset", [0, 1, 7, 63])  # elements behind where a cache line begins
def test_outputs_larger_than_the_caches(dtype: str, offset: int) -> None:
    """They are written in pieces that end where cache lines do; operands that are one number take part in that."""
    size = 70_000_000 // np.dtype(dtype).itemsize + 3
    room = np.zeros(size + 128, dtype)
    begin = offset - room.ctypes.data % 64 // room.itemsize % (64 // room.itemsize) + 64
    out = room[begin : begin + size]
    a = np.arange(size, dtype="u4").astype(dtype) & 1 if dtype == "u1" else np.arange(size).astype(dtype)
    for threads in (1, 2):
        out[:] = 99
        threadmodule.multiply(a, 2, out=out, threads=threads)
        np.testing.assert_array_equal(out, a * a.dtype.type(2))
        assert not room[:begin].any()
        assert not room[begin + size :].any()
    b = a[::-1]
    threadmodule.add(a, b, out=out)
    np.testing.assert_array_equal(out, a + b)


def test_a_float_beside_f2_is_rounded_once() -> None:
    random = np.random.default_rng(0)
    halves = [*random.uniform(-70_000, 70_000, 500), *random.uniform(-1, 1, 500) * 2.0 ** random.integers(-30, 0, 500)]
    ties = [(2 * k + 1) * 2.0**e for k in range(1024, 1100) for e in (-12, -30, 4)]
    tiny = [math.inf, -math.inf, 1e-300, -1e-300, 5e-324, 2.0**-25, 65519.999999999, 65520.0, 1e308, 0.0, -0.0]
    for x in [*halves, *tiny, *(tie * (1 + d) for tie in ties for d in (0, 2.0**-40, -(2.0**-40)))]:
        with np.errstate(over="ignore"):
            expected = np.float16(x)
        result = np.asarray(threadmodule.subtract(np.full(1, -0.0, "f2"), -float(x)))[0]
        assert (result, np.signbit(result)) == (expected, np.signbit(expected)), x


def test_clip_of_numbers_by_nan() -> None:
    assert math.isnan(threadmodule.clip(5, None, math.nan))
    assert math.isnan(threadmodule.clip(5.0, math.nan, 7))
    assert math.isnan(threadmodule.clip(math.nan, 1, 7))
