"""`python -m threadmodule`: the table, and kernels on files."""

from __future__ import annotations

import array
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import threadmodule

COMMAND = [sys.executable, "-m", "threadmodule"]


def command(*args: str | Path, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, args)], capture_output=True, text=True, timeout=120, check=False, **kwargs
    )


def value(*args: str | Path) -> str:
    done = command("run", *args)
    assert done.returncode == 0, done.stderr
    assert "elements in" in done.stderr
    return done.stdout.strip()


# The table


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_the_table(threads: int | None) -> None:
    done = command("--elements", "20000", "--steps", "20000", *(["--threads", str(threads)] if threads else []))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"threadmodule {threadmodule.__version__}, Python {sys.version.split()[0]}")
    assert f"{threadmodule.cpu_count()} allowed by affinity and cgroup" in lines[1]
    rows = [line.split()[0] for line in lines[5:11]]
    assert rows == ["sum", "square", "dot", "sum_of_squares", "pi", "do_math"]
    most = threads or threadmodule.cpu_count()
    assert f"speed-up 1->{most}" in lines[3]
    assert all(line.count("x") >= 2 for line in lines[5:11])


# Files


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_raw_and_npy(tmp_path: Path, dtype: str, size: int) -> None:
    a = (np.arange(size) % 100).astype(dtype)
    raw, npy = tmp_path / "a.raw", tmp_path / "a.npy"
    a.tofile(raw)
    np.save(npy, a)
    expected = str(threadmodule.sum(a))
    assert value("sum", raw, "--dtype", dtype) == expected
    assert value("sum", npy) == expected
    assert value("sum", npy, "--dtype", dtype, "--threads", "2") == expected


def test_raw_files_are_f8_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(array.array("d", [1.5, 2.5]).tobytes())
    assert value("sum", tmp_path / "a") == "4.0"


def test_npy_of_any_version_order_and_shape(tmp_path: Path) -> None:
    a = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    for version in [(1, 0), (2, 0), (3, 0)]:
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array(file, a, version=version)
        assert value("sum", tmp_path / "a.npy") == "276.0"


def test_dot(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10))
    assert value("dot", tmp_path / "a.npy", tmp_path / "a.npy") == "285"


def test_square_in_place(tmp_path: Path) -> None:
    a = np.arange(1000.0)
    np.save(tmp_path / "a.npy", a)
    assert value("square", tmp_path / "a.npy", "--in-place") == ""
    assert np.array_equal(np.load(tmp_path / "a.npy"), a * a)


def test_the_file_is_mapped_and_not_copied(tmp_path: Path) -> None:
    """A sparse file far larger than the memory that the process may have."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    code = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30));"
        f"sys.argv[1:] = ['run', 'sum', {str(path)!r}, '--dtype', 'u1'];"
        "runpy.run_module('threadmodule', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


# Errors: one line, status 2, no traceback


def mistake(*args: str | Path) -> str:
    done = command(*args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("python -m threadmodule: ")
    return lines[0].removeprefix("python -m threadmodule: ")


def test_mistakes_with_options(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(16))
    assert "must be at least 1, got 0" in mistake("--threads", "0")
    assert "must be at most 1024, got 100000000" in mistake("--threads", "100000000")
    assert "must be an int, got 'x'" in mistake("--threads", "x")
    assert "unrecognized arguments: --none" in mistake("--none")
    assert "invalid choice: 'walk'" in mistake("walk")
    assert "KERNEL, FILE" in mistake("run")
    assert "invalid choice: 'f2'" in mistake("run", "sum", tmp_path / "a", "--dtype", "f2")
    assert "no kernel 'mean' for files, expected one of sum, dot, square" in mistake("run", "mean", tmp_path / "a")
    assert "no kernel 'pi' for files" in mistake("run", "pi", tmp_path / "a")
    assert "sum takes 1 file(s), got 2" in mistake("run", "sum", tmp_path / "a", tmp_path / "a")
    assert "dot takes 2 file(s), got 1" in mistake("run", "dot", tmp_path / "a")
    assert "say --in-place" in mistake("run", "square", tmp_path / "a")
    assert "--in-place is for square, sqrt" in mistake("run", "sum", tmp_path / "a", "--in-place")
    assert "at most 1024" in mistake("run", "sum", tmp_path / "a", "--threads", "99999")


def test_mistakes_with_files(tmp_path: Path) -> None:
    assert "missing: No such file or directory" in mistake("run", "sum", tmp_path / "missing")
    assert "not a regular file" in mistake("run", "sum", tmp_path)
    assert "not a regular file" in mistake("run", "sum", "/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in mistake("run", "sum", tmp_path / "fifo")
    assert "No such file" in mistake("run", "sum", tmp_path / "two\nlines")
    for order in "CF":
        matrix = npy(tmp_path, np.ones((2, 3), order=order))
        assert "an array of 1 dimension expected, 2 found" in mistake("run", "dot", matrix, matrix)
    odd = tmp_path / "odd"
    odd.write_bytes(bytes(13))
    assert "13 bytes are no whole number of f8 elements" in mistake("run", "sum", odd)
    assert "as long as" in mistake("run", "dot", *two(tmp_path, np.zeros(3), np.zeros(4)))
    assert "of the type of" in mistake("run", "dot", *two(tmp_path, np.zeros(3), np.zeros(3, "i8")))
    assert "no dimension" not in mistake("run", "sum", npy(tmp_path, np.zeros(3, ">f8")))
    assert "elements of type >f8" in mistake("run", "sum", npy(tmp_path, np.zeros(3, ">f8")))
    assert "elements of type <c16" in mistake("run", "sum", npy(tmp_path, np.zeros(3, "c16")))
    assert "elements of type |b1" in mistake("run", "sum", npy(tmp_path, np.zeros(3, "?")))
    assert "type f8, but --dtype says f4" in mistake("run", "sum", npy(tmp_path, np.zeros(3)), "--dtype", "f4")
    file = npy(tmp_path, np.array([100], "i1"))
    assert "holds 100 at index 0" in mistake("run", "square", file, "--in-place")


def test_broken_npy_files(tmp_path: Path) -> None:
    whole = npy(tmp_path, np.zeros(100)).read_bytes()
    broken = tmp_path / "broken.npy"
    for size in [len(whole) - 1, 200, 130]:
        broken.write_bytes(whole[:size])
        assert "800 bytes of elements expected" in mistake("run", "sum", broken)
    for data in [whole[:8], whole[:40], whole.replace(b"'descr'", b"'other'"), whole.replace(b"(100,)", b"(-10,)")]:
        broken.write_bytes(data)
        assert "not a readable .npy header" in mistake("run", "sum", broken)


def npy(folder: Path, a: np.ndarray, name: str = "a.npy") -> Path:
    np.save(folder / name, a)
    return folder / name


def two(folder: Path, a: np.ndarray, b: np.ndarray) -> tuple[Path, Path]:
    return npy(folder, a, "first.npy"), npy(folder, b, "second.npy")


def test_standard_output_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(8))
    done = command("run", "sum", tmp_path / "a", preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (2, "python -m threadmodule: standard output is closed\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(8))
    (tmp_path / "a").chmod(0)
    assert "Permission denied" in mistake("run", "sum", tmp_path / "a")


def test_the_reader_of_our_output_goes_away(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(8))
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*COMMAND, "run", "sum", str(tmp_path / "a")], stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
