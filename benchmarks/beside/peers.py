"""The peers: those that are installed, each called the fastest way it has, and what is compiled for the occasion."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CACHE = HERE.parent / "build"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-w"]
# Without -ffast-math: gcc then links code that makes the thread that loads it treat subnormal numbers as 0.
LINK_FLAGS = ["-shared", "-pthread", "-lm"]

# Where numba keeps what it has compiled. It reads this when it is imported, and so do the processes that we start.
os.environ.setdefault("NUMBA_CACHE_DIR", str(CACHE / "numba"))
# Where tbb is installed, numba takes that first, and beside these contenders its loops used one of two CPUs only.
os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")


class Missing(Exception):
    """What a contender needs is not there."""


@functools.cache
def present(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Missing(f"{name} is not installed") from None


def version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"


def compiler(cxx: bool) -> str:
    names = [os.environ.get("CXX", "g++"), "c++", "clang++"] if cxx else [os.environ.get("CC", "gcc"), "cc", "clang"]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise Missing("no compiler")
    return found


@functools.cache
def compiler_version() -> str:
    try:
        command = [compiler(True), "--version"]
    except Missing as missing:
        return str(missing)
    return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0]


def told(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise Missing(f"{Path(command[0]).name} failed: {(ran.stderr or ran.stdout).strip()[-300:]}")


def compiled(
    source: Path,
    *more: Path,
    flags: Iterable[str] = (),
    link: Iterable[str] = (),
    openmp: str = "-fopenmp",
    by: str = "",
    suffix: str = ".so",
) -> Path:
    """Compiles into a folder whose name says from what and how, unless it is there."""
    cxx = source.suffix != ".c"
    include = [f"-I{sysconfig.get_path('include')}", f"-I{sys.prefix}/include"]
    by = by or compiler(cxx)
    command = [by, *FLAGS, openmp, *(["-std=c++20"] if cxx else []), *include, *flags]
    end = [openmp, *link, *LINK_FLAGS]
    facts = [*command, *end, sys.version, compiler_version(), machine()]
    for path in (source, *more):
        facts.append(path.read_text())
    folder = CACHE / hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]
    target = folder / f"{source.stem}{suffix}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            objects = []
            for i, path in enumerate(path for path in (source, *more) if path.suffix != ".hpp"):
                objects.append(f"{unfinished}/{i}.o")
                told([*command, "-c", str(path), "-o", objects[-1]])
            told([by, *objects, *end, "-o", f"{unfinished}/{target.name}"])
            Path(unfinished, target.name).replace(target)
    return target


@functools.cache
def machine() -> str:
    """The CPU's name: -march=native means another thing on another one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return sysconfig.get_platform()
    pairs = (line.partition(":") for line in lines)
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    widest = next((flag for flag in ("avx512f", "avx2", "sse2") if flag in facts.get("flags", "").split()), "")
    family = f"family {facts['cpu family']} model {facts['model']}" if "cpu family" in facts else ""
    return ", ".join(filter(None, [facts.get("model name", "unknown CPU"), family, widest]))


