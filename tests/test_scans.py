"""cumsum, histogram and bincount."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import threadmodule
from reference import DTYPES, FLOATS, INTS, UNSIGNED, Layout, assert_same, doubles, native, values
from support import LINUX, SANITIZED, check_python

LENGTHS = [0, 1, 2, 3, 7, 8, 9, 33, 1000, 4095, 4096, 4097, 32767, 32769, 100_003, 400_001]


# cumsum


@pytest.mark.parametrize("dtype", ["?", *INTS])
def test_cumsum_of_integers(dtype: str) -> None:
    for size in LENGTHS:
        a = values(dtype, size, size, "bits" if dtype[1:] in ("1", "2") else "tame")
        result = threadmodule.cumsum(a, threads=2)
        assert type(result) is threadmodule.Array
        assert_same(result, np.cumsum(a, dtype="u8" if dtype in UNSIGNED else "i8"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_cumsum_of_floats(dtype: str) -> None:
    """As exact as NumPy's, or more so."""
    limits = np.finfo(dtype)
    for size in LENGTHS:
        a = np.random.default_rng(size).uniform(-1, 1, size).astype(dtype)
        result = np.asarray(threadmodule.cumsum(a, threads=2))
        assert (result.dtype, result.shape) == (a.dtype, a.shape)
        exact = np.cumsum(a.astype(np.longdouble))
        numpys = np.abs(np.cumsum(a) - exact).max(initial=0)
        allowed = max(2 * numpys, 4 * float(limits.eps) * np.abs(exact).max(initial=0))
        assert np.abs(result - exact).max(initial=0) <= allowed


