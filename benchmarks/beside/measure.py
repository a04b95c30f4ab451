"""Measures contenders in turn, in rounds; compares medians; prints."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
import re
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from beside.peers import Missing

Sample = Callable[[], float]  # measures once: the seconds that one call takes
Maker = Callable[[], Sample]

OURS, BEST, LIMIT = "ours", "best peer", "limit"
NO_PEERS = (OURS, LIMIT, "bare", "memcpy")  # how the names of those begin that are no peers
TENFOLD = 10


@dataclasses.dataclass
class Effort:
    rounds: int
    least: int  # rounds, however long they take
    sample: float  # seconds
    warm_up: float  # seconds before each sample
    line: float  # seconds for one line, if it has its least rounds
    repeats: int  # of what is measured once at a time


QUICK = Effort(3, 2, 0.0003, 0.0003, 0.3, 5)
FULL = Effort(21, 7, 0.0015, 0.003, 8.0, 41)


@dataclasses.dataclass
class Beside:
    """What a figure stands beside, and how many times as fast it is to be."""

    base: str
    goal: float | None = None


@dataclasses.dataclass
class Line:
    section: str
    name: str
    contenders: dict[str, Maker]
    beside: list[Beside]
    n: int = 0  # elements
    bytes: int = 0  # that a call moves: if so, figures are shown as bytes in a second
    their_bytes: dict[str, int] = dataclasses.field(default_factory=dict)  # where that is another number


@dataclasses.dataclass
class Row:
    section: str
    line: str
    who: str
    figure: float | None  # seconds, unless `unit` says otherwise
    base: str
    base_figure: float | None
    goal: float | None
    unit: str = "s"
    quartiles: tuple[float, float] | None = None  # of the ratios of single rounds
    others: dict[str, float] = dataclasses.field(default_factory=dict)
    remark: str = ""  # stands where the others would
    note: str = ""  # what went wrong
    samples: list[float] = dataclasses.field(default_factory=list)
    n: int = 0

    @property
    def ratio(self) -> float | None:
        return self.base_figure / self.figure if self.base_figure is not None and self.figure else None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None or self.ratio is None else self.ratio >= self.goal - 1e-9

    @property
    def verdict(self) -> str:
        if self.goal is None or self.met is None:
            return "" if self.goal is None else "?"
        close = self.quartiles is not None and self.quartiles[1] >= self.goal
        return "met" if self.met else "close" if close else "MISSED"

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Row:
        return cls(**{field.name: found[field.name] for field in dataclasses.fields(cls)})

    def as_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "ratio": self.ratio, "met": self.met, "verdict": self.verdict}


def settle() -> None:
    """Waits until no thread of this process runs: the workers of some peers spin for 8 ms after a call."""
    for _ in range(40):
        before = time.process_time()
        time.sleep(0.005)
        if time.process_time() - before < 0.0005:
            return


@functools.cache
def loop(positional: int, names: tuple[str, ...], times: int) -> Callable[..., None]:
    """A function that makes a call so many times in each turn of a loop."""
    parameters = [f"a{i}" for i in range(positional)]
    call = f"f({', '.join([*parameters, *(f'{name}={name}' for name in names)])})"
    body = f"    for _ in repeat(None, count):\n        {'; '.join([call] * times)}\n"
    namespace: dict[str, Any] = {"repeat": itertools.repeat}
    exec(f"def run({', '.join(['count', 'f', *parameters, *names])}):\n{body}", namespace)
    run: Callable[..., None] = namespace["run"]
    return run


def timed(effort: Effort, function: Callable[..., Any], *arguments: Any, **named: Any) -> Sample:
    """Samples of a call as it stands in a program; each warmed up, for its pool and its caches."""
    one = loop(len(arguments), tuple(named), 1)
    ten = loop(len(arguments), tuple(named), TENFOLD)

    def spent(count: int) -> float:
        run, turns = (ten, count // TENFOLD) if count >= TENFOLD else (one, count)
        begin = time.perf_counter()
        run(turns, function, *arguments, **named)
        return time.perf_counter() - begin

    def warm() -> None:
        until = time.perf_counter() + effort.warm_up
        spent(1)
        while time.perf_counter() < until:
            spent(1)

    warm()
    count = 1
    while (took := spent(count)) < effort.sample / 2:
        count = max(count * 2, min(count * TENFOLD, int(count * effort.sample / max(took, 1e-9))))
    if count >= TENFOLD:
        count = count // TENFOLD * TENFOLD

    def sample() -> float:
        warm()
        return spent(count) / count

    return sample


def limit(effort: Effort, measured: Callable[[int], float]) -> Sample:
    """Samples of limits.cpp."""
    repeat = max(1, int(effort.sample / measured(1)))
    repeat = max(1, int(effort.sample / measured(repeat)))
    return lambda: measured(repeat)


def rounds_of(effort: Effort, samples: dict[str, Sample], attempt: Callable[..., Any]) -> dict[str, list[float]]:
    """Rounds in which all take turns, in another order each time."""
    taken: dict[str, list[float]] = {name: [] for name in samples}
    order, dice, began = list(samples), random.Random(0), time.perf_counter()
    for i in range(effort.rounds):
        if i >= effort.least and time.perf_counter() - began > effort.line:
            break
        dice.shuffle(order)
        for name in order:
            settle()
            if (seconds := attempt(name, samples[name])) is not None and seconds > 0:
                taken[name].append(seconds)
    return taken


def measured(line: Line, effort: Effort) -> tuple[dict[str, list[float]], dict[str, str]]:
    """For each contender the samples of all rounds; and why some have none."""
    failed: dict[str, str] = {}

    def attempt(name: str, call: Callable[[], Any]) -> Any:
        if name in failed:
            return None
        try:
            return call()
        except Missing as missing:
            failed[name] = str(missing)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
        return None

    samples = {name: attempt(name, made) for name, made in line.contenders.items()}
    taken = rounds_of(effort, {name: sample for name, sample in samples.items() if sample is not None}, attempt)
    return {name: times for name, times in taken.items() if times and name not in failed}, failed


def rows_of(line: Line, taken: dict[str, list[float]], failed: dict[str, str]) -> list[Row]:
    if line.bytes:
        moved = {name: line.their_bytes.get(name.partition(":")[0], line.bytes) for name in taken}
        taken = {name: [seconds / moved[name] for seconds in found] for name, found in taken.items()}
    medians = {name: statistics.median(found) for name, found in taken.items()}

    def fastest(base: str) -> str | None:
        """Of those whom this means."""
        if base == BEST:
            names = [name for name in medians if not name.startswith(NO_PEERS)]
        else:
            names = [name for name in medians if name == base or name.startswith(f"{base}:")]
        return min(names, key=lambda name: medians[name], default=None)

    rows: list[Row] = []
    for beside in line.beside:
        base = fastest(beside.base)
        quartiles = None
        if base is not None and len(taken.get(OURS, ())) > 1:
            ratios = [theirs / mine for mine, theirs in zip(taken[OURS], taken[base], strict=False)]
            low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
            quartiles = low, high
        limits = {name for name in medians if name.startswith(LIMIT)} - {fastest(LIMIT)}
        others = {name: figure for name, figure in medians.items() if name not in {OURS, base, *limits}}
        title = f"{BEST}: {base}" if beside.base == BEST and base is not None else base or beside.base
        note = "; ".join(f"{name}: {why}" for name, why in failed.items() if name == OURS or "not installed" not in why)
        rows.append(
            Row(
                section=line.section,
                line=line.name,
                who=OURS,
                figure=medians.get(OURS),
                base=title,
                base_figure=medians.get(base) if base is not None else None,
                goal=beside.goal,
                unit="s/B" if line.bytes else "s",
                quartiles=quartiles,
                others=others,
                note=note,
                n=line.n,
            )
        )
    return rows


def shown(figure: float | None, unit: str = "s") -> str:
    """A figure with a unit that a person reads."""
    if figure is None:
        return "-"
    if unit == "s":
        scales = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
    elif unit == "s/B":
        scales, figure = [(1e9, "GB/s")], 1 / figure
    elif unit == "per second":
        scales, figure = [(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")], 1 / figure
    elif unit == "B":
        scales = [(1e6, "MB"), (1e3, "KB")]
    else:
        return f"{figure:g} {unit}".rstrip()
    scale, name = next((pair for pair in scales if figure >= pair[0]), scales[-1])
    value = figure / scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {name}"


def times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.{0 if ratio >= 100 else 1 if ratio >= 10 else 2}f}x"


HEAD = ("", "", "", "beside", "", "ratio", "goal", "", "others")
WIDTHS = (-34, -18, 9, -26, 9, 7, 6, -6, 0)


def printed(cells: Iterable[str]) -> None:
    fields = (cell.rjust(w) if w > 0 else cell.ljust(-w) for cell, w in zip(cells, WIDTHS, strict=True))
    print(" ".join(fields).rstrip(), flush=True)


def print_row(row: Row, first: bool) -> None:
    others = sorted(row.others.items(), key=lambda item: item[1])
    listed = ", ".join(f"{name} {shown(figure, row.unit)}" for name, figure in others)
    printed(
        [
            row.line if first else "",
            row.who,
            shown(row.figure, row.unit),
            row.base,
            shown(row.base_figure, row.unit),
            times(row.ratio),
            "" if row.goal is None else times(row.goal),
            row.verdict,
            row.remark or listed * first,
        ]
    )


def wanted(pattern: str) -> Callable[[str, str], bool]:
    expression = re.compile(pattern, re.IGNORECASE)
    return lambda section, name: expression.search(f"{section}: {name}") is not None
