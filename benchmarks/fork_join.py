"""What it costs to share work between two threads: threadmodule's pool beside libgomp, libomp and TBB.

    python benchmarks/fork_join.py [scenario...]

Small C++ programs are compiled from one source, ours against Modules/core, the others where the machine has them, and
take turns, round by round. A region is a number of units of work, each a chain of multiplications of about 1 us; the
same work done by one thread is measured between any two regions. A figure is the median over the rounds' medians.

    hot        two units, back to back: what a region in which both threads took part takes beyond one unit, and how
               many did; in the others one thread did both units rather than wait
    pause      the same 200 us after the region before
    cold5      850 units after a sleep of 5 ms: speed-up over one thread; the least that was seen in brackets
    cold50     the same after 50 ms
    short      20 units after a sleep of 5 ms, too few to gain anything: time relative to one thread's
    burst      20 regions of 40 units after a sleep of 5 ms, time relative to one thread's
    idle       CPU time of a region of 850 units and the 20 ms after it, beyond one thread's
    hogs       40 units every 2 ms beside two busy processes: mean and 99th percentile relative to one thread's
    hogs_busy  the same back to back: regions per second relative to one thread's
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "5"))
CORE = Path(__file__).parents[1] / "Modules"
OURS = ["pool", "parallel", "parking", "fork", "thread", "cpus", "platform"]

SOURCE = r"""
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

static double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}

static int chain = 1000;
struct alignas(128) Slot { std::uint64_t value; const void* who; };
static Slot slots[1024];
static thread_local char marker;

static void unit(std::size_t i) {
  std::uint64_t x = i;
  for (int k = 0; k < chain; ++k) {
    x = x * 6364136223846793005u + 1;
    asm volatile("" : "+r"(x));
  }
  slots[i % 1024].value = x;
  slots[i % 1024].who = &marker;
}

static void serial(std::size_t units) {
  for (std::size_t i = 0; i < units; ++i) unit(i);
}

#if defined(OURS)
#include "core/fork.hpp"
#include "core/parallel.hpp"
static void region(std::size_t units) {
  core::Control control;
  auto body = [](const core::Chunk& chunk) {
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) unit(i);
  };
  core::parallel_for(control, {units, 1, 1000}, body);
}
#elif defined(TBB)
#include <tbb/parallel_for.h>
static void region(std::size_t units) {
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, units), [](const auto& range) {
    for (std::size_t i = range.begin(); i < range.end(); ++i) unit(i);
  });
}
#else
static void region(std::size_t units) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < units; ++i) unit(i);
}
#endif

static double cpu_time() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

static double round_trip() {
  constexpr int turns = 20'000;
  alignas(128) static std::atomic<int> ball{0};
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    ball = 0;
    std::thread other([] {
      for (int i = 0; i < turns; ++i) {
        while (ball.load(std::memory_order_acquire) != 2 * i + 1) {
        }
        ball.store(2 * i + 2, std::memory_order_release);
      }
    });
    while (ball.load() != 0) {
    }
    const auto begin = Clock::now();
    for (int i = 0; i < turns; ++i) {
      ball.store(2 * i + 1, std::memory_order_release);
      while (ball.load(std::memory_order_acquire) != 2 * i + 2) {
      }
    }
    best = std::min(best, since(begin) / turns);
    other.join();
  }
  return best;
}

static void wait(double nanoseconds) {
  const auto begin = Clock::now();
  while (since(begin) < nanoseconds) {
  }
}

template <class F> double timed(F&& f) {
  const auto begin = Clock::now();
  f();
  return since(begin);
}

