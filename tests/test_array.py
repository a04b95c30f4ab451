"""Array: what it is made from, what it gives out, and how it shares its memory. NumPy is the judge."""

from __future__ import annotations

import array
import collections.abc
import copy
import ctypes
import gc
import itertools
import math
import pickle
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import threadmodule
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import LINUX, SANITIZED, check_python, leaked_blocks
from threadmodule import Array

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]


def same(ours: Array, numpys: Any) -> None:
    """The same shape, type and elements, NaN and the sign of zero included."""
    view = np.asarray(ours)
    assert (view.shape, view.dtype) == (numpys.shape, numpys.dtype)
    assert (ours.shape, ours.dtype, ours.ndim, ours.size) == (numpys.shape, numpys.dtype.name, numpys.ndim, numpys.size)
    assert view.tobytes() == numpys.tobytes() == ours.tobytes()


def arrays(dtype: Any = None, **shape: Any) -> Any:
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5, **shape)
    return hnp.arrays(st.sampled_from(DTYPES) if dtype is None else dtype, shapes)


# What it is made from


@pytest.mark.parametrize(
    "object",
    [
        [1, 2, 3],
        (1.5, -2.5),
        range(5),
        [True, False],
        [True, 2],
        [True, 2.5],
        [1, 2.0, 3],
        [2**63],
        [2**63 - 1, -(2**63)],
        [[1, 2, 3], (4, 5, 6)],
        [[[1.0], [2.0]]],
        [range(3), [1, 2, 3]],
        [],
        [[], []],
        [[[]]],
        5,
        2.5,
        True,
        [math.nan, math.inf, -0.0],
        [np.float64(1.5)],
        [np.int16(3), 4],
        [np.arange(3), [4, 5, 6]],
        list(range(2000)),
    ],
)
def test_numbers(object: Any) -> None:
    same(Array(object), np.array(object))
    same(Array(object, "f4"), np.array(object, "f4"))
    same(Array(object, dtype="bool"), np.array(object, "bool"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_have_many_names(dtype: str) -> None:
    expected = np.array([0, 1, 1], dtype)
    names = {dtype, expected.dtype.name, expected.dtype.char, expected.dtype.str, "=" + dtype}
    for name in names:
        same(Array([0, 1, 1], name), expected)
    ours = Array([0, 1, 1], dtype)
    assert np.dtype(ours.dtype) == np.dtype(ours.format) == expected.dtype
    assert ours.itemsize == expected.itemsize
    assert ours.nbytes == expected.nbytes
    assert type(np.asarray(ours)[0]) is type(expected[0])  # not np.longlong, say


@settings(deadline=None)
@given(arrays())
def test_copies_of_arrays(numpys: Any) -> None:
    ours = Array(numpys)
    same(ours, numpys)
    assert not np.shares_memory(np.asarray(ours), numpys)
    same(Array(numpys.copy(order="F")), numpys)
    same(Array(numpys.astype(numpys.dtype.newbyteorder())), numpys)
    same(Array(numpys.T), numpys.T)
    if numpys.ndim:
        same(Array(np.repeat(numpys, 2, axis=-1)[..., ::-2]), numpys[..., ::-1])


@pytest.mark.parametrize(
    "buffer",
    [
        b"abc",
        bytearray(b"abc"),
        memoryview(b"abcd").cast("i"),
        memoryview(bytes(24)).cast("B").cast("h", (3, 4)),
        array.array("f", [1, 2]),
        (ctypes.c_int16 * 3)(1, 2, 3),
        ((ctypes.c_double * 2) * 3)(),
        np.float32(1.5),
        np.zeros(3)[1:1],
    ],
)
def test_copies_of_buffers(buffer: Any) -> None:
    same(Array(buffer), np.ascontiguousarray(np.asarray(memoryview(buffer))).reshape(memoryview(buffer).shape))


@settings(deadline=None)
@given(arrays("i4") | arrays("u8") | arrays("?") | hnp.arrays("f2", 5), st.sampled_from(DTYPES))
def test_conversions_keep_the_value_or_fail(numpys: Any, dtype: str) -> None:
    with np.errstate(all="ignore"):
        expected = numpys.astype(dtype)
    if np.dtype(dtype).kind in "iu" and numpys.dtype.kind == "f" and numpys.size:
        with pytest.raises(TypeError, match="must be an int, not float"):
            Array(numpys, dtype)
    elif np.dtype(dtype).kind in "iu" and [*map(int, numpys.flat)] != [*map(int, expected.flat)]:
        with pytest.raises(OverflowError, match=f"does not fit in {np.dtype(dtype).name}"):
            Array(numpys, dtype)
    elif np.isinf(expected[np.isfinite(numpys)]).any():
        with pytest.raises(OverflowError, match="does not fit in float16"):
            Array(numpys, dtype)
    else:
        ours = Array(numpys, dtype)
        assert np.array_equal(np.asarray(ours), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("object", "error", "message"),
    [
        ("abc", TypeError, "'object' must be a buffer, a number or a nested sequence of them, not str"),
        (["abc"], TypeError, "not str"),
        (None, TypeError, "not NoneType"),
        ({1, 2}, TypeError, "not set"),
        ({1: 2}, TypeError, "not dict"),
        (iter([1]), TypeError, "not list_iterator"),
        ([None], TypeError, "not NoneType"),
        ([1j], TypeError, "not complex"),
        ([1, [2]], ValueError, "rows of the same length and depth"),
        ([[1], 2], ValueError, "rows of the same length and depth"),
        ([[1], [2, 3]], ValueError, "rows of the same length and depth"),
        ([[], [1]], ValueError, "rows of the same length and depth"),
        ([2**64], OverflowError, "an int of more than 64 bits does not fit in uint64"),
        ([-(2**70)], OverflowError, "an int of more than 63 bits does not fit in int64"),
        ([-1, 2**63], OverflowError, "-1 does not fit in uint64"),
        ([2**2000, 1.5], OverflowError, "int too large to convert to float"),
        (np.zeros(3, "c16"), ValueError, "'object' must have elements of type .* got format 'Zd' with 16 bytes"),
        (np.zeros(3, "S3"), ValueError, "'object' must have elements of type"),
        (np.zeros(3, "i4,f8"), ValueError, "'object' must have elements of type"),
    ],
)
def test_what_makes_no_array(object: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Array(object)


def test_depth() -> None:
    nested: Any = 1.5
    for _ in range(64):
        nested = [nested]
    assert Array(nested).shape == (1,) * 64
    with pytest.raises(ValueError, match="nested at most 64 deep"):
        Array([nested])
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested at most 64 deep"):
        Array(endless)


@pytest.mark.parametrize(
    ("dtype", "error", "message"),
    [
        ("f16", ValueError, "'dtype' must be 'bool', 'int8' to 'int64'.* got 'f16'"),
        ("", ValueError, "got ''"),
        ("<", ValueError, "got '<'"),
        (">f8" if sys.byteorder == "little" else "<f8", ValueError, "got '[<>]f8'"),
        ("\ud800", UnicodeEncodeError, "surrogates not allowed"),
        (float, TypeError, "'dtype' must be a str such as 'float64', not type"),
        (8, TypeError, "not int"),
    ],
)
def test_what_is_no_type(dtype: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Array([1], dtype)


@pytest.mark.parametrize(
    ("number", "dtype", "error", "message"),
    [
        (128, "i1", OverflowError, "128 does not fit in int8"),
        (-1, "u2", OverflowError, "-1 does not fit in uint16"),
        (2**63, "i8", OverflowError, "does not fit in int64"),
        (2**64, "u8", OverflowError, "does not fit in uint64"),
        (1.0, "i8", TypeError, "an element of int64 must be an int, not float"),
        ("1", "i8", TypeError, "an element of int64 must be an int, not str"),
        ("1", "f4", TypeError, "an element of float32 must be a number, not str"),
        ("1", "?", TypeError, "an element of bool must be a number, not str"),
        (1e39, "f4", OverflowError, r"1e\+39 does not fit in float32"),
        (65520.0, "f2", OverflowError, "65520.0 does not fit in float16"),
        (1j, "f8", TypeError, "not complex"),
    ],
)
def test_numbers_that_do_not_fit(number: Any, dtype: str, error: type[Exception], message: str) -> None:
    a = Array([0, 0], dtype)
    with pytest.raises(error, match=message):
        a[0] = number
    assert a.tolist() == [0, 0]


def test_numbers_of_more_digits_than_python_prints() -> None:
    with pytest.raises(OverflowError, match="an int of more than 64 bits does not fit in uint64"):
        Array([10**5000])


def test_numbers_that_raise() -> None:
    class Bad:
        def __index__(self) -> int:
            raise ZeroDivisionError

        __float__ = __bool__ = __index__

    for dtype in [None, *DTYPES]:
        with pytest.raises(ZeroDivisionError):
            Array([Bad()], dtype)


def test_rows_that_change_while_they_are_read() -> None:
    class Clears:
        def __index__(self) -> int:
            rows.clear()
            gc.collect()
            return 7

    rows: list[Any] = [Clears(), 2, 3]
    same(Array(rows, "i4"), np.array([7, 2, 3], "i4"))
    assert rows == []


def test_signature() -> None:
    assert Array.__doc__ is not None
    assert Array.__text_signature__ == "(object, dtype=None)"
    with pytest.raises(TypeError, match="Array"):
        Array()
    with pytest.raises(TypeError):
        Array([1], order="C")
    same(Array(object=[1], dtype="i2"), np.array([1], "i2"))


def test_final() -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (Array,), {})
    with pytest.raises(TypeError, match="immutable type"):
        Array.x = 1
    with pytest.raises(AttributeError):
        Array([1]).x = 1
    with pytest.raises(AttributeError):
        Array([1]).shape = (1, 1)


# Indexing

INDEX = st.integers(-6, 5)
SLICE = st.builds(slice, *[st.none() | st.integers(-7, 7)] * 2, st.none() | st.integers(-3, 3).filter(bool))
KEY = st.lists(INDEX | SLICE | SLICE | st.just(...), max_size=5).map(tuple) | INDEX | SLICE | st.just(...)


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error)


@settings(deadline=None)
@given(arrays(), KEY)
def test_index(numpys: Any, key: Any) -> None:
    ours, expected = outcome(lambda: Array(numpys)[key]), outcome(lambda: numpys[key])
    if isinstance(expected, np.ndarray):
        same(ours, expected)
        assert ours.strides == expected.strides or expected.size <= 1 or 1 in expected.shape
        assert np.asarray(ours).flags.c_contiguous == expected.flags.c_contiguous
    elif isinstance(expected, type):
        assert ours is expected
    else:
        assert type(ours) is type(expected.item())
        assert ours == expected or ours != ours


@settings(deadline=None)
@given(arrays(), KEY, st.data())
def test_assignment(numpys: Any, key: Any, data: st.DataObject) -> None:
    ours, numpys = Array(numpys), numpys.copy()
    part = outcome(lambda: numpys[key])
    if isinstance(part, type):
        with pytest.raises(part):
            ours[key] = 1
        return
    if data.draw(st.booleans()):
        value = 1
    else:
        value = data.draw(hnp.arrays(numpys.dtype, np.shape(part)))
        if np.shape(part) == ():
            value = value.item()
    numpys[key] = ours[key] = value
    same(ours, numpys)


@settings(deadline=None)
@given(arrays("i4"), KEY, KEY)
def test_views_of_views(numpys: Any, key: Any, another: Any) -> None:
    """A view shares the memory, and what is written into it is seen everywhere."""
    ours = Array(numpys)
    part = outcome(lambda: ours[key])
    if not isinstance(part, Array):
        return
    numpys = numpys.copy()
    expected = outcome(lambda: numpys[key][another])
    if isinstance(expected, type):
        with pytest.raises(expected):
            part[another]
        return
    part[another] = 7
    numpys[key][another] = 7
    same(ours, numpys)
    assert np.shares_memory(np.asarray(ours), np.asarray(part)) == bool(part.size)


def test_index_errors() -> None:
    a = Array(range(5))
    m = Array([[1, 2], [3, 4]])
    for key, message in [
        (5, "index 5 is out of bounds for axis 0 with size 5"),
        (-6, "index -6 is out of bounds for axis 0 with size 5"),
        ((0, 0), "too many indices for an Array of 1 dimensions: 2"),
        ((..., ...), "an index may have one '...', this one has 2"),
        (2**70, "cannot fit 'int' into an index-sized integer"),
    ]:
        with pytest.raises(IndexError, match=message):
            a[key]
        with pytest.raises(IndexError, match=message):
            a[key] = 1
    with pytest.raises(IndexError, match="index 2 is out of bounds for axis 1 with size 2"):
        m[0, 2]
    with pytest.raises(IndexError, match="too many indices for an Array of 0 dimensions: 1"):
        Array(1.5)[0]
    for wrong in [1.5, "x", None, [0], (0, "x")]:
        with pytest.raises(TypeError, match=r"an Array is indexed by ints, slices, '...' and tuples of them, not"):
            m[wrong]
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        a[::0]
    with pytest.raises(TypeError, match="elements of an Array cannot be deleted"):
        del a[0]


def test_assignment_of_what_does_not_fit() -> None:
    a = Array([[1, 2, 3], [4, 5, 6]], "i2")
    with pytest.raises(ValueError, match=r"cannot assign elements of shape \(2,\) to a part of shape \(3,\)"):
        a[0] = [1, 2]
    with pytest.raises(ValueError, match=r"elements of shape \(1, 1, 3\) to a part of shape \(2, 3\)"):
        a[:] = np.zeros((1, 1, 3), "i2")
    with pytest.raises(TypeError, match="not str"):
        a[0] = "abc"
    with pytest.raises(TypeError, match="not str"):
        a[0, 0] = "a"
    with pytest.raises(TypeError, match="must be an int, not float"):
        a[0] = np.zeros(3)
    with pytest.raises(OverflowError, match="70000 does not fit in int16"):
        a[0] = [1, 2, 70000]
    assert a.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_assignment_of_everything_else() -> None:
    a = Array([[1, 2, 3], [4, 5, 6]], "i2")
    a[0] = [7, 8, 9]
    a[1, ::-1] = np.array([1, 2, 3])  # of another type
    assert a.tolist() == [[7, 8, 9], [3, 2, 1]]
    a[...] = a[0]  # broadcast
    assert a.tolist() == [[7, 8, 9], [7, 8, 9]]
    a[:, 1:] = a[:, :-1]  # overlapping
    a[0] = a[0, ::-1]
    assert a.tolist() == [[8, 7, 7], [7, 7, 8]]
    a[:, 0] = np.int16(5)
    a[:, 1] = np.array(6, "i2")
    assert a.tolist() == [[5, 6, 7], [5, 6, 8]]
    a[:] = a
    a[:] = np.asarray(a)[::-1]
    assert a.tolist() == [[5, 6, 8], [5, 6, 7]]
    swapped = a.copy()
    swapped[:] = np.asarray(a).astype(">i2" if sys.byteorder == "little" else "<i2")
    assert swapped == a


def test_sequence() -> None:
    a = Array([3, 1, 2])
    assert len(a) == 3
    assert list(a) == list(iter(a)) == [3, 1, 2]
    assert list(reversed(a)) == [2, 1, 3]
    assert 2 in a
    assert 5 not in a
    first, *rest = a
    assert (first, rest) == (3, [1, 2])
    match a:
        case [x, y, z]:
            assert (x, y, z) == (3, 1, 2)
        case _:
            raise AssertionError
    rows = list(Array([[1, 2], [3, 4]]))
    assert [row.tolist() for row in rows] == [[1, 2], [3, 4]]
    assert all(isinstance(row, Array) for row in rows)
    for call in [len, iter, list]:
        with pytest.raises(TypeError, match="an Array without dimensions"):
            call(Array(1))
    assert isinstance(a, collections.abc.Iterable)


# Methods


@settings(deadline=None)
@given(arrays())
def test_out_again(numpys: Any) -> None:
    ours = Array(numpys)
    assert repr(ours.tolist()) == repr(numpys.tolist())
    assert repr(ours.T.tolist()) == repr(numpys.T.tolist())
    same(ours.T, numpys.T)
    same(ours.copy(), numpys)
    same(ours.T.copy(), numpys.T)
    same(copy.copy(ours), numpys)
    same(copy.deepcopy(ours.T), numpys.T)
    assert not np.shares_memory(np.asarray(ours.copy()), np.asarray(ours))
    assert np.asarray(ours.T.copy()).flags.c_contiguous


@settings(deadline=None)
@given(arrays(), st.lists(st.integers(-1, 6), max_size=4))
def test_reshape(numpys: Any, shape: list[int]) -> None:
    ours, expected = outcome(lambda: Array(numpys).reshape(*shape)), outcome(lambda: numpys.reshape(shape))
    if isinstance(expected, type):
        assert ours is expected is ValueError
    else:
        same(ours, expected)
        same(Array(numpys).reshape(shape), expected)
        same(Array(numpys).reshape(tuple(shape)), expected)


def test_reshape_shares_memory() -> None:
    a = Array(range(6))
    b = a.reshape(2, -1)
    b[1, 2] = 50
    assert a[5] == 50
    with pytest.raises(ValueError, match=r"reshape\(\) needs a contiguous Array: copy\(\) it first"):
        b.T.reshape(6)
    assert b.T.copy().reshape(6).tolist() == [0, 3, 1, 4, 2, 50]
    with pytest.raises(ValueError, match=r"cannot reshape an Array of 6 elements into \(4, 2\)"):
        a.reshape(4, 2)
    with pytest.raises(ValueError, match=r"cannot reshape an Array of 6 elements into \(-1, 4\)"):
        a.reshape(-1, 4)
    with pytest.raises(ValueError, match="an Array has no negative length, got -2 for axis 1"):
        a.reshape(-1, -2)
    with pytest.raises(ValueError, match="an Array has at most 64 dimensions, got 65"):
        a.reshape([1] * 65)
    with pytest.raises(OverflowError, match=r"an Array of shape \(4611686018427387904, 4\) is too large"):
        a.reshape(2**62, 4)
    with pytest.raises(OverflowError, match=r"is too large"):
        Array([]).reshape(0, 2**62, 4)
    with pytest.raises(OverflowError):
        a.reshape(2**70)
    for wrong in ["a", 1.5, [[6]], ("6",)]:
        with pytest.raises(TypeError):
            a.reshape(wrong)


def test_one_element_is_a_number() -> None:
    for a in [Array(2), Array([2]), Array([[2]])]:
        assert (a.item(), int(a), float(a), bool(a)) == (2, 2, 2.0, True)
    assert type(Array([True]).item()) is bool
    assert not Array([0.0])
    for a in [Array([]), Array([1, 2])]:
        for call in [Array.item, int, float, bool]:
            with pytest.raises(ValueError, match=r"only an Array of one element is a number, this one has [02]"):
                call(a)


def test_repr() -> None:
    assert repr(Array([1.0, 2.5])) == "threadmodule.Array([1.0, 2.5], dtype='float64')"
    assert repr(Array([[1, 2], [3, 4]], "u1")) == "threadmodule.Array([[1, 2], [3, 4]], dtype='uint8')"
    assert repr(Array(True)) == "threadmodule.Array(True, dtype='bool')"
    assert repr(Array([])) == "threadmodule.Array([], dtype='float64')"
    assert repr(Array(range(10_000))) == "threadmodule.Array([0, 1, 2, ..., 9997, 9998, 9999], dtype='int64')"
    assert repr(Array(np.zeros((400, 3), "i4"))[:, :2]) == str(Array(np.zeros((400, 2), "i4")))
    wide = repr(Array(np.arange(2000).reshape(2, 1000)))
    assert wide == "threadmodule.Array([[0, 1, 2, ..., 997, 998, 999], [1000, 1001, 1002, ..., 1997, 1998, 1999]]" + (
        ", dtype='int64')"
    )
    assert repr(Array(range(1000))).count(",") == 1000
    a = Array([[math.inf, -0.0], [1e300, 5e-324]])
    assert eval(repr(a), {"threadmodule": threadmodule, "inf": math.inf}).tobytes() == a.tobytes()


# Comparison


@settings(deadline=None)
@given(arrays(), st.data())
def test_equality(numpys: Any, data: st.DataObject) -> None:
    ours = Array(numpys)
    assert (ours == Array(numpys)) is np.array_equal(numpys, numpys)
    assert (ours != ours.T) is not np.array_equal(numpys, numpys.T)
    if numpys.size:
        other = ours.copy()
        key = tuple(data.draw(st.integers(0, length - 1)) for length in numpys.shape)
        other[key] = not other[key]
        assert ours != other
        assert ours[key] != other[key]


@settings(deadline=None)
@given(hnp.arrays(st.sampled_from(DTYPES), 3), hnp.arrays(st.sampled_from(DTYPES), 3))
def test_equality_of_types(a: Any, b: Any) -> None:
    assert (Array(a) == Array(b)) is (a.tolist() == b.tolist())


def test_equality_is_exact() -> None:
    assert Array([2**53]) == Array([2.0**53])
    assert Array([2**53 + 1]) != Array([2.0**53])
    assert Array([2**64 - 1]) != Array([-1])
    assert Array(np.array([2], "u1").view("?")) == Array([True])
    assert Array([1]) == Array([True]) == Array([1.0])


def test_equality_with_others() -> None:
    a = Array([1, 2])
    assert a == memoryview(np.array([1, 2]))  # it is memoryview that compares buffers
    assert (a == np.array([1, 3])).tolist() == [True, False]  # and NumPy elements
    for other in [[1, 2], array.array("q", [1, 2]), 1, None, Array([[1, 2]]), Array([1, 2, 3])]:
        assert (a == other) is False
        assert (a != other) is True
    with pytest.raises(TypeError, match="'<' not supported"):
        _ = a < a
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)
    assert not isinstance(a, collections.abc.Hashable)


# The buffer protocol


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_copy(dtype: str) -> None:
    a = Array([[0, 1, 1], [1, 0, 1]], dtype)
    view = np.asarray(a)
    view[0, 0] = 1
    assert a[0, 0] == 1
    assert view.flags.writeable
    assert np.shares_memory(view, np.asarray(a))
    assert np.shares_memory(view, np.asarray(a.T[1:]))
    assert np.asarray(a.T[1:]).strides == a.T[1:].strides
    assert memoryview(a).shape == (2, 3)
    assert memoryview(a).format == a.format
    assert memoryview(a).obj is a


def test_alignment() -> None:
    arrays = [Array(bytes(n)) for n in itertools.chain(range(100), [10_000, 8_000_000, 48_000_000])]
    assert all(np.asarray(a).ctypes.data % 64 == 0 for a in arrays)


class PyBuffer(ctypes.Structure):
    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
        ("internal", ctypes.c_void_p),
    )


