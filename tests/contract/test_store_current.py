"""Which of a case's results counts, and what it is compared with, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy

from orchestrator.domain import event as happened
from orchestrator.domain.result import Verdict
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_measurement
from tests.lab.telling import ended, judged, ready, started, tell

VALID, WARN, INVALID = Verdict


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


def ask(url, query):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("results", "counts"),
    [
        ([("standard", VALID, 5), ("standard", VALID, 5)], 1),
        ([("quick", WARN, 3), ("smoke", WARN, 1)], 0),
        ([("smoke", WARN, 1), ("quick", WARN, 3)], 1),
        ([("mlperf", VALID, 1), ("standard", VALID, 5)], 1),
        ([("standard", VALID, 5), ("standard", WARN, 5)], 0),
        ([("standard", WARN, 5), ("quick", VALID, 3)], 0),
        ([("smoke", WARN, 1), ("standard", INVALID, 5)], 0),
        ([("standard", INVALID, 5), ("standard", INVALID, 0)], 0),
        ([("standard", INVALID, 0), ("standard", INVALID, 0)], 1),
    ],
)
def test_the_newest_result_counts_unless_an_older_one_is_worth_more(store, results, counts):
    tell(store, started(), ready())
    for number, (effort, verdict, attempts) in enumerate(results):
        at = MIDNIGHT + timedelta(days=number)
        tell(store, started(f"run-{number}", effort=effort))
        tell(store, judged(run=f"run-{number}", at=at, verdict=verdict, attempts=attempts))

    assert [row.run for row in store.results()] == [f"run-{counts}"]
    assert {row.run for row in store.results(every=True)} == {f"run-{number}" for number in range(len(results))}


def test_a_case_that_is_judged_again_may_count_no_more_or_anew(store):
    tell(store, started(), ready(), started("old"), judged(run="old"))
    tell(store, started("new"), judged(run="new", at=MIDNIGHT + timedelta(days=1)))
    again = happened.CaseJudgedAgain(run="new", device="local", result=judged(run="new", verdict=INVALID).result)

    tell(store, again)
    after_doubt = [row.run for row in store.results()]
    tell(store, replace(again, result=judged(run="new").result))

    assert after_doubt == ["old"]
    assert [row.run for row in store.results()] == ["new"]


def test_a_device_keeps_its_results_that_count_when_it_is_renamed(store):
    tell(store, started(), ready(), judged(), judged(make_case(scheme="int8"), p50_ns=250_000.0))

    store.rename_device("local", "desk")

    assert [(row.device, row.scheme, row.speedup) for row in store.results()] == [
        ("desk", "float32", 1.0),
        ("desk", "int8", 4.0),
    ]


def test_float32_is_compared_with_whenever_it_is_judged(store):
    tell(store, started(), ready())
    tell(store, judged(make_case(scheme="int8"), p50_ns=250_000.0))
    before = store.results()[0].speedup

    tell(store, judged())

    assert before is None
    assert [row.speedup for row in store.results(scheme="int8")] == [4.0]


def test_many_cases_judged_at_once_are_linked_as_one_by_one(store):
    cases = [make_case(scheme=scheme, threads=threads) for threads in range(1, 9) for scheme in ("int8", "float32")]

    store.record(started(), ready(), *(judged(case, p50_ns=1e6 * (1 + (case.scheme == "int8"))) for case in cases))

    assert [row.speedup for row in store.results(scheme="int8")] == [0.5] * 8
    assert len(store.results()) == 16


def test_an_attempt_has_its_percentiles_and_its_count_as_columns(store, database_url):
    many = make_measurement(range(0, 1100, 100), attempt="attempt-2", number=2, invocations_per_sample=10)

    tell(store, started(), ready(), ended(), ended(many), ended(make_measurement((), attempt="attempt-3", error="x")))

    found = ask(database_url, "SELECT p10_ns, p50_ns, count FROM attempts ORDER BY id")
    assert found == [(1e6, 1e6, 128), (10.0, 50.0, 11), (None, None, 0)]


def test_no_case_has_two_results_that_count(store, database_url):
    tell(store, started(), ready(), started("one"), judged(run="one"), started("two"), judged(run="two"))
    engine = sqlalchemy.create_engine(database_url)

    with pytest.raises(sqlalchemy.exc.IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql("UPDATE run_cases SET is_current = true")

    engine.dispose()
    assert len(store.results()) == 1
