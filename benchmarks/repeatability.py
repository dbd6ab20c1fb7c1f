#!/usr/bin/env python3
"""How alike figures come out when nothing changes: prints, from one run, the figures that the docs quote.

    .venv/bin/python benchmarks/repeatability.py [--runs 10] [--effort standard] [--keep FOLDER] [--json]
    .venv/bin/python benchmarks/repeatability.py --coverage

It calls `farm run` again and again for one case of the built-in suite (int8, one thread) on this machine, into one database:

- the coefficient of variation of p50 over the runs, and of the attempts' p50 within a run
- false alarms: how often two runs are called different although nothing changed, by the test of `farm results compare`, by its
  interval, and by looking whether the two intervals of p50 overlap; of all pairs of runs, and of all attempts dealt into two
  hands of seven, again and again, which leaves out what changes from run to run

Seven attempts a run, as for any comparison, unless `--effort` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis import significance
from orchestrator.analysis.stats import interval_of_percentile
from orchestrator.domain.case import Case
from orchestrator.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Attempts = Sequence[NDArray[np.float64]]

FARM = [sys.executable, "-m", "orchestrator.cli.main"]
CHOSEN = ["--models", "tiny-cxr", "--schemes", "int8", "--runtimes", "litert", "--threads", "1"]
#: Hands of so many attempts, as `farm run --compare` makes them, dealt so often.
HAND, DEALS = 7, 400
SIMULATIONS = 500


@dataclass(frozen=True)
class Repeated:
    """A case in one run of some effort: its p50 in ns, and its attempts' samples in ns per invocation."""

    run: str
    effort: str
    p50_ns: float
    attempts: tuple[NDArray[np.float64], ...]


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Return the standard deviation (of a sample, n - 1) over the mean."""
    return float(np.std(values, ddof=1) / np.mean(values))


def hands(attempts: Sequence[NDArray[np.float64]], size: int, deals: int) -> Iterator[tuple[list, list]]:
    """Deal two hands of ``size`` attempts, ``deals`` times, each anew from all of them; none where they do not suffice."""
    random = np.random.default_rng(0)
    for _ in range(deals if len(attempts) >= 2 * size else 0):
        order = random.permutation(len(attempts))
        yield [attempts[place] for place in order[:size]], [attempts[place] for place in order[size : 2 * size]]


def false_alarms(pairs: Sequence[tuple[list, list]], differ: Callable[[list, list], bool]) -> tuple[int, int]:
    """Return (how many pairs ``differ`` calls different, how many there are)."""
    return sum(differ(one, other) for one, other in pairs), len(pairs)


def covered(attempts: int, simulations: int) -> float:
    """Return how often our 95 % interval of p50 holds the true one, for attempts that are normally distributed.

    Attempts differ by 1 %, samples within one by an exponential 0.3 %: as on a quiet device.
    """
    random = np.random.default_rng(0)

    def draw(count: int, samples: int) -> NDArray[np.float64]:
        within = random.exponential(size=(count, samples)) - np.log(2)
        return 1 + 0.01 * random.normal(size=(count, 1)) + 0.003 * within

    truth = float(np.median(draw(1_000_000, 1)))
    found = [interval_of_percentile(list(draw(attempts, 100)), 0.5, seed) for seed in range(simulations)]
    return float(np.mean([each is not None and each.low <= truth <= each.high for each in found]))


def repeat(folder: Path, runs: int, effort: str) -> None:
    """Run the case; an agent's work directory of its own, so that nothing else is there."""
    for seed in range(runs):
        words = [*FARM, "run", *CHOSEN, "--effort", effort, "--compare", "--seed", str(seed)]
        done = subprocess.run(
            words, cwd=folder, env=os.environ | {"HOME": str(folder)}, capture_output=True, check=False
        )
        if done.returncode not in (0, 1):  # 1: some verdict is INVALID, which is told below
            raise SystemExit(done.stderr.decode())