SIMPLE, WRITABLE, FORMAT, ND, STRIDES = 0, 1, 4, 8, 0x18
C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS, INDIRECT = 0x38, 0x58, 0x98, 0x118


def buffer(a: Any, flags: int) -> tuple[Any, ...]:
    """What PyObject_GetBuffer gives: ndim, len, format, shape, strides."""
    view = PyBuffer()
    get = ctypes.pythonapi.PyObject_GetBuffer
    get.argtypes, get.restype = [ctypes.py_object, ctypes.POINTER(PyBuffer), ctypes.c_int], ctypes.c_int
    get(a, ctypes.byref(view), flags)
    try:
        assert not view.suboffsets
        shape = view.shape[: view.ndim] if view.shape else None
        strides = view.strides[: view.ndim] if view.strides else None
        return view.ndim, view.len, view.format, shape, strides
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))


def test_flags() -> None:
    a = Array([[1, 2, 3], [4, 5, 6]], "i4")
    for writable in [0, WRITABLE]:
        assert buffer(a, SIMPLE | writable) == (1, 24, None, None, None)
        assert buffer(a, ND | writable) == (2, 24, None, [2, 3], None)
        assert buffer(a, ND | FORMAT | writable) == (2, 24, b"i", [2, 3], None)
        assert buffer(a, STRIDES | writable) == (2, 24, None, [2, 3], [12, 4])
        assert buffer(a, INDIRECT | FORMAT | writable) == (2, 24, b"i", [2, 3], [12, 4])
    for flags in [C_CONTIGUOUS, ANY_CONTIGUOUS]:
        assert buffer(a, flags) == (2, 24, None, [2, 3], [12, 4])
    for flags in [F_CONTIGUOUS, ANY_CONTIGUOUS]:
        assert buffer(a.T, flags) == (2, 24, None, [3, 2], [4, 12])
    assert buffer(Array(1.5), INDIRECT | FORMAT) == (0, 8, b"d", None, None) or sys.version_info >= (3, 11)
    for part, flags in [
        (a, F_CONTIGUOUS),
        (a.T, C_CONTIGUOUS),
        (a.T, SIMPLE),
        (a.T, ND),
        (a[:, ::2], ANY_CONTIGUOUS),
        (a[:, ::2], SIMPLE),
        (a[:, ::2], ND | FORMAT),
    ]:
        with pytest.raises(BufferError, match="not contiguous in the order that is asked for"):
            buffer(part, flags)
    assert buffer(a[:, ::2], STRIDES) == (2, 16, None, [2, 2], [12, 8])
    assert buffer(a[:1, :2], C_CONTIGUOUS)[3] == [1, 2]


