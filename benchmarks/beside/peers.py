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
import subprocess
import sys
import sysconfig
import types
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CACHE = HERE.parent / "build"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-w"]
# Without -ffast-math: gcc then links code that makes the thread that loads it treat subnormal numbers as 0.
LINK_FLAGS = ["-shared", "-fopenmp", "-pthread", "-lm"]

# Where numba keeps what it has compiled. It reads this when it is imported, and so do the processes that we start.
os.environ.setdefault("NUMBA_CACHE_DIR", str(CACHE / "numba"))


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


def compiled(source: Path, *extra: str, suffix: str = ".so") -> Path:
    """Compiles into a folder whose name says from what and how, unless it is there."""
    cxx = source.suffix != ".c"
    command = [compiler(cxx), *FLAGS, *(["-std=c++20"] if cxx else []), f"-I{sysconfig.get_path('include')}"]
    key = "\0".join([source.read_text(), *command, *extra, *LINK_FLAGS, sys.version, compiler_version(), machine()])
    folder = CACHE / hashlib.sha256(key.encode()).hexdigest()[:16]
    target = folder / f"{source.stem}{suffix}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        object_file, unfinished = folder / f"{os.getpid()}.o", folder / f"{os.getpid()}{suffix}"
        told([*command, "-c", str(source), "-o", str(object_file)])
        told([command[0], str(object_file), *extra, *LINK_FLAGS, "-o", str(unfinished)])
        object_file.unlink()
        unfinished.replace(target)
    return target


@functools.cache
def machine() -> str:
    """The CPU's name: -march=native means another thing on another one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return sysconfig.get_platform()
    facts = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
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
    assert spec is not None and spec.loader is not None
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


class Limits:
    """What the machine can do, from limits.cpp."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(str(compiled(HERE / "limits.cpp")))
        self.library.kind_name.restype = ctypes.c_char_p
        pointer = ctypes.c_void_p
        self.library.seconds.restype = ctypes.c_double
        self.library.seconds.argtypes = [
            *(ctypes.c_size_t, ctypes.c_uint, pointer, pointer, pointer, ctypes.c_size_t, ctypes.c_long)
        ]
        self.kinds: list[str] = []
        while name := self.library.kind_name(len(self.kinds)):
            self.kinds.append(name.decode())

    def seconds(self, kind: str, threads: int, n: int, repeat: int, *arrays: np.ndarray[Any, Any] | None) -> float:
        """Of one pass, the mean of so many. arrays: a, b, out."""
        pointers = [None if array is None else array.ctypes.data for array in arrays]
        spent: float = self.library.seconds(self.kinds.index(kind), threads, *pointers, n, repeat)
        return spent


@functools.cache
def limits() -> Limits:
    return Limits()
