"""Any object with the buffer protocol goes in, nothing else, and nobody keeps it."""

from __future__ import annotations

import array
import contextlib
import ctypes
import inspect
import mmap
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadmodule

ELEMENTS = [1, 2, 3, 4, 5]
DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
SWAPPED = ">" if sys.byteorder == "little" else "<"


def exporters() -> dict[str, Any]:
    values = array.array("i", ELEMENTS)
    anonymous = mmap.mmap(-1, 20)
    anonymous[:] = values.tobytes()
    return {
        "bytes": bytes(ELEMENTS),
        "bytearray": bytearray(ELEMENTS),
        "array": values,
        "memoryview": memoryview(values),
        "memoryview cast": memoryview(values.tobytes()).cast("i"),
        "mmap": memoryview(anonymous).cast("i"),
        "NumPy": np.array(ELEMENTS),
        "ctypes array": (ctypes.c_int * 5)(*ELEMENTS),
        "ctypes long array": (ctypes.c_long * 5)(*ELEMENTS),
    }


@pytest.mark.parametrize("name", exporters())
def test_every_exporter(name: str) -> None:
    assert threadmodule.sum(exporters()[name]) == 15
    assert threadmodule.dot(exporters()[name], exporters()[name]) == 55
    view = memoryview(exporters()[name])
    if not view.readonly:
        assert threadmodule.square(exporters()[name], exporters()[name])[4] == 25
    a = exporters()[name]
    assert threadmodule.sum(threadmodule.square(a, np.empty_like(np.asarray(memoryview(a))))) == 55
    if not view.readonly:
        assert threadmodule.square(a, out=a) is a
        assert list(a) == [1, 4, 9, 16, 25]


def test_a_bare_mmap_is_bytes() -> None:
    with mmap.mmap(-1, 4096) as mapped:
        mapped[:3] = b"abc"
        assert threadmodule.sum(mapped) == 294


@pytest.mark.parametrize("letter", "bBhHiIlLqQfd")
def test_every_letter_of_array(letter: str) -> None:
    assert threadmodule.sum(array.array(letter, ELEMENTS)) == 15


@pytest.mark.parametrize("prefix", ["", "@", "=", "<", ">", "!", "1", ">1"])
@pytest.mark.parametrize("letter", "?bBhHiIlLqQefd")
def test_every_format_of_struct(prefix: str, letter: str) -> None:
    testbuffer = pytest.importorskip("_testbuffer")  # an exporter of any format, for CPython's own tests
    exporter = testbuffer.ndarray(ELEMENTS, shape=[5], format=prefix + letter)
    assert threadmodule.sum(exporter) == (5 if letter == "?" else 15)


@pytest.mark.parametrize("letter", "nN")
def test_sizes(letter: str) -> None:
    assert threadmodule.sum(memoryview(struct.pack(f"5{letter}", *ELEMENTS)).cast(letter)) == 15


def test_read_only_input_is_fine() -> None:
    a = np.arange(5.0)
    a.flags.writeable = False
    assert threadmodule.sum(a) == 10.0
    out = np.empty(5)
    threadmodule.square(a, out)
    assert out.tolist() == [0, 1, 4, 9, 16]


# Errors name the argument, what was expected and what came.


@pytest.mark.parametrize("wrong", [3, None, "text", [1, 2], object(), 2.5])
def test_no_buffer(wrong: object) -> None:
    with pytest.raises(
        TypeError, match=rf"sum\(\) argument 'a' must be .*buffer protocol.*, not {type(wrong).__name__}"
    ):
        threadmodule.sum(wrong)
    with pytest.raises(TypeError, match=r"dot\(\) argument 'b' must be"):
        threadmodule.dot(b"abc", wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(3, "c16"),
        np.zeros(3, "S3"),
        np.zeros(3, "U3"),
        np.zeros(3, "V3"),
        np.zeros(3, "i4,f8"),
        np.zeros(3, [("x", "f8")]),
        np.zeros(3, object),
        np.zeros(3, "g"),
        memoryview(b"abc").cast("c"),
        (ctypes.c_char * 3)(),
        (ctypes.c_wchar * 3)(),
        (ctypes.c_void_p * 3)(),
        (ctypes.c_longdouble * 3)(),
    ],
)
def test_elements_of_another_type(wrong: Any) -> None:
    with pytest.raises(
        ValueError,
        match=r"sum\(\) argument 'a' must have elements of type bool, f2.*got format '.*' with \d+ bytes",
    ):
        threadmodule.sum(wrong)


