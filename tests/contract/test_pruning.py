"""Pruning, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy

from orchestrator.analysis.judge import rejudge
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.calibration import Calibration
from orchestrator.errors import UsageError
from orchestrator.exchange.bring_in import bring_in
from orchestrator.exchange.pack import pack
from orchestrator.store import pruning, schema
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_image_list, make_measurement, make_profile, make_scores
from tests.lab.telling import ended, judged, profiled, ready, started, tell

DAY = timedelta(days=1)
ARTIFACTS = ("a" * 64, "b" * 64)


def fill(store, number, *, case=None, artifact="a" * 64, end=True):
    """Store a run of one case, begun so many days after the first."""
    run, case, at = f"run-{number}", case or make_case(), MIDNIGHT + number * DAY
    tell(
        store,
        started(run, at=at),
        ready(run, sha256=artifact),
        run_event.ImagesListed(run=run, image_list=make_image_list()),
    )
    measurement = make_measurement(attempt=f"attempt-{number}", case=case, artifact=artifact)
    tell(
        store,
        ended(measurement, run=run),
        profiled(make_profile(profile=f"profile-{number}", case=case, artifact=artifact), run=run),
    )
    scores = make_scores(scoring=f"scoring-{number}", artifact=artifact, image_list=make_image_list().sha256)
    tell(store, happened.Scored(run=run, device="local", scores=scores))
    tell(store, judged(case, run=run, at=at, artifact=artifact))
    if end:
        tell(store, run_event.RunEnded(run=run, at=at, exit_status=0))


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


@pytest.fixture
def four(store):
    for number in range(3):
        fill(store, number)
    fill(store, 3, case=make_case(scheme="int8"), artifact="b" * 64)
    return store


def planned(store, **choice):
    with store.reading() as session:
        return pruning.plan(session, **choice)


def pruned(store, **choice):
    with store.writing() as session:
        found = pruning.plan(session, **choice)
        pruning.carry_out(session, found)
    return found


def doomed(found):
    return [each.run for each in found.doomed]


def count(store, table):
    with store.reading() as session:
        return session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table))


@pytest.mark.parametrize(
    ("choice", "runs"),
    [
        ({"runs": ("run-1",)}, ["run-1"]),
        ({"before": MIDNIGHT + 2 * DAY}, ["run-0", "run-1"]),
        ({"keep": 1}, ["run-0", "run-1"]),
        ({"keep": 2}, ["run-0"]),
        ({"keep": 0}, ["run-0", "run-1", "run-2", "run-3"]),
        ({"keep": 1, "before": MIDNIGHT + DAY}, ["run-0"]),
        ({"keep": 1, "runs": ("run-1", "run-3")}, ["run-1"]),
        ({"before": MIDNIGHT}, []),
    ],
)
def test_runs_are_chosen_by_name_age_and_what_is_newer(four, choice, runs):
    assert doomed(planned(four, **choice)) == runs


def test_what_would_go_has_a_size_and_planning_deletes_nothing(four):
    everything = planned(four, runs=("run-0",)).doomed[0]
    samples = planned(four, runs=("run-0",), samples_only=True).doomed[0]

    assert (everything.cases, everything.attempts, everything.started_at) == (1, 1, MIDNIGHT)
    assert samples.size_bytes == 130 * 8
    assert everything.size_bytes > samples.size_bytes
    assert count(four, schema.Run) == 4


def test_a_run_goes_with_all_that_hangs_on_it_and_nothing_else(four):
    before = {table.name: count(four, table) for table in schema.Base.metadata.sorted_tables}

    pruned(four, runs=("run-3",))

    after = {table.name: count(four, table) for table in schema.Base.metadata.sorted_tables}
    assert [row.id for row in four.runs()] == ["run-2", "run-1", "run-0"]
    assert after["cases"] == before["cases"] - 1  # that of int8
    assert [bool(four.artifact(sha256, "run-0", make_case())) for sha256 in ARTIFACTS] == [True, False]
    assert after["image_lists"] == before["image_lists"]
    shared = {"cases", "artifacts", "image_lists", "devices", "device_facts", "lanes", "calibrations", "metrics"}
    assert {name: 4 * after[name] for name in before if name not in shared} == {
        name: 3 * before[name] for name in before if name not in shared
    }


def test_where_everything_goes_only_devices_stay(four):
    pruned(four, keep=0)

    left = {table.name for table in schema.Base.metadata.sorted_tables if count(four, table)}
    assert left <= {"devices"}
    fill(four, 9)  # what was known of cases is forgotten
    assert [row.run for row in four.results()] == ["run-9"]


def test_the_next_best_result_counts_where_the_one_that_did_is_gone(four):
    assert {row.run for row in four.results(scheme="float32")} == {"run-2"}

    pruned(four, runs=("run-2",))

    assert {row.run for row in four.results(scheme="float32")} == {"run-1"}


def test_named_running_and_calibrating_runs_stay_unless_they_are_chosen_by_id(four):
    four.name_run("run-0", "baseline")
    fill(four, 4, case=make_case(threads=2), end=False)
    at = {"device": "local", "at": MIDNIGHT, "run": "run-1", "case_name": str(make_case()), "effort": "quick"}
    figures = {"attempts": 5, "group_size": 5, "noise_floor": 0.01, "observed": 0.0, "p50_ns": 1.0}
    rest = {"loop_ns": None, "clock_ns": None, "governor": None, "hardware_key": None, "seed": 1}
    four.record_calibration(Calibration(**at, **figures, **rest))

    found = pruned(four, keep=0)

    assert doomed(found) == ["run-2", "run-3"]
    assert {each.run: each.why for each in found.kept} == {
        "run-0": "it has a name: baseline",
        "run-1": "it holds the calibration of local",
        "run-4": "it has not ended",
    }
    assert doomed(pruned(four, runs=("run-0", "run-1"))) == ["run-0", "run-1"]
    assert [row.id for row in four.runs()] == ["run-4"]


def test_samples_alone_go_and_figures_stay(four):
    before = four.results()

    pruned(four, runs=("run-2",), samples_only=True)

    assert four.results() == before
    assert [len(attempt.latency_ns) for attempt in four.measurements("run-2", make_case())] == [0]
    assert [len(attempt.latency_ns) for attempt in four.measurements("run-1", make_case())] == [128]
    assert doomed(planned(four, runs=("run-2",), samples_only=True)) == []  # there is nothing left to delete
    with pytest.raises(UsageError, match="run run-2 can't be judged again: its samples were pruned"):
        list(rejudge(four, "run-2"))


def test_a_run_without_samples_goes_to_another_farm_as_what_it_is(four, tmp_path):
    pruned(four, runs=("run-2",), samples_only=True)
    path = pack(four, "run-2", tmp_path / "run.farm.zip").path

    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        bring_in(other, path)

        assert other.samples_pruned("run-2")
        assert not bring_in(other, path).new


def test_the_file_of_sqlite_shrinks(tmp_path):
    path = tmp_path / "farm.db"
    with Store.open(f"sqlite:///{path}") as store:
        fill(store, 0)
        tell(store, ended(make_measurement(range(1, 300_000), attempt="long", number=2), run="run-0"))
        pruned(store, runs=("run-0",), samples_only=True)
        full = path.stat().st_size

        words = store.reclaim()

    assert "the file had" in words
    assert path.stat().st_size < full - 2_000_000
