"""A run is judged again from what the store has of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy
from rich.console import Console

from orchestrator.analysis import judge as judging
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.result import Reason, Verdict
from orchestrator.errors import UnknownName
from orchestrator.reports import case_detail
from orchestrator.store import schema
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_scores, make_suite
from tests.lab.telling import judged

RUN = "20260101-000000-abcd"


@pytest.fixture
def store(tmp_path):
    """A run of one good case, and of one whose artifact could not be built."""
    suite = make_suite(effort="quick", schemes=("float32", "int8"))
    started = run_event.RunStarted(
        run=RUN,
        at=MIDNIGHT,
        suite=suite.to_json(),
        seed=0,
        effort="quick",
        dataset="phantom",
        synthetic=True,
        farm_version="0.1.0",
    )
    unbuilt = Reason(verdict=Verdict.INVALID, code="build-failed", message="no", advice="none")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as opened:
        opened.record(started)
        opened.record(
            happened.DeviceProbed(
                run=RUN, at=MIDNIGHT, device="local", entry=LOCAL, facts={"cores": 4, "emulated": True}
            )
        )
        opened.record(run_event.ArtifactReady(run=RUN, artifact=make_artifact(), reused=False, seconds=1.0))
        for number in (1, 2, 3):
            attempt = make_measurement(attempt=str(number), number=number)
            opened.record(happened.AttemptEnded(run=RUN, device="local", measurement=attempt))
        opened.record(happened.Scored(run=RUN, device="local", scores=make_scores()))
        broken = judged(make_case(scheme="int8"), run=RUN, artifact=None, verdict=Verdict.INVALID, reasons=(unbuilt,))
        opened.record(broken)
        yield opened


def test_a_case_gets_what_todays_rules_say_and_keeps_its_day(store):
    store.record(judged(run=RUN, at=MIDNIGHT, p50_ns=7.0, auc_mean=None))

    (judgement,) = judging.rejudge(store, RUN)

    assert judgement.changed
    assert (judgement.before.verdict, judgement.after.verdict) == ("VALID", Verdict.WARN)
    assert [reason.code for reason in judgement.after.reasons] == ["emulated"]
    row = next(row for row in store.results(run=RUN) if row.scheme == "float32")
    assert (row.verdict, row.p50_ns, row.auc_mean, row.samples) == ("WARN", 1_000_000.0, 1.0, 384)
    assert row.measured_at == MIDNIGHT, "when it was measured stays"
    assert [again.changed for again in judging.rejudge(store, RUN)] == [False]


def test_what_was_never_built_stays_as_it_is(store):
    assert not list(judging.rejudge(store, RUN))
    assert store.results(run=RUN)[0].reasons[0]["code"] == "build-failed"


def test_what_was_seen_when_it_happened_is_kept(store):
    other = Reason(verdict=Verdict.WARN, code="other-machine", message="it was another machine", advice="none")
    first = judging.judge(store, RUN, make_suite(effort="quick"), make_case(), sticky=[other])
    assert [reason.code for reason in first.reasons] == ["emulated", "other-machine"]
    store.record(happened.CaseJudged(run=RUN, at=MIDNIGHT + timedelta(days=1), device="local", result=first))

    (judgement,) = judging.rejudge(store, RUN)

    assert sorted(judgement.after.reasons, key=str) == sorted(first.reasons, key=str)
    assert replace(judgement.after, reasons=()) == replace(first, reasons=())


ODD_READINGS = [
    [1],
    [None, [], "x", {"at_ns": 1}],
    [{"temperature_c": value} for value in ("abc", [], 10**400, True, None)],
    [{"mono_ns": "1", "throttled": {}, "cpus_allowed": [[1]], "energy_uj": -(10**300), "governor": 7}] * 3,
    {"temperature_c": 1},
    "readings",
]


@pytest.mark.parametrize("readings", ODD_READINGS, ids=lambda it: str(it)[:30])
@pytest.mark.parametrize("settings", [{"threads": "many", "nodes": "x", "delegate": []}, [1], "x", 5], ids=str)
def test_odd_values_that_an_older_farm_stored_end_neither_judging_nor_showing(store, readings, settings):
    store.record(judged(run=RUN, at=MIDNIGHT))
    with store._engine.connect().execution_options(writes=True) as connection, connection.begin():
        own = {"readings": readings, "effective": settings, "versions": settings, "requested": settings}
        connection.execute(sqlalchemy.update(schema.Attempt).values(**own))
        connection.execute(sqlalchemy.update(schema.Scores).values(device_auc=["x", None], classes=[1]))
    screen = Console(file=io.StringIO(), width=80)

    (judgement,) = judging.rejudge(store, RUN)

    assert judgement.after.p50_ns == 1_000_000.0
    row = next(row for row in store.results(run=RUN) if row.scheme == "float32")
    everything = (row, store.measurements(RUN, make_case()), store.scores(RUN, make_case()), {}, None)
    case_detail.show(*everything, screen)
    assert "attempts" in screen.file.getvalue()
    assert json.loads(case_detail.as_json(*everything))["case"] == row.case


def test_a_run_that_is_not_there_is_told(store):
    with pytest.raises(UnknownName, match="nothing"):
        list(judging.rejudge(store, "nothing"))
