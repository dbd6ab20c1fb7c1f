"""How quickly the store takes what runs bring: ``python benchmarks/ingest.py [--db URL] [--attempts N]``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Plan
from orchestrator.store.store import Store
from orchestrator.testing import make_artifact, make_case, make_measurement

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.case import Case
    from orchestrator.domain.event import Event

CASES = 100
SAMPLES = 1000
PLANNED = 10_000
PROCESSES = 20
READING = {"temperature_c": 50.5, "frequency_hz": 1_500_000_000, "governor": "performance"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What something took."""

    wall_s: float
    cpu_s: float


def timed(act: Callable[[], object]) -> Taken:
    """Return what ``act`` took of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Taken(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)


def begin(store: Store, run: str) -> list[Case]:
    """Store a run up to its first attempt; return its cases."""
    cases = [make_case(threads=number + 1) for number in range(CASES)]
    store.record(
        run_event.RunStarted(
            run=run, suite={}, seed=0, effort="smoke", dataset="phantom", synthetic=True, farm_version="0"
        ),
        run_event.Planned(run=run, plan=plan_of(run, cases)),
        run_event.ArtifactReady(run=run, artifact=make_artifact(), reused=False, seconds=0),
        happened.LaneStarted(run=run, device="local", lane=run),
    )
    return cases


def plan_of(run: str, cases: list[Case]) -> Plan:
    """Return a plan of one attempt for each case."""
    steps = tuple(Attempt(id=f"{run}-{number}", case=case, number=1) for number, case in enumerate(cases))
    return Plan(run=run, effort=EFFORTS["smoke"], seed=0, lanes=(Lane(device="local", steps=steps),), skips=())


def journal(run: str, cases: list[Case], attempts: int) -> list[Event]:
    """Return what a device's journal brings: each attempt begun and ended, with samples and readings."""
    readings = tuple({"at_ns": number * 10**9, **READING} for number in range(4))
    events: list[Event] = []
    for number in range(attempts):
        case, name = cases[number % len(cases)], f"{run}-{number}"
        cursors = [happened.Cursor(lane=run, offset=number * 20 + 10 * half) for half in (1, 2)]
        measurement = make_measurement([number] * SAMPLES, case=case, attempt=name, number=number, readings=readings)
        events += (
            happened.AttemptStarted(run=run, device="local", cursor=cursors[0], attempt=name, case=case, number=number),
            happened.AttemptEnded(run=run, device="local", cursor=cursors[1], measurement=measurement),
        )
    return events


def ingest(store: Store, attempts: int, together: int) -> Taken:
    """Return what storing ``attempts`` takes, ``together`` events in one transaction."""
    run = f"ingest-{together}-{time.time_ns()}"
    events = journal(run, begin(store, run), attempts)
    parts = [events[start : start + together] for start in range(0, len(events), together)]
    return timed(lambda: [store.record(*part) for part in parts])


def planning(store: Store) -> Taken:
    """Return what storing a plan of `PLANNED` new cases takes: so long others wait."""
    run = f"plan-{time.time_ns()}"
    begin(store, run)
    cases = [make_case(model=run, threads=number % 50 + 1, batch=number // 50 + 1) for number in range(PLANNED)]
    return timed(lambda: store.record(run_event.Planned(run=run, plan=plan_of(run, cases))))


def opening(folder: str) -> tuple[float, int]:
    """Return how long `PROCESSES` take that open one new file at once, and how many failed."""
    code = "import sys\nfrom orchestrator.store.store import Store\nStore.open(sys.argv[1]).close()\n"
    began = time.perf_counter()
    started = [
        subprocess.Popen([sys.executable, "-c", code, f"sqlite:///{folder}/crowd.db"], stderr=subprocess.DEVNULL)
        for _ in range(PROCESSES)
    ]
    failed = sum(process.wait() != 0 for process in started)
    return time.perf_counter() - began, failed


def question(folder: str) -> float:
    """Return the CPU that an empty `farm results` takes, in seconds."""
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "orchestrator.cli.main", "results"], cwd=folder, capture_output=True, check=True
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", help="a database to fill (default: a new file of SQLite's)")
    parser.add_argument("--attempts", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with Store.open(options.db or f"sqlite:///{folder}/farm.db") as store:
            for together in (1, 64, 256):
                taken = ingest(store, options.attempts, together)
                print(
                    f"{options.attempts} attempts, {together:3} events together: "
                    f"{options.attempts / taken.cpu_s:6.0f} a second of CPU, {options.attempts / taken.wall_s:6.0f} a second"
                )
            taken = planning(store)
            print(f"a plan of {PLANNED} cases: {taken.wall_s:.2f} s, {taken.cpu_s:.2f} s of CPU")
        seconds, failed = opening(folder)
        print(f"{PROCESSES} processes open one new file: {seconds:.1f} s, {failed} failed")
        empty = os.path.join(folder, "empty")  # noqa: PTH118
        os.mkdir(empty)  # noqa: PTH102
        print(f"an empty farm results: {question(empty):.2f} s of CPU")


if __name__ == "__main__":
    main()
