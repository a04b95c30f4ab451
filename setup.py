"""Builds the extension. Everything else about the project stands in pyproject.toml.

Switches, as environment variables:

    THREADMODULE_DEBUG=1                      no optimization, debug symbols, assertions
    THREADMODULE_SANITIZE=address,undefined   or thread: instrumented with these sanitizers
    THREADMODULE_COVERAGE=1                   instrumented for gcov
    THREADMODULE_FUTEX=0                      threads park as on systems that have no futex
    THREADMODULE_WERROR=1                     warnings are errors (CI)
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

if sys.platform == "win32":
    sys.exit("threadmodule needs POSIX threads: Windows is not supported")


def switch(name: str) -> str:
    return os.environ.get(f"THREADMODULE_{name}", "")


def has_static_runtime() -> bool:
    """Has the compiler a libstdc++.a? It is a package of its own in some distributions."""
    compiler = shlex.split(os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "g++")
    try:
        found = subprocess.run([*compiler, "-print-file-name=libstdc++.a"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return sys.platform == "linux" and os.path.isabs(found.stdout.strip())


def on_all_cpus(compile_in_turn: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Like a compiler's compile(), which takes one file after the other, but on all CPUs."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def compile_all(sources: list[str], *args: object, **kwargs: object) -> list[str]:
        with ThreadPoolExecutor(cpus) as threads:
            objects = threads.map(lambda source: compile_in_turn([source], *args, **kwargs), sources)
            return list(chain.from_iterable(objects))

    return compile_all


class BuildLoops(build_clib):
    def build_libraries(self, libraries: list[tuple[str, dict[str, object]]]) -> None:
        self.compiler.compile = on_all_cpus(self.compiler.compile)
        super().build_libraries(libraries)


class BuildExtension(build_ext):
    def build_extensions(self) -> None:
        self.compiler.compile = on_all_cpus(self.compiler.compile)
        super().build_extensions()


project = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text(encoding="utf-8"))["project"]
modules = Path("Modules")

compile_args = ["-std=c++20", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wconversion", "-Wshadow"]
# Python's own headers are not ours to warn about.
compile_args += ["-isystem", sysconfig.get_path("include")]
# sqrt needs no errno, and then it vectorises: do_math 1.8 -> 1.0 ns per step. A fused multiply-add would give other
# bits on other machines, or in other loops.
compile_args += ["-fno-math-errno", "-ffp-contract=off"]
loop_args: list[str] = []
other_args: list[str] = []
if sys.platform == "darwin":
    link_args = ["-Wl,-exported_symbol,_PyInit_threadmodule"]
else:
    link_args = [f"-Wl,--version-script={modules / 'exports.map'}"]

if switch("DEBUG"):
    compile_args += ["-O0", "-g3", "-UNDEBUG", "-D_GLIBCXX_ASSERTIONS"]
else:
    # With -O3 the extension is a third larger, and no loop is faster, if g++ is told to vectorise as it does there, but
    # not what is left over after the last whole vector.
    compile_args += ["-O2", "-g0"]
    if "clang" not in os.environ.get("CXX", sysconfig.get_config_var("CXX") or ""):
        compile_args += ["-fvect-cost-model=dynamic", "--param=vect-epilogues-nomask=0"]
        # Nothing is thrown through a loop, so it needs no tables for that.
        loop_args += ["-fno-exceptions", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"]
        # The rest is as large as it is because of what is inlined. Less of that costs a call a tenth of its 110 ns, and
        # saves a tenth of the wheel; what lies unaligned saves a seventieth.
        other_args += ["-finline-limit=15", "-fno-reorder-blocks-and-partition"]
        other_args += [f"-fno-align-{what}" for what in ("functions", "jumps", "loops", "labels")]
    if not any(map(switch, ("SANITIZE", "COVERAGE"))):
        link_args += ["-Wl,-x"] if sys.platform == "darwin" else ["-Wl,-s"]  # no symbols: half the size
        if has_static_runtime():
            # To load libstdc++ takes as long as the rest of the import. Of libgcc the process must have one only, by
            # which pthread_exit unwinds too.
            link_args += ["-static-libstdc++", "-Wl,--gc-sections"]
            compile_args += ["-ffunction-sections"]
if futex := switch("FUTEX"):
    compile_args += [f"-DTHREADMODULE_FUTEX={futex}"]
if switch("WERROR"):
    compile_args += ["-Werror"]
if sanitizers := switch("SANITIZE"):
    compile_args += [f"-fsanitize={sanitizers}", "-g", "-fno-omit-frame-pointer"]
    link_args += [f"-fsanitize={sanitizers}"]
if switch("COVERAGE"):
    compile_args += ["--coverage", "-O0", "-g"]
    link_args += ["--coverage"]

headers = sorted(str(path) for path in [*modules.rglob("*.hpp"), *Path("include").glob("*.h")])
loops = sorted(str(path) for path in modules.rglob("loops/*.cpp"))

setup(
    cmdclass={"build_clib": BuildLoops, "build_ext": BuildExtension},
    # The extension's loops, in an archive of their own because they are compiled otherwise.
    libraries=[
        (
            "threadmodule-loops",
            {
                "sources": loops,
                "include_dirs": [str(modules)],
                "cflags": compile_args + loop_args,
                "obj_deps": {"": headers},
            },
        )
    ],
    ext_modules=[
        Extension(
            # The extension is the package: `import threadmodule` loads it, and no Python code.
            "threadmodule.__init__",
            sources=sorted({str(path) for path in modules.rglob("*.cpp")} - set(loops)),
            depends=headers + loops,
            include_dirs=[str(modules), "include"],
            define_macros=[("THREADMODULE_VERSION", f'"{project["version"]}"')],
            extra_compile_args=compile_args + other_args,
            extra_link_args=link_args,
            language="c++",
        )
    ],
)
