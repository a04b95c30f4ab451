"""The command line: `python -m threadmodule` shows the main job, `python -m threadmodule run` does it on a file.

Nothing here is imported by `import threadmodule`.
"""

from __future__ import annotations

import argparse
import array
import ast
import concurrent.futures
import itertools
import math
import mmap
import operator
import os
import platform
import signal
import stat
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import threadmodule

# ----------------------------------------------------------------------------------------------------------------------
# The loops of the tutorials in pure Python. Each works on one part of the range, so that processes can share it.


def python_sum(a: Sequence[float]) -> float:
    total = 0.0
    for x in a:
        total += x
    return total


def python_square(a: Sequence[float]) -> array.array[float]:
    out = array.array("d", a)
    for i, x in enumerate(a):
        out[i] = x * x
    return out


def python_dot(a: Sequence[float], b: Sequence[float]) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


def python_sum_of_squares(start: int, stop: int) -> int:
    total = 0
    for i in range(start, stop):
        total += i * i
    return total


def python_pi(start: int, stop: int, n: int) -> float:
    step = 1.0 / n
    total = 0.0
    for i in range(start, stop):
        x = (i + 0.5) * step
        total += 4.0 / (1.0 + x * x)
    return total * step


def python_do_math(start: int, num: int) -> float:
    total = 0.0
    position = start
    while position < num:
        position += 1
        total += math.sqrt((position - 1_000_000) * (position - 1_000_000))
    return total


# And as one call into the standard library's C, where it has one.


def stdlib_square(a: array.array[float]) -> array.array[float]:
    return array.array("d", map(operator.mul, a, a))


def stdlib_dot(a: array.array[float], b: array.array[float]) -> float:
    sumprod = getattr(math, "sumprod", None)  # 3.12
    return float(sumprod(a, b) if sumprod else sum(map(operator.mul, a, b)))


def stdlib_sum_of_squares(n: int) -> int:
    return sum(map(operator.mul, range(n), range(n)))


# ----------------------------------------------------------------------------------------------------------------------
# The table


class Row(NamedTuple):
    """One kernel, and the same work by the other means. `parts` cuts the work for n processes."""

    kernel: str
    work: str
    native: Callable[[int], Any]
    python: Callable[..., Any]
    parts: Callable[[int], list[tuple[Any, ...]]]
    stdlib: Callable[[], Any] | None