static void print(const char* name, const std::vector<double>& values) {
  std::printf("%s\"%s\": [", name[0] == 's' ? "{" : ", ", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.0f", i ? ", " : "", values[i]);
  std::printf("]");
}

int main(int, char** argv) {
  const std::string scenario = argv[1];
#if defined(OURS)
  core::watch_forks();
#endif
  chain = std::atoi(argv[2]);
  if (scenario == "chain") {  // how long must it be for 1 us?
    chain = 100'000;
    double best = 1e18;
    for (int i = 0; i < 20; ++i) best = std::min(best, timed([] { unit(0); }));
    std::printf("%d\n", static_cast<int>(100'000 * 1000 / best));
    return 0;
  }
  if (scenario == "trip") {
    std::printf("%.1f\n", round_trip());
    return 0;
  }
  std::vector<double> alone, shared;
  double both = 0;
  const auto were_both = [](std::size_t units) { return slots[0].who != slots[units - 1].who; };
  if (scenario == "hot" || scenario == "pause") {
    const int regions = scenario == "hot" ? 20'000 : 300;
    for (int i = 0; i < regions / 10; ++i) alone.push_back(timed([] { serial(1); }));
    wait(1e6);
    region(2000);
    for (int i = 0; i < regions; ++i) {
      if (scenario == "pause") wait(200e3);
      const double time = timed([] { region(2); });
      if (!were_both(2)) continue;
      shared.push_back(time);
      both += 1.0 / regions;
    }
    if (shared.empty()) shared.push_back(0);
  } else if (scenario == "cold5" || scenario == "cold50" || scenario == "short" || scenario == "burst") {
    const int micros = scenario == "cold50" ? 50'000 : 5'000;
    const std::size_t units = scenario == "short" ? 20 : scenario == "burst" ? 40 : 850;
    const int times = scenario == "burst" ? 20 : 1;
    region(2000);
    region(2000);
    for (int i = 0; i < (micros == 50'000 ? 20 : 60); ++i) {
      usleep(micros);
      alone.push_back(timed([&] { for (int k = 0; k < times; ++k) serial(units); }));
      usleep(micros);
      shared.push_back(timed([&] { for (int k = 0; k < times; ++k) region(units); }));
    }
  } else if (scenario == "idle") {
    region(2000);
    for (int i = 0; i < 20; ++i) {
      double begin = cpu_time();
      serial(850);
      usleep(20'000);
      alone.push_back(cpu_time() - begin);
      begin = cpu_time();  // exact while no other thread runs
      region(850);
      usleep(20'000);
      shared.push_back(cpu_time() - begin);
    }
  } else if (scenario == "hogs") {
    region(2000);
    for (int i = 0; i < 600; ++i) {
      usleep(2000);
      if (i % 2) alone.push_back(timed([] { serial(40); })); else shared.push_back(timed([] { region(40); }));
    }
  } else {
    for (int part = 0; part < 16; ++part) {
      const bool is_alone = (part + 1) / 2 % 2 == 1;  // first one, then the other twice: neither is always the first
      const auto begin = Clock::now();
      int n = 0;
      for (; since(begin) < 50e6; ++n) is_alone ? serial(40) : region(40);
      (is_alone ? alone : shared).push_back(since(begin) / n);
    }
  }
  print("serial", alone);
  print("region", shared);
  std::printf(", \"both\": %.3f}\n", both);
}
"""


def compile_all(folder: Path) -> dict[str, list[str]]:
    """The programs that this machine can make, and the environments they run in."""
    source = folder / "fork_join.cpp"
    source.write_text(SOURCE, encoding="utf-8")
    ours = [str(CORE / "core" / f"{name}.cpp") for name in OURS]
    gcc, clang = os.environ.get("CXX", "g++"), shutil.which("clang++") or "clang++"
    commands = {
        "ours": [gcc, "-DOURS", f"-I{CORE}", *ours],
        "libgomp": [gcc, "-fopenmp"],
        "libgomp passive": [gcc, "-fopenmp"],
        "libomp": [clang, "-fopenmp"],
        "TBB": [gcc, "-DTBB", "-ltbb"],
    }
    programs = {}
    for name, (compiler, *flags) in commands.items():
        target = folder / name.replace(" ", "_")
        libraries = [flag for flag in flags if flag.startswith("-l")]
        flags = [flag for flag in flags if not flag.startswith("-l")]
        command = [compiler, "-std=c++20", "-O2", *flags, str(source), "-pthread", "-o", str(target), *libraries]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            programs[name] = [str(target)]
        else:
            print(f"no {name} on this machine", file=sys.stderr)
            if name == "ours":
                print(done.stderr)
    return programs


def run(name: str, program: list[str], *args: str) -> str:
    env = dict(os.environ, OMP_NUM_THREADS="2", THREADMODULE_NUM_THREADS="2")
    if name.endswith("passive"):
        env["OMP_WAIT_POLICY"] = "passive"
    return subprocess.run([*program, *args], capture_output=True, text=True, check=True, env=env).stdout


@contextmanager
def hogs(number: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def figures(scenario: str, serial: list[float], region: list[float], both: float) -> list[float]:
    if scenario in ("hot", "pause"):
        return [statistics.median(region) - statistics.median(serial), 100 * both]
    if scenario in ("cold5", "cold50"):
        base = statistics.median(serial)
        return [base / statistics.median(region), base / percentile(region, 90), base / max(region)]
    if scenario in ("short", "burst"):
        return [statistics.median(region) / statistics.median(serial)]
    if scenario == "idle":
        return [(statistics.median(region) - statistics.median(serial)) / 1000]
    if scenario == "hogs":
        return [
            statistics.fmean(region) / statistics.fmean(serial),
            percentile(region, 99) / percentile(serial, 99),
            statistics.median(region) / statistics.median(serial),
        ]
    return [statistics.fmean(serial) / statistics.fmean(region)]


FORMATS = {
    "hot": "{:.0f} ns ({:.0f} % both)",
    "pause": "{:.0f} ns ({:.0f} % both)",
    "cold5": "{:.2f}x ({:.2f}x, {:.2f}x)",
    "cold50": "{:.2f}x ({:.2f}x, {:.2f}x)",
    "short": "{:.2f}",
    "burst": "{:.2f}",
    "idle": "{:.0f} us",
    "hogs": "mean {:.2f} p99 {:.2f} median {:.2f}",
    "hogs_busy": "{:.2f}",
}


def main() -> None:
    scenarios = sys.argv[1:] or list(FORMATS)
    with tempfile.TemporaryDirectory() as folder:
        programs = compile_all(Path(folder))
        print(f"{platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}, {ROUNDS} rounds")
        ours = programs["ours"]
        chain = statistics.median_low([int(run("ours", ours, "chain", "0")) for _ in range(5)])
        trips = [float(run("ours", ours, "trip", "0")) for _ in range(5)]
        print(f"cache-line round trip: {min(trips):.0f} ns (median {statistics.median(trips):.0f})")
        for scenario in scenarios:
            seen: dict[str, list[list[float]]] = {name: [] for name in programs}
            with hogs(2 if scenario.startswith("hogs") else 0):
                for _ in range(ROUNDS):
                    for name, program in programs.items():
                        seen[name].append(figures(scenario, **json.loads(run(name, program, scenario, str(chain)))))
            for name, rows in seen.items():
                medians = [statistics.median(column) for column in zip(*rows, strict=True)]
                print(f"{scenario:10} {name:16} {FORMATS[scenario].format(*medians)}")


if __name__ == "__main__":
    main()
