#!/usr/bin/env python3
"""How often `farm results compare` is right, beside the rules of other tools on the same simulated tables; prints docs/compare.md's table.

    .venv/bin/python benchmarks/comparisons.py [--tables 1000]

A table is 20 cases of one device; the noise is the standard deviation between attempts of a case. One case may really differ, the
others do not. "Drift" is a device that gets slower by that much during the run; "runs" are two runs of which each differs by 1 %
as a whole, each case by 0.3 % more; "history" are earlier runs that differ in the same way, with fewer attempts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from orchestrator.analysis.run_variance import run_variance, with_run_variance
from orchestrator.analysis.significance import (
    FASTER,
    SLOWER,
    Contrast,
    contrast,
    differences,
    shift,
    shift_is_unusual,
    sides,
    verdict,
    without_shift,
)

CASES = 20
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is simulated: logs of attempts' medians."""

    name: str
    noise: float
    attempts: int
    #: By how much the first case of B really is slower.
    effect: float = 0.0
    drift: float = 0.0
    #: Standard deviations of what a run does to the device, and to each case of it.
    run: float = 0.0
    case_run: float = 0.0
    #: Whether A and B are two runs, not two sides of one.
    two_runs: bool = False
    #: Earlier runs, and the attempts of each.
    history: int = 0
    history_attempts: int = 3
    #: By how much the device as a whole really is slower in B.
    shift: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Logs: a row for each case and a column for each attempt."""

    a: Table
    b: Table
    #: The oldest first.
    history: tuple[Table, ...]


SCENES = (
    Scene(name="nothing differs", noise=0.02, attempts=5),
    Scene(name="one is 10 % slower", noise=0.02, attempts=5, effect=0.10),
    Scene(name="one is 5 % slower", noise=0.02, attempts=10, effect=0.05),
    Scene(name="10 % drift, nothing differs", noise=0.01, attempts=5, drift=0.10),
    Scene(name="10 % drift, one is 5 % slower", noise=0.01, attempts=5, drift=0.10, effect=0.05),
    Scene(name="two runs, nothing differs", noise=0.01, attempts=5, run=0.01, case_run=0.003, two_runs=True),
    Scene(
        name="two runs, one is 5 % slower", noise=0.01, attempts=5, run=0.01, case_run=0.003, two_runs=True, effect=0.05
    ),
    Scene(
        name="two runs, one is 10 % slower",
        noise=0.02,
        attempts=5,
        run=0.01,
        case_run=0.003,
        two_runs=True,
        effect=0.10,
    ),
    Scene(
        name="two runs, 6 before, nothing differs",
        noise=0.01,
        attempts=5,
        run=0.01,
        case_run=0.003,
        two_runs=True,
        history=6,
    ),
    Scene(
        name="two runs, 6 before, one is 5 % slower",
        noise=0.01,
        attempts=5,
        run=0.01,
        case_run=0.003,
        two_runs=True,
        history=6,
        effect=0.05,
    ),
)


def simulated(scene: Scene, random: np.random.Generator) -> Tables:
    """Return the logs of A, of B, and of earlier runs."""
    base = random.normal(0, 1, (CASES, 1))
    tables = []
    for attempts in (scene.attempts, scene.attempts, *[scene.history_attempts] * scene.history):
        table = base + random.normal(0, scene.noise, (CASES, attempts))
        table += np.linspace(0, scene.drift, attempts)
        table += random.normal(0, 1) * scene.run + random.normal(0, 1, (CASES, 1)) * scene.case_run
        tables.append(table)
    tables[1] += np.log1p(scene.shift)
    tables[1][0] += np.log1p(scene.effect)
    return Tables(a=tables[0], b=tables[1], history=tuple(tables[2:]))


def farm(tables: Tables, scene: Scene) -> NDArray[np.bool_]:
    """Apply the rule of `farm results compare`."""
    return np.array([verdict(each, None) in (FASTER, SLOWER) for each in differences(compared(tables, scene)[0])])


def compared(tables: Tables, scene: Scene) -> tuple[list[Contrast], bool]:
    """Return the contrasts of the cases, and whether farm reports that the device as a whole differs more than runs do."""
    rows = [dict(enumerate(row)) for row in (*tables.a, *tables.b)]
    found = [*sides(rows[:CASES]), *sides(rows[CASES:])] if scene.two_runs else [*sides(rows)]
    contrasts = [
        contrast(one, other, same_rounds=not scene.two_runs)
        for one, other in zip(found[:CASES], found[CASES:], strict=True)
        if one is not None and other is not None
    ]
    moved = shift(contrasts) if scene.two_runs else None
    if moved is None:
        return contrasts, False
    unusual = False
    if scene.history:
        before = [
            {str(number): side for number, side in enumerate(sides([dict(enumerate(row)) for row in run])) if side}
            for run in (*tables.history, tables.a)
        ]
        usual = run_variance(before, shifts_apart=True)
        unusual = usual.device is not None and shift_is_unusual(moved, usual.device)
        contrasts = [with_run_variance(each, usual.cases[str(number)]) for number, each in enumerate(contrasts)]
    return list(without_shift(contrasts, moved)), unusual


def pyperf(tables: Tables, _scene: Scene) -> NDArray[np.bool_]:
    """Student's t with pooled variance at 95 %, each row alone, as pyperf's ``is_significant``."""
    return np.asarray(stats.ttest_ind(np.exp(tables.a), np.exp(tables.b), axis=1).pvalue < 0.05)


def asv(tables: Tables, _scene: Scene) -> NDArray[np.bool_]:
    """Mann and Whitney's U at 0.002, each row alone, as asv does where samples are enough; five a side can't reach it."""
    return np.asarray(stats.mannwhitneyu(tables.a, tables.b, axis=1, method="exact").pvalue < 0.002)


def bencher(tables: Tables, _scene: Scene) -> NDArray[np.bool_]:
    """Ask for the new mean beyond the 99 % bound of the old values, either side, as Bencher's t-test threshold."""
    old = _old_values(tables)
    bound = stats.t.ppf(0.99, old.shape[1] - 1) * old.std(axis=1, ddof=1)
    return np.asarray(np.abs(tables.b.mean(axis=1) - old.mean(axis=1)) > bound)