def caches() -> list[tuple[str, int]]:
    """The names and sizes of the data caches."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        size = (index / "size").read_text().strip()
        if (index / "type").read_text().strip() != "Instruction" and size.endswith("K"):
            found.append((f"L{(index / 'level').read_text().strip()}", int(size[:-1]) * 1024))
    return found


def extension(source: Path) -> ModuleType:
    path = compiled(source, suffix=sysconfig.get_config_var("EXT_SUFFIX"))
    spec = importlib.util.spec_from_file_location(source.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def bare() -> Any:
    return extension(HERE / "bare.cpp")


@functools.cache
def cython() -> Any:
    """The module of cython_loops.pyx."""
    present("Cython")
    source = HERE / "cython_loops.pyx"
    key = hashlib.sha256((source.read_text() + version("Cython")).encode()).hexdigest()[:16]
    target = CACHE / key / "cython_loops.c"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        told([sys.executable, "-m", "cython", "-3", str(source), "-o", str(target)])
    return extension(target)


@functools.cache
def numba(name: str, parallel: bool) -> Callable[..., Any]:
    """A loop of numba_loops.py, compiled."""
    jit = present("numba").njit(parallel=parallel, fastmath=True, cache=True)
    from beside import numba_loops

    # Its cache tells functions apart by their qualified names and not by `parallel`.
    loop = getattr(numba_loops, name)
    copy = types.FunctionType(loop.__code__, loop.__globals__, name)
    copy.__qualname__ = f"{name}_{'parallel' if parallel else 'serial'}"
    made: Callable[..., Any] = jit(copy)
    return made


@functools.cache
def numexpr(expression: str, *names: str) -> Callable[..., Any]:
    """The expression of these f8 arrays, compiled: for small ones 5 times as fast as evaluate()."""
    module = present("numexpr")
    made = module.NumExpr(expression, [(name, module.necompiler.double) for name in names])
    return functools.partial(made, ex_uses_vml=False)


def kinds_of(library: ctypes.CDLL) -> list[str]:
    library.kind_name.restype, library.kind_name.argtypes = ctypes.c_char_p, [ctypes.c_size_t]
    names: list[str] = []
    while name := library.kind_name(len(names)):
        names.append(name.decode())
    return names


class Limits:
    """What the machine can do, from limits.cpp."""

    def __init__(self) -> None:
        self.lib = ctypes.CDLL(str(compiled(HERE / "limits.cpp")))
        self.lib.seconds.restype = ctypes.c_double
        a_b_out = [ctypes.c_void_p] * 3
        self.lib.seconds.argtypes = [ctypes.c_size_t, ctypes.c_uint, *a_b_out, ctypes.c_size_t, ctypes.c_long]
        self.kinds = kinds_of(self.lib)

    def seconds(self, kind: str, threads: int, n: int, repeat: int, *arrays: np.ndarray[Any, Any] | None) -> float:
        """Of one pass, the mean of so many. arrays: a, b, out."""
        pointers = [None if array is None else array.ctypes.data for array in arrays]
        spent: float = self.lib.seconds(self.kinds.index(kind), threads, *pointers, n, repeat)
        return spent


@functools.cache
def limits() -> Limits:
    return Limits()


class ForkJoin:
    """A library of fork_join.cpp. missed: how often the other thread was not there."""

    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(str(path))
        self.lib.fork_join.restype = ctypes.c_double
        self.lib.fork_join.argtypes = [ctypes.c_size_t, ctypes.c_long, ctypes.POINTER(ctypes.c_long)]
        self.kinds = kinds_of(self.lib)
        self.calls = self.missed = 0

    def seconds(self, kind: str, repeat: int) -> float:
        missed = ctypes.c_long()
        spent: float = self.lib.fork_join(self.kinds.index(kind), repeat, ctypes.byref(missed))
        self.calls, self.missed = self.calls + repeat, self.missed + missed.value
        return spent


def round_trip() -> float | None:
    """Of a cache line between two CPUs, in seconds: on virtual machines it is now this and now four times that."""
    if len(os.sched_getaffinity(0)) < 2:
        return None
    try:
        library = ForkJoin(compiled(HERE / "fork_join.cpp"))
    except (Missing, OSError):
        return None
    return statistics.median(library.seconds("round trip", 3000) for _ in range(5))


def clang() -> str:
    found = shutil.which("clang++")
    if found is None:
        raise Missing("clang++ is not installed")
    return found


def fork_joins() -> tuple[dict[str, tuple[ForkJoin, str]], list[str]]:
    """By the names of the contenders. One library for each, so that what does not compile does no harm."""
    source, core = HERE / "fork_join.cpp", HERE.parents[1] / "Modules"
    rest = [*sorted(core.glob("core/**/*.cpp")), *sorted(core.glob("core/**/*.hpp"))]
    prefix = [f"-L{sys.prefix}/lib", f"-Wl,-rpath,{sys.prefix}/lib"]
    # From a wheel, libomp has Intel's name.
    libomp = "libiomp5" if Path(sys.prefix, "lib/libiomp5.so").exists() else "libomp"
    makers: dict[str, tuple[str, Callable[[], Path]]] = {
        "round trip": ("round trip", lambda: compiled(source)),
        "libgomp": ("OpenMP", lambda: compiled(source)),
        "libomp": ("OpenMP", lambda: compiled(source, link=prefix, openmp=f"-fopenmp={libomp}", by=clang())),
        "TBB": ("TBB", lambda: compiled(source, flags=["-DFORK_JOIN_TBB"], link=[*prefix, "-ltbb"])),
        "ours": ("ours", lambda: compiled(source, *rest, flags=["-DFORK_JOIN_OURS", f"-I{core}", "-fno-fast-math"])),
    }
    found: dict[str, tuple[ForkJoin, str]] = {}
    missing = []
    for name, (kind, make) in makers.items():
        try:
            library = ForkJoin(make())
        except (Missing, OSError) as error:
            missing.append(f"{name}: {error}")
        else:
            if kind in library.kinds:
                found[name] = library, kind
            else:
                missing.append(f"{name} is not installed")
    return found, missing
