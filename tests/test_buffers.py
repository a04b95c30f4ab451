"""Any object with the buffer protocol goes in, nothing else, and nobody keeps it."""

from __future__ import annotations

import array
import contextlib
import ctypes
import mmap
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadmodule

ELEMENTS = [1, 2, 3, 4, 5]


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


@pytest.mark.parametrize("format", ["@i", "=i", "n", "N", "@q", "<i" if sys.byteorder == "little" else ">i"])
def test_prefixes_and_sizes(format: str) -> None:
    size = 4 if "i" in format else 8
    view = np.frombuffer(b"".join(x.to_bytes(size, sys.byteorder) for x in ELEMENTS), f"i{size}")
    assert threadmodule.sum(memoryview(view)) == 15
    if format in ("n", "N", "@q"):
        assert threadmodule.sum(memoryview(view.tobytes()).cast(format)) == 15


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
    "wrong", [np.zeros(3, bool), np.zeros(3, "f2"), np.zeros(3, "c16"), np.zeros(3, "S3"), np.zeros(3, "i4,f8")]
)
def test_elements_of_another_type(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"sum\(\) argument 'a' must have elements of type f4, f8.*got format"):
        threadmodule.sum(wrong)


def test_elements_in_the_other_byte_order() -> None:
    other = ">" if sys.byteorder == "little" else "<"
    with pytest.raises(ValueError, match=f"native byte order.*got format '{other}d' with 8 bytes"):
        threadmodule.sum(np.zeros(3, f"{other}f8"))


@pytest.mark.parametrize(
    "view", [np.zeros(10)[::2], np.zeros(10)[::-1], np.zeros((4, 4))[:, 1:], np.zeros((4, 4, 4)).T[1:]]
)
def test_strided(view: Any) -> None:
    with pytest.raises(BufferError, match=r"sum\(\) argument 'a' must be contiguous, got a strided numpy.ndarray"):
        threadmodule.sum(view)


def test_unaligned() -> None:
    view = np.frombuffer(bytes(33), "f8", count=4, offset=1)
    with pytest.raises(ValueError, match=r"sum\(\) argument 'a' must be aligned to its 8-byte elements"):
        threadmodule.sum(view)


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
    with pytest.raises(ValueError, match=r"'out' must have elements of the type of 'x' \(float64\), got float32"):
        threadmodule.square(a, np.zeros((2, 3), "f4"))
    for shape in [(3, 2), (6,), (2, 3, 1), (2, 4)]:
        with pytest.raises(ValueError, match="'out' must have the shape and memory order of 'x'"):
            threadmodule.square(a, np.zeros(shape))
    with pytest.raises(ValueError, match="memory order"):
        threadmodule.square(a, np.zeros((2, 3), order="F"))


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


def test_square_of_a_buffer_needs_out() -> None:
    with pytest.raises(TypeError, match=r"square\(\) missing argument 'out' for a buffer"):
        threadmodule.square(bytearray(3))
    with pytest.raises(TypeError, match=r"square\(\) argument 'out' is for a buffer, but 'x' is a number"):
        threadmodule.square(3, bytearray(3))


def test_dot_of_another_length_type_or_dimension() -> None:
    with pytest.raises(ValueError, match=r"dot\(\) argument 'b' must be as long as 'a' \(3\), got 4"):
        threadmodule.dot(b"abc", b"abcd")
    with pytest.raises(ValueError, match=r"elements of the type of 'a' \(uint8\), got int16"):
        threadmodule.dot(b"abc", array.array("h", [1, 2, 3]))
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
