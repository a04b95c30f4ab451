"""The core alone: the programs in tests/core/, built as they are and with sanitizers; and what it may not know of."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "Modules" / "core").rglob("*.cpp"))
FLAGS = ["-std=c++20", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-I", ROOT / "Modules"]


@pytest.mark.parametrize("sanitizer", [None, "address,undefined", "thread"])
@pytest.mark.parametrize(
    ("name", "flags", "output"),
    [
        ("test_core", [], "10 passed, 0 failed\n"),
        ("test_exact", [], "7 passed, 0 failed\n"),
        ("test_pool", [], "14 passed, 0 failed\n"),
        ("test_pool", ["-DTHREADMODULE_FUTEX=0"], "14 passed, 0 failed\n"),
        ("test_strided", [], "9 passed, 0 failed\n"),
        ("test_sync", [], "9 passed, 0 failed\n"),
        ("test_sync", ["-DTHREADMODULE_FUTEX=0"], "9 passed, 0 failed\n"),
    ],
    ids=["core", "exact", "pool", "pool without futex", "strided", "sync", "sync without futex"],
)
def test_core(name: str, flags: list[str], output: str, sanitizer: str | None, tmp_path: Path) -> None:
    program = tmp_path / name
    instrument = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"] if sanitizer else []
    compiler = os.environ.get("CXX", "g++")
    sources = [*CORE, ROOT / "tests" / "core" / f"{name}.cpp"]
    subprocess.run([compiler, *FLAGS, *flags, *instrument, "-pthread", *sources, "-o", program], check=True)
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
