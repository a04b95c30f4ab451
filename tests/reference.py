"""What NumPy answers to the same call, and arrays of every kind to ask it about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

SIGNED = ["i1", "i2", "i4", "i8"]
UNSIGNED = ["u1", "u2", "u4", "u8"]
INTS = SIGNED + UNSIGNED
FLOATS = ["f2", "f4", "f8"]
DTYPES = ["?", *INTS, *FLOATS]

REDUCTIONS = ["sum", "mean", "min", "max", "argmin", "argmax", "norm", "var", "count_nonzero"]
UNARY = ["square", "sqrt", "abs", "negative", "exp", "log"]
BINARY = ["add", "subtract", "multiply", "divide"]
MAPS = [*UNARY, *BINARY, "scale", "axpy", "clip"]


def calls(x: Any, small: Any) -> dict[str, tuple[Any, ...]]:
    """The arguments that every kernel requires: x is a buffer of one dimension, small one of small integers."""
    return {
        **dict.fromkeys([*REDUCTIONS, *UNARY, "cumsum", "histogram"], (x,)),
        **dict.fromkeys([*BINARY, "dot"], (x, x)),
        "scale": (x, 2),
        "axpy": (2, x, x),
        "clip": (x, 1, 3),
        "bincount": (small,),
        "sum_of_squares": (10,),
        "pi": (10,),
        "do_math": (0, 10),
    }


# Arrays


def values(dtype: str, size: int, seed: int, kind: str = "any") -> np.ndarray:
    """Elements that are "tame", "small" and not negative, "special" (limits, NaN, ...), any "bits", or any of these."""
    generator = np.random.default_rng(seed)
    if dtype == "?":
        return generator.integers(0, 2, size).astype("?")
    if kind == "small":
        return generator.integers(0, 100, size).astype(dtype)
    if kind == "any":
        parts = [values(dtype, size, seed + 1, part) for part in ["tame", "special", "bits"]]
        return np.choose(generator.integers(0, 3, size), parts)
    if kind == "bits":
        return np.frombuffer(generator.bytes(size * np.dtype(dtype).itemsize), dtype)
    if dtype in INTS:
        if kind == "tame":
            return generator.integers(0 if dtype in UNSIGNED else -9, 9, size, endpoint=True).astype(dtype)
        ends = np.iinfo(dtype)
        special = [ends.min, ends.min + 1, ends.max - 1, ends.max, 0, 1]
    else:
        if kind == "tame":
            return (generator.standard_normal(size) * 10.0 ** generator.integers(-2, 3, size)).astype(dtype)
        limits = np.finfo(dtype)
        special = [limits.max, limits.min, limits.tiny, limits.smallest_subnormal, -limits.tiny, 0.0, -0.0, 1.0, -1.0]
        special += [limits.eps, math.inf, -math.inf, math.nan]
    return generator.choice(np.array(special, dtype), size)


class Layout(NamedTuple):
    """Where in memory the elements lie."""

    order: tuple[int, ...]  # the axes, from the outermost to the innermost
    steps: tuple[int, ...]  # of each axis: how many elements from one to the next; backwards if negative
    shift: int  # bytes from where they would be aligned
    swapped: bool  # in the byte order of other machines

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        dtype = np.dtype(dtype).newbyteorder("S" if self.swapped else "=")
        room = [shape[axis] * abs(self.steps[axis]) for axis in self.order]
        memory = np.zeros(math.prod(room) * dtype.itemsize + self.shift, "u1")
        view = np.ndarray(room, dtype, memory, self.shift)
        view = view[(*(slice(None, None, self.steps[axis]) for axis in self.order), ...)]
        return view.transpose(np.argsort(np.array(self.order, int)))

    def place(self, a: np.ndarray) -> np.ndarray:
        """The same elements, so laid out."""
        view = self.empty(a.shape, a.dtype)
        view[...] = a
        return view


@st.composite
def layouts(draw: st.DrawFn, ndim: int) -> Layout:
    if draw(st.booleans()):
        return Layout(tuple(range(ndim)), (1,) * ndim, 0, False)
    return Layout(
        tuple(draw(st.permutations(range(ndim)))),
        tuple(draw(st.lists(st.sampled_from([1, 1, 2, 3, -1, -2]), min_size=ndim, max_size=ndim))),
        draw(st.sampled_from([0, 0, 1, 3])),
        draw(st.booleans()),
    )


shapes = st.one_of(
    npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
    st.tuples(st.sampled_from([1, 2, 16, 33, 100, 257])),
)
kinds = st.sampled_from(["tame", "special", "bits", "any"])
threads = st.sampled_from([None, 1, 2, 3])


@st.composite
def arrays(
    draw: st.DrawFn, dtypes: list[str] = DTYPES, shape: tuple[int, ...] | None = None, kind: str | None = None
) -> np.ndarray:
    """Any elements in any layout; now and then along some axis it is the same element again and again."""
    if shape is None:
        shape = draw(shapes)
    a = values(draw(st.sampled_from(dtypes)), math.prod(shape), draw(st.integers(0, 999)), kind or draw(kinds))
    a = draw(layouts(len(shape))).place(a.reshape(shape))
    if shape and draw(st.integers(0, 4)) == 0:
        axis = draw(st.integers(0, len(shape) - 1))
        a = np.broadcast_to(a.take([0], axis) if shape[axis] else a, shape)
    return a


def native(a: Any) -> np.ndarray:
    """A copy in C order that everybody understands."""
    a = np.asarray(a)
    return np.array(a, a.dtype.newbyteorder("="), order="C")


def doubles(a: Any) -> np.ndarray:
    """A copy in f8; without a word about signalling NaNs."""
    with np.errstate(invalid="ignore"):
        return native(a).astype("f8")


# Reductions


def exact_sum(numbers: Iterable[Any]) -> Fraction:
    """The sum of numbers whose denominators are powers of two, as those of floats and of their products."""
    places = 2200
    ratios = (x.as_integer_ratio() for x in numbers)
    return Fraction(sum(above << places + 1 - below.bit_length() for above, below in ratios), 1 << places)


def rounded(exact: Fraction) -> float:
    """The nearest float."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def fsum(numbers: Sequence[float]) -> float:
    """math.fsum(), but with inf and nan where that raises."""
    strange = {x for x in numbers if not math.isfinite(x)}
    return sum(strange) if strange else rounded(exact_sum(numbers))


