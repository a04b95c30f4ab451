"""The core alone: the programs in tests/core/, built as they are and with sanitizers; and what it may not know of."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "Modules" / "core").rglob("*.cpp"))
FLAGS = ["-std=c++20", "-O1", "-g1", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-I", ROOT / "Modules"]


class Build:
    """The objects of the core, compiled once for each set of flags."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.compiler = os.environ.get("CXX", "g++")
        self.cores: dict[tuple[str, ...], list[Path]] = {}

    def run(self, *arguments: str | Path) -> None:
        subprocess.run([self.compiler, *FLAGS, *arguments], check=True)

    def core(self, *flags: str) -> list[Path]:
        if flags not in self.cores:
            folder = self.folder / str(len(self.cores))
            folder.mkdir()
            objects = [folder / f"{number}.o" for number in range(len(CORE))]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(lambda source, target: self.run(*flags, "-c", source, "-o", target), CORE, objects))
            self.cores[flags] = objects
        return self.cores[flags]

    def program(self, name: str, *flags: str) -> Path:
        program = self.folder / f"{name} {' '.join(flags)}".replace("/", "")
        self.run(*flags, "-pthread", ROOT / "tests" / "core" / f"{name}.cpp", *self.core(*flags), "-o", program)
        return program


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return Build(tmp_path_factory.mktemp("core"))


@pytest.mark.parametrize("sanitizer", [None, "address,undefined", "thread"])
@pytest.mark.parametrize(
    ("name", "flags", "output"),
    [
        ("test_core", [], "10 passed, 0 failed\n"),
        ("test_exact", [], "7 passed, 0 failed\n"),
        ("test_pool", [], "16 passed, 0 failed\n"),
        ("test_pool", ["-DTHREADMODULE_FUTEX=0"], "16 passed, 0 failed\n"),
        ("test_strided", [], "9 passed, 0 failed\n"),
        ("test_sync", [], "9 passed, 0 failed\n"),
        ("test_sync", ["-DTHREADMODULE_FUTEX=0"], "9 passed, 0 failed\n"),
    ],
    ids=["core", "exact", "pool", "pool without futex", "strided", "sync", "sync without futex"],
)
def test_core(name: str, flags: list[str], output: str, sanitizer: str | None, build: Build) -> None:
    instrument = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"] if sanitizer else []
    program = build.program(name, *flags, *instrument)
    # TSan wants its shadow memory where address space layout randomization may have put something else.
    run = ["setarch", "-R", program] if sanitizer == "thread" else [program]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")


def test_the_core_never_sees_python() -> None:
    for path in (ROOT / "Modules" / "core").rglob("*.[ch]pp"):
        text = path.read_text(encoding="utf-8")
        assert "Python.h" not in text, path
        assert "binding/" not in text, path


def test_the_binding_never_calls_posix_threads() -> None:
    for path in (ROOT / "Modules" / "binding").rglob("*.[ch]pp"):
        code = re.sub(r"//.*|\"[^\"]*\"", "", path.read_text(encoding="utf-8"))
        assert "pthread_" not in code, path


def test_version_differences_live_in_one_file() -> None:
    for path in (ROOT / "Modules").rglob("*.[ch]pp"):
        if path.name != "python.hpp":
            assert "PY_VERSION_HEX" not in path.read_text(encoding="utf-8"), path
