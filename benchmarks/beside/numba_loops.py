"""The plain loops in Python, for numba to compile: `prange` is parallel or serial as the compiler is told."""

from __future__ import annotations

import math
from typing import Any

try:
    from numba import prange
except ImportError:
    prange = range


def sum(a: Any) -> float:
    total = 0.0
    for i in prange(a.size):
        total += a[i]
    return total


def dot(a: Any, b: Any) -> float:
    total = 0.0
    for i in prange(a.size):
        total += a[i] * b[i]
    return total


def mean(a: Any) -> float:
    total = 0.0
    for i in prange(a.size):
        total += a[i]
    return float(total / a.size)


def var(a: Any) -> float:
    total = 0.0
    for i in prange(a.size):
        total += a[i]
    middle = total / a.size
    squares = 0.0
    for i in prange(a.size):
        squares += (a[i] - middle) ** 2
    return float(squares / a.size)


def maximum(a: Any) -> float:
    best = a[0]
    for i in prange(a.size):
        best = max(best, a[i])
    return float(best)


def argmax(a: Any) -> int:
    best = 0
    for i in range(a.size):
        if a[i] > a[best]:
            best = i
    return best


def pi(n: int) -> float:
    total = 0.0
    for i in prange(n):
        x = (i + 0.5) / n
        total += 4.0 / (1.0 + x * x)
    return total / n


def square(a: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = a[i] * a[i]


def sqrt(a: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = math.sqrt(a[i])


def exp(a: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = math.exp(a[i])


def log(a: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = math.log(a[i])


def add(a: Any, b: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = a[i] + b[i]


def cumsum(a: Any, out: Any) -> None:
    total = 0.0
    for i in range(a.size):
        total += a[i]
        out[i] = total


def bincount(x: Any, counts: Any) -> None:
    counts[:] = 0
    for i in range(x.size):
        counts[x[i]] += 1


def histogram(a: Any, low: float, high: float, counts: Any) -> None:
    counts[:] = 0
    scale = counts.size / (high - low)
    for i in range(a.size):
        if low <= a[i] <= high:
            counts[min(int((a[i] - low) * scale), counts.size - 1)] += 1