def assert_close(result: float, answer: float, allowed: float) -> None:
    assert result == answer or (math.isnan(result) and math.isnan(answer)) or abs(result - answer) <= allowed


# Maps, by the rules of NEP 50 on every version of NumPy: a Python number adapts to the arrays.

Operand = Any  # a NumPy array, or a bool, int or float of Python


def is_number(operand: Operand) -> bool:
    return isinstance(operand, bool | int | float)


def promoted(*operands: Operand) -> np.dtype:
    dtypes = [np.dtype(bool) if isinstance(x, bool) else native(x).dtype for x in operands if not is_weak(x)]
    result = np.result_type(*dtypes)
    if any(type(x) is float for x in operands) and result.kind != "f":
        return np.dtype("f8")
    if any(type(x) is int for x in operands) and result.kind == "b":
        return np.dtype("i8")
    return result


def is_weak(operand: Operand) -> bool:
    return is_number(operand) and not isinstance(operand, bool)


UFUNCS: dict[str, np.ufunc] = {name: getattr(np, "absolute" if name == "abs" else name) for name in UNARY + BINARY}


def expected(name: str, *operands: Operand) -> np.ndarray:
    """The result of a map; OverflowError if that does not fit its type, TypeError for the difference of bools."""
    if name == "scale":
        return expected("multiply", *operands)
    if name == "axpy":
        alpha, x, y = operands
        return expected("add", expected("multiply", alpha, x), y)
    if name == "clip":
        return clipped(*operands)
    common = promoted(*operands)
    dtype = UFUNCS[name](*[np.ones(1, common)] * len(operands)).dtype
    if dtype.kind not in "iu":
        with np.errstate(all="ignore"):
            return np.asarray(UFUNCS[name](*[native(x).astype(dtype) for x in operands]))
    for x in operands:
        if is_weak(x):
            fitting(np.array(x, object), dtype)
    # Python's ints know no overflow.
    exact = [native(x).astype("i1" if native(x).dtype == bool else native(x).dtype).astype(object) for x in operands]
    return fitting(np.asarray(UFUNCS[name](*exact)), dtype)


def fitting(exact: np.ndarray, dtype: np.dtype) -> np.ndarray:
    limits = np.iinfo(dtype)
    if not all(limits.min <= x <= limits.max for x in exact.flat):
        raise OverflowError
    return exact.astype(dtype)


def clipped(a: np.ndarray, low: Operand | None, high: Operand | None) -> np.ndarray:
    dtype = promoted(*[x for x in (a, low, high) if x is not None])
    result = native(a).astype(dtype)
    for limit, choose in [(low, np.maximum), (high, np.minimum)]:
        if limit is not None:
            result = np.asarray(choose(result, native(limit).astype(dtype)))
    return result


def assert_same(result: Any, expected: np.ndarray, zeros: bool = True) -> None:
    """The same type, shape and elements, and signs of zeros unless these do not matter. NaNs are alike."""
    result = np.asarray(result)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert np.array_equal(result, expected, equal_nan=expected.dtype.kind == "f")
    if zeros and expected.dtype.kind == "f":
        assert np.array_equal(np.signbit(result[result == 0]), np.signbit(expected[result == 0]))
