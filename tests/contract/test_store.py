"""What every database must do with what a run tells it."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy
from sqlalchemy.exc import StatementError

from orchestrator.domain import event as happened
from orchestrator.domain.device import LOCAL
from orchestrator.domain.plan import EFFORTS, Attempt, Lane, Plan
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.errors import StoreError, UnknownName
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_scores, make_suite

RUN = "run-1"


@pytest.fixture
def store(database_url):
    with Store.open(database_url) as opened:
        yield opened


def started(run=RUN, **changes):
    event = happened.RunStarted(
        run=run,
        at=MIDNIGHT,
        suite={"models": ["tiny-cxr"]},
        seed=7,
        effort="smoke",
        dataset="phantom",
        synthetic=True,
        farm_version="0.1.0",
    )
    return replace(event, **changes)


def ready(run=RUN, **changes):
    return happened.ArtifactReady(run=run, artifact=make_artifact(**changes), reused=False, seconds=1.5)


def lane_started(lane="lane-1", run=RUN, device="local"):
    return happened.LaneStarted(run=run, device=device, lane=lane)


def ended(measurement=None, *, run=RUN, offset=None, lane="lane-1"):
    cursor = None if offset is None else happened.Cursor(lane=lane, offset=offset)
    return happened.AttemptEnded(run=run, device="local", cursor=cursor, measurement=measurement or make_measurement())


def judged(case=None, *, run=RUN, at=MIDNIGHT, **changes):
    result = CaseResult(
        run=run,
        case=case or make_case(),
        artifact="a" * 64,
        size_bytes=None,
        attempts=1,
        samples=128,
        p50_ns=1_000_000.0,
        p90_ns=2_000_000.0,
        p99_ns=None,
        auc_mean=0.9,
        verdict=Verdict.VALID,
        reasons=(),
    )
    return happened.CaseJudged(run=run, at=at, device="local", result=replace(result, **changes))


def tell(store, *events):
    for event in events:
        store.record(event)


def count(url, table):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    finally:
        engine.dispose()


def everything_that_can_happen():
    case, scores = make_case(), make_scores()
    plan = Plan(
        run=RUN,
        effort=EFFORTS["smoke"],
        seed=7,
        lanes=(Lane(device="local", steps=(Attempt(id="attempt-1", case=case, number=1),)),),
        skips=(),
    )
    own = {"run": RUN, "at": MIDNIGHT, "device": "local"}
    named = {"model": "tiny-cxr", "scheme": "float32"}
    return [
        started(),
        happened.RunResumed(run=RUN, at=MIDNIGHT),
        happened.DeviceProbed(**own, entry=LOCAL, facts={"cores": 4}),
        happened.LaneSkipped(**own, reason="it is off"),
        happened.CaseSkipped(**own, case=make_case(runtime="tflite"), reason="no such runtime"),
        happened.Planned(run=RUN, at=MIDNIGHT, plan=plan),
        happened.BuildStarted(run=RUN, at=MIDNIGHT, total=1),
        ready(),
        happened.BuildFailed(run=RUN, at=MIDNIGHT, **named, batch=1, error="it can't"),
        happened.BlobSent(**own, what="artifact", sha256="a" * 64, size_bytes=5_000_000_000, sent_bytes=10),
        lane_started(),
        happened.AttemptStarted(**own, attempt="attempt-1", case=case, number=1),
        ended(),
        happened.ScoringStarted(**own, scoring="scoring-1", **named, runtime="litert"),
        happened.Scored(**own, scores=scores),
        happened.LinkLost(**own, reason="the cable"),
        happened.LaneEnded(**own, lane="lane-1"),
        judged(case),
        happened.RunEnded(run=RUN, at=MIDNIGHT, exit_status=0),
    ]


def test_a_new_database_is_empty(store):
    assert store.runs() == ()
    assert store.results() == []
    assert store.lanes(RUN) == ()
    assert store.done_steps(RUN) == frozenset()
    assert store.measurements(RUN, make_case()) == ()
    assert store.scores(RUN, make_case()) is None
    assert store.facts(RUN, "local") == {}
    assert store.artifact("a" * 64) is None
    assert store.skips(RUN) == ()
    with pytest.raises(UnknownName, match="no run called 'latest'") as refused:
        store.run("latest")
    assert refused.value.hint == "there is none yet: farm run"


def test_every_kind_of_event_is_stored_in_order(store, database_url):
    told = everything_that_can_happen()
    kinds = {kind for _, kind in inspect.getmembers(happened, inspect.isclass) if issubclass(kind, happened.Event)}

    tell(store, *told)

    assert {type(event) for event in told} == kinds - {happened.Event}
    engine = sqlalchemy.create_engine(database_url)
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text("SELECT kind, device, detail FROM events ORDER BY id")).all()
    engine.dispose()
    assert [kind for kind, _, _ in rows] == [type(event).__name__ for event in told]
    assert [device for _, device, _ in rows] == [event.device for event in told]
    assert all(isinstance(json.loads(detail) if isinstance(detail, str) else detail, dict) for _, _, detail in rows)


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
    assert store.artifact("a" * 64).size_bytes == 2**40


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

    tell(store, started(), happened.ArtifactReady(run=RUN, artifact=artifact, reused=True, seconds=0))

    assert store.artifact(artifact.sha256) == artifact


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
    assert found.readings[0]["temperature_c"] is None
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
    tell(store, happened.RunEnded(run=RUN, at=later, exit_status=1))

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
    tell(store, started(), happened.RunEnded(run=RUN, exit_status=1), happened.RunResumed(run=RUN))

    assert (store.run(RUN).ended_at, store.run(RUN).exit_status) == (None, None)


def test_a_run_is_found_by_its_id_its_beginning_and_as_the_latest(store):
    tell(store, started("20260101-aa"), started("20260101-aab"), started("20260102-b_", at=MIDNIGHT + timedelta(1)))

    assert store.run("latest").id == "20260102-b_"
    assert store.run("20260102").id == "20260102-b_"
    assert store.run("20260101-aa").id == "20260101-aa"
    with pytest.raises(UnknownName) as refused:
        store.run("20260101")
    assert refused.value.hint == "say more of its id: farm runs"
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
    store.record(happened.Planned(run=RUN, plan=plan))
    assert store.skips(RUN) == ()


def two_schemes(store, run=RUN, at=MIDNIGHT, **float32):
    int8 = make_case(scheme="int8")
    tell(store, started(run), ready(run), ready(run, sha256="b" * 64, size_bytes=250, scheme="int8"))
    tell(store, judged(run=run, at=at, **float32))
    tell(store, judged(int8, run=run, at=at, artifact="b" * 64, p50_ns=250_000.0, auc_mean=0.875))


def test_a_result_has_every_figure(store):
    readings = {"load_ns": 3, "first_ns": 9}
    two_schemes(store)
    tell(store, ended(), ended(make_measurement(attempt="attempt-2", number=2, peak_rss_bytes=60_000_000, **readings)))
    tell(store, ended(make_measurement((), attempt="attempt-3", number=3, error="x", load_ns=10**12)))
    reason = Reason(verdict=Verdict.WARN, code="smoke", message="m", advice="a")
    tell(store, judged(verdict=Verdict.WARN, reasons=(reason,)))

    row = store.results()[0]

    assert row.case == "local/tiny-cxr/float32/litert/t1/b1"
    assert {
        name: getattr(row, name) for name in ("run", "device", "model", "scheme", "runtime", "threads", "batch")
    } == {
        "run": RUN,
        "device": "local",
        "model": "tiny-cxr",
        "scheme": "float32",
        "runtime": "litert",
        "threads": 1,
        "batch": 1,
    }
    assert (row.dataset, row.synthetic, row.effort) == ("phantom", True, "smoke")
    assert (row.artifact, row.size_bytes, row.size_ratio) == ("a" * 64, 1000, 1.0)
    assert (row.load_ns, row.first_ns, row.peak_rss_bytes) == (2_500_001.5, 1_000_004.5, 60_000_000)
    assert (row.p50_ns, row.p90_ns, row.p99_ns) == (1_000_000.0, 2_000_000.0, None)
    assert (row.samples, row.attempts, row.speedup) == (128, 1, 1.0)
    assert (row.auc_mean, row.auc_change) == (0.9, 0.0)
    assert row.verdict == "WARN"
    assert row.reasons == ({"verdict": "WARN", "code": "smoke", "message": "m", "advice": "a"},)
    assert row.measured_at == MIDNIGHT
    assert set(row.to_json()) == {field.name for field in fields(row)}


def test_schemes_are_compared_with_float32_even_where_filters_leave_it_out(store):
    two_schemes(store)

    (row,) = store.results(scheme="int8")

    assert (row.size_ratio, row.speedup) == (4.0, 4.0)
    assert row.auc_change == pytest.approx(-0.025)


def test_nothing_is_compared_where_float32_has_no_figure_or_no_case(store):
    two_schemes(store, p50_ns=None, auc_mean=None)
    tell(store, judged(make_case(scheme="int8", threads=4)))

    by_case = {row.case: row for row in store.results(scheme="int8")}

    assert by_case["local/tiny-cxr/int8/litert/t1/b1"].size_ratio == 4.0
    for row in by_case.values():
        assert (row.speedup, row.auc_change) == (None, None)
    assert by_case["local/tiny-cxr/int8/litert/t4/b1"].size_ratio is None


def test_float32_of_another_run_is_not_compared_with(store):
    two_schemes(store)
    later = MIDNIGHT + timedelta(days=1)
    tell(store, started("run-2"), judged(make_case(scheme="int8"), run="run-2", at=later, artifact="b" * 64))

    by_scheme = {row.scheme: row for row in store.results()}

    assert by_scheme["float32"].run == RUN
    assert (by_scheme["int8"].run, by_scheme["int8"].speedup) == ("run-2", None)


def test_without_a_run_the_newest_result_of_every_case_is_meant(store):
    two_schemes(store, run="old")
    two_schemes(store, run="new", at=MIDNIGHT + timedelta(seconds=1))
    tell(store, judged(make_case(threads=4), run="old"))
    tell(store, happened.CaseSkipped(run="new", case=make_case(threads=4), reason="why"))

    assert [(row.run, row.scheme, row.threads) for row in store.results()] == [
        ("new", "float32", 1),
        ("new", "int8", 1),
        ("old", "float32", 4),
    ]
    assert {row.run for row in store.results(run="old")} == {"old"}
    assert len(store.results(run="old")) == 3


def test_two_results_of_the_same_moment_are_one_result(store):
    two_schemes(store, run="one")
    two_schemes(store, run="two")

    assert len(store.results()) == 2


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ({"device": "pi5-a"}, 1),
        ({"scheme": "int8"}, 1),
        ({"model": "tiny-cxr", "runtime": "litert"}, 3),
        ({"threads": 4}, 1),
        ({"batch": 2}, 0),
        ({"device": None}, 3),
        ({"device": "no' OR 1=1 --"}, 0),
    ],
    ids=str,
)
def test_filters_narrow_results(store, chosen, left):
    tell(store, started(), ready(), judged(), judged(make_case(scheme="int8", threads=4)))
    tell(store, judged(make_case(device="pi5-a")))

    assert len(store.results(**chosen)) == left


def test_results_come_in_the_order_people_compare(store):
    tell(store, started(), ready())
    for scheme in ("zeta", "int8", "int16x8", "dynamic", "float16", "float32"):
        tell(store, judged(make_case(scheme=scheme)))

    assert [row.scheme for row in store.results()] == ["float32", "float16", "dynamic", "int8", "int16x8", "zeta"]


def test_a_case_that_is_judged_again_keeps_no_old_figure(store):
    tell(store, started(), ready(), judged(), judged(p90_ns=None, auc_mean=0.5))

    (row,) = store.results()

    assert (row.p50_ns, row.p90_ns, row.auc_mean) == (1_000_000.0, None, 0.5)


def test_a_case_whose_build_failed_has_a_result_without_an_artifact(store):
    tell(store, started(), judged(artifact=None, p50_ns=None, p90_ns=None, auc_mean=None, verdict=Verdict.INVALID))

    (row,) = store.results()

    assert (row.artifact, row.size_bytes, row.p50_ns, row.verdict) == (None, None, None, "INVALID")
