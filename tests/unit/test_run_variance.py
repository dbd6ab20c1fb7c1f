"""How much runs differ where nothing changed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.analysis.pooled_variance import Variance
from orchestrator.analysis.run_variance import run_variance, with_run_variance
from orchestrator.analysis.significance import Contrast, shift_is_unusual, sides

CASES, RUNS, ATTEMPTS = 30, 12, 5


def make_runs(device=0.03, case=0.01, noise=0.01, runs=RUNS, cases=CASES):
    random = np.random.default_rng(0)
    base = random.normal(0, 1, (cases, 1))
    found = []
    for _ in range(runs):
        table = base + random.normal(0, device) + random.normal(0, case, (cases, 1))
        table = table + random.normal(0, noise, (cases, ATTEMPTS))
        both = sides([dict(enumerate(row)) for row in table])
        found.append({f"{number:02}": side for number, side in enumerate(both)})
    return found


def deviations(variance):
    return [math.sqrt(each.value) for each in variance.cases.values()]


def test_what_runs_do_to_a_case_and_to_the_device_is_what_it_was_drawn_from():
    found = run_variance(make_runs(), shifts_apart=True)

    assert np.mean(deviations(found)) == pytest.approx(0.01, rel=0.15)
    assert math.sqrt(found.device.value) == pytest.approx(0.03, rel=0.5)
    assert set(found.runs.values()) == {RUNS}


def test_where_shifts_stay_in_the_rows_they_are_in_the_variance_of_each_case():
    found = run_variance(make_runs(), shifts_apart=False)

    assert np.mean(deviations(found)) > 0.02
    assert found.device is None


def test_runs_that_do_not_differ_add_nothing_that_matters():
    found = run_variance(make_runs(device=0.0, case=0.0), shifts_apart=True)

    assert np.mean(deviations(found)) < 0.003


def test_two_runs_show_nothing():
    assert run_variance(make_runs(runs=2), shifts_apart=True).cases == {}


def test_a_step_is_a_change_and_only_what_is_after_it_counts():
    runs = make_runs(device=0.0, case=0.002, noise=0.002)
    changed = [
        run | {"00": sides([{n: v + 0.4 for n, v in run["00"].rounds.items()}])[0]} if number >= 6 else run
        for number, run in enumerate(runs)
    ]

    found = run_variance(changed, shifts_apart=True)

    assert math.sqrt(found.cases["00"].value) < 0.01


def test_the_variance_of_both_runs_is_in_the_error():
    contrast = Contrast(log=0.1, error=0.03, df=20.0, attempts=5)

    found = with_run_variance(contrast, Variance(value=0.0008, df=10.0))

    assert found.error == pytest.approx(0.05)
    assert found.df == pytest.approx(0.0025**2 / (0.0009**2 / 20 + 0.0016**2 / 10))


def test_a_shift_is_unusual_beyond_what_runs_differ_by():
    usual = Variance(value=0.0001, df=8.0)

    assert shift_is_unusual(0.1, usual)
    assert not shift_is_unusual(0.02, usual)
