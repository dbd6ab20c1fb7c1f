"""Questions take a few statements, however many results there are."""

from __future__ import annotations

import itertools
from contextlib import contextmanager

import pytest
import sqlalchemy

from orchestrator.analysis.compare import between, compare
from orchestrator.analysis.history import history
from orchestrator.analysis.table_rows import table_rows
from orchestrator.domain import event as happened
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement, make_scores
from tests.lab.telling import ended, judged, ready, started, tell


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


@contextmanager
def statements(store):
    """Yield the statements that the database is asked."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    sqlalchemy.event.listen(store._engine, "before_cursor_execute", note)
    yield asked
    sqlalchemy.event.remove(store._engine, "before_cursor_execute", note)


def fill(store, run, cases):
    tell(store, started(run), ready(run))
    for threads in range(1, cases + 1):
        case = make_case(threads=threads)
        for number in range(1, 6):
            name = f"{run}-{threads}-{number}"
            measurement = make_measurement((10**6 + number,) * 64, attempt=name, case=case, number=number)
            tell(store, ended(measurement, run=run))
        tell(store, judged(case, run=run))
    tell(store, happened.Scored(run=run, device="local", scores=make_scores(scoring=f"{run}-scoring")))


@pytest.mark.parametrize("cases", [2, 12])
def test_results_and_runs_take_as_many_statements_for_few_cases_as_for_many(store, cases):
    fill(store, "one", cases)
    fill(store, "two", cases)

    with statements(store) as of_results:
        assert len(store.results()) == cases
    with statements(store) as of_runs:
        assert sorted((row.id, row.cases, row.verdicts["VALID"]) for row in store.runs()) == [
            (name, cases, cases) for name in ("one", "two")
        ]
    with statements(store) as of_attempts:
        assert len(store.measurements("one", make_case())) == 5

    assert [len(asked) for asked in (of_results, of_runs, of_attempts)] == [2, 2, 2]


@pytest.mark.parametrize("cases", [2, 12])
def test_comparing_two_runs_takes_as_many_statements_for_few_cases_as_for_many(store, tmp_path, cases):
    fill(store, "one", cases)
    fill(store, "two", cases)
    old, new = store.results(run="one"), store.results(run="two")

    with statements(store) as asked:
        pairs = compare(store, between(old, new), tmp_path)

    assert len(pairs) == cases
    assert len(asked) <= 16


def test_a_table_of_many_devices_reads_the_results_of_a_run_once(store, tmp_path):
    tell(store, started(), ready())
    devices = [f"pi{number}" for number in range(6)]
    for device, scheme in itertools.product(devices, ("float32", "int8")):
        tell(store, judged(make_case(device=device, scheme=scheme)))

    with statements(store) as asked:
        rows = table_rows(store, store.results(scheme="int8"), tmp_path)

    assert all(row.against is not None for row in rows)
    of_results = [statement for statement in asked if "FROM run_cases" in statement and "base_artifact" in statement]
    assert len(of_results) == 2


def test_attempts_of_a_device_are_looked_up_without_those_of_the_other_devices_of_the_run(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        with statements(store) as asked:
            store.attempt_times("local", ["run-1"])
            store.judged_artifacts("local", "run-1")
        plans = [
            " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("x",) * marks))
            for statement in asked
            if (marks := statement.count("?")) > 1
            for connection in [store._engine.connect()]
        ]

    assert len(plans) == 2
    assert all("(run=? AND case_id=?)" in plan for plan in plans)


def test_the_history_of_a_case_takes_no_statement_for_each_run_without_it(store, tmp_path):
    for number in range(8):
        tell(store, started(f"run-{number}"), ready(f"run-{number}"))
        tell(store, judged(make_case(threads=1 if number == 3 else 2), run=f"run-{number}"))

    with statements(store) as asked:
        points = history(store, make_case(), tmp_path, 10)

    assert [point.row.run for point in points] == ["run-3"]
    assert len(asked) <= 6


def test_of_two_scorings_the_newer_one_that_succeeded_is_the_accuracy(store):
    tell(store, started(), ready())
    for name, error in (("scoring-1", None), ("scoring-2", None), ("scoring-3", "broken")):
        scores = make_scores(scoring=name, error=error)
        tell(store, happened.Scored(run="run-1", device="local", scores=scores))

    assert store.scores("run-1", make_case()).scoring == "scoring-2"
