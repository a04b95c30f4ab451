"""The sections that are not calls in turn in this process: threads that sleep, wake and compete, imports, the wheel."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from beside import lines, peers
from beside.child import Child
from beside.measure import OURS, Effort, Line, Row, measured, timed
from beside.peers import Missing

ROOT = Path(__file__).parents[2]
REGION = 0.00085  # seconds
SHORT = (20e-6, 50e-6)
SLEEPS = (0.005, 0.050)
SPIN = 50e-6
PERIOD = 0.002
SERIAL = "its serial loop"


@dataclasses.dataclass
class Run:
    effort: Effort
    chosen: Callable[[str, str], bool]
    wheel: Path | None


def percentile(values: list[float], per_cent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * per_cent / 100))]


def threads(run: Run) -> Iterator[Row]:
    """Speed-ups over one thread."""
    section = "threads"
    tasks = [
        (lines.SUM, 10**5),
        (lines.SUM, 10**6),
        (lines.SUM, 10**7),
        *((kernel, 10**6) for kernel in lines.KERNELS if kernel.name in ("dot", "sqrt", "exp", "cumsum")),
        *((kernel, 10**6) for kernel in lines.KERNELS if kernel.title in ("bincount u8", "histogram, range given")),
        (dataclasses.replace(lines.PI, arguments=(10**7,)), 10**7),
    ]
    counts = range(1, lines.ALL + 1)
    for kernel, n in tasks:
        title = f"{kernel.title or kernel.name} of {n:,}"
        if not run.chosen(section, title):
            continue
        contenders = lines.Contenders(run.effort, n)
        made = {
            f"{OURS}, {t}": contenders.call(functools.partial(lines.ours, kernel.name), kernel.arguments, threads=t)
            for t in counts
        }
        if kernel.loop and kernel.parallel:
            made |= {f"{lines.NUMBA}, {t}": numba_on(run.effort, kernel, n, t) for t in counts}
        taken, failed = measured(Line(section, title, made, []), run.effort)
        for who in (OURS, lines.NUMBA):
            alone = taken.get(f"{who}, 1")
            for t in counts:
                if alone is not None and f"{who}, {t}" in taken and (t > 1 or lines.ALL == 1):
                    figure, base = statistics.median(taken[f"{who}, {t}"]), statistics.median(alone)
                    yield Row(section, title, f"{who}, {t}", figure, "1 thread", base, None, n=t)
        if f"{OURS}, 1" in failed:
            yield Row(section, title, OURS, None, "1 thread", None, None, note=failed[f"{OURS}, 1"])


def numba_on(effort: Effort, kernel: lines.Kernel, n: int, count: int) -> Callable[[], Callable[[], float]]:
    def made() -> Callable[[], float]:
        set_num_threads = peers.present("numba").set_num_threads
        values = [lines.array(value, n) if isinstance(value, str) else value for value in kernel.arguments]
        set_num_threads(count)
        sample = timed(effort, peers.numba(kernel.loop, True), *values)

        def on_so_many() -> float:
            set_num_threads(count)
            try:
                return sample()
            finally:
                set_num_threads(lines.ALL)

        return on_so_many

    return made


def fork_join(run: Run) -> Iterator[Row]:
    """Two threads, both there, again and again."""
    section, title = "fork-join", "two threads, hot"
    if not run.chosen(section, title) or lines.ALL < 2:
        return
    found, missing = peers.fork_joins()

    def maker(name: str) -> Callable[[], Callable[[], float]]:
        library, kind = found[name]
        repeat = max(100, int(run.effort.sample / 500e-9))
        return lambda: lambda: library.seconds(kind, repeat)

    taken, _ = measured(Line(section, title, {name: maker(name) for name in found}, []), run.effort)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    absent = {name: library for name, (library, _) in found.items() if library.missed}
    missing += [f"{name}: the other one missed {lib.missed} of {lib.calls} calls" for name, lib in absent.items()]
    note = "; ".join(missing)
    trip = medians.pop("round trip", None)
    mine = medians.pop(OURS, None)
    if trip is not None:
        allowed = max(300e-9, 3.5 * trip)
        yield Row(section, title, OURS, mine, "300 ns, or 3.5 round trips", allowed, 1.0, others={"round trip": trip})
    for name, figure in medians.items():
        yield Row(section, title, OURS, mine, name, figure, 1.0, note=note)


# Contenders in processes of their own.

CHILDREN: dict[str, tuple[str, dict[str, str]]] = {
    OURS: ("ours", {}),
    "numba omp": ("numba", {"NUMBA_THREADING_LAYER": "omp"}),
    "numba workqueue": ("numba", {"NUMBA_THREADING_LAYER": "workqueue"}),
    "numba tbb": ("numba", {"NUMBA_THREADING_LAYER": "tbb"}),
    "Cython": ("cython", {}),
    "Cython passive": ("cython", {"OMP_WAIT_POLICY": "passive"}),
}


@contextlib.contextmanager
def children(names: Iterable[str]) -> Iterator[tuple[dict[str, Child], str]]:
    """Those that can do anything; and why the others cannot."""
    with contextlib.ExitStack() as stack:
        found: dict[str, Child] = {}
        notes = []
        for name in names:
            product, environment = CHILDREN[name]
            child = stack.enter_context(Child(name, product, **environment))
            try:
                child.ask("hot", work_name="sum", n=1000, seconds=0.001)
                found[name] = child
            except Missing:
                pass
            except ChildProcessError as error:
                notes.append(f"{name}: {error}")
        yield found, "; ".join(notes)


def cold(run: Run) -> Iterator[Row]:
    section = "cold"
    regions = [("pi", REGION), ("sum", REGION), *(("pi", seconds) for seconds in SHORT)]
    titles = {
        (name, seconds, sleep): f"{name}, {seconds * 1e6:.0f} µs, after {sleep * 1e3:.0f} ms"
        for name, seconds in regions
        for sleep in SLEEPS
    }
    if not any(run.chosen(section, title) for title in titles.values()):
        return
    with children(CHILDREN) as (found, note):
        for (name, seconds, sleep), title in titles.items():
            if run.chosen(section, title):
                for row in cold_rows(run, section, title, found, name, seconds, sleep):
                    row.note, note = "; ".join(filter(None, [row.note, note])), ""
                    yield row


def cold_rows(
    run: Run, section: str, title: str, found: dict[str, Child], name: str, seconds: float, sleep: float
) -> Iterator[Row]:
    # On one thread, numba's TBB and workqueue wake another one nevertheless: the first of each product stands for all.
    firsts: dict[str, str] = {}
    for who in found:
        firsts.setdefault(CHILDREN[who][0], who)
    first = {who: firsts[CHILDREN[who][0]] for who in found}
    sizes = {who: found[who].ask("size", work_name=name, seconds=seconds) for who in firsts.values()}
    keys = [(who, False) for who in found] + [(who, True) for who in firsts.values()]
    taken: dict[tuple[str, bool], list[list[float]]] = {key: [] for key in keys}
    hot: dict[tuple[str, bool], list[float]] = {key: [] for key in keys}
    dice = random.Random(0)
    for i in range(run.effort.repeats):
        for who, serial in dice.sample(keys, len(keys)):
            time.sleep(0.015)  # until the previous one's workers have gone to sleep
            call = {"work_name": name, "n": sizes[first[who]], "serial": serial}
            taken[who, serial].append(found[who].ask("cold", sleep=sleep, **call))
            if i < run.effort.least:
                hot[who, serial] += found[who].ask("hot", seconds=0.01, **call)
    short = seconds < REGION / 2
    for who in found:
        alone = statistics.median(took for took, _, _ in taken[first[who], True])
        samples = [took for took, _, _ in taken[who, False]]
        middle, slow = statistics.median(samples), percentile(samples, 90)
        warm = statistics.median(hot[first[who], True]) / statistics.median(hot[who, False])
        remark = f"median {alone / middle:.2f}x, worst {alone / max(samples):.2f}x, back to back {warm:.2f}x"
        goal = None if who != OURS else lines.within(1.1) if short else 1.7 if name == "pi" else None
        figure = middle if short else slow
        yield Row(section, title, who, figure, SERIAL, alone, goal, samples=samples, remark=remark)
    if sleep == max(SLEEPS) and not short and name == "pi":
        for who in found:
            calls, base = taken[who, False], taken[first[who], True]
            during, after = (
                max(statistics.median(of[k] for of in calls) - statistics.median(of[k] for of in base), 1e-6)
                for k in (1, 2)
            )
            remark = f"and {during * 1e6:.0f} µs during the call"
            goal = 1.0 if who == OURS else None
            yield Row(section, "idle after it", who, after, "50 µs of spinning", SPIN, goal, remark=remark)


HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass"


def busy(run: Run) -> Iterator[Row]:
    """With busy processes beside."""
    section, title = "busy", f"sum of 40 µs, {lines.ALL} busy processes beside"
    if not run.chosen(section, title):
        return
    with children([OURS, "numba omp", "Cython"]) as (found, note), contextlib.ExitStack() as stack:
        n = found[OURS].ask("size", work_name="sum", seconds=40e-6)
        for _ in range(lines.ALL):
            hog = subprocess.Popen([sys.executable, "-c", HOG])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        time.sleep(0.2)
        asked = [(who, False) for who in found] + [(OURS, True)]
        # By way and contender, the times of each round.
        taken: dict[tuple[str, tuple[str, bool]], list[list[float]]] = {}
        dice, seconds = random.Random(0), 0.1 if run.effort.repeats < 10 else 1.0
        for _ in range(run.effort.least):
            for key in dice.sample(asked, len(asked)):
                call = {"work_name": "sum", "n": n, "serial": key[1], "seconds": seconds}
                taken.setdefault(("paced", key), []).append(found[key[0]].ask("paced", period=PERIOD, **call))
                taken.setdefault(("hot", key), []).append(found[key[0]].ask("hot", **call))

        def rows(line: str, way: str, figure: Callable[[list[float]], float], goal: float, unit: str) -> Iterator[Row]:
            serial = taken[way, (OURS, True)]
            for who in found:
                mine = taken[way, (who, False)]
                ratios = [figure(theirs) / figure(ours) for ours, theirs in zip(mine, serial, strict=True)]
                low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
                all_mine, base = figure(list(chain(*mine))), figure(list(chain(*serial)))
                wanted = goal if who == OURS else None
                yield Row(section, line, who, all_mine, lines.OURS_1, base, wanted, unit, (low, high))

        every = f"{n:,} every {PERIOD * 1e3:.0f} ms"
        for row in rows(f"{every}: mean", "paced", statistics.mean, lines.within(1.3), "s"):
            row.note, note = note, ""
            yield row
        yield from rows(f"{every}: p99", "paced", lambda values: percentile(values, 99), lines.within(3), "s")
        yield from rows(f"{n:,} back to back, per second", "hot", statistics.mean, 1, "per second")


def bits(run: Run) -> Iterator[Row]:
    """Different results of one sum."""
    section, most = "bits", 8
    title = f"results of sum on 1 to {most} threads"
    if not run.chosen(section, title):
        return
    for who in (OURS, "numba omp", "Cython"):
        product, environment = CHILDREN[who]
        tiers = ("baseline", "avx2", "avx512") if who == OURS else ("",)
        results: set[str] = set()
        note = ""
        for tier in tiers:
            more = {"THREADMODULE_SIMD": tier, "THREADMODULE_NUM_THREADS": str(most)} if tier else {}
            more |= {"NUMBA_NUM_THREADS": str(most)}
            with Child(who, product, **environment, **more) as child:
                try:
                    results |= set(child.ask("bits", n=10**6 + 7, most=most))
                except Missing:
                    continue
                except ChildProcessError as error:
                    note = f"{who}: {error}"
        if not results and not note:
            continue
        goal = 1.0 if who == OURS else None
        yield Row(section, title, who, float(len(results)) or None, "one", 1.0, goal, "", note=note)


IMPORT = """
import sys, time
sys.path[:] = {path!r}
begin = time.perf_counter()
import {name}
print(time.perf_counter() - begin)
"""


def imports(run: Run) -> Iterator[Row]:
    section = "import"
    names = [name for name in ("threadmodule", "numpy", "numexpr", "numba") if run.chosen(section, f"import {name}")]
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(run.effort.rounds):
        for name in names:
            code = IMPORT.format(path=[entry for entry in sys.path[1:] if entry], name=name)
            ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
            if ran.returncode == 0:
                taken[name].append(float(ran.stdout))
    for name, values in taken.items():
        ours = name == "threadmodule"
        figure = statistics.median(values) if values else None
        if figure is not None or ours:
            goal = 1.0 if ours else None
            yield Row(section, f"import {name}", OURS if ours else name, figure, "1 ms", 0.001, goal)


def size(run: Run) -> Iterator[Row]:
    """The wheel's."""
    section, title = "size", "wheel"
    if not run.chosen(section, title):
        return
    figure, note = None, ""
    with tempfile.TemporaryDirectory() as folder:
        path = run.wheel
        if path is None:
            # From a copy: the build leaves files in the folder where it runs.
            command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
            listed = subprocess.run(command, capture_output=True, text=True).stdout
            for name in filter(None, listed.split("\0")):
                if (ROOT / name).is_file():
                    target = Path(folder) / "source" / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes((ROOT / name).read_bytes())
            wheel = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", f"{folder}/source", "-w", folder]
            ran = subprocess.run([sys.executable, "-m", "pip", *wheel], capture_output=True, text=True)
            path = next(Path(folder).glob("*.whl"), None)
            note = "" if path else f"the wheel was not built: {ran.stderr.strip()[-200:]}"
        if path is not None:
            figure = float(path.stat().st_size)
    yield Row(section, title, OURS, figure, "300 KB", 300e3, 1.0, "B", note=note)


SECTIONS: list[Callable[[Run], Iterator[Row]]] = [threads, fork_join, cold, busy, bits, imports, size]
