"""The parking core in all orders of events that a model checker can think of: tests/core/model.cpp, with Relacy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILER = os.environ.get("CXX", "g++")
FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-I", str(ROOT / "Modules")]
# Relacy changes threads by longjmp(), which the fortified one takes for an error.
FLAGS += ["-U_FORTIFY_SOURCE"]


def require_relacy() -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"no compiler {COMPILER}")
    probe = [COMPILER, "-x", "c++", "-E", "-o", os.devnull, "-"]
    include = b"#include <relacy/relacy.hpp>\n"
    if subprocess.run(probe, input=include, capture_output=True, check=False).returncode != 0:
        pytest.skip("no <relacy/relacy.hpp>: Debian's package is relacy-dev")


def test_model(tmp_path: Path) -> None:
    require_relacy()
    program = tmp_path / "model"
    subprocess.run([COMPILER, *FLAGS, ROOT / "tests" / "core" / "model.cpp", "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=280, check=False)
    print(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "29 passed, 0 failed"