def test_into_every_consumer() -> None:
    a = Array([1, 2, 3], "u1")
    assert bytes(a) == b"\1\2\3"
    assert bytearray(a) == b"\1\2\3"
    assert array.array("B", bytes(a)).tolist() == [1, 2, 3]
    assert threadmodule.sum(a) == 6
    assert memoryview(a).cast("b").tolist() == [1, 2, 3]
    assert bytes(memoryview(Array([[1, 2], [3, 4]], "u1").T)) == b"\1\3\2\4"
    into = Array([0] * 4, "u1")
    memoryview(into)[:] = b"abcd"
    assert into.tobytes() == b"abcd"


def test_memory_outlives_the_array() -> None:
    a = Array(range(1000))
    view, part = np.asarray(a), a[10:20]
    gone = weakref.ref(a)
    del a
    assert gone() is not None  # the NumPy array holds the buffer
    assert view.sum() == 499500
    del view
    gc.collect()
    assert gone() is None
    assert part.tolist() == list(range(10, 20))


# DLPack


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("version", [None, (0, 8), (1, 0), (2, 3)])
def test_dlpack(dtype: str, version: tuple[int, int] | None) -> None:
    class Exporter:
        def __dlpack__(self, **kwargs: object) -> object:
            return a.__dlpack__(max_version=version)

        def __dlpack_device__(self) -> tuple[int, int]:
            return a.__dlpack_device__()

    a = Array([[0, 1, 1], [1, 0, 1]], dtype)[:, ::-1]
    theirs = np.from_dlpack(Exporter())
    assert (theirs.dtype, theirs.shape, theirs.strides) == (np.dtype(dtype), a.shape, a.strides)
    assert theirs.tolist() == a.tolist()
    assert np.shares_memory(theirs, np.asarray(a))