def read(folder: Path) -> list[Repeated]:
    """Return what the runs found, the oldest first."""
    found = []
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        for run in reversed(store.runs()):
            for row in store.results(run=run.id):
                if row.p50_ns is None:
                    continue
                good = [
                    attempt for attempt in store.measurements(run.id, Case.parse(row.case)) if attempt.error is None
                ]
                samples = tuple(attempt.per_invocation_ns for attempt in good)
                found.append(Repeated(run=run.id, effort=row.effort, p50_ns=row.p50_ns, attempts=samples))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--effort", default="standard", help="standard makes 7 attempts here")
    options.add_argument("--keep", type=Path, help="folder of the database; where it has one, nothing is measured")
    options.add_argument("--json", action="store_true", help="p50 of every run and attempt in ns")
    options.add_argument(
        "--coverage", action="store_true", help="simulate how often intervals hold the truth; measures nothing"
    )
    chosen = options.parse_args()
    if chosen.coverage:
        print("| attempts | a 95 % interval of p50 holds the truth |")
        print("|---:|---:|")
        for attempts in (3, 5, 7, 10, 20):
            print(f"| {attempts} | {covered(attempts, SIMULATIONS):.0%} |")
        return

    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "farm.db").exists():
            repeat(folder, chosen.runs, chosen.effort)
        repeated = read(folder)
    if chosen.json:
        plain = {each.run: {"p50_ns": each.p50_ns, "attempts_ns": medians_of(each)} for each in repeated}
        print(json.dumps(plain, indent=1))
        return
    p50s = [each.p50_ns for each in repeated]
    within = [coefficient_of_variation(medians_of(each)) for each in repeated if len(each.attempts) > 1]
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"{len(repeated)} runs of effort {repeated[0].effort}, {len(repeated[0].attempts)} attempts each, p50 about {np.median(p50s) / 1000:,.1f} µs\n"
    )
    print("| what | figure |")
    print("|---|---:|")
    print(f"| coefficient of variation of p50 over runs | {coefficient_of_variation(p50s):.2%} |")
    print(f"| the same of the attempts' p50 within a run, median over runs | {np.median(within):.2%} |")
    print(f"| largest p50 over smallest | {max(p50s) / min(p50s):.3f} |")
    print_false_alarms(repeated)


def difference(one: Attempts, other: Attempts) -> significance.Difference:
    """Compare two runs of one case, as `farm results compare` does."""
    rounds = [
        {number: float(np.log(np.median(samples))) for number, samples in enumerate(side)} for side in (one, other)
    ]
    a, b = (side for each in rounds for side in significance.sides([each]) if side is not None)
    return significance.differences([significance.contrast(a, b, same_rounds=False)])[0]


def called_by_test(one: Attempts, other: Attempts) -> bool:
    return significance.verdict(difference(one, other), None) in (significance.FASTER, significance.SLOWER)


def called_by_interval(one: Attempts, other: Attempts) -> bool:
    found = difference(one, other).interval
    return not found.low <= 1.0 <= found.high


def called_by_eye(one: Attempts, other: Attempts) -> bool:
    first, second = interval_of_percentile(one, 0.5), interval_of_percentile(other, 0.5)
    return first is not None and second is not None and (first.high < second.low or second.high < first.low)


def print_false_alarms(repeated: list[Repeated]) -> None:
    runs = [(list(one.attempts), list(other.attempts)) for one, other in combinations(repeated, 2)]
    dealt = list(hands([samples for each in repeated for samples in each.attempts], HAND, DEALS))
    print("\n| called different although nothing changed | pairs of runs | two hands of seven |")
    print("|---|---:|---:|")
    for words, differ in (
        (f"the test of `farm results compare` (p ≤ {significance.LEVEL:.2f})", called_by_test),
        ("its interval of the ratio leaves 1 out", called_by_interval),
        ("the two intervals of p50 do not overlap", called_by_eye),
    ):
        cells = [false_alarms(pairs, differ) for pairs in (runs, dealt)]
        print(f"| {words} | " + " | ".join(f"{alarms} of {pairs}" for alarms, pairs in cells) + " |")


def medians_of(repeated: Repeated) -> list[float]:
    """Return the p50 of each attempt in ns."""
    return [float(np.median(samples)) for samples in repeated.attempts]


if __name__ == "__main__":
    main()
