"""More than 2^31 elements, in next to no memory: of a private mapping only the pages that are written to exist."""

from __future__ import annotations

import math
import mmap
import sys
from pathlib import Path

import numpy as np
import pytest
import threadmodule
from support import LINUX, MAP_NORESERVE

pytestmark = pytest.mark.skipif(sys.maxsize < 2**62 or not LINUX, reason="no address space")

SIZE = 2**31 + 2**20 + 5
ELEMENTS = {5: 1, 2**31 - 1: 2, 2**31: 200, 2**31 + 7: 3, SIZE - 1: 9}


def mapping() -> mmap.mmap:
    try:
        return mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    except (OSError, MemoryError) as error:
        pytest.skip(f"no address space: {error}")


def available_memory() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


@pytest.fixture(scope="module")
def sparse() -> np.ndarray:
    """Zeros, but for the few ELEMENTS."""
    a = np.frombuffer(mapping(), "u1")
    for place, element in ELEMENTS.items():
        a[place] = element
    return a


@pytest.fixture(scope="module")
def ones() -> np.ndarray:
    """The same 1.0 again and again."""
    return np.broadcast_to(np.ones(()), 2**31 + 3)


def test_reductions(sparse: np.ndarray) -> None:
    assert threadmodule.sum(sparse) == sum(ELEMENTS.values())
    assert threadmodule.count_nonzero(sparse) == len(ELEMENTS)
    assert threadmodule.dot(sparse, sparse) == sum(x * x for x in ELEMENTS.values())
    assert threadmodule.mean(sparse) == sum(ELEMENTS.values()) / SIZE
    assert threadmodule.norm(sparse) == pytest.approx(math.hypot(*ELEMENTS.values()), rel=1e-15)


def test_indices(sparse: np.ndarray) -> None:
    assert (threadmodule.max(sparse), threadmodule.argmax(sparse)) == (200, 2**31)
    assert (threadmodule.min(sparse), threadmodule.argmin(sparse)) == (0, 0)
    signed = sparse.view("i1")
    assert (threadmodule.min(signed), threadmodule.argmin(signed)) == (200 - 256, 2**31)
    assert (threadmodule.max(signed), threadmodule.argmax(signed)) == (9, SIZE - 1)


def test_backwards_and_folded(sparse: np.ndarray) -> None:
    assert threadmodule.argmax(sparse[::-1]) == SIZE - 1 - 2**31
    assert threadmodule.sum(sparse[::-1]) == sum(ELEMENTS.values())
    columns = sparse[: 2**31 + 2**20].reshape(-1, 2**10)
    assert threadmodule.argmax(columns.T) == 2**31 // 2**10
    assert threadmodule.count_nonzero(columns[:, ::-1]) == len(ELEMENTS) - 1


def test_counts(sparse: np.ndarray) -> None:
    counts = np.zeros(201, "i8")
    counts[0] = SIZE - len(ELEMENTS)
    counts[list(ELEMENTS.values())] = 1
    assert np.array_equal(threadmodule.bincount(sparse), counts)


def test_the_same_element_again_and_again(ones: np.ndarray) -> None:
    assert threadmodule.sum(ones) == threadmodule.dot(ones, ones) == len(ones)
    assert threadmodule.argmax(ones) == 0


def test_maps(sparse: np.ndarray) -> None:
    if available_memory() < 3 * SIZE:
        pytest.skip("too little memory for the results")
    out = np.frombuffer(mapping(), "u1")
    assert threadmodule.clip(sparse, 0, 7, out) is out
    assert {place: int(out[place]) for place in ELEMENTS} == {place: min(x, 7) for place, x in ELEMENTS.items()}
    assert threadmodule.count_nonzero(out) == len(ELEMENTS)
    with pytest.raises(OverflowError, match=rf"^square\(\) argument 'x' holds 200 at index {2**31},"):
        threadmodule.square(sparse, out)
    assert threadmodule.count_nonzero(out) == len(ELEMENTS)
