"""What every database must do with what a run tells it."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.exc import StatementError

from orchestrator.devices.health import disk
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Plan
from orchestrator.domain.result import Verdict
from orchestrator.errors import StoreError, UnknownName
from orchestrator.store.rows import Damage
from orchestrator.store.store import Store
from orchestrator.testing import (
    MIDNIGHT,
    make_artifact,
    make_case,
    make_golden,
    make_measurement,
    make_scores,
    make_suite,
)
from tests.lab.telling import RUN, ended, everything_that_can_happen, judged, lane_started, ready, started, tell


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


def count(url, table):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    finally:
        engine.dispose()


def events(url):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text("SELECT kind, device, detail FROM events ORDER BY id")).all()
    finally:
        engine.dispose()
    return [(kind, device, json.loads(detail) if isinstance(detail, str) else detail) for kind, device, detail in found]


def test_a_new_database_is_empty(store):
    assert store.runs() == ()
    assert store.results() == []
    assert store.lanes(RUN) == ()
    assert store.done_steps(RUN) == frozenset()
    assert store.measurements(RUN, make_case()) == ()
    assert store.scores(RUN, make_case()) is None
    assert store.facts(RUN, "local") == {}
    assert store.artifact("a" * 64, RUN, make_case()) is None
    assert store.skips(RUN) == ()
    with pytest.raises(UnknownName, match=r"^there is no run yet: farm run starts one\n"):
        store.run("latest")
    with pytest.raises(UnknownName, match="no run called 'first'") as refused:
        store.run("first")
    assert refused.value.hint == "no run yet: farm run"


def test_every_kind_of_event_is_stored_in_order(store, database_url):
    told = everything_that_can_happen()
    classes = [kind for module in (happened, run_event) for _, kind in inspect.getmembers(module, inspect.isclass)]
    kinds = {kind for kind in classes if issubclass(kind, happened.Event)}

    tell(store, *told)

    assert {type(event) for event in told} == kinds - {happened.Event}
    rows = events(database_url)
    assert [kind for kind, _, _ in rows] == [type(event).__name__ for event in told]
    assert [device for _, device, _ in rows] == [event.device for event in told]
    details = {kind: detail for kind, _, detail in rows}
    case = str(make_case())
    assert details["AttemptEnded"] == {"attempt": "attempt-1", "case": case, "error": None}
    assert details["Scored"] == {"scoring": "scoring-1", "model": "tiny-cxr", "scheme": "float32", "error": None}
    assert details["CaseJudged"] == {"case": case, "verdict": "WARN", "reasons": ["smoke"]}
    assert details["ArtifactReady"]["artifact"] == "a" * 64
    assert details["DeviceProbed"] == {"entry": "local"}
    assert details["DatasetRead"]["parts"] == [
        {"part": "evaluation", "images": 80, "by_class": {"WELL": 40, "SICK": 40}}
    ]
    assert (details["DatasetRead"]["left_out"], details["DatasetRead"]["pixel_range"]) == ({".dcm": 3}, [0, 255])
    assert details["Planned"] == {"cases": 1, "skips": 0, "steps": {"local": 1}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise(happened.Event):
    what: object


@pytest.mark.parametrize(
    ("what", "stored"),
    [
        (Path("/tmp"), "/tmp"),
        (b"x" * 2_000_000, "2000000 bytes"),
        ({1: (Verdict.WARN, None, True)}, {"1": ["WARN", None, True]}),
        (float("inf"), None),
        (MIDNIGHT, "2026-01-01 00:00:00+00:00"),
    ],
    ids=["path", "bulk", "nested", "infinite", "moment"],
)
def test_an_event_of_a_kind_that_the_store_does_not_know_is_stored_too(store, database_url, what, stored):
    tell(store, started(), Surprise(run=RUN, device="local", what=what))

    assert events(database_url)[1:] == [("Surprise", "local", {"what": stored})]


def test_what_is_told_twice_is_stored_once(store, database_url):
    told = everything_that_can_happen()

    tell(store, *told, *told)

    single = ("runs", "devices", "artifacts", "lanes", "attempts", "scores", "run_cases")
    counts = {table: count(database_url, table) for table in (*single, "cases", "samples", "metrics")}
    assert counts == dict.fromkeys(single, 1) | {"run_cases": 2, "cases": 2, "samples": 2, "metrics": 3}


def test_a_journal_read_again_leaves_no_trace(store, database_url):
    tell(store, started(), ready(), lane_started(), ended(offset=500))
    before = count(database_url, "events")

    tell(store, ended(offset=500), ended(make_measurement(attempt="older", number=2), offset=400))

    assert count(database_url, "events") == before
    assert store.done_steps(RUN) == {"attempt-1"}
    assert store.lanes(RUN)[0].cursor == happened.Cursor(lane="lane-1", offset=500)


def test_a_lane_that_is_started_again_keeps_its_place(store):
    tell(store, started(), ready(), lane_started(), ended(offset=500), lane_started())

    assert [(lane.id, lane.offset, lane.ended) for lane in store.lanes(RUN)] == [("lane-1", 500, False)]


def test_an_offset_and_its_event_are_one_transaction(store, database_url):
    tell(store, started(), ready(), lane_started(), ended(offset=500))
    before = count(database_url, "events")
    # a real failure in the middle: the attempt is inserted after the offset moved, and names an artifact nobody knows
    unknown = make_measurement(attempt="attempt-2", number=2, artifact="f" * 64)

    with pytest.raises(StoreError, match="refused AttemptEnded"):
        store.record(ended(unknown, offset=900))

    assert store.lanes(RUN)[0].offset == 500
    assert store.done_steps(RUN) == {"attempt-1"}
    assert count(database_url, "events") == before
    assert count(database_url, "samples") == 2
    store.record(ended(replace(unknown, artifact="a" * 64), offset=900))
    assert store.lanes(RUN)[0].offset == 900


def test_a_failure_after_everything_else_undoes_everything_else(store, database_url):
    tell(store, started(), ready(), lane_started())
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE events RENAME TO elsewhere"))

    with pytest.raises(StoreError, match="refused AttemptEnded"):
        store.record(ended(offset=500))

    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE elsewhere RENAME TO events"))
    engine.dispose()
    assert store.lanes(RUN)[0].offset == 0
    assert store.done_steps(RUN) == frozenset()


def test_lanes_are_listed_as_they_were_started_and_end(store):
    tell(store, started(), lane_started("b"), lane_started("a"), lane_started("c", device="pi5-a"))

    store.record(happened.LaneEnded(run=RUN, device="local", lane="a", error="its process died"))

    assert [(lane.id, lane.device, lane.ended) for lane in store.lanes(RUN)] == [
        ("b", "local", False),
        ("a", "local", True),
        ("c", "pi5-a", False),
    ]


def test_a_measurement_comes_back_as_it_was(store):
    first = make_measurement(
        range(1000, 1200), number=2, readings=({"at_ns": 5, "temperature_c": 51.5, "throttled": "0x50000"},)
    )
    failed = make_measurement(
        (), attempt="attempt-0", number=1, error="Killed", load_ns=None, first_ns=None, warmup_ns=(),
        peak_rss_bytes=None, requested=None, effective=None, versions=None,
    )  # fmt: skip
    other = make_measurement(attempt="attempt-9", case=make_case(threads=4))

    tell(store, started(), ready(), ended(first), ended(failed), ended(other))

    assert store.measurements(RUN, make_case()) == (failed, first)
    assert store.done_steps(RUN) == {"attempt-0", "attempt-1", "attempt-9"}
    assert store.done_steps("another") == frozenset()


def test_big_values_fit(store):
    big = make_measurement(
        [2**62 + number for number in range(200_000)],
        wall_ns=2**62,
        load_ns=2**33,
        first_ns=2**33,
        peak_rss_bytes=2**40,
    )

    tell(store, started(seed=2**40), ready(size_bytes=2**40), lane_started(), ended(big, offset=2**40))

    assert store.measurements(RUN, make_case()) == (big,)
    assert store.lanes(RUN)[0].offset == 2**40
    assert store.run(RUN).seed == 2**40
    assert store.artifact("a" * 64, RUN, make_case()).size_bytes == 2**40


def test_scores_come_back_as_they_were(store):
    scores = make_scores(
        device_auc=(1.0, None),
        auc=(0.25, None),
        classes=("Nodule", "Herz – groß"),
        shape=(1, 2),
        scores=bytes(range(8)),
    )
    failed = make_scores(scoring="s2", scheme="int8", error="Killed", scores=b"", shape=(0, 0), auc=(), device_auc=())

    tell(store, started(), ready(), happened.Scored(run=RUN, scores=scores), happened.Scored(run=RUN, scores=failed))

    assert store.scores(RUN, make_case()) == scores
    assert store.scores(RUN, make_case(threads=4)) == scores
    assert store.scores(RUN, make_case(scheme="int8")) == failed
    assert store.scores(RUN, make_case(batch=8)) is None
    assert store.done_steps(RUN) == {"scoring-1", "s2"}


def test_an_artifact_comes_back_as_it_was(store):
    artifact = make_artifact(
        preprocess=replace(make_artifact().preprocess, channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0)),
        recipe={"scheme": "int8", "calibration": None, "versions": {"keras": "3.15"}},
    )

    tell(store, started(), run_event.ArtifactReady(run=RUN, artifact=artifact, reused=True, seconds=0))

    assert store.artifact(artifact.sha256, RUN, make_case()) == artifact


def test_models_and_runs_that_share_a_file_have_checks_of_their_own(store):
    """Two entries of a suite name one ready file and feed it differently; a later run checks it on another dataset."""
    ours = make_artifact(model="ours", checks={"max_abs_difference": 0.1}, golden=make_golden(largest=0.1))
    other = replace(ours, model="other", checks={"max_abs_difference": 0.2}, golden=make_golden(largest=0.2))
    later = replace(ours, checks={"max_abs_difference": 0.3}, golden=make_golden(largest=0.3))

    tell(
        store,
        started(),
        *(run_event.ArtifactReady(run=RUN, artifact=each, reused=False, seconds=0) for each in (ours, other)),
        started("run-2"),
        run_event.ArtifactReady(run="run-2", artifact=later, reused=True, seconds=0),
    )

    assert store.artifact(ours.sha256, RUN, make_case(model="ours")) == ours
    assert store.artifact(ours.sha256, RUN, make_case(model="other")) == other
    assert store.artifact(ours.sha256, "run-2", make_case(model="ours")) == later


def test_facts_are_the_last_told(store):
    for cores in (2, 4):
        event = happened.DeviceProbed(run=RUN, device="local", entry=LOCAL, facts={"cores": cores, "os": "Debian"})
        tell(store, started(), event)

    assert store.facts(RUN, "local") == {"cores": 4, "os": "Debian"}
    assert store.facts(RUN, "pi5-a") == {}


def test_words_that_a_database_cannot_hold_are_replaced(store):
    measurement = make_measurement(
        (), error="torn \0 and \udc80 words", readings=({"at_ns": 1, "temperature_c": float("nan"), "x": "\0"},)
    )

    tell(store, started(), ready(), ended(measurement))
    tell(store, happened.CaseSkipped(run=RUN, device="local", case=make_case(), reason="\0"))

    (found,) = store.measurements(RUN, make_case())
    assert found.error == "torn \ufffd and ? words"
    assert found.readings == ({"at_ns": 1},), "what is no reading is no part of it"
    assert store.skips(RUN) == ((make_case(), "\ufffd"),)


def test_moments_come_back_in_utc(store):
    tokyo = datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=timezone(timedelta(hours=9)))

    tell(store, started(at=tokyo))

    found = store.run(RUN).started_at
    assert found == tokyo
    assert found.tzinfo is UTC
    assert found.isoformat() == "2026-02-28T23:30:00.123456+00:00"


def test_a_moment_without_a_zone_is_refused(store):
    with pytest.raises(StatementError, match="naive datetime"):
        store.record(started(at=datetime(2026, 3, 1)))  # noqa: DTZ001  that is the point

    assert store.runs() == ()


def test_runs_are_listed_newest_first_with_their_verdicts(store):
    later = MIDNIGHT + timedelta(hours=1)
    tell(store, started(), started("run-2", at=later), ready(), ready("run-2"))
    tell(store, judged(), judged(make_case(scheme="int8"), verdict=Verdict.WARN))
    tell(store, judged(make_case(device="pi5-a"), verdict=Verdict.WARN))
    tell(store, happened.CaseSkipped(run=RUN, case=make_case(threads=9), reason="why"))
    tell(store, run_event.RunEnded(run=RUN, at=later, exit_status=1))

    second, first = store.runs()

    assert (second.id, second.cases, second.verdicts, second.ended_at) == ("run-2", 0, {}, None)
    assert (first.id, first.cases, first.verdicts) == (RUN, 4, {"VALID": 1, "WARN": 2})
    assert type(first.verdicts) is dict  # a Counter is no JSON value once it went through asdict
    assert first.devices == ("local", "pi5-a")
    assert (first.ended_at, first.exit_status) == (later, 1)
    assert (first.suite, first.seed, first.dataset, first.synthetic) == ({"models": ["tiny-cxr"]}, 7, "phantom", True)


def test_a_suite_survives_the_way_through_the_store(store):
    suite = make_suite()

    tell(store, started(suite=suite.to_json()))

    assert type(suite).from_json(store.run(RUN).suite) == suite


def test_a_run_that_goes_on_has_not_ended(store):
    tell(store, started(), run_event.RunEnded(run=RUN, exit_status=1), run_event.RunResumed(run=RUN))

    assert (store.run(RUN).ended_at, store.run(RUN).exit_status) == (None, None)


def test_a_run_is_found_by_its_id_its_beginning_and_as_the_latest(store):
    tell(store, started("20260101-aa"), started("20260101-aab"), started("20260102-b_", at=MIDNIGHT + timedelta(1)))

    assert store.run("latest").id == "20260102-b_"
    assert store.run("20260102").id == "20260102-b_"
    assert store.run("20260101-aa").id == "20260101-aa"
    with pytest.raises(UnknownName) as refused:
        store.run("20260101")
    assert refused.value.hint == "give more of its id: farm runs"
    for unknown in ("nothing", "2026%", "20260102_b"):
        with pytest.raises(UnknownName):
            store.run(unknown)
    with pytest.raises(UnknownName, match="did you mean '20260102-b_'"):
        store.run("20260102-bb")


def test_skips_come_back_until_the_case_is_planned_again(store):
    case = make_case(runtime="tflite")
    tell(store, started(), happened.CaseSkipped(run=RUN, case=case, reason="no tflite there"))

    assert store.skips(RUN) == ((case, "no tflite there"),)
    assert store.results(run=RUN) == []

    plan = Plan(
        run=RUN,
        effort=EFFORTS["smoke"],
        seed=0,
        lanes=(Lane(device="local", steps=(Attempt(id="x", case=case, number=1),)),),
        skips=(),
    )
    store.record(run_event.Planned(run=RUN, plan=plan))
    assert store.skips(RUN) == ()


def test_files_that_a_disk_changed_are_counted_by_device(store):
    damage = happened.DamageMended(run=RUN, at=MIDNIGHT, device="old-card", what="agent")
    later = replace(damage, run="run-2", at=MIDNIGHT + timedelta(days=3))
    tell(store, started(), started("run-2"), damage, replace(damage, what="labels"), later)
    for name in ("old-card", "new-card"):
        store.record_facts(replace(LOCAL, name=name), {}, MIDNIGHT)

    new, old = store.devices()

    assert new.damage is None
    assert old.damage == Damage(files=3, runs=2, last_at=MIDNIGHT + timedelta(days=3))
    ((_, sentence),) = disk(old.damage)
    assert sentence.startswith(
        "its disk changed 3 files of farm's after arrival, found and installed anew by 2 runs, last on"
    )


def test_a_name_that_led_to_another_machine_has_a_predecessor_until_the_next_run(store):
    for number, key in enumerate(("a", "a", None, "b", "b")):
        run = f"machine-{number}"
        facts = {"hardware_key": key, "board": f"board {key}"} if key else {}
        tell(store, replace(started(), run=run), probed(run, facts))
    tell(store, probed("machine-4", {"hardware_key": "c"}))

    found = {number: store.predecessor(f"machine-{number}", "pi") for number in range(5)}

    assert [number for number, other in found.items() if other] == [3, 4]
    assert found[3].changes == ("hardware key a…, now b…", "board board a, now board b")
    assert found[4].changes == ("hardware key b…, now c…",), "swapped before the run went on"
    assert store.predecessor("machine-4", "other") is None


def probed(run, facts):
    entry = replace(LOCAL, name="pi")
    return happened.DeviceProbed(run=run, at=MIDNIGHT, device="pi", entry=entry, facts=facts)
