"""What takes a device out of a run, and what never does."""

from __future__ import annotations

import pytest

from agent import wire
from orchestrator import errors
from orchestrator.devices.outages import Outages
from orchestrator.domain.event import AttemptEnded, CaseSkipped, DamageMended, DeviceTakenOut, LaneSkipped, LaneStarted
from orchestrator.domain.plan import Attempt
from orchestrator.runs import planner
from orchestrator.runs.breaker import Breaker, remember
from orchestrator.runs.lane import LaneRunner
from orchestrator.testing import FakeAgentClient, make_golden, make_measurement, make_suite
from tests.lab.lanes import make_inputs

SCHEMES = ("float32", "int8")


class FailingDevice(FakeAgentClient):
    """A device whose attempts all fail with ``error``."""

    def __init__(self, error, **fields):
        super().__init__()
        self._error, self._fields = error, fields

    def _journal(self, request):
        records = super()._journal(request)
        failed = {"error": self._error, **self._fields}
        return [
            wire.AttemptDone(record.id, began_at_ns=2, ended_at_ns=3, wall_ns=1, **failed)
            if isinstance(record, wire.AttemptDone)
            else record
            for record in records
        ]


@pytest.fixture
def lane():
    return planner.plan("r", make_suite(accuracy="none", attempts=5), ["pi"]).lanes[0]


@pytest.fixture
def inputs(tmp_path):
    return make_inputs(tmp_path, golden=make_golden())


def attempts_of(lane, inputs, *, wrong=(), error=None):
    """Yield the ends of the attempts of ``lane``; those of schemes in ``wrong`` fail the golden check."""
    for step in lane.steps:
        if isinstance(step, Attempt):
            artifact = inputs.artifact(step)
            far = 0.9 if step.case.scheme in wrong else 0.0
            measurement = make_measurement(
                case=step.case, attempt=step.id, artifact=artifact.sha256, error=error,
                golden_max_difference=far, golden_mean_difference=far,
            )  # fmt: skip
            yield AttemptEnded(run="r", device="pi", measurement=measurement)


def test_three_workers_in_a_row_that_cannot_be_started_take_the_device_out_and_its_lane_is_stopped(lane, inputs):
    remote = FailingDevice(f"{wire.NOT_STARTED}: Cannot allocate memory")
    runner = LaneRunner("r", lane, remote, inputs)

    events = list(runner.events())

    assert len([event for event in events if isinstance(event, AttemptEnded)]) == 3
    (skipped,) = [event for event in events if isinstance(event, LaneSkipped)]
    assert "3 workers in a row could not be started" in skipped.reason
    assert "farm devices check pi" in skipped.reason
    assert remote.stopped == ["r-pi-1"]
    assert isinstance(runner.failure, errors.DeviceFailing)
    assert runner.is_over


def test_cases_without_an_attempt_are_skipped_with_that_reason_and_the_others_are_left_to_be_judged(lane, inputs):
    events = list(LaneRunner("r", lane, FailingDevice(wire.NOT_STARTED), inputs).events())

    measured = {event.measurement.case for event in events if isinstance(event, AttemptEnded)}
    (reason,) = [event.reason for event in events if isinstance(event, LaneSkipped)]
    skipped = {event.case: event.reason for event in events if isinstance(event, CaseSkipped)}
    assert skipped.keys() == set(lane.cases) - measured
    assert set(skipped.values()) <= {reason}


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        ("litert can't load the artifact: unknown operator", {"unloadable": True}),
        ("killed by signal 9", {}),
        ("no answer within 600 s", {}),
    ],
)
def test_a_case_that_fails_however_often_takes_no_device_out(lane, inputs, error, fields):
    events = list(LaneRunner("r", lane, FailingDevice(error, **fields), inputs).events())

    assert len([event for event in events if isinstance(event, AttemptEnded)]) == 10
    assert not [event for event in events if isinstance(event, LaneSkipped)]


def test_a_device_that_computes_every_artifact_wrongly_is_taken_out(lane, inputs):
    breaker = Breaker("r", "pi", lane.steps, inputs)

    def follow_all():
        for event in attempts_of(lane, inputs, wrong=SCHEMES):
            breaker.follow(event)

    with pytest.raises(errors.DeviceFailing, match="all its 2 artifacts failed the golden check"):
        follow_all()


@pytest.mark.parametrize("wrong", SCHEMES)
def test_one_artifact_that_comes_out_wrong_is_a_result(lane, inputs, wrong):
    breaker = Breaker("r", "pi", lane.steps, inputs)

    for event in attempts_of(lane, inputs, wrong=(wrong,)):
        breaker.follow(event)


def test_a_disk_that_changes_files_before_three_lanes_in_a_row_takes_the_device_out(lane, inputs):
    breaker = Breaker("r", "pi", lane.steps, inputs)
    damage = DamageMended(run="r", device="pi", what="tiny-cxr int8")
    started = LaneStarted(run="r", device="pi", lane="r-pi-1")

    for event in (damage, damage, damage, started, damage, started, started, damage, started, damage, started, damage):
        breaker.follow(event)
    with pytest.raises(errors.DeviceFailing, match="tiny-cxr int8"):
        breaker.follow(started)


def remembered(outages, error=None, damage=None):
    return [type(event) for event in remember(outages, "r", "pi", error=error, damage=damage)]


@pytest.mark.parametrize(
    "error", [errors.Unreachable("pi: off"), errors.NoAnswer("pi: hangs"), errors.AgentFailed("pi: bad")]
)
def test_three_runs_in_a_row_that_lose_a_device_take_it_out(tmp_path, error):
    outages = Outages(tmp_path)

    assert [remembered(outages, error) for _ in range(3)] == [[], [], [DeviceTakenOut]]
    assert outages.of("pi").reason == error.message.removeprefix("pi: ")


def test_a_run_that_finishes_its_device_ends_the_row(tmp_path):
    outages = Outages(tmp_path)

    for error in (errors.Unreachable("off"), errors.Unreachable("off"), None, errors.Unreachable("off")):
        assert remembered(outages, error) == []


def test_damage_in_three_runs_in_a_row_takes_a_device_out_though_each_was_finished(tmp_path):
    outages = Outages(tmp_path)

    assert [remembered(outages, damage="int8") for _ in range(3)] == [[], [], [DeviceTakenOut]]


def test_a_device_that_fails_whatever_the_case_is_out_at_once(tmp_path):
    assert remembered(Outages(tmp_path), errors.DeviceFailing("pi: x")) == [DeviceTakenOut]


@pytest.mark.parametrize(
    "error",
    [
        errors.DeviceBusy("held"),
        errors.HostKeyRefused("changed"),
        errors.AuthenticationRefused("no key"),
        errors.UsageError("ProxyCommand"),
        errors.DeviceUnfit("no Python"),
    ],
)
def test_what_a_person_has_to_change_is_no_failure_of_the_device(tmp_path, error):
    outages = Outages(tmp_path)

    assert [remembered(outages, error) for _ in range(9)] == [[]] * 9


def test_a_state_folder_that_cannot_be_written_costs_a_memory_and_not_the_run(tmp_path):
    (tmp_path / "file").write_text("")

    assert remembered(Outages(tmp_path / "file" / "outages"), errors.DeviceFailing("pi: x")) == []