def cuts(n: int, parts: int) -> list[tuple[int, int]]:
    edges = [n * k // parts for k in range(parts + 1)]
    return list(itertools.pairwise(edges))


def rows(elements: int, steps: int) -> list[Row]:
    a = array.array("d", [1.0 + (i % 1000) / 1024 for i in range(1000)]) * (elements // 1000)
    b = array.array("d", reversed(a))
    out = array.array("d", a)
    floats, loops = f"{len(a):,} floats", f"{steps:,} steps"

    def slices(n: int) -> list[tuple[Any, ...]]:
        return [(a[i:j],) for i, j in cuts(len(a), n)]

    return [
        Row("sum", floats, lambda t: threadmodule.sum(a, t), python_sum, slices, lambda: sum(a)),
        Row(
            "square",
            floats,
            lambda t: threadmodule.square(a, out, t),
            python_square,
            slices,
            lambda: stdlib_square(a),
        ),
        Row(
            "dot",
            floats,
            lambda t: threadmodule.dot(a, b, t),
            python_dot,
            lambda n: [(a[i:j], b[i:j]) for i, j in cuts(len(a), n)],
            lambda: stdlib_dot(a, b),
        ),
        Row(
            "sum_of_squares",
            loops,
            lambda t: threadmodule.sum_of_squares(steps, t),
            python_sum_of_squares,
            lambda n: list(cuts(steps, n)),
            lambda: stdlib_sum_of_squares(steps),
        ),
        Row(
            "pi",
            loops,
            lambda t: threadmodule.pi(steps, t),
            python_pi,
            lambda n: [(i, j, steps) for i, j in cuts(steps, n)],
            None,
        ),
        Row(
            "do_math",
            loops,
            lambda t: threadmodule.do_math(0, steps, t),
            python_do_math,
            lambda n: list(cuts(steps, n)),
            None,
        ),
    ]


class Progress:
    """A bar on standard error while somebody looks at it there; nothing otherwise."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.shown = sys.stderr.isatty()

    def step(self, what: str) -> None:
        if self.shown:
            bar = "#" * (30 * self.done // self.total)
            sys.stderr.write(f"\r[{bar:<30}] {what:<40.40}")
            sys.stderr.flush()
        self.done += 1

    def clear(self) -> None:
        if self.shown:
            sys.stderr.write("\r" + " " * 75 + "\r")
            sys.stderr.flush()


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def total_of(parts: list[Any]) -> Any:
    return parts[0] if isinstance(parts[0], array.array) else sum(parts)


def agree(result: Any, expected: Any) -> bool:
    if isinstance(expected, array.array):
        return bool(result[: len(expected)] == expected)
    return math.isclose(result, expected, rel_tol=1e-9)


def thread_counts(most: int) -> list[int]:
    """1, 2, 4, ... and `most`."""
    powers = itertools.takewhile(lambda n: n < most, (2**k for k in itertools.count()))
    return [*powers, most]


def measure(
    row: Row, counts: list[int], workers: int, pool: concurrent.futures.Executor, progress: Progress
) -> list[str]:
    progress.step(f"{row.kernel}: Python")
    (whole,) = row.parts(1)
    python_time, expected = timed(lambda: row.python(*whole))

    stdlib = "-"
    progress.step(f"{row.kernel}: standard library")
    if row.stdlib is not None:
        seconds, result = timed(row.stdlib)
        stdlib = f"{seconds * 1e3:.1f}"
        check(row, agree(result, expected))

    progress.step(f"{row.kernel}: {workers} processes")
    parts = row.parts(workers)
    processes_time, results = timed(lambda: list(pool.map(row.python, *zip(*parts, strict=True))))
    check(row, agree(total_of(results), expected) or agree(expected, total_of(results)))

    progress.step(f"{row.kernel}: threadmodule")
    row.native(counts[-1])  # the first call pays for pages and caches
    samples: dict[int, list[float]] = {n: [] for n in counts}
    for _ in range(9):  # interleaved, so that a slow moment of the machine hits all of them
        for n in counts:
            seconds, result = timed(lambda n=n: row.native(n))  # type: ignore[misc]
            samples[n].append(seconds)
            check(row, agree(result, expected))
    medians = [statistics.median(samples[n]) for n in counts]
    return [
        row.kernel,
        row.work,
        f"{python_time * 1e3:.1f}",
        stdlib,
        f"{processes_time * 1e3:.1f}",
        *(f"{seconds * 1e3:.2f}" for seconds in medians),
        f"{medians[0] / medians[-1]:.2f}x",
        f"{python_time / medians[-1]:,.0f}x",
    ]


def check(row: Row, ok: bool) -> None:
    if not ok:
        raise RuntimeError(f"{row.kernel}: the results differ")


def gil() -> str:
    if sys.version_info >= (3, 13):
        return "with the GIL" if sys._is_gil_enabled() else "free-threaded"
    return "with the GIL"


def print_table(lines: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        cells = zip(line, widths, strict=True)
        print("  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(cells)))
        if number == 0:
            print("  ".join("-" * w for w in widths))


def show(threads: int | None, elements: int, steps: int) -> None:
    cpus = threadmodule.cpu_count()
    most = cpus if threads is None else threads
    threadmodule.set_num_threads(most)
    counts = thread_counts(most)
    print(f"threadmodule {threadmodule.__version__}, Python {platform.python_version()} {gil()}")
    print(f"CPUs: {cpus} allowed by affinity and cgroup, {os.cpu_count()} in the machine ({platform.machine()})")
    print()
    workers = min(most, cpus)
    header = ["kernel", "work", "Python", "stdlib", f"{workers} processes"]
    header += [f"{n} thread{'s' if n > 1 else ''}" for n in counts]
    header += [f"speed-up 1->{most}", "over Python"]
    table = [header]
    work = rows(elements, steps)
    progress = Progress(4 * len(work))
    try:
        # Ctrl-C is for this process; the workers end with it.
        ignore = (signal.SIGINT, signal.SIG_IGN)
        with concurrent.futures.ProcessPoolExecutor(workers, initializer=signal.signal, initargs=ignore) as pool:
            list(pool.map(abs, range(workers)))  # started before the first one is timed
            for row in work:
                table.append(measure(row, counts, workers, pool, progress))
    finally:
        progress.clear()
    print_table(table)
    print()
    print("Milliseconds. Python: a plain loop. stdlib: one call into C (sum, map, math.sumprod). processes: the plain")
    print("loop in a ProcessPoolExecutor that is already running. threads: the kernel, median of 9 interleaved calls.")


# ----------------------------------------------------------------------------------------------------------------------
# A kernel on a file

FORMATS: dict[str, Any] = {
    "f4": "f", "f8": "d",
    "i1": "b", "i2": "h", "i4": "i", "i8": "q",
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
}  # fmt: skip
MAX_THREADS = 1024  # what set_num_threads() takes
IN_PLACE = ["square", "sqrt", "abs", "negative", "exp", "log"]  # these overwrite their file
REDUCTIONS = ["sum", "mean", "min", "max", "argmin", "argmax", "var", "norm", "count_nonzero"]
FILE_KERNELS = {**dict.fromkeys(REDUCTIONS, 1), "dot": 2, **dict.fromkeys(IN_PLACE, 1)}  # how many files each takes


class Mistake(Exception):
    """What the user got wrong, in one line."""


def npy_header(data: memoryview, path: Path) -> tuple[str, tuple[int, ...], int]:
    """The type, the shape and the offset of the first element (NumPy enhancement proposal 1)."""
    if len(data) < 12:
        raise Mistake(f"{path}: not a readable .npy header")
    wide = data[6] >= 2
    start = 12 if wide else 10
    offset = start + int.from_bytes(data[8:start], "little")
    try:
        header = ast.literal_eval(bytes(data[start:offset]).decode("utf-8"))
        descr, shape = str(header["descr"]), tuple(map(int, header["shape"]))
        if min(shape, default=0) < 0:
            raise ValueError("negative length")
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise Mistake(f"{path}: not a readable .npy header") from error
    order, dtype = descr[:1], descr[1:]
    native = "<" if sys.byteorder == "little" else ">"
    if dtype not in FORMATS or (order != native and not (order == "|" and dtype in ("i1", "u1"))):
        raise Mistake(f"{path}: elements of type {descr}, expected one of {' '.join(FORMATS)} in native byte order")
    return dtype, shape, offset


def map_file(path: Path, dtype: str | None, write: bool, vector: bool) -> memoryview:
    """The elements of a raw or .npy file, in the memory that the system maps it to."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise Mistake(f"{path}: not a regular file")
    with path.open("r+b" if write else "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"").cast(FORMATS[dtype or "f8"])
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)
    data = memoryview(mapped)
    if bytes(data[:6]) == b"\x93NUMPY":
        found, shape, offset = npy_header(data, path)
        if dtype not in (None, found):
            raise Mistake(f"{path}: elements of type {found}, but --dtype says {dtype}")
        if vector and len(shape) != 1:
            raise Mistake(f"{path}: an array of 1 dimension expected, {len(shape)} found")
        size = math.prod(shape) * int(found[1:])
        if offset + size > len(data):
            raise Mistake(f"{path}: {size} bytes of elements expected, {max(len(data) - offset, 0)} found")
        return data[offset : offset + size].cast(FORMATS[found])
    dtype = dtype or "f8"
    if len(data) % int(dtype[1:]):
        raise Mistake(f"{path}: {len(data)} bytes are no whole number of {dtype} elements")
    return data.cast(FORMATS[dtype])


def run(arguments: argparse.Namespace) -> None:
    kernel, paths = arguments.kernel, [Path(name) for name in arguments.file]
    if kernel not in FILE_KERNELS:
        raise Mistake(f"no kernel {kernel!r} for files, expected one of {', '.join(FILE_KERNELS)}")
    if len(paths) != FILE_KERNELS[kernel]:
        raise Mistake(f"{kernel} takes {FILE_KERNELS[kernel]} file(s), got {len(paths)}")
    if arguments.in_place != (kernel in IN_PLACE):
        raise Mistake(
            f"{kernel} overwrites its file: say --in-place"
            if kernel in IN_PLACE
            else f"--in-place is for {', '.join(IN_PLACE)}"
        )
    arrays = [map_file(path, arguments.dtype, arguments.in_place, kernel == "dot") for path in paths]
    options = {"out": arrays[0]} if arguments.in_place else {}
    if arguments.threads is not None and arguments.threads > threadmodule.get_num_threads():
        threadmodule.set_num_threads(arguments.threads)
    seconds, result = timed(lambda: getattr(threadmodule, kernel)(*arrays, threads=arguments.threads, **options))
    if not arguments.in_place:
        print(result)
    print(f"{kernel}: {len(arrays[0]):,} elements in {seconds * 1e3:.2f} ms", file=sys.stderr)


# ----------------------------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"python -m threadmodule: {message}\n")


def count(text: str) -> int:
    if not text.lstrip("-").isdecimal():
        raise argparse.ArgumentTypeError(f"must be an int, got {text!r}")
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def thread_count(text: str) -> int:
    number = count(text)
    if number > MAX_THREADS:
        raise argparse.ArgumentTypeError(f"must be at most {MAX_THREADS}, got {number}")
    return number


def parser() -> Parser:
    main_parser = Parser(prog="python -m threadmodule", description=__doc__.split("\n")[0])
    main_parser.add_argument(
        "--threads", type=thread_count, metavar="N", help="measure 1 to N threads (default: the CPUs)"
    )
    main_parser.add_argument("--elements", type=count, default=10_000_000, metavar="N", help="length of the arrays")
    main_parser.add_argument("--steps", type=count, default=20_000_000, metavar="N", help="steps of the loops")
    commands = main_parser.add_subparsers(dest="command")
    run_parser = commands.add_parser("run", help="run a kernel on a raw or .npy file, mapped and not copied")
    run_parser.add_argument("kernel", metavar="KERNEL", help=", ".join(FILE_KERNELS))
    run_parser.add_argument("file", metavar="FILE", nargs="+", help="the array; dot takes two")
    run_parser.add_argument("--dtype", choices=FORMATS, help="of a raw file (default: f8)")
    run_parser.add_argument("--threads", type=thread_count, metavar="N", help="at most so many (default: the CPUs)")
    run_parser.add_argument("--in-place", action="store_true", help="let the kernel overwrite its file")
    return main_parser


def describe(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    return " ".join(text.split()) or type(error).__name__


def main() -> int:
    main_parser = parser()
    arguments = main_parser.parse_args()
    if sys.stdout is None:
        main_parser.error("standard output is closed")
    try:
        if arguments.command == "run":
            run(arguments)
        else:
            show(arguments.threads, max(arguments.elements, 1000), arguments.steps)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        main_parser.error(describe(error))
    return 0


if __name__ == "__main__":
    # The functions above go to other processes by the name of their module, and `__main__` is another module there.
    from threadmodule.__main__ import main

    sys.exit(main())
