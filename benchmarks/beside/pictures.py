"""The pictures: time against size, cold calls, threads, goals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beside.measure import LIMIT, OURS, Row, times
from beside.peers import caches

COLORS = {
    OURS: "black",
    "ours, 1 thread": "gray",
    LIMIT: "gold",
    "np.sum": "tab:blue",
    "np.add.reduce": "tab:cyan",
    "NumPy": "tab:blue",
    "numba": "tab:orange",
    "numba prange": "tab:red",
    "Cython prange": "tab:green",
    "numexpr": "tab:purple",
    "bare extension": "tab:brown",
    "bare extension, checked": "tab:pink",
}
STRONG = {OURS: 2.5, LIMIT: 5}


def series(rows: list[Row]) -> dict[str, dict[int, float]]:
    """For each contender the times by n. All limits are one: what is possible."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        figures = {row.who: row.figure, row.base.removeprefix("best peer: "): row.base_figure, **row.others}
        for name, figure in figures.items():
            name = LIMIT if name.startswith(LIMIT) else name
            if figure is not None and row.n:
                at = found.setdefault(name, {})
                at[row.n] = min(figure, at.get(row.n, figure))
    return {name: found[name] for name in [*COLORS, *found] if name in found}


def by_size(pyplot: Any, rows: list[Row], section: str, operands: int) -> Any:
    figure, panels = pyplot.subplots(1, 2, figsize=(14, 6.2))
    for name, points in series(rows).items():
        sizes = sorted(points)
        style = {"color": COLORS.get(name), "linewidth": STRONG.get(name, 1.3), "label": name, "zorder": 2}
        if name == LIMIT:
            style |= {"alpha": 0.6, "zorder": 1}
        else:
            style |= {"marker": "o", "markersize": 3}
        panels[0].plot(sizes, [points[n] for n in sizes], **style)
        panels[1].plot(sizes, [points[n] / n * 1e9 for n in sizes], **style)
    for panel in panels:
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("elements (f8)")
        panel.grid(alpha=0.3)
        low, high = panel.get_xlim()
        for name, size in caches():
            if low < (n := size / 8 / operands) < high:
                panel.axvline(n, color="black", linewidth=0.6, linestyle=":")
                panel.text(n, 0.99, f"{name} ", ha="right", va="top", fontsize=8, transform=panel.get_xaxis_transform())
    panels[0].set_ylabel("seconds of a call")
    panels[1].set_ylabel("nanoseconds of an element")
    panels[0].legend(fontsize=8)
    figure.suptitle(f"{section}: time against size")
    return figure


def cold(pyplot: Any, rows: list[Row]) -> Any:
    lines = list(dict.fromkeys(row.line for row in rows))
    figure, panels = pyplot.subplots(1, len(lines), figsize=(1 + 3.6 * len(lines), 4.6), sharey=True, squeeze=False)
    for panel, line in zip(panels[0], lines, strict=True):
        drawn = [row for row in rows if row.line == line and row.base_figure is not None]
        for i, row in enumerate(drawn):
            ratios = [(row.base_figure or 0) / seconds for seconds in row.samples]
            panel.plot([i] * len(ratios), ratios, "_", color=f"C{i}", markersize=14, alpha=0.5)
        panel.axhline(1, color="black", linewidth=0.8)
        panel.set_yscale("log", base=2)
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
        panel.set_xticks(range(len(drawn)), [row.who for row in drawn], rotation=60, ha="right", fontsize=8)
        panel.set_title(line, fontsize=9)
        panel.grid(axis="y", alpha=0.3)
    panels[0][0].set_ylabel("speed-up over its own serial call (each call)")
    return figure


def scaling(pyplot: Any, rows: list[Row]) -> Any:
    figure, axes = pyplot.subplots(figsize=(9, 6))
    most = max(row.n for row in rows)
    for i, line in enumerate(dict.fromkeys(row.line for row in rows)):
        for who, style in ((OURS, "-"), ("numba prange", ":")):
            found = {row.n: row.ratio for row in rows if row.line == line and row.who.startswith(who)}
            if found:
                points = {1: 1.0, **found}
                label = f"{line}, {who}"
                axes.plot(list(points), list(points.values()), style, marker="o", color=f"C{i}", label=label)
    axes.plot([1, most], [1, most], "--", color="gray", label="ideal")
    axes.set_xticks(range(1, most + 1))
    axes.set_xlabel("threads")
    axes.set_ylabel("speed-up over one thread")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    return figure


def goals(pyplot: Any, rows: list[Row]) -> Any:
    drawn = [row for row in rows if row.ratio is not None and row.goal is not None]
    colors = {"met": "tab:green", "close": "tab:orange", "MISSED": "tab:red"}
    figure, axes = pyplot.subplots(figsize=(12, 1.5 + 0.2 * len(drawn)))
    for i, row in enumerate(drawn):
        ratio, goal = row.ratio or 1.0, row.goal or 1.0
        axes.plot([1, ratio], [i, i], color=colors.get(row.verdict, "tab:gray"), linewidth=6, solid_capstyle="butt")
        axes.text(max(ratio, 1, goal) * 1.05, i, times(ratio), va="center", fontsize=7)
        axes.plot([goal], [i], marker="|", color="black", markersize=9, markeredgewidth=2)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    labels = [f"{row.section}: {row.line} / {row.base}" for row in drawn]
    axes.set_yticks(range(len(drawn)), labels, fontsize=7)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("times as fast as what it stands beside (black: the goal; green: met; orange: close; red: missed)")
    return figure


def draw(rows: list[Row], machine: list[str], folder: Path) -> list[Path]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, Any] = {}

    def of(section: str) -> list[Row]:
        return [row for row in rows if row.section == section and row.ratio is not None]

    for section, operands in (("sum", 1), ("sqrt", 2), ("add", 3)):
        if of(section):
            drawn[section] = by_size(pyplot, of(section), section, operands)
    if regions := [row for row in of("cold") if row.samples]:
        drawn["cold"] = cold(pyplot, regions)
    if of("threads"):
        drawn["threads"] = scaling(pyplot, of("threads"))
    if any(row.goal is not None and row.ratio is not None for row in rows):
        drawn["goals"] = goals(pyplot, rows)
    paths = []
    told = "\n".join([*machine[:2], *machine[3:]])
    for name, figure in drawn.items():
        figure.tight_layout(rect=(0, 0.3 / figure.get_figheight(), 1, 1))
        figure.text(0.005, 0.05 / figure.get_figheight(), told, fontsize=6, va="bottom")
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=100, pil_kwargs={"optimize": True})
        pyplot.close(figure)
    return paths
