"""exp and log: the core on each instruction set, and the kernels against decimal, which rounds correctly."""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable
from decimal import Context, Decimal
from pathlib import Path

import pytest
import threadmodule
from support import SANITIZED

ROOT = Path(__file__).parents[1]
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", f"-I{ROOT}/Modules"]
FLAGS += ["-fno-math-errno", "-ffp-contract=off"]  # as setup.py has them: these two decide about the bits
EXACT = Context(prec=40, Emin=-10000, Emax=10000)
TIERS = ["baseline", "avx2", "avx512"]


@pytest.mark.parametrize("optimize", [["-O3"], ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]])
@pytest.mark.parametrize("compiler", [os.environ.get("CXX", "g++"), "clang++"])
def test_every_instruction_set(compiler: str, optimize: list[str], tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    if SANITIZED and "clang" in compiler:
        pytest.skip("clang does not run with a library of gcc's in front")
    program = tmp_path / "test_exp_log"
    source = ROOT / "tests" / "core" / "test_exp_log.cpp"
    subprocess.run([compiler, *FLAGS, *optimize, source, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 passed, 0 failed\n", "")


def arguments(name: str) -> array[float]:
    chance = random.Random(name)
    if name == "exp":
        return array("d", [chance.uniform(-745, 709.7) for _ in range(2000)] + [0.0, 1.0, -744.5, 709.78])
    return array("d", [math.ldexp(chance.random(), chance.randrange(-1070, 1024)) for _ in range(2000)] + [1.0, 5e-324])


@pytest.mark.parametrize(("name", "exact"), [("exp", EXACT.exp), ("log", EXACT.ln)])
def test_is_within_one_unit_in_the_last_place(name: str, exact: Callable[[Decimal], Decimal]) -> None:
    x = arguments(name)
    for argument, result in zip(x, memoryview(getattr(threadmodule, name)(x)).tolist(), strict=True):
        wanted = exact(Decimal(argument))
        assert abs(Decimal(result) - wanted) < Decimal(math.ulp(float(wanted))) * Decimal("0.9"), argument


@pytest.mark.parametrize("name", ["exp", "log"])
def test_has_the_same_bits_on_every_instruction_set(name: str) -> None:
    code = f"""if True:
        import sys, threadmodule
        from array import array
        x = array("d", [float.fromhex(word) for word in sys.stdin.read().split()])
        for x in (x, array("f", [max(-3e38, min(v, 3e38)) for v in x])):
            print(memoryview(threadmodule.{name}(x)).tobytes().hex())"""
    numbers = " ".join(x.hex() for x in arguments(name))
    results = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=numbers,
            env={**os.environ, "THREADMODULE_SIMD": tier},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for tier in TIERS
    }
    assert len(results) == 1