@pytest.mark.parametrize("wrong", [np.zeros(3, "M8[s]"), np.zeros(3, "m8[s]")])
def test_elements_that_numpy_does_not_export(wrong: Any) -> None:
    with pytest.raises(ValueError, match="cannot include dtype"):
        threadmodule.sum(wrong)


def test_an_array_of_pointers() -> None:
    testbuffer = pytest.importorskip("_testbuffer")
    pointers = testbuffer.ndarray(list(range(6)), shape=[2, 3], format="i", flags=testbuffer.ND_PIL)
    with pytest.raises(
        BufferError, match=r"sum\(\) argument 'a' must lie in one piece of memory, got a ndarray of pointers"
    ):
        threadmodule.sum(pointers)


@pytest.mark.parametrize(("item", "format"), [((1, 2), "2B"), ((1, 2), "BB"), (1, "xB"), ((1, 2), "<hh"), (b"a", "s")])
def test_formats_that_are_not_one_number(item: Any, format: str) -> None:
    testbuffer = pytest.importorskip("_testbuffer")
    exporter = testbuffer.ndarray([item] * 3, shape=[3], format=format)
    with pytest.raises(ValueError, match=rf"got format '{format}' with \d bytes"):
        threadmodule.sum(exporter)


# Shapes, strides and byte orders


VIEWS: dict[str, Callable[[Any], Any]] = {  # of an array of shape (4, 5, 6)
    "0-d": lambda a: a[1, 2, 3, ...],
    "one element": lambda a: a[1:2, 1:2, 1:2],
    "empty": lambda a: a[2:2, ::-2, 1:],
    "every other": lambda a: a.reshape(-1)[::2],
    "reversed": lambda a: a.reshape(-1)[::-1],
    "every third, reversed": lambda a: a.reshape(-1)[100:3:-3],
    "part of the rows": lambda a: a[:, :, 1:4],
    "every other row": lambda a: a[:, ::2],
    "transposed": lambda a: a.transpose(1, 2, 0),
    "column-major": lambda a: a.T,
    "all axes reversed": lambda a: a[::-1, ::-1, ::-1],
    "some axes reversed": lambda a: a[::-1, 1:, ::-2],
    "axes of length 1": lambda a: a[:, None, 2:3, ::3, None],
    "diagonal": lambda a: np.einsum("iji->ij", a[:, :, :4]),
}


def box(dtype: str, offset: int = 0) -> np.ndarray:
    """Numbers from 0 to 10; with an offset, unaligned if they have more bytes than one."""
    size = np.dtype(dtype).itemsize
    a: Any = np.ndarray((4, 5, 6), dtype, np.zeros(120 * size + offset, "u1"), offset)
    a[...] = (np.arange(120) % 11).reshape(a.shape)
    return a


@pytest.mark.parametrize("dtype", [*DTYPES, *(SWAPPED + dtype for dtype in DTYPES)])
@pytest.mark.parametrize("name", VIEWS)
def test_views(name: str, dtype: str) -> None:
    for offset in (0, 1):
        a = VIEWS[name](box(dtype, offset))
        assert threadmodule.sum(a) == a.astype("i8").sum()
        if a.ndim == 1 and dtype[-1] != "?":
            assert threadmodule.dot(a, a) == np.square(a.astype("i8")).sum()


@pytest.mark.parametrize("dtype", [*DTYPES[1:], *(SWAPPED + dtype for dtype in DTYPES[1:])])
@pytest.mark.parametrize("name", VIEWS)
def test_out_views(name: str, dtype: str) -> None:
    x = VIEWS[name](box(dtype))
    for offset in (0, 1):
        memory = box(dtype, offset)
        memory[...] = 99
        out = VIEWS[name](memory)
        assert threadmodule.square(x, out) is out
        assert out.tolist() == (x * x).tolist()
        out[...] = 99
        assert (memory == 99).all()  # nothing beside the view was written
        in_place = VIEWS[name](box(dtype, offset))
        threadmodule.square(in_place, in_place)
        assert in_place.tolist() == (x * x).tolist()


