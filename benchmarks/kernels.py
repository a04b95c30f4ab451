"""Our kernels beside NumPy, numba, Cython, numexpr, a bare extension and the machine's limits.

    python benchmarks/kernels.py [--quick] [--only PATTERN] [--json FILE] [--picture FOLDER] [--wheel FILE]

Peers are measured where they are installed: pip install numba Cython numexpr tbb tbb-devel intel-openmp. Compiled for
the occasion, where there is a compiler, with -O3 -march=native -ffast-math -fopenmp: the same loops in Cython, a bare
extension (a METH_O function that gets a buffer, adds it up in a plain loop, releases it; "checked": one that does not
take any memory for doubles, but asks for the format) and the machine's limits (beside/limits.cpp: reading, copying and
so on by pinned threads that spin for each other, on one thread and on all; the best of all ways is the limit). What was
compiled stays in benchmarks/build. Pictures need matplotlib.

All contenders of a line are measured in turn, round by round, on the same arrays, in another order each round. A figure
is the median of the rounds, a ratio that of two medians, and more than 1 is faster. So "at most 1.3 times as long" is
a goal of 0.77x. "close": missed, but a quarter of the single rounds met it. Before each sample comes a wait until no
thread of the process runs any more (the workers of libgomp spin for 8 ms), then 3 ms of calls that are not timed.

- sum, sqrt, add: time against size. 1,000 elements, 1,000,000 elements: all kernels, with out= where NumPy has it.
- 256 MB: bytes in a second, read and written; beside the best read bandwidth, or the better memcpy, of the same line.
- threads: the speed-up over one thread.
- fork-join: parallel_for for two from C++, calls to which both came, beside a cache line's round trip.
- cold: a region of so long after a sleep; each call's speed-up over the median of its own product's loop on one thread,
  which is as cold. "Every time": the figure is the 90th percentile of calls, and "worst" stands beside. Regions of 20
  and 50 µs are too short to gain much, of those it is the median. "idle after it": the CPU time of the process in the
  5 ms after a call of 850 µs, beyond that of one thread. Each contender has a process of its own.
- busy: as many busy processes beside as there are CPUs; a sum of 40 µs every 2 ms, then such sums back to back.
- bits: how many different results sum has on 1 to 8 threads, and for ours on each instruction set.
- import, size: seconds of `import` in a fresh interpreter; the bytes of the wheel.

--offset says how far behind a cache line arrays begin: 16 is where malloc, and so NumPy, puts the large ones.
--redraw FILE draws the pictures of an earlier --json.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import threadmodule
from beside import lines, peers
from beside.measure import (
    FULL,
    HEAD,
    QUICK,
    Effort,
    Row,
    measured,
    print_row,
    printed,
    rows_of,
    shown,
    times,
    wanted,
)
from beside.processes import SECTIONS, Run


def machine_line(effort: Effort) -> list[str]:
    free_threaded = not getattr(sys, "_is_gil_enabled", lambda: True)()
    tier = os.environ.get("THREADMODULE_SIMD")
    caches = ", ".join(f"{name} {size // 1024} KB" for name, size in peers.caches())
    return [
        f"{peers.machine()}; {threadmodule.cpu_count()} CPUs allowed, {os.cpu_count()} in the machine; {caches}; "
        f"{platform.system()} {platform.release()}",
        f"threadmodule {threadmodule.__version__}{f' ({tier})' if tier else ''}, Python {platform.python_version()} "
        f"({'free-threaded' if free_threaded else 'GIL'}), NumPy {np.__version__}, "
        f"{', '.join(map(peers.version, ('numba', 'Cython', 'numexpr', 'tbb')))}, {peers.compiler_version()}",
        f"arrays begin {lines.OFFSET} bytes behind a cache line{'; quick: figures say nothing' * (effort is QUICK)}",
    ]


def busy_elsewhere() -> Callable[[], str]:
    """Tells what others had of the machine meanwhile, and the host of a virtual one: then a figure says little."""

    def ticks() -> tuple[float, float, float]:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, idle, wait, irq, soft, stolen = map(int, fields)
        all_busy = (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")
        mine = sum(os.times()[:4])
        all_there = all_busy + (idle + wait + stolen) / os.sysconf("SC_CLK_TCK")
        return all_busy - mine, stolen / os.sysconf("SC_CLK_TCK"), all_there

    try:
        before = ticks()
    except (OSError, ValueError):
        return lambda: ""

    def told() -> str:
        others, stolen, there = (late - early for early, late in zip(before, ticks(), strict=True))
        there = max(there, 1e-9)
        return f"; others used {max(others, 0) / there:.1%} of the CPUs meanwhile, a host {stolen / there:.1%}"

    return told


class Report:
    """Prints rows as they come."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.told: set[str] = set()

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            previous = self.rows[-1] if self.rows else None
            if previous is None or previous.section != row.section:
                print()
                printed([row.section, *HEAD[1:]])
            same = previous is not None and (previous.section, previous.line) == (row.section, row.line)
            print_row(row, not same)
            self.rows.append(row)
            if row.note and row.note not in self.told:
                self.told.add(row.note)
                print(f"    {row.note}", flush=True)

    def summary(self) -> None:
        goals = [row for row in self.rows if row.goal is not None]
        print(f"\n{sum(row.met is True for row in goals)} of {len(goals)} goals met")
        for row in goals:
            if row.met is False:
                how = f"{row.verdict}, {times(row.ratio)}, to be {times(row.goal)}"
                print(f"    {row.section}: {row.line} / {row.base}: {how}")
        missing = [row.line for row in goals if row.met is None]
        if missing:
            print(f"    not measured, ours or the other is missing: {', '.join(dict.fromkeys(missing))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="figures that say nothing")
    parser.add_argument("--only", default="", metavar="PATTERN", help='a regular expression: "^sum: .* 1,000$"')
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--picture", metavar="FOLDER", type=Path)
    parser.add_argument("--redraw", metavar="FILE", type=Path)
    parser.add_argument("--wheel", metavar="FILE", type=Path, help="measure this one; else it is built")
    parser.add_argument("--offset", metavar="BYTES", type=int, default=lines.OFFSET)
    arguments = parser.parse_args()
    if arguments.redraw:
        document = json.loads(arguments.redraw.read_text())
        draw([Row.from_json(row) for row in document["rows"]], document["machine"], arguments.picture or Path())
        return

    lines.OFFSET = arguments.offset
    effort = QUICK if arguments.quick else FULL
    machine, others, began = machine_line(effort), busy_elsewhere(), time.perf_counter()
    trip = peers.round_trip()
    print("\n".join(machine))
    chosen, report = wanted(arguments.only), Report()
    gc.disable()
    for line in lines.lines(effort):
        if chosen(line.section, line.name):
            report.add(rows_of(line, *measured(line, effort)))
    for section in SECTIONS:
        report.add(section(Run(effort, chosen, arguments.wheel)))
    report.summary()
    machine.append(f"measured in {time.perf_counter() - began:.0f} s{others()}")
    if trip is not None:
        machine[-1] += f"; a cache line's round trip took {shown(trip)} before and {shown(peers.round_trip())} after"
    print(machine[-1])
    if arguments.json:
        found: dict[str, Any] = {"machine": machine, "quick": arguments.quick}
        found["rows"] = [row.as_json() for row in report.rows]
        arguments.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if arguments.picture:
        draw(report.rows, machine, arguments.picture)


def draw(rows: list[Row], machine: list[str], folder: Path) -> None:
    from beside import pictures

    print(*pictures.draw(rows, machine, folder), sep="\n")


if __name__ == "__main__":
    main()