def conbench(tables: Tables, _scene: Scene) -> NDArray[np.bool_]:
    """Ask for the new mean more than 5 standard deviations of the old values away, as conbench."""
    old = _old_values(tables)
    return np.asarray(np.abs(tables.b.mean(axis=1) - old.mean(axis=1)) > 5 * old.std(axis=1, ddof=1))


def _old_values(tables: Tables) -> Table:
    """Return the means of earlier runs; without such runs, the attempts of A stand for them."""
    runs = (*tables.history, tables.a)
    return np.stack([run.mean(axis=1) for run in runs], axis=1) if tables.history else tables.a


RULES: tuple[Callable[[Tables, Scene], NDArray[np.bool_]], ...] = (farm, pyperf, asv, bencher, conbench)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a rule did in a scene."""

    #: Of the cases that do not differ, how many were called different.
    false_cases: float
    #: Of the tables, how many held at least one of those.
    false_tables: float
    #: How often the case that differs was called so; ``None`` where none does.
    found: float | None


def rates(rule: Callable[[Tables, Scene], NDArray[np.bool_]], scene: Scene, tables: int, seed: int = 0) -> Rates:
    """Simulate ``tables`` tables; the same seed gives every rule the same tables."""
    random = np.random.default_rng(seed)
    called = np.array([rule(simulated(scene, random), scene) for _ in range(tables)])
    unchanged = called[:, 1:] if scene.effect else called
    return Rates(
        false_cases=float(unchanged.mean()),
        false_tables=float(unchanged.any(axis=1).mean()),
        found=float(called[:, 0].mean()) if scene.effect else None,
    )


def unusual_shifts(scene: Scene, tables: int, seed: int = 0) -> float:
    """Return how often the device as a whole is called faster or slower than runs of it usually differ."""
    random = np.random.default_rng(seed)
    return float(np.mean([compared(simulated(scene, random), scene)[1] for _ in range(tables)]))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tables", type=int, default=1000)
    tables = options.parse_args().tables
    print("False alarms a case / a table, then how often the one that differs is found.\n")
    print(f"| {CASES} cases | noise | attempts | " + " | ".join(rule.__name__ for rule in RULES) + " |")
    print("|---|---:|---:|" + "---|" * len(RULES))
    for scene in SCENES:
        cells = []
        for rule in RULES:
            rate = rates(rule, scene, tables)
            found = "" if rate.found is None else f", {rate.found:.0%}"
            cells.append(f"{rate.false_cases:.2%} / {rate.false_tables:.1%}{found}")
        print(f"| {scene.name} | {scene.noise:.0%} | {scene.attempts} v {scene.attempts} | " + " | ".join(cells) + " |")
    quiet = next(scene for scene in SCENES if scene.history)
    called = {share: unusual_shifts(replace(quiet, shift=share), tables) for share in (0.0, 0.05, 0.1)}
    print("\nThe device as a whole, 6 runs before, slower by 0 / 5 / 10 %, called unusual: ", end="")
    print(" / ".join(f"{share:.1%}" for share in called.values()))


if __name__ == "__main__":
    main()
