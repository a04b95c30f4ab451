"""What a call of a kernel costs before it computes anything, and what PyArg_ParseTupleAndKeywords would add.

    python benchmarks/call_overhead.py

A small extension is compiled beside: each of its functions takes the arguments of threadmodule.sum, (a, threads=None),
gets the buffer, releases it and returns a float. They differ in how they are called. All lines are measured in turn,
round by round; a figure is the median of the rounds, and the ratio is that of the medians.
"""

from __future__ import annotations

import array
import importlib.util
import os
import platform
import statistics
import subprocess
import sysconfig
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import threadmodule

ROUNDS = 41
CALLS = 20_000

SOURCE = r"""
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *
no_op(PyObject *module, PyObject *a)
{
    return PyFloat_FromDouble(0.0);
}

static PyObject *
use(PyObject *a)
{
    Py_buffer view;
    if (PyObject_GetBuffer(a, &view, PyBUF_FULL_RO) < 0) {
        return NULL;
    }
    PyBuffer_Release(&view);
    return PyFloat_FromDouble(0.0);
}

static PyObject *
buffer(PyObject *module, PyObject *a)
{
    return use(a);
}

static PyObject *
parse_tuple(PyObject *module, PyObject *args)
{
    PyObject *a, *threads = Py_None;
    if (!PyArg_ParseTuple(args, "O|O:sum", &a, &threads)) {
        return NULL;
    }
    return use(a);
}

static PyObject *
parse_keywords(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"a", "threads", NULL};
    PyObject *a, *threads = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:sum", names, &a, &threads)) {
        return NULL;
    }
    return use(a);
}

static PyMethodDef methods[] = {
    {"no_op", no_op, METH_O, NULL},
    {"buffer", buffer, METH_O, NULL},
    {"parse_tuple", parse_tuple, METH_VARARGS, NULL},
    {"parse_keywords", (PyCFunction)(void (*)(void))parse_keywords, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL},
};
static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "peer", NULL, 0, methods, slots};
PyMODINIT_FUNC PyInit_peer(void) { return PyModuleDef_Init(&def); }
"""


def compiled_peer(folder: Path) -> ModuleType:
    source, target = folder / "peer.c", folder / "peer.so"
    source.write_text(SOURCE)
    include = sysconfig.get_path("include")
    subprocess.run(
        [os.environ.get("CC", "gcc"), "-O3", "-shared", "-fPIC", "-I", include, source, "-o", target], check=True
    )
    spec = importlib.util.spec_from_file_location("peer", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        peer = compiled_peer(Path(folder))
    a = array.array("d", [1.0])
    ours = threadmodule.sum
    lines: dict[str, Callable[[], object]] = {
        "peer: METH_O that returns a float": lambda: peer.no_op(a),
        "peer: + the buffer got and released": lambda: peer.buffer(a),
        "peer: PyArg_ParseTuple": lambda: peer.parse_tuple(a),
        "peer: PyArg_ParseTupleAndKeywords": lambda: peer.parse_keywords(a),
        "ours: threadmodule.sum, 1 element": lambda: ours(a),
        "peer: PyArg_ParseTupleAndKeywords, threads=1": lambda: peer.parse_keywords(a, threads=1),
        "ours: threadmodule.sum, threads=1": lambda: ours(a, threads=1),
        "(a lambda alone)": lambda: None,
    }
    samples: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(ROUNDS):
        for name, call in lines.items():
            samples[name].append(timeit.timeit(call, number=CALLS) / CALLS * 1e9)
    medians = {name: statistics.median(times) for name, times in samples.items()}
    base = medians.pop("(a lambda alone)")
    print(f"Python {platform.python_version()}, {platform.machine()}; ns for a call, the calling lambda taken off")
    reference = medians["peer: + the buffer got and released"] - base
    for name, median in medians.items():
        print(f"{name:46} {median - base:7.0f} {(median - base) / reference:6.2f}x")


if __name__ == "__main__":
    main()
