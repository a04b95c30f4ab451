"""The same bits on any number of threads and every instruction set, even in sums of floats."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadmodule
from reference import BINARY, DTYPES, FLOATS, MAPS, REDUCTIONS, Layout, values
from support import check_python

TIERS = ["baseline", "avx2", "avx512"]  # as far as this machine has them
SIZES = [*range(70), 127, 128, 129, 1000, 4095, 4096, 4097, 8191, 8193, 20_000, 32_769, 100_003, 300_001]
LARGE = 1_000_003
SERIES = {"pi", "do_math", "sum_of_squares"}
KERNELS = [*REDUCTIONS, "dot", "exact sum", "exact dot", *MAPS, "cumsum", "histogram", "bincount", *sorted(SERIES)]


def arguments(kernel: str, dtype: str, size: int, seed: int) -> tuple[Any, ...]:
    """Numbers of many magnitudes, whose sum depends on the order of additions."""
    generator = np.random.default_rng(seed)
    if dtype in FLOATS:
        x, y = (generator.standard_normal((2, size)) * 10.0 ** generator.integers(-3, 4, (2, size))).astype(dtype)
    else:
        x, y = values(dtype, size, seed, "small"), values(dtype, size, seed + 1, "small") % 2
    if kernel in ("sqrt", "log"):
        x = np.abs(x)
    if dtype in ("i1", "u1"):  # where 10 * 10 fits
        x = x % 11
    if dtype[0] == "u":
        x = x * 0 if kernel == "negative" else np.maximum(x, y)
    if kernel in SERIES:
        return (size, 3 * size) if kernel == "do_math" else (size + 1,)
    if kernel == "bincount":
        return (x if dtype not in FLOATS else values("i4", size, seed, "small"),)
    if kernel == "histogram":
        return (x, 37)
    if kernel in ("dot", "exact dot", *BINARY):
        return (x, y)
    return {"scale": (x, 3), "axpy": (3, x, y), "clip": (x, 1, 5)}.get(kernel, (x,))


def bits(result: Any) -> bytes:
    if isinstance(result, float):
        return struct.pack("d", result)
    if isinstance(result, tuple):
        return b"".join(map(bits, result))
    return repr(result).encode() if isinstance(result, int) else np.asarray(result).tobytes()


def run(kernel: str, args: tuple[Any, ...], threads: int | None = None) -> bytes:
    function = getattr(threadmodule, kernel.removeprefix("exact "))
    exact = {"exact": True} if kernel.startswith("exact ") else {}
    return bits(function(*args, threads=threads, **exact))


def cases(kernel: str) -> Iterator[tuple[Any, ...]]:
    """Calls of a kernel with elements of every type, at every size, in some layouts."""
    picks = kernel in ("min", "max", "argmin", "argmax")
    for dtype in DTYPES if kernel not in SERIES else ["f8"]:
        if dtype == "?" and kernel in ("subtract", "negative"):
            continue
        for seed, size in enumerate(SIZES if dtype in ("f4", "f8") else SIZES[::7]):
            if size or not picks:
                args = arguments(kernel, dtype, size, seed)
                yield args
                if size % 5 == 0:
                    layout = Layout((0,), ([2, -1, 1][size % 3],), size % 2, size % 4 == 0)
                    yield tuple(layout.place(a) if isinstance(a, np.ndarray) else a for a in args)


def fingerprints(threads: int | None = None) -> dict[str, str]:
    """Of all results of every kernel."""
    return {
        kernel: hashlib.sha256(b"|".join(run(kernel, args, threads) for args in cases(kernel))).hexdigest()
        for kernel in KERNELS
    }


@pytest.fixture(scope="module", autouse=True)
def many_threads() -> Iterator[None]:
    threadmodule.set_num_threads(64)
    yield
    threadmodule.set_num_threads(None)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2"])
def test_any_number_of_threads(kernel: str, dtype: str) -> None:
    for size in [5000, 150_001, LARGE]:
        args = arguments(kernel, dtype, size, size)
        result = run(kernel, args, 1)
        counts = range(2, 65) if size == 150_001 and dtype == "f8" else [2, 3, 5, 8, 13, 64, None]
        assert [threads for threads in counts if run(kernel, args, threads) != result] == []


def test_any_number_of_threads_at_every_size() -> None:
    assert fingerprints(1) == fingerprints(3)


def test_again_and_again() -> None:
    a = arguments("sum", "f8", LARGE, 1)[0]
    assert len({run("sum", (a,)) for _ in range(300)}) == 1
    assert len({run("cumsum", (a,)) for _ in range(30)}) == 1


@pytest.mark.parametrize("size", [100_003, 200_003])
def test_the_place_in_memory_does_not_matter(size: int) -> None:
    """Neither the alignment nor the stride; only backwards, what is added to what is another thing."""
    a = arguments("sum", "f8", size, 1)[0]
    memory = np.empty(len(a) + 16)
    for kernel in ["sum", "mean", "norm", "var", "exact sum", "cumsum", "exp"]:
        result = run(kernel, (a,))
        for offset in range(16):
            view = memory[offset : offset + len(a)]
            view[:] = a
            assert run(kernel, (view,)) == result
        for layout in [Layout((0,), (step,), shift, step == 1) for step in [1, 2, 3] for shift in [0, 1]]:
            assert run(kernel, (layout.place(a),), 2) == result


def test_the_cap_on_threads_does_not_matter() -> None:
    a, b = arguments("dot", "f8", LARGE, 1)
    result = run("dot", (a, b))
    for count in [1, 2, 3, 7, 64]:
        threadmodule.set_num_threads(count)
        assert threadmodule.get_num_threads() == count
        assert run("dot", (a, b)) == run("dot", (a, b), 32768) == result
    threadmodule.set_num_threads(64)


def test_every_instruction_set() -> None:
    """Each in a process of its own: the choice is made once."""
    results = {}
    for tier in TIERS:
        out = check_python(
            "import json, test_determinism; print(json.dumps(test_determinism.fingerprints()))",
            env={**os.environ, "THREADMODULE_SIMD": tier, "PYTHONPATH": python_path()},
            timeout=200,
        )
        results[tier] = json.loads(out)
    for kernel in KERNELS:
        assert len({results[tier][kernel] for tier in TIERS}) == 1, kernel


def python_path() -> str:
    """Where these tests are, too."""
    return os.pathsep.join([str(Path(__file__).parent), *sys.path])


@pytest.mark.parametrize("tier", ["baseline", "avx2", "avx512"])
def test_of_several_nans_all_tiers_make_the_same(tier: str) -> None:
    out = check_python(
        """
        import array, math, struct, threadmodule
        a = array.array("d", [math.nan, -math.nan, 1.0] * 20)
        b = array.array("d", [-math.nan, math.nan, 1.0] * 20)
        for x in (a, b):
            for result in (threadmodule.sum(x), threadmodule.mean(x), threadmodule.norm(x), threadmodule.var(x),
                           threadmodule.dot(x, b)):
                print(struct.pack(">d", result).hex())
        """,
        env={**os.environ, "THREADMODULE_SIMD": tier},
    )
    assert set(out.split()) == {"7ff8000000000000"}
