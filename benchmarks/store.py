#!/usr/bin/env python3
"""How quick the results database is: fills one on SQLite and one on PostgreSQL, and prints the figures that docs/sql.md quotes.

    .venv/bin/python benchmarks/store.py [--small] [--only sqlite|postgresql] [--markdown]

The whole size is 10,000 cases x 10 runs x 10 attempts: 1.3 GB of SQLite, some minutes. `--small` is 200 x 3 x 5: seconds.

- a screen of current results, with filters: 95th percentile of the statements, and of `Store.results` with its rows
- commands, in seconds of CPU over the interpreter's start, and the wall's
- attempts stored a second, one by one and fifty at a time; the time to plan 10,000 cases
- twenty processes that open a new SQLite file at once
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import store_fill

sys.path.insert(0, str(Path(__file__).parents[1]))

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Plan
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_measurement
from tests.lab import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.domain.event import Event

FARM = (sys.executable, "-m", "orchestrator.cli.main")
CASE = "pi001/tiny-cxr/int8/litert/t1/b1"
COMMANDS = {
    "farm results list --devices pi001 --schemes int8": 0.5,
    f"farm results show {CASE}": 0.5,
    f"farm results compare {CASE.replace('int8', 'float32')} {CASE}": 0.5,
    "farm results compare --runs small-1 small-2": 2.0,
    "farm runs": 0.5,
}
REPEATS = 5
PROCESSES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value beside the bar it is held against, both in ``unit``."""

    what: str
    value: float
    unit: str
    bar: str = ""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true")
    options.add_argument("--only", choices=("sqlite", "postgresql"))
    options.add_argument("--markdown", action="store_true")
    chosen = options.parse_args()
    size = store_fill.SMALL if chosen.small else store_fill.BIG

    for kind, open_database in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        if chosen.only in (None, kind):
            with open_database() as url:
                _print(f"{kind}, {size.attempts_in_all:,} attempts", _figures(url, size), markdown=chosen.markdown)
    if chosen.only != "postgresql":
        _print("a new SQLite file", [_processes()], markdown=chosen.markdown)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="farm-store-") as folder:
        yield f"sqlite:///{folder}/farm.db"


@contextmanager
def _postgresql() -> Iterator[str]:
    programs = postgres.binaries()
    if programs is None:
        raise SystemExit("no PostgreSQL server here: apt install postgresql")
    with postgres.serving(programs) as server:
        server.execute("CREATE DATABASE farm_store")
        yield server.url("farm_store")


def _figures(url: str, size: store_fill.Size) -> Iterator[Figure]:
    yield Figure(what="to fill it in bulk", value=_timed(lambda: store_fill.fill(url, size)), unit="s")
    yield from _queries(url, size)
    bare = statistics.median(_cpu_s((sys.executable, "-c", "pass"))[0] for _ in range(REPEATS))
    for words, bar_s in COMMANDS.items():
        cpu_s, wall_s = zip(*(_cpu_s((*FARM, *words.split()[1:], "--db", url)) for _ in range(REPEATS)), strict=True)
        unit = f"s of CPU over the interpreter's start ({statistics.median(wall_s):.2f} s in all)"
        yield Figure(what=words, value=statistics.median(cpu_s) - bare, unit=unit, bar=f"≤ {bar_s:g}")
    yield from _writing(url)


def _queries(url: str, size: store_fill.Size) -> Iterator[Figure]:
    draw = np.random.default_rng(0)
    statements, rows = [], []
    with Store.open(url, create=False) as store:
        store.results(limit=1)  # what is compiled once in a process
        for number in range(200):
            device, scheme = f"pi{draw.integers(size.devices):03}", ("int8", "float16")[number % 2]
            query = f"SELECT * FROM v_results WHERE is_current AND device = '{device}' AND scheme = '{scheme}'"  # noqa: S608
            statements.append(_timed(lambda query=query: store.sql(query)) * 1e3)
            rows.append(_timed(lambda device=device, scheme=scheme: store.results(device=device, scheme=scheme)) * 1e3)
        sorts = [
            _timed(lambda name=name: store.results(sort=name, limit=60)) * 1e3 for name in ("p50", "size", "speed")
        ]
    yield Figure(what="newest results, filtered, in SQL, p95", value=_p95(statements), unit="ms", bar="≤ 20")
    yield Figure(what="the same as rows of Python, p95", value=_p95(rows), unit="ms")
    yield Figure(what="the first 60 of all by p50, size, speed", value=max(sorts), unit="ms")


def _writing(url: str) -> Iterator[Figure]:
    started = run_event.RunStarted(
        run="written",
        at=MIDNIGHT,
        suite={},
        seed=0,
        effort="smoke",
        dataset="phantom",
        synthetic=True,
        farm_version="0",
    )
    with Store.open(url) as store:
        store.record(started)
        for batch, count, bar in ((1, 200, ""), (50, 2000, "≥ 1000")):
            events = [_attempt(batch, number) for number in range(count)]
            begin = time.process_time()
            for start in range(0, count, batch):
                store.record(*events[start : start + batch])
            rate = count / (time.process_time() - begin)
            yield Figure(what=f"attempts stored, {batch} at a time", value=rate, unit="a second of CPU", bar=bar)
        cases = [make_case(device=f"new{number // 100}", threads=number % 100 + 1) for number in range(10_000)]
        steps = tuple(Attempt(id=f"p{place}", case=case, number=1) for place, case in enumerate(cases))
        lanes = (Lane(device="new", steps=steps),)
        plan = Plan(run="written", effort=EFFORTS["smoke"], seed=0, lanes=lanes, skips=())
        event = run_event.Planned(run="written", at=MIDNIGHT, plan=plan)
        yield Figure(what="10,000 cases planned", value=_timed(lambda: store.record(event)), unit="s")


def _attempt(batch: int, number: int) -> Event:
    case = make_case(device="pi001", threads=1)
    samples = range(1_000_000, 1_000_000 + store_fill.SAMPLES)
    name = f"written/{batch}/{number}"
    measurement = make_measurement(samples, attempt=name, case=case, number=number + 1, artifact="float32-1")
    return happened.AttemptEnded(run="written", device="pi001", measurement=measurement)


def _processes() -> Figure:
    code = "import sys; from orchestrator.store.store import Store; Store.open(sys.argv[1]).close()"
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-c", code, f"sqlite:///{folder}/new.db"]
        opened = [subprocess.Popen(argv, stderr=subprocess.PIPE) for _ in range(PROCESSES)]
        failed = sum(bool(process.communicate()[1]) or process.returncode != 0 for process in opened)
    return Figure(what=f"of {PROCESSES} processes that open it at once, fail", value=failed, unit="", bar="0")


def _cpu_s(argv: tuple[str, ...]) -> tuple[float, float]:
    """Return the seconds of CPU and of the wall that a command takes; ends the program where it fails."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s


def _timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def _p95(values: list[float]) -> float:
    return float(np.quantile(values, 0.95))


def _print(title: str, figures: Iterator[Figure] | list[Figure], *, markdown: bool) -> None:
    print(f"\n| {title} | | bar |\n|---|---|---|" if markdown else f"\n{title}")
    for each in figures:
        value = f"{each.value:.3g}" if each.value < 1000 else f"{each.value:,.0f}"
        words = [each.what, f"{value} {each.unit}".strip(), each.bar]
        print(f"| {' | '.join(words)} |" if markdown else f"  {words[0]:75} {words[1]}  {words[2]}", flush=True)


if __name__ == "__main__":
    main()