def test_dlpack_shapes() -> None:
    for numpys in [np.array(1.5), np.zeros((0, 3)), np.zeros((2, 0)), np.arange(24).reshape(2, 3, 4)]:
        same(Array(np.from_dlpack(Array(numpys))), numpys)
        same(Array(np.from_dlpack(Array(numpys).T)), numpys.T)


def test_dlpack_arguments() -> None:
    a = Array([1.5])
    assert a.__dlpack_device__() == (1, 0)
    a.__dlpack__(stream=None, max_version=None, dl_device=(1, 0), copy=False)
    for device in [(2, 0), (1, 1)]:
        with pytest.raises(BufferError, match=r"'dl_device' must be None or \(1, 0\), the CPU"):
            a.__dlpack__(dl_device=device)
    with pytest.raises(ValueError, match="'stream' must be None on a CPU, got 1"):
        a.__dlpack__(stream=1)
    for wrong in [1, (1,), ("1", 0), [1, 0]]:
        with pytest.raises(TypeError, match="'max_version' must be None or a tuple of two ints"):
            a.__dlpack__(max_version=wrong)
        with pytest.raises(TypeError, match="'dl_device' must be None or a tuple of two ints"):
            a.__dlpack__(dl_device=wrong)
    with pytest.raises(TypeError):
        a.__dlpack__(None)