def test_strides_of_zero() -> None:
    rows = np.broadcast_to(np.arange(6)[::2], (7, 3))
    assert threadmodule.sum(rows) == 42
    assert threadmodule.sum(np.broadcast_to(np.int64(3), (70, 300))) == 63_000
    out = np.lib.stride_tricks.as_strided(np.zeros(3), (3, 3), (0, 8))
    with pytest.raises(ValueError, match=r"square\(\) argument 'out' must have memory of its own for each element"):
        threadmodule.square(np.zeros((3, 3)), out)


def test_ctypes() -> None:
    """It leaves out the strides, and the shape of a number."""
    matrix = (ctypes.c_double * 3 * 2)((1, 2, 3), (4, 5, 6))
    assert threadmodule.sum(matrix) == 21.0
    out = np.zeros((2, 3))
    assert threadmodule.square(matrix, out).tolist() == [[1, 4, 9], [16, 25, 36]]
    assert threadmodule.sum(ctypes.c_int(7)) == 7
    assert threadmodule.sum((ctypes.c_bool * 3)(True, False, True)) == 2
    assert threadmodule.sum((ctypes.c_int.__ctype_be__ * 3)(1, 2, 3)) == 6  # type: ignore[attr-defined]
    assert threadmodule.sum((ctypes.c_int * 0)()) == 0


def test_a_bool_is_any_byte_but_zero() -> None:
    assert threadmodule.sum(np.frombuffer(b"\0\1\2\xff", "?")) == 3


def test_float16_is_exact() -> None:
    every = np.arange(2**16, dtype="u2").view("f2")
    finite = every[np.isfinite(every)]
    assert threadmodule.sum(finite) == 0.0  # each number, and its negative
    assert threadmodule.sum(finite[finite > 0]) == finite[finite > 0].astype("f8").sum()
    for x in (5.96e-8, -6.1e-5, 65504.0, np.inf, -np.inf):
        assert threadmodule.sum(np.array([x], "f2")) == float(np.float16(x))
    assert np.isnan(threadmodule.sum(np.array([np.nan], "f2")))


def test_released_memoryview() -> None:
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match="released memoryview"):
        threadmodule.sum(view)


@pytest.mark.parametrize("out", [b"12345678", memoryview(bytes(8))])
def test_read_only_out(out: Any) -> None:
    with pytest.raises(BufferError, match=r"square\(\) argument 'out' must be writable, got a read-only"):
        threadmodule.square(bytearray(8), out)


def test_out_of_another_type_or_shape() -> None:
    a = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"square\(\) argument 'out' must have elements of type float64, got float32"):
        threadmodule.square(a, np.zeros((2, 3), "f4"))
    for shape in [(3, 2), (6,), (2, 3, 1), (2, 4)]:
        with pytest.raises(ValueError, match=r"square\(\) argument 'out' must have shape \(2, 3\), got \("):
            threadmodule.square(a, np.zeros(shape))


@pytest.mark.parametrize("shift", [1, 3, 7])
def test_overlap(shift: int) -> None:
    a = np.arange(8.0)
    for x, out in [(a[shift:], a[:-shift]), (a[:-shift], a[shift:])]:
        if shift < 4:
            with pytest.raises(ValueError, match="not overlap in part"):
                threadmodule.square(x, out)
        else:
            threadmodule.square(x, out)
    assert a[0] in (0.0, 49.0)
    memory = bytearray(24)
    threadmodule.square(memoryview(memory).cast("d"), memoryview(memory).cast("d"))