@pytest.mark.parametrize("dtype", FLOATS)
def test_cumsum_of_floats_that_are_integers_is_exact(dtype: str) -> None:
    for size in LENGTHS:
        a = np.random.default_rng(size).integers(-1, 2, size).astype(dtype)
        a[1::2] = -a[: size - size % 2 : 2]
        assert np.array_equal(threadmodule.cumsum(a, threads=2), np.cumsum(a, dtype="f8"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_cumsum_of_infinity_and_nan(dtype: str) -> None:
    for size in [5, 5000, 100_000]:
        for places in [{1: math.inf}, {size // 2: math.nan}, {1: math.inf, size - 2: -math.inf}, {0: -math.inf}]:
            a = np.zeros(size, dtype)
            a[list(places)] = list(places.values())
            with np.errstate(invalid="ignore"):
                answer = np.cumsum(a)
            assert np.array_equal(threadmodule.cumsum(a, threads=2), answer, equal_nan=True)


def test_cumsum_keeps_the_sign_of_zero() -> None:
    for size in [1, 3, 5000, 100_000]:
        assert np.signbit(threadmodule.cumsum(np.full(size, -0.0), threads=2)).all()
        assert not np.signbit(threadmodule.cumsum(np.full(size, 0.0), threads=2)).any()


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 4), (0, 3), (300, 400)])
def test_cumsum_of_many_dimensions(shape: tuple[int, ...]) -> None:
    a = values("i4", math.prod(shape), 1, "tame").reshape(shape)
    for view in [a, a.T, a[..., ::-1] if a.ndim else a, a.astype(">i4")]:
        assert np.asarray(threadmodule.cumsum(view)).reshape(-1).tolist() == np.cumsum(native(view)).tolist()


def test_cumsum_into_out() -> None:
    a = values("i2", 70_000, 1, "bits")
    answer = np.cumsum(a)
    for step in [1, 2, -1, -3]:
        for swapped in [False, True]:
            layout = Layout((0,), (step,), 1, swapped)
            out = layout.empty(a.shape, "i8")
            assert threadmodule.cumsum(layout.place(a), out, threads=2) is out
            assert_same(native(out), answer)


@pytest.mark.parametrize("dtype", ["i8", "u8", "f2", "f4", "f8"])
def test_cumsum_in_place(dtype: str) -> None:
    for size in LENGTHS:
        a = values(dtype, size, 1, "small")
        answer = native(threadmodule.cumsum(a))
        assert threadmodule.cumsum(a, a, threads=2) is a
        assert_same(a, answer)
        b = values(dtype, size, 1, "small")[::-1]
        answer = native(threadmodule.cumsum(b))
        assert_same(threadmodule.cumsum(b, b), answer)


@pytest.mark.parametrize(("dtype", "end"), [("i8", "max"), ("i8", "min"), ("u8", "max")])
def test_cumsum_that_overflows_writes_nothing(dtype: str, end: str) -> None:
    step = -1 if end == "min" else 1
    limit = int(getattr(np.iinfo(dtype), end))
    for size in [2, 5000, 200_000]:
        for place in {1, size // 2, size - 1}:
            a = np.zeros(size, dtype)
            a[0] = limit
            a[place] = step
            out = np.full(size, 7, dtype)
            with pytest.raises(OverflowError, match=rf"^cumsum\(\) argument 'a' .*not fit in {np.dtype(dtype).name}"):
                threadmodule.cumsum(a, out, threads=2)
            assert (out == 7).all()
            with pytest.raises(OverflowError, match=r"^cumsum\(\) "):
                threadmodule.cumsum(a, a)
            assert (int(a[0]), int(a[place]), int(np.count_nonzero(a))) == (limit, step, 2)
            a[0] = limit - step
            assert np.asarray(threadmodule.cumsum(a))[-1] == limit


def test_cumsum_that_comes_back_has_overflown_all_the_same() -> None:
    """The last sum fits, one before does not: at the edge of a part of the work as well as inside."""
    for size in [3, 5000, 200_000]:
        for place in {1, size // 2, size - 2}:
            a = np.zeros(size, "i8")
            a[0], a[place], a[place + 1] = 2**63 - 1, 1, -1
            with pytest.raises(OverflowError):
                threadmodule.cumsum(a, threads=2)
            a[place], a[place + 1] = -1, 1
            assert np.asarray(threadmodule.cumsum(a, threads=2))[-1] == 2**63 - 1


def test_cumsum_of_parts_that_fit_only_together() -> None:
    """A part's own sum may be too large where the sum so far makes up for it."""
    a = np.ones(200_000, "i8")
    a[0] = -(2**63)
    a[150_000:150_003] = 2**62
    answer = list(itertools.accumulate(a.tolist()))
    assert np.asarray(threadmodule.cumsum(a, threads=2)).tolist() == answer


def test_errors_of_cumsum() -> None:
    a = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"^cumsum\(\) argument 'out' must .*float64.*got float32"):
        threadmodule.cumsum(a, np.zeros(6, "f4"))
    with pytest.raises(ValueError, match=r"^cumsum\(\) argument 'out' must .*int64.*got int32"):
        threadmodule.cumsum(np.ones(6, "i4"), np.zeros(6, "i4"))
    for shape in [(5,), (7,), (2, 3), (6, 1), ()]:
        with pytest.raises(ValueError, match=r"^cumsum\(\) argument 'out' must .*shape"):
            threadmodule.cumsum(a, np.zeros(shape))
    with pytest.raises(BufferError, match=r"^cumsum\(\) argument 'out' must be writable"):
        threadmodule.cumsum(b"abc", bytes(24))
    memory = np.zeros(100)
    for x, out in [(memory[1:], memory[:-1]), (memory[:-1], memory[1:]), (memory, memory[::-1])]:
        with pytest.raises(ValueError, match=r"^cumsum\(\) argument 'out' must .*overlap"):
            threadmodule.cumsum(x, out)


# histogram


def check_histogram(a: np.ndarray, *args: Any, **kwargs: Any) -> None:
    counts, edges = np.histogram(a, *args, **kwargs)
    for threads in [1, 2]:
        result = threadmodule.histogram(a, *args, **kwargs, threads=threads)
        assert type(result) is tuple
        assert [type(part) for part in result] == [threadmodule.Array] * 2
        assert_same(result[0], counts)
        assert np.array_equal(result[1], edges)
        assert np.asarray(result[1]).dtype.kind == "f"


@pytest.mark.parametrize("bins", [1, 2, 3, 7, 10, 64, 100, 1000, 4096, 100_000])
def test_histogram_of_doubles(bins: int) -> None:
    for size in [1, 2, 5, 1000, 5000, 200_003]:
        a = values("f8", size, bins, "tame")
        check_histogram(a, bins)
        check_histogram(a, bins, (-1.5, 2.25))
        check_histogram(a, bins, (-0.1, 0.2))


@pytest.mark.parametrize("dtype", INTS)
def test_histogram_of_integers(dtype: str) -> None:
    for kind in ["tame", "small", "bits"]:
        a = values(dtype, 20_000, 1, kind)
        check_histogram(a, 10)
        check_histogram(a, 7, (1, 5))
        check_histogram(a, 16, (0.5, 7.5))
        check_histogram(a, np.array([0.0, 3.0, 4.0, 9.0]))


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_histogram_of_small_floats(dtype: str) -> None:
    """Its edges may be more exact than NumPy's. But each element is where they say."""
    for size in [1, 7, 5000, 200_003]:
        a = values(dtype, size, 1, "tame")
        for bins, range in [(10, None), (64, (-1.0, 1.0)), (3, (0, 5))]:
            counts, edges = map(native, threadmodule.histogram(a, bins, range, threads=2))
            answer = np.histogram(a, bins, range)[1]
            assert np.abs(edges - answer).max() <= 4 * np.finfo(dtype).eps * np.abs(answer).max()
            assert counts.tolist() == np.histogram(doubles(a), edges.astype("f8"))[0].tolist()


def test_histogram_of_elements_on_the_edges() -> None:
    for bins in [1, 3, 10, 49, 100, 1000]:
        for low, high in [(0, 1), (0, 10), (-1, 1), (0.1, 0.7), (-1e-3, 1e5)]:
            edges = np.linspace(low, high, bins + 1)
            a = np.concatenate([edges, np.nextafter(edges, -math.inf), np.nextafter(edges, math.inf)])
            check_histogram(a, bins, (low, high))
            check_histogram(edges, bins)
            check_histogram(a, edges)


def test_histogram_of_equal_elements() -> None:
    for element in [0.0, 5.0, -3.25, 1e10]:
        check_histogram(np.full(1000, element), 4)
        check_histogram(np.full(1000, element), 4, (element, element))
    check_histogram(np.full(3, 7), 2)
    check_histogram(np.array([7]))


def test_histogram_of_nothing() -> None:
    for dtype in FLOATS + INTS:
        check_histogram(np.zeros(0, dtype), 4)
        check_histogram(np.zeros((0, 3), dtype), 4, (-1, 2))
        check_histogram(np.zeros(0, dtype), np.array([1.0, 2.0, 4.0]))


def test_histogram_of_bools() -> None:
    a = np.array([True, False, True])
    counts, edges = threadmodule.histogram(a, 2)
    assert np.asarray(counts).tolist() == [1, 2]
    assert np.asarray(edges).tolist() == [0, 0.5, 1]
    assert np.asarray(threadmodule.histogram(a, b"\0\1\2")[0]).tolist() == [1, 2]


def test_histogram_without_arguments_has_ten_bins() -> None:
    a = values("f8", 1000, 1, "tame")
    check_histogram(a)
    check_histogram(a, bins=np.int64(10))
    check_histogram(a.reshape(10, 100)[:, ::-3], range=(0.0, 1.0))
    assert_same(threadmodule.histogram(a, 10, None)[0], np.histogram(a)[0])


def test_histogram_with_edges() -> None:
    a = values("f8", 100_003, 1, "tame")
    for edges in [
        [0.0, 1.0],
        [-1, 0, 2, 2, 5],
        [0.0, 0.0, 0.0],
        [-math.inf, -1.0, math.inf],
        [5e-324, 1e-3, 1e300],
        np.sort(values("f8", 1001, 2, "tame")),
        np.arange(-5, 5, dtype="i1"),
        np.arange(0, 9, dtype="u2")[::2],
        np.linspace(-1, 1, 65, dtype="f4"),
        np.linspace(-1, 1, 65).astype(">f8")[::3],
    ]:
        check = np.array(edges, "f8")
        result = threadmodule.histogram(a, np.asarray(edges), threads=2)
        assert_same(result[0], np.histogram(a, check)[0])
        assert np.asarray(result[1]).tolist() == check.tolist()


def test_histogram_leaves_out_what_is_out_of_range_or_nan() -> None:
    a = np.array([math.nan, -math.inf, -1.0, 0.0, 0.5, 1.0, 2.0, math.inf] * 1000)
    check_histogram(a, 4, (0, 1))
    check_histogram(a, np.array([0.0, 0.5, 1.0]))
    check_histogram(a, np.array([-math.inf, 0.0, math.inf]))


def test_histogram_of_wide_ranges() -> None:
    check_histogram(np.array([-(2**63), 0, 2**63 - 1]), 4)
    check_histogram(np.array([0, 2**64 - 1], "u8"), 4)
    check_histogram(np.array([-8e307, 0.0, 8e307]), 4)
    check_histogram(np.array([0.0, 1e-300, 4e-300]), 4)


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
def test_histogram_of_an_endless_range(strange: float) -> None:
    for size in [1, 10, 100_000]:
        for dtype in FLOATS:
            a = np.zeros(size, dtype)
            a[size // 2] = strange
            with pytest.raises(ValueError, match=r"^histogram\(\) .*finite"):
                threadmodule.histogram(a)
    for range in [(0, strange), (strange, 0), (strange, strange)]:
        with pytest.raises(ValueError, match=r"^histogram\(\) argument 'range' must .*"):
            threadmodule.histogram(np.zeros(3), 10, range)


@pytest.mark.parametrize(
    ("bins", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (2.5, TypeError),
        ("auto", TypeError),
        (1j, TypeError),
        ([0.0], ValueError),
        ([0.0, "1"], TypeError),
        ([1.0, 0.0], ValueError),
        (np.array([1.0, 0.5]), ValueError),
        (np.array([0.0, 1.0, 0.5, 2.0]), ValueError),
        (np.array([[0.0, 1.0]]), ValueError),
        (np.array([0j, 1j]), ValueError),
    ],
)
def test_bins_that_are_none(bins: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^histogram\(\) argument 'bins' must "):
        threadmodule.histogram(np.ones(3), bins)


@pytest.mark.parametrize(
    ("range", "error"),
    [
        ((1, 0), ValueError),
        ((0, 1, 2), (TypeError, ValueError)),
        ((0,), (TypeError, ValueError)),
        (5, TypeError),
        (("0", "1"), TypeError),
    ],
)
def test_range_that_is_none(range: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^histogram\(\) argument 'range' must "):
        threadmodule.histogram(np.ones(3), 10, range)


@pytest.mark.parametrize(
    ("a", "bins"),
    [
        (np.array([-1e308, 1e308]), 4),  # their distance is infinite
        (np.array([1e300, 1e300]), 3),
        (np.array([1, 1 + 2**-52]), 10),
        (np.array([0, 5e-324]), 3),
        (np.array([1, 1 + 2**-23], "f4"), 5),
    ],
)
def test_bins_without_a_width(a: np.ndarray, bins: int) -> None:
    with pytest.raises(ValueError, match=r"^histogram\(\) argument 'bins' must "):
        threadmodule.histogram(a, bins)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"finite|[Bb]in"):
        np.histogram(a, bins)


@pytest.mark.parametrize("bins", [3, 10, 64, 1000])
def test_edges_of_f4_are_numpys(bins: int) -> None:
    a = np.random.default_rng(bins).standard_normal(10_000).astype("f4")
    edges = threadmodule.histogram(a, bins)[1]
    assert native(edges).tolist() == np.histogram(a, bins)[1].tolist()


def test_more_bins_than_memory() -> None:
    for bins in [2**62, 2**63, 2**100]:
        with pytest.raises((MemoryError, OverflowError, ValueError)):
            threadmodule.histogram(np.ones(3), bins)


# bincount


@pytest.mark.parametrize("dtype", ["?", *INTS])
def test_bincount(dtype: str) -> None:
    for size in LENGTHS:
        x = values(dtype, size, size, "bits" if dtype == "u1" else "small")
        for minlength in [0, 5, 300]:
            result = threadmodule.bincount(x, minlength, threads=2)
            assert type(result) is threadmodule.Array
            assert_same(result, np.bincount(x.astype("i8"), minlength=minlength))
        assert_same(threadmodule.bincount(np.repeat(x, 2)[::-2]), np.bincount(x.astype("i8")))
        assert_same(threadmodule.bincount(x.astype(x.dtype.newbyteorder("S"))), np.bincount(x.astype("i8")))


@pytest.mark.parametrize("largest", [255, 256, 5000, 65_535, 65_536, 1_000_000, 3_000_000])
def test_bincount_of_larger_numbers(largest: int) -> None:
    for dtype in ["i4", "u4", "i8", "u8"] + (["u2"] if largest < 65_536 else []):
        for size in [1, 100, 100_000]:
            x = np.random.default_rng(1).integers(0, largest, size, endpoint=True).astype(dtype)
            x[size // 2] = largest
            assert_same(threadmodule.bincount(x, threads=2), np.bincount(x.astype("i8")))


def test_bincount_of_one_number_many_times() -> None:
    """So many that a narrow counter on the way would overflow."""
    for dtype in ["u1", "i4"]:
        x = np.full(20_000_000, 3, dtype)
        assert np.asarray(threadmodule.bincount(x, threads=2)).tolist() == [0, 0, 0, 20_000_000]


@pytest.mark.parametrize("dtype", [dtype for dtype in INTS if dtype not in UNSIGNED])
def test_bincount_of_negative_numbers(dtype: str) -> None:
    for size in [1, 10, 200_000]:
        for wrong in [-1, np.iinfo(dtype).min]:
            for place in {0, size // 2, size - 1}:
                x = np.zeros(size, dtype)
                x[place] = wrong
                with pytest.raises(ValueError, match=rf"^bincount\(\) argument 'x' .*{wrong}"):
                    threadmodule.bincount(x, threads=2)


@pytest.mark.parametrize(("number", "dtype"), [(2**62, "i8"), (2**63 - 1, "i8"), (2**64 - 1, "u8"), (2**45, "u8")])
def test_bincount_beyond_memory(number: int, dtype: str) -> None:
    with pytest.raises((MemoryError, OverflowError, ValueError)):
        threadmodule.bincount(np.array([1, number], dtype))


def test_errors_of_bincount() -> None:
    for dtype in FLOATS:
        with pytest.raises((TypeError, ValueError), match=r"^bincount\(\) argument 'x' must "):
            threadmodule.bincount(np.ones(3, dtype))
    with pytest.raises(ValueError, match=r"^bincount\(\) argument 'minlength' must be at least 0, got -1"):
        threadmodule.bincount(b"abc", -1)
    with pytest.raises(TypeError, match=r"^bincount\(\) argument 'minlength' must be an int, not float"):
        threadmodule.bincount(b"abc", 2.0)
    with pytest.raises((MemoryError, OverflowError, ValueError)):
        threadmodule.bincount(b"abc", 2**62)


@pytest.mark.skipif(not LINUX or SANITIZED, reason="looks into /proc at malloc's memory")
@pytest.mark.parametrize("threads", [1, 8])
def test_tables_are_no_larger_than_the_array(threads: int) -> None:
    """Of eight threads each would have one of 800 MB."""
    done = check_python(
        """
        import sys, threadmodule
        threadmodule.set_num_threads(8)
        numbers = threadmodule.Array([0, 10**8 - 1] * 50_000)
        counts = threadmodule.bincount(numbers, threads=int(sys.argv[1]))
        assert (counts[0], counts[-1], len(counts)) == (50_000, 50_000, 10**8)
        counts = threadmodule.bincount(b"ab" * 50_000, 10**8, threads=int(sys.argv[1]))
        assert (counts[97], counts[98], len(counts)) == (50_000, 50_000, 10**8)
        with open("/proc/self/status") as file:  # getrusage() knows of the parent's memory too
            print(*(line.split()[1] for line in file if line.startswith("VmHWM")))
        """,
        str(threads),
    )
    assert int(done) < 2_200_000  # kilobytes


@pytest.mark.parametrize("call", ["bincount(numbers)", "histogram(floats, 100)"])
def test_an_input_that_another_thread_changes(call: str) -> None:
    """What the result is, nobody can say. But nothing is written where it does not belong."""
    check_python(
        f"""
        import threading, threadmodule, numpy as np
        numbers = np.zeros(300_000, "i8")
        floats = np.random.random(300_000)
        stop = False
        def change():
            while not stop:
                numbers[:] = 2**45
                floats[:] = -1e300
                numbers[:] = 0
                floats[:] = 0.5
        thread = threading.Thread(target=change)
        thread.start()
        for _ in range(100):
            try:
                threadmodule.{call}
            except (MemoryError, ValueError):
                pass
        stop = True
        thread.join()
        """
    )


def test_an_input_that_progress_changes() -> None:
    check_python(
        """
        import threadmodule, numpy as np
        numbers = np.zeros(30_000_000, "i8")
        threadmodule.bincount(numbers, threads=1, progress=lambda _: numbers.fill(2**45))
        """
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_input_is_left_alone(dtype: str) -> None:
    a = values(dtype, 50_000, 1, "small")
    before = a.copy()
    threadmodule.cumsum(a)
    threadmodule.histogram(a)
    threadmodule.histogram(a, np.array([0.0, 1.0]))
    if dtype not in FLOATS:
        threadmodule.bincount(a)
    assert np.array_equal(a, before)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
def test_edges_of_arrays_without_width_are_numpys(dtype: str) -> None:
    random = np.random.default_rng(0)
    arrays = [np.empty(0, dtype), *(np.full(3, value).astype(dtype) for value in random.uniform(-3, 3, 200))]
    for a in arrays:
        for bins in (1, 7, 40):
            expected = np.histogram(a, bins)[1]
            edges = np.asarray(threadmodule.histogram(a, bins)[1])
            assert edges.dtype == expected.dtype
            np.testing.assert_array_equal(edges, expected)


def test_cumsum_of_many_dimensions_in_place() -> None:
    a = np.random.default_rng(0).standard_normal((3, 4, 1000))
    expected = np.asarray(threadmodule.cumsum(a)).copy()
    threadmodule.cumsum(a, out=a.reshape(-1))
    np.testing.assert_array_equal(a.reshape(-1), expected)
    with pytest.raises(ValueError, match="not overlap in part"):
        threadmodule.cumsum(a.T, out=a.reshape(-1))