def test_dlpack_copies_if_asked() -> None:
    class Exporter:
        def __dlpack__(self, **kwargs: object) -> object:
            return a.__dlpack__(max_version=(1, 0), copy=True)

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    a = Array([1.5, 2.5])
    theirs = np.from_dlpack(Exporter())
    a[0] = 3
    assert theirs.tolist() == [1.5, 2.5]


def test_dlpack_memory_outlives_the_array() -> None:
    """The tensor holds the memory, and not the Array. It may go in any thread."""
    a = Array(range(100_000))
    gone = weakref.ref(a)
    theirs = [np.from_dlpack(a)]
    del a
    gc.collect()
    assert gone() is None
    assert theirs[0].sum() == 4999950000
    thread = threading.Thread(target=theirs.clear)
    thread.start()
    thread.join()


def test_dlpack_tensor_is_deleted_without_python() -> None:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.argtypes, get.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    rename = ctypes.pythonapi.PyCapsule_SetName
    rename.argtypes = [ctypes.py_object, ctypes.c_char_p]
    capsule = Array([1.5]).__dlpack__()
    tensor = get(capsule, b"dltensor")
    rename(capsule, b"used_dltensor")
    deleter = ctypes.cast(tensor + 56, ctypes.POINTER(ctypes.c_void_p))[0]
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(deleter)(tensor)  # ctypes detaches the thread while this runs


