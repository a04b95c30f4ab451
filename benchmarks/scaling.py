"""How each kernel scales with threads, beside NumPy where it does the same.

    python benchmarks/scaling.py [--threads N] [--rounds N] [--plot FILE.png]

All lines of a kernel are measured in turn, round by round, on the same data. A time is the median of the rounds, a
speed-up the ratio of two medians. With --plot, a picture of the speed-ups (needs matplotlib).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import threadmodule

Line = Callable[[], Any]


def work(elements: int, steps: int) -> dict[str, tuple[Callable[[int], Any], Line | None]]:
    """For each kernel: the call on so many threads, and NumPy's."""
    a = np.random.default_rng(0).random(elements)
    b, out = a[::-1].copy(), np.empty_like(a)
    counted = np.arange(steps)

    def numpy_pi() -> float:
        x = (counted + 0.5) / steps
        return float((4.0 / (1.0 + x * x)).sum() / steps)

    def numpy_do_math() -> float:
        distance = (counted + 1.0) - 1e6
        return float(np.sqrt(distance * distance).sum())

    return {
        f"sum of {elements:,} f8": (lambda t: threadmodule.sum(a, t), a.sum),
        f"dot of {elements:,} f8": (lambda t: threadmodule.dot(a, b, t), lambda: a.dot(b)),
        f"square of {elements:,} f8": (lambda t: threadmodule.square(a, out, t), lambda: np.square(a, out)),
        f"sum_of_squares({steps:,})": (lambda t: threadmodule.sum_of_squares(steps, t), None),  # overflows int64
        f"pi({steps:,})": (lambda t: threadmodule.pi(steps, t), numpy_pi),
        f"do_math(0, {steps:,})": (lambda t: threadmodule.do_math(0, steps, t), numpy_do_math),
    }


def medians(lines: dict[str, Line], rounds: int) -> dict[str, float]:
    samples: dict[str, list[float]] = {name: [] for name in lines}
    for name in lines:
        lines[name]()
    for _ in range(rounds):
        for name, line in lines.items():
            begin = time.perf_counter()
            line()
            samples[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in samples.items()}


def plot(results: dict[str, dict[str, float]], counts: list[int], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for kernel, times in results.items():
        pyplot.plot(counts, [times["1"] / times[str(n)] for n in counts], marker="o", label=kernel)
    pyplot.plot(counts, counts, linestyle="--", color="gray", label="ideal")
    pyplot.xlabel("threads")
    pyplot.ylabel("speed-up over one thread")
    pyplot.legend()
    pyplot.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=threadmodule.cpu_count(), metavar="N")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--elements", type=int, default=10_000_000, metavar="N")
    parser.add_argument("--steps", type=int, default=20_000_000, metavar="N")
    parser.add_argument("--plot", metavar="FILE.png")
    arguments = parser.parse_args()

    counts = sorted({1, 2, *range(4, arguments.threads + 1, 4), arguments.threads})
    counts = [n for n in counts if n <= arguments.threads]
    print(f"threadmodule {threadmodule.__version__}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{threadmodule.cpu_count()} CPUs allowed, {os.cpu_count()} in the machine ({platform.machine()})")
    head = [*(f"{n} thr." for n in counts), "speed-up", "NumPy", "ours/NumPy"]
    print(f"{'milliseconds':30}", *(f"{title:>{10 if i >= len(counts) else 9}}" for i, title in enumerate(head)))
    results: dict[str, dict[str, float]] = {}
    for kernel, (call, numpy_call) in work(arguments.elements, arguments.steps).items():
        lines: dict[str, Line] = {str(n): (lambda n=n, call=call: call(n)) for n in counts}  # type: ignore[misc]
        if numpy_call is not None:
            lines["NumPy"] = numpy_call
        times = results[kernel] = medians(lines, arguments.rounds)
        most = times[str(counts[-1])]
        ours = [f"{times[str(n)] * 1e3:9.2f}" for n in counts]
        peer = [f"{times['NumPy'] * 1e3:10.2f}", f"{times['NumPy'] / most:9.2f}x"] if numpy_call else []
        print(f"{kernel:30}", *ours, f"{times['1'] / most:9.2f}x", *peer)
    if arguments.plot:
        plot(results, counts, arguments.plot)


if __name__ == "__main__":
    main()