def test_views_of_one_array() -> None:
    """Those that share no element are apart, however they interleave."""
    a = np.zeros((6, 10))
    for x, out in [
        (a[:, :5], a[:, 5:]),
        (a[::2], a[1::2]),
        (a[:, ::2], a[:, 1::2]),
        (a[::-2, 1::3], a[1::2, 2::3]),
        (a[:3].T, a[3:].T),
        (a.view("f4")[:, ::2], a.view("f4")[:, 1::2]),
    ]:
        if x.shape == out.shape:
            threadmodule.square(x, out)
    for x, out in [(a[:, :6], a[:, 4:]), (a[::2], a[:3]), (a[0:1], a[0:1, ::-1]), (a[:5, :5], a[:5, :5].T)]:
        with pytest.raises(ValueError, match="not overlap in part"):
            threadmodule.square(x, out)


def test_out_is_for_buffers() -> None:
    with pytest.raises(TypeError, match=r"square\(\) argument 'out' is for buffers, not for numbers"):
        threadmodule.square(3, bytearray(3))


def test_dot_of_another_length_or_dimension() -> None:
    with pytest.raises(ValueError, match=r"dot\(\) argument 'b' must be as long as 'a' \(3\), got 4"):
        threadmodule.dot(b"abc", b"abcd")
    assert threadmodule.dot(b"abc", array.array("h", [1, -2, 3])) == 97 - 2 * 98 + 3 * 99
    with pytest.raises(ValueError, match=r"dot\(\) argument 'b' must have 1 dimension, got 2"):
        threadmodule.dot(np.zeros(4), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"dot\(\) argument 'a' must have 1 dimension, got 0"):
        threadmodule.dot(np.zeros(()), np.zeros(()))


# Held while a call runs, and not longer


@pytest.mark.parametrize(
    "call",
    [
        lambda a: threadmodule.sum(a),
        lambda a: threadmodule.dot(a, a),
        lambda a: threadmodule.square(a, a),
        lambda a: threadmodule.sum(a, threads=0),
        lambda a: threadmodule.dot(a, b"x"),
        lambda a: threadmodule.square(a, bytes(5)),
        lambda a: threadmodule.square(a, array.array("d", [1])),
        lambda a: threadmodule.square(a),
        lambda a: threadmodule.square(b"\xff" * 5, a),
    ],
)
def test_the_buffer_is_released(call: Callable[[bytearray], object]) -> None:
    a = bytearray(5)
    with contextlib.suppress(TypeError, ValueError, BufferError, OverflowError):
        call(a)
    a.append(1)  # BufferError if anybody still held it


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is from Python 3.12")
def test_an_exporter_written_in_python() -> None:
    class Exporter:
        released = 0

        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(b"abc")

        def __release_buffer__(self, view: memoryview) -> None:
            Exporter.released += 1
            view.release()

    assert threadmodule.sum(Exporter()) == 294
    assert Exporter.released == 1
    thread = threadmodule.Thread(target=threadmodule.sum, args=(Exporter(),))
    thread.start()
    assert thread.result() == 294
    assert Exporter.released == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is from Python 3.12")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exporter_that_raises() -> None:
    class Refuses:
        def __buffer__(self, flags: int) -> memoryview:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threadmodule.sum(Refuses())

    class RaisesAtRelease:
        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(b"abc")

        def __release_buffer__(self, view: memoryview) -> None:
            raise ZeroDivisionError

    assert threadmodule.sum(RaisesAtRelease()) == 294


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is from Python 3.12")
def test_an_exporter_that_cannot_be_written() -> None:
    class ReadOnly:
        error: type[BaseException] | None = None

        def __buffer__(self, flags: int) -> memoryview:
            if self.error is not None and flags & inspect.BufferFlags.WRITABLE:
                raise self.error
            return memoryview(b"abc")

    out = ReadOnly()
    for error in (None, BufferError, ValueError, RuntimeError):  # exporters refuse in many ways
        out.error = error
        with pytest.raises(BufferError, match="argument 'out' must be writable, got a read-only ReadOnly"):
            threadmodule.square(bytearray(3), out)
    out.error = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        threadmodule.square(bytearray(3), out)


def test_more_elements_than_32_bits_count(tmp_path: Path) -> None:
    """A sparse file of more than 2^32 bytes: only the pages that are touched take memory."""
    size = 2**32 + 10
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size - 1)
        file.write(b"\7")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert threadmodule.sum(mapped) == 7