# Pickle


@settings(deadline=None)
@given(arrays(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_pickle(numpys: Any, protocol: int) -> None:
    same(pickle.loads(pickle.dumps(Array(numpys), protocol)), numpys)
    same(pickle.loads(pickle.dumps(Array(numpys).T, protocol)), numpys.T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pickle_out_of_band(dtype: str) -> None:
    a = Array([[0, 1, 1], [1, 0, 1]], dtype)
    buffers: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(a, 5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    assert np.shares_memory(np.asarray(buffers[0]), np.asarray(a))  # not a copy
    again = pickle.loads(stream, buffers=buffers)
    assert again == a
    assert not np.shares_memory(np.asarray(again), np.asarray(a))
    assert pickle.loads(stream, buffers=[bytes(buffers[0].raw())]) == a


def test_pickle_from_another_byte_order() -> None:
    other = "big" if sys.byteorder == "little" else "little"
    swapped = np.array([[1, 2], [300, 4]], "i4").byteswap().tobytes()
    assert Array._rebuild(swapped, "int32", other, (2, 2)).tolist() == [[1, 2], [300, 4]]


def test_pickles_that_lie() -> None:
    for arguments, error in [
        ((b"1234", "int32", sys.byteorder, (2,)), ValueError),
        ((b"12345", "int32", sys.byteorder, (1,)), ValueError),
        ((b"", "int32", sys.byteorder, (-1,)), ValueError),
        ((b"", "int32", sys.byteorder, (2**62, 2**62)), OverflowError),
        ((b"", "int32", sys.byteorder, (1,) * 65), ValueError),
        ((b"", "int128", sys.byteorder, (0,)), ValueError),
        ((b"", "int32", sys.byteorder, ("0",)), TypeError),
        ((b"", "int32", sys.byteorder, [0]), TypeError),
        (("", "int32", sys.byteorder, (0,)), TypeError),
        ((bytearray(8)[::2], "int8", "other", (3,)), ValueError),
        ((memoryview(bytes(8))[::2], "int8", sys.byteorder, (4,)), ValueError),
    ]:
        with pytest.raises(error):
            Array._rebuild(*arguments)


# Memory


def test_size_in_memory() -> None:
    a = Array(range(1000))
    assert sys.getsizeof(a) >= 8000
    assert sys.getsizeof(a[:]) < 200
    assert sys.getsizeof(Array([[1]])) > sys.getsizeof(Array([1]))


def test_large_memory_is_kept_for_the_next() -> None:
    check_python("""
        import numpy as np, threadmodule

        def address(a):
            return np.asarray(a).ctypes.data

        before = np.zeros(5_000_000)
        a = threadmodule.Array(before)
        first = address(a)
        del a
        a = threadmodule.Array(before)
        assert address(a) == first
        b = threadmodule.Array(before)  # the spare one is in use
        assert address(b) != first
        assert b == a
        del a, b
        a = threadmodule.Array(before[:4_500_000])
        assert a.tobytes() == before[:4_500_000].tobytes()
    """)


@pytest.mark.skipif(not LINUX, reason="looks into /proc")
def test_huge_memory_is_given_back() -> None:
    out = check_python("""
        import numpy as np, threadmodule

        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20

        source = np.broadcast_to(np.zeros(1), 40_000_000)
        a = threadmodule.Array(source)
        before = resident()
        del a
        print(before - resident())
    """)
    assert int(out) >= 300


def test_no_memory() -> None:
    for function in (Array, threadmodule.sqrt):
        with pytest.raises(MemoryError, match=f"no memory for an array of {2**61} bytes"):
            function(np.broadcast_to(np.zeros(1), 2**58))
    a, b = np.broadcast_to(np.zeros((1, 1)), (2**40, 1)), np.broadcast_to(np.zeros(1), 2**40)
    with pytest.raises(MemoryError, match=f"no memory for an array of {2**63 - 1} bytes or more"):
        threadmodule.add(a, b)
    with pytest.raises(MemoryError, match=f"no memory for an array of {2**61} bytes"):
        threadmodule.bincount(b"\0", minlength=2**58)


CALLS: list[Callable[[Array], object]] = [
    lambda a: Array(a),
    lambda a: Array([[1, 2.5], [True, 4]]),
    lambda a: outcome(lambda: Array([1, [2]])),
    lambda a: outcome(lambda: Array([1, "x"], "f8")),
    lambda a: outcome(lambda: Array(["x"])),
    lambda a: outcome(lambda: Array([1], "x")),
    lambda a: a[1:, ::-1],
    lambda a: a[0, 0],
    lambda a: outcome(lambda: a[9]),
    lambda a: outcome(lambda: a["x"]),
    lambda a: a.__setitem__(0, [1, 2, 3]),
    lambda a: a.__setitem__(0, 1.5),
    lambda a: a.__setitem__(0, a[1]),
    lambda a: outcome(lambda: a.__setitem__(0, [1])),
    lambda a: a.T.copy(),
    lambda a: a.tolist(),
    lambda a: repr(a),
    lambda a: a == a.T,
    lambda a: a == Array([[1]]),
    lambda a: (a.shape, a.strides, a.dtype, a.format),
    lambda a: outcome(lambda: a.reshape(7)),
    lambda a: a.reshape(-1),
    lambda a: memoryview(a),
    lambda a: np.asarray(a),
    lambda a: np.from_dlpack(a),
    lambda a: a.__dlpack__(),
    lambda a: a.__dlpack__(max_version=(1, 0), copy=True),
    lambda a: outcome(lambda: a.__dlpack__(dl_device=(2, 0))),
    lambda a: pickle.loads(pickle.dumps(a)),
    lambda a: pickle.loads(pickle.dumps(a, 2)),
    lambda a: weakref.ref(a),
    lambda a: list(a),
    lambda a: outcome(lambda: bool(a)),
]


def test_no_leak() -> None:
    a = Array([[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]])
    if leaked_blocks(lambda: [call(a) for call in CALLS]) > 5:
        assert [i for i, call in enumerate(CALLS) if leaked_blocks(lambda call=call: call(a)) > 5] == []


@pytest.mark.skipif(not LINUX or SANITIZED, reason="looks into /proc at malloc's memory")
def test_no_leak_of_native_memory() -> None:
    check_python("""
        import numpy as np, pickle, threadmodule

        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20

        def work():
            a = threadmodule.Array(source)
            np.from_dlpack(a[::-1]), a.__dlpack__(), pickle.loads(pickle.dumps(a)), a.copy().T

        source = np.zeros(100_000)
        for _ in range(20):
            work()
        before = resident()
        for _ in range(500):
            work()
        assert resident() - before < 50, resident() - before
    """)


def test_threads() -> None:
    """Views are made and dropped, elements read and written in many threads at once."""
    a = Array(np.zeros((8, 100)))

    def work(row: int) -> float:
        for i in range(300):
            part = a[row, i % 50 :]
            part[...] = float(i)
            part.copy().tolist()
            np.from_dlpack(part).sum()
            a.T[:, row].tobytes()
        return a[row].tolist()[-1]

    threads = [threadmodule.Thread(target=work, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    assert [thread.result(120) for thread in threads] == [299.0] * 8


def test_large_arrays_in_threads() -> None:
    """One takes the spare memory, the others map their own."""
    source = np.arange(5_000_000.0)

    def work(_: int) -> bool:
        return all(Array(source) == ours for ours in [Array(source)])

    threads = [threadmodule.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    assert all(thread.result(120) for thread in threads)


def test_other_interpreters() -> None:
    """Memory goes on in one interpreter after another that made it is gone."""
    check_python("""
        try:
            import _interpreters as interpreters
        except ImportError:
            try:
                import _xxsubinterpreters as interpreters
            except ImportError:
                raise SystemExit
        import threadmodule
        for _ in range(3):
            i = interpreters.create()
            interpreters.run_string(i, "import threadmodule; a = threadmodule.Array([1, 2]); assert a[1] == 2")
            interpreters.destroy(i)
        assert threadmodule.Array([1])[0] == 1
    """)
