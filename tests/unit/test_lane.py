from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from agent import packing, wire
from orchestrator.devices.remote.journal import MOST_TUNED
from orchestrator.devices.remote.orders import MOST_SAMPLES
from orchestrator.devices.remote.silence import lane_limit_s
from orchestrator.domain.event import (
    AttemptEnded,
    BlobSent,
    CaseSkipped,
    Cursor,
    LaneEnded,
    LaneSkipped,
    LaneStarted,
    LinkLost,
    Profiled,
    Scored,
)
from orchestrator.errors import AgentFailed, ConnectionLost, DeviceBusy, DeviceUnfit, NoAnswer, TransferBroken
from orchestrator.runs import planner
from orchestrator.runs.lane import LaneRunner
from orchestrator.testing import FakeAgentClient, make_artifact, make_golden, make_suite
from tests.lab.lanes import make_inputs


@pytest.fixture
def inputs(tmp_path):
    return make_inputs(tmp_path)


def make_runner(remote, inputs, *, suite=None, **changes):
    lane = planner.plan("r", suite or make_suite(), ["pi"]).lanes[0]
    ticks = itertools.count()
    settings = {"patience_s": 1000.0, "clock": lambda: next(ticks), "sleep": lambda _: None} | changes
    return LaneRunner("r", lane, remote, inputs, **settings)


def ids(events, kind=AttemptEnded):
    return [
        event.measurement.attempt if kind is AttemptEnded else event.scores.scoring
        for event in events
        if isinstance(event, kind)
    ]


def test_a_lane_is_pushed_started_and_followed_to_its_end(inputs):
    remote = FakeAgentClient()

    events = list(make_runner(remote, inputs).events())

    assert sorted(remote.sent) == sorted(name * 64 for name in ("b", "c", "1", "2"))
    assert len(ids(events)) == 2
    assert len(ids(events, Scored)) == 2
    assert [type(event) for event in events if isinstance(event, LaneStarted | LaneEnded)] == [LaneStarted, LaneEnded]
    assert remote.closed
    (started,) = [event for event in events if isinstance(event, LaneStarted)]
    (order,) = remote.requests.values()
    assert (started.steps, started.at_most_s) == (4, round(lane_limit_s(order.steps, 1000.0)))


def test_a_lane_that_is_left_is_started_and_not_followed(inputs):
    remote = FakeAgentClient()
    runner = make_runner(remote, inputs, detaches=True)

    events = list(runner.events())

    assert [type(event) for event in events if isinstance(event, LaneStarted | LaneEnded)] == [LaneStarted]
    assert ids(events) == []
    assert runner.has_left
    assert not runner.is_over


def test_a_lane_that_is_left_again_gives_what_it_has_and_goes_on(inputs):
    remote = FakeAgentClient()
    list(make_runner(remote, inputs, detaches=True).events())
    (name,) = remote.requests
    remote.written = 3  # a beginning, and one scoring

    runner = make_runner(remote, inputs, detaches=True, unfinished=(Cursor(lane=name, offset=0),), lanes_before=1)
    events = list(runner.events())

    assert len(ids(events, Scored)) == 1
    assert list(remote.requests) == [name]
    assert runner.has_left


def test_golden_images_travel_with_attempts_and_come_back_as_differences(inputs, tmp_path):
    known = make_artifact(sha256="1" * 64, golden=make_golden(scores=((0.5, 0.5, 1.0), (0.5, 0.5, 0.5))))
    (tmp_path / ("d" * 64)).write_bytes(b"images")
    of_int8 = inputs.artifacts["tiny-cxr", "int8", 1]
    inputs = replace(inputs, artifacts={("tiny-cxr", "float32", 1): known, ("tiny-cxr", "int8", 1): of_int8})
    remote = FakeAgentClient()

    events = list(make_runner(remote, inputs).events())

    assert remote.sent.count("d" * 64) == 1
    (request,) = remote.requests.values()
    assert {(step.kind, step.artifact[0], step.golden) for step in request.steps} == {
        ("score", "1", None),
        ("score", "2", None),
        ("measure", "1", "d" * 64),
        ("measure", "2", None),
    }
    found = {event.measurement.case.scheme: event.measurement for event in events if isinstance(event, AttemptEnded)}
    assert (found["float32"].golden_max_difference, found["float32"].golden_mean_difference) == (0.5, 0.5 / 6)
    assert (found["int8"].golden_max_difference, found["int8"].golden_mean_difference) == (None, None)


def test_golden_scores_of_another_shape_are_infinitely_far_away(inputs, tmp_path):
    known = make_artifact(sha256="1" * 64, golden=make_golden(scores=((0.5,),)))
    (tmp_path / ("d" * 64)).write_bytes(b"images")
    inputs = replace(inputs, artifacts={("tiny-cxr", "float32", 1): known})

    (ended,) = [event for event in make_runner(FakeAgentClient(), inputs).events() if isinstance(event, AttemptEnded)]

    assert ended.measurement.golden_max_difference == ended.measurement.golden_mean_difference == math.inf


def test_blobs_that_are_there_are_not_sent(inputs):
    remote = FakeAgentClient()
    remote.have = {name * 64 for name in ("b", "c", "1", "2")}

    events = list(make_runner(remote, inputs).events())

    assert not [event for event in events if isinstance(event, BlobSent)]


@pytest.mark.parametrize("records", range(9))
def test_a_link_cut_after_any_record_loses_and_repeats_nothing(inputs, records):
    remote = FakeAgentClient()
    remote.cut_after = [(records, ConnectionLost("pi: cut"))]

    events = list(make_runner(remote, inputs).events())

    assert len(ids(events)) == len(set(ids(events))) == 2
    assert len([event for event in events if isinstance(event, LinkLost)]) == 1
    offsets = [event.cursor.offset for event in events if event.cursor]
    assert offsets == sorted(set(offsets))


def test_every_wait_is_an_event_with_its_number_and_its_length(inputs):
    remote, waits = FakeAgentClient(), []
    remote.faults["start"] = [ConnectionLost("pi: cut")] * 3

    runner = make_runner(remote, inputs, sleep=waits.append, draw=lambda _, most: most)
    lost = [event for event in runner.events() if isinstance(event, LinkLost)]

    assert [(event.failures, event.wait_s) for event in lost] == [(1, 1), (2, 2), (3, 4)]
    assert waits == [1, 2, 4]


def test_a_device_that_stays_silent_beyond_patience_is_given_up_with_the_reason(inputs):
    remote = FakeAgentClient()
    remote.cut_after = [(2, ConnectionLost("pi: cut"))] + [(0, ConnectionLost("pi: cut"))] * 100

    events = list(make_runner(remote, inputs, patience_s=10).events())

    assert isinstance(events[-1], LaneSkipped)
    assert "pi: cut" in events[-1].reason


def test_a_lane_that_writes_no_more_is_stopped_and_its_device_given_up_with_the_reason(inputs):
    remote = FakeAgentClient()
    remote.silent_after = 2

    events = list(make_runner(remote, inputs).events())

    assert isinstance(events[-1], LaneSkipped)
    assert "has had no record for" in events[-1].reason
    assert "it was stopped\n  restart the device where it hangs, then: farm run --resume r" in events[-1].reason
    assert remote.stopped == ["r-pi-1"]
    assert remote.closed


def test_a_silent_lane_that_can_not_be_stopped_is_given_up_too(inputs):
    remote = FakeAgentClient()
    remote.silent_after = 2
    remote.faults = {"stop": [NoAnswer("pi: no answer to `stop` within 60 s")]}

    events = list(make_runner(remote, inputs).events())

    assert isinstance(events[-1], LaneSkipped)
    assert "stopping it failed: pi: no answer to `stop` within 60 s" in events[-1].reason


def test_a_silent_lane_that_the_device_has_no_longer_is_done_anew(inputs):
    class Forgetful(FakeAgentClient):
        def stop(self, lane):
            self.silent_after = None
            raise AgentFailed("pi: no such lane", code="unknown-lane")

    remote = Forgetful()
    remote.silent_after = 2

    events = list(make_runner(remote, inputs).events())

    assert list(remote.requests) == ["r-pi-1", "r-pi-2"]
    assert len(ids(events)) == 2
    assert not [event for event in events if isinstance(event, LaneSkipped)]


@pytest.mark.parametrize("grows", [True, False], ids=["thin line", "black hole"])
def test_a_push_that_breaks_again_and_again_goes_on_while_more_arrives_each_time(inputs, grows):
    class ThinLine(FakeAgentClient):
        tries = 0

        def missing(self, sizes):
            lacking = super().missing(sizes)
            arrived = {sha256: min(self.tries, sizes[sha256]) if grows else 0 for sha256 in lacking.arrived}
            return replace(lacking, arrived=arrived)

        def send(self, path, sha256, *, arrived=0, progress=None):
            self.tries += 1
            if self.tries < 50:
                raise ConnectionLost("pi: cut")
            return super().send(path, sha256, arrived=arrived)

    (inputs.blobs / ("b" * 64)).write_bytes(b"x" * 1000)

    events = list(make_runner(ThinLine(), inputs, patience_s=10).events())

    assert len(ids(events)) == (2 if grows else 0)


def test_what_a_dead_lane_left_undone_is_done_in_a_new_one(inputs):
    remote = FakeAgentClient()
    remote.cut_after = [(5, AgentFailed("pi: the lane died", code="lane-died"))]

    events = list(make_runner(remote, inputs).events())

    assert list(remote.requests) == ["r-pi-1", "r-pi-2"]
    assert len(ids(events)) == 2
    assert len(ids(events, Scored)) == 2
    first, second = (len(remote.requests[name].steps) for name in ("r-pi-1", "r-pi-2"))
    assert (first, second) == (4, 2)


def test_lanes_that_die_without_finishing_a_step_are_not_restarted_for_ever(inputs):
    remote = FakeAgentClient()
    remote.cut_after = [(1, AgentFailed("pi: the lane died", code="lane-died"))] * 50

    events = list(make_runner(remote, inputs).events())

    (given_up,) = [event for event in events if isinstance(event, LaneSkipped)]
    assert "3 times in a row" in given_up.reason
    assert len(remote.requests) == 3
    assert {event.case.scheme for event in events if isinstance(event, CaseSkipped)} == {"float32", "int8"}


def test_an_unfinished_lane_of_an_earlier_controller_is_collected_before_anything_else_is_started(inputs):
    remote = FakeAgentClient()
    earlier = list(make_runner(remote, inputs).events())
    done_before = frozenset(ids(earlier, Scored)[:1])

    runner = make_runner(
        remote, inputs, unfinished=(Cursor(lane="r-pi-1", offset=30),), lanes_before=1, done=done_before
    )
    events = list(runner.events())

    assert list(remote.requests) == ["r-pi-1"]
    assert ids(events) == ids(earlier)
    assert not [event for event in events if isinstance(event, LaneStarted)]


def stopped_after(records, remote):
    """Let every journal end there, as the agent ends one that a command stopped."""
    journal = remote._journal
    remote._journal = lambda request: [*journal(request)[:records], wire.LaneDone(at_ns=5, error=wire.STOPPED)]


def test_a_lane_that_another_command_stops_is_not_begun_anew_by_who_follows_it(inputs):
    remote = FakeAgentClient()
    stopped_after(3, remote)

    runner = make_runner(remote, inputs)
    events = list(runner.events())

    assert list(remote.requests) == ["r-pi-1"]
    assert len(ids(events, Scored)) == 1
    (lost,) = [event for event in events if isinstance(event, LaneSkipped)]
    assert lost.reason == "pi: another command stopped its lane\n  go on with: farm run --resume r"
    assert not runner.failure.is_retried, "nothing takes the device out for it"
    skipped = [event for event in events if isinstance(event, CaseSkipped)]
    assert {event.reason for event in skipped} == {lost.reason}


def test_a_lane_that_was_stopped_before_it_is_read_leaves_the_rest_to_be_done(inputs):
    remote = FakeAgentClient()
    stopped_after(3, remote)
    list(make_runner(remote, inputs).events())
    del remote._journal
    whole = remote._journal
    remote._journal = lambda request: (
        [*whole(request)[:3], wire.LaneDone(at_ns=5, error=wire.STOPPED)]
        if request.lane == "r-pi-1"
        else whole(request)
    )
    remote.written = 4

    events = list(make_runner(remote, inputs, unfinished=(Cursor(lane="r-pi-1", offset=0),), lanes_before=1).events())

    assert list(remote.requests) == ["r-pi-1", "r-pi-2"]
    assert len(set(ids(events))) == 2
    assert not [event for event in events if isinstance(event, LaneSkipped)]


def test_a_lane_of_an_earlier_controller_that_the_device_forgot_is_done_anew(inputs):
    remote = FakeAgentClient()
    remote.faults = {"follow": [AgentFailed("pi: no such lane", code="unknown-lane")]}

    runner = make_runner(remote, inputs, unfinished=(Cursor(lane="r-pi-1", offset=30),), lanes_before=1)
    events = list(runner.events())

    assert list(remote.requests) == ["r-pi-2"]
    assert len(ids(events)) == 2


@pytest.mark.parametrize("error", [DeviceBusy("pi: held by ada@desk"), DeviceUnfit("pi: disk full")])
def test_a_refusal_to_start_ends_the_lane_with_the_reason(inputs, error):
    remote = FakeAgentClient()
    remote.faults = {"start": [error]}

    events = list(make_runner(remote, inputs).events())

    (skipped,) = [event for event in events if isinstance(event, LaneSkipped)]
    assert error.message in skipped.reason
    assert not ids(events)


def test_cases_of_a_device_that_another_controller_holds_are_skipped_and_not_judged(inputs):
    remote = FakeAgentClient()
    remote.faults = {"start": [DeviceBusy("pi: held by ada@desk")]}

    events = list(make_runner(remote, inputs).events())

    skipped = [event for event in events if isinstance(event, CaseSkipped)]
    assert skipped
    assert {event.reason for event in skipped} == {"pi: held by ada@desk"}


def test_a_damaged_transfer_is_sent_again(inputs):
    remote = FakeAgentClient()
    remote.faults = {"send": [TransferBroken("pi: hash")]}

    events = list(make_runner(remote, inputs).events())

    assert len(remote.sent) == 4
    assert len(ids(events)) == 2


def test_steps_whose_artifact_could_not_be_built_are_left_out(inputs):
    remote = FakeAgentClient()
    del inputs.artifacts["tiny-cxr", "int8", 1]

    events = list(make_runner(remote, inputs).events())

    assert {event.measurement.case.scheme for event in events if isinstance(event, AttemptEnded)} == {"float32"}
    assert not [event for event in events if isinstance(event, LaneSkipped)]


def test_a_journal_that_speaks_of_what_was_never_ordered_ends_the_lane_with_the_reason(inputs):
    remote = FakeAgentClient()
    make_runner(remote, inputs)
    remote._journal = lambda request: FakeAgentClient._journal(planted(request))

    events = list(make_runner(remote, inputs).events())

    assert "unknown step" in events[-1].reason


#: What a device may send in place of a field of an attempt -> words of the refusal.
MISFITS = {
    "no base64": ({"latency_ns": "not base64!"}, "can't be unpacked"),
    "no zlib": ({"latency_ns": "AAAA"}, "can't be unpacked"),
    "half a sample": ({"latency_ns": packing.pack_bytes(b"seven77")}, "7 bytes are no whole number of samples"),
    "the year 31 billion": ({"began_at_ns": 10**30}, "began_at_ns: Input should be less"),
    "a sample too many": ({"latency_ns": packing.pack_ints([5] * 12)}, "more than the 88 bytes"),
    "a warm-up too long": (
        {"warmup_ns": packing.pack_bytes(bytes(8 * MOST_SAMPLES + 8))},
        "more than the 8388608 bytes",
    ),
    "no time": ({"ended_at_ns": "now"}, "ended_at_ns: Input should be a valid integer"),
    "no invocations": ({"invocations_per_sample": 0}, "invocations_per_sample: Input should be greater"),
    "more than a column": ({"invocations_per_sample": 1 << 31}, "invocations_per_sample: Input should be less"),
    "words": ({"invocations_per_sample": "3"}, "invocations_per_sample: Input should be a valid integer"),
    "a truth for a number": ({"invocations_per_sample": True}, "invocations_per_sample: Input should be a valid"),
    "below zero": ({"span_ns": -1}, "span_ns: Input should be greater"),
    "too many": ({"load_ns": 1 << 63}, "load_ns: Input should be less"),
    "half a byte": ({"peak_rss_bytes": 1.5}, "peak_rss_bytes: Input should be a valid integer"),
    "a sample below zero": ({"latency_ns": packing.pack_ints([5, -5])}, "below 0 ns"),
    "a list": ({"effective": ["a list"]}, "effective: Input should be a valid dictionary"),
    "an object for an error": ({"error": {"no": "words"}}, "error: Input should be a valid string"),
    "a word for a truth": ({"unloadable": "x"}, "unloadable: Input should be a valid boolean"),
    "a number for a reading": ({"readings": [1]}, "readings.0: Input should be a valid dictionary"),
    "words for a temperature": ({"readings": [{"temperature_c": "abc"}]}, "a reading's temperature_c"),
    "a list for a temperature": ({"readings": [{"temperature_c": [1]}]}, "a reading's temperature_c"),
    "400 digits for a temperature": ({"readings": [{"temperature_c": 10**400}]}, "a reading's temperature_c"),
}


@pytest.mark.parametrize(("misfit", "words"), MISFITS.values(), ids=MISFITS)
def test_an_attempt_that_does_not_fit_ends_the_lane_with_the_reason_and_not_the_run(inputs, misfit, words):
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    remote._journal = lambda request: [
        replace(record, **misfit) if isinstance(record, wire.AttemptDone) else record for record in real(request)
    ]

    events = list(make_runner(remote, inputs).events())

    assert isinstance(events[-1], LaneSkipped)
    assert words in events[-1].reason


@pytest.mark.parametrize("records", range(12))
def test_a_link_that_is_cut_loses_and_repeats_no_profile(inputs, records):
    remote = FakeAgentClient()
    remote.cut_after = [(records, ConnectionLost("cut"))]

    events = list(make_runner(remote, inputs, suite=make_suite(profile=True)).events())

    profiled = [event.profile.profile for event in events if isinstance(event, Profiled)]
    assert len(profiled) == len(set(profiled)) == 2


def test_a_profile_that_is_done_is_not_done_again(inputs):
    suite = make_suite(profile=True)
    steps = planner.plan("r", suite, ["pi"]).lanes[0].steps
    remote = FakeAgentClient()

    events = list(make_runner(remote, inputs, suite=suite, done=frozenset(step.id for step in steps[:-1])).events())

    assert [event.profile.profile for event in events if isinstance(event, Profiled)] == [steps[-1].id]
    assert not any(isinstance(event, AttemptEnded) for event in events)


OPERATOR = wire.Operator(kind="CONV_2D", types="float32", delegate=None, median_ns=900, total_ns=900)
ODD_PROFILES = {
    "operators that take longer than their invocation": ({"total_ns": 800}, "operators take 900 ns of invocations"),
    "no operators": ({"operators": ()}, "neither an error nor operators"),
    "no invocations": ({"invocations": 0}, "neither an error nor operators"),
    "an error beside operators": ({"error": "x"}, "an error beside operators"),
    "more operators than a graph has": (
        {"operators": (replace(OPERATOR, total_ns=0),) * 10_001},
        "more than 10000 operators",
    ),
    "a time below 0": ({"operators": (replace(OPERATOR, median_ns=-1),)}, "operators.0.median_ns"),
    "a number for a name": ({"operators": (replace(OPERATOR, kind=3),)}, "operators.0.kind"),
    "an operator without a name": ({"operators": (replace(OPERATOR, kind=""),)}, "operators.0.kind"),
    "part of a nanosecond": ({"operators": (replace(OPERATOR, total_ns=1.5),)}, "operators.0.total_ns"),
    "a number for operators": ({"operators": 3}, "operators: Input should be a valid list"),
    "invocations that no column holds": ({"invocations": 1 << 31}, "invocations: Input should be less"),
    "words for versions": ({"versions": "x"}, "versions"),
}


@pytest.mark.parametrize(("misfit", "words"), ODD_PROFILES.values(), ids=ODD_PROFILES)
def test_a_profile_that_does_not_fit_ends_the_lane_with_the_reason(inputs, misfit, words):
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    remote._journal = lambda request: [
        replace(record, **misfit) if isinstance(record, wire.ProfileDone) else record for record in real(request)
    ]

    events = list(make_runner(remote, inputs, suite=make_suite(profile=True)).events())

    assert isinstance(events[-1], LaneSkipped)
    assert words in events[-1].reason


def test_a_name_that_a_terminal_obeys_is_harmless_and_short(inputs):
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    odd = replace(OPERATOR, kind="\x1b[2J" + "x" * 1000, types="a\nb", delegate="\x07")
    remote._journal = lambda request: [
        replace(record, operators=(odd,)) if isinstance(record, wire.ProfileDone) else record
        for record in real(request)
    ]

    events = list(make_runner(remote, inputs, suite=make_suite(profile=True)).events())

    profile = next(event.profile for event in events if isinstance(event, Profiled))
    (operator,) = profile.operators
    assert operator.kind.isprintable()
    assert len(operator.kind) == 200
    assert (operator.types, operator.delegate) == ("a b", "\ufffd")


@pytest.mark.parametrize("error", [3, {"no": "words"}, ["x"]], ids=str)
def test_a_lane_that_ends_without_words_is_given_up_with_the_reason(inputs, error):
    remote = FakeAgentClient()
    remote._journal = lambda _: [wire.LaneDone(at_ns=4, error=error)]

    events = list(make_runner(remote, inputs).events())

    assert "LaneDone does not fit: error" in events[-1].reason


def test_scores_in_place_of_an_attempt_end_the_lane_with_the_reason(inputs):
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    scored = {"began_at_ns": 2, "ended_at_ns": 3, "wall_ns": 1}
    remote._journal = lambda request: [
        wire.ScoringDone(record.id, **scored) if isinstance(record, wire.AttemptDone) else record
        for record in real(request)
    ]

    events = list(make_runner(remote, inputs).events())

    assert "which is no scoring" in events[-1].reason


@pytest.mark.parametrize("kind", [wire.StepBegan, wire.AttemptDone, wire.Tuned])
def test_a_journal_that_repeats_itself_without_end_is_given_up(inputs, kind):
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    tuned = wire.Tuned(at_ns=1, answer={})
    remote._journal = lambda request: [
        each
        for record in [tuned, *real(request)]
        for each in ([record] * (MOST_TUNED + 1) if isinstance(record, kind) else [record])
    ]

    events = list(make_runner(remote, inputs).events())

    assert f"more {kind.__name__} than a lane writes" in events[-1].reason


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"shape": (3, 1), "scores": b"\0" * 12}, "unpacks to more than the 8 bytes"),
        ({"shape": (1, 1), "scores": b"\0" * 4}, "4 bytes of scores are not of shape (2, 1)"),
        ({"shape": (1, 2)}, "has not 2 x 1 scores"),
        ({"shard": 1}, "scores of shard 1 of 1"),
        ({"shape": ("two", 1)}, "shape.0: Input should be a valid integer"),
        ({"scores": b"\0\0\xc0\x7f" * 2}, "not finite"),
        ({"scores": b"\0\0\x80\x7f" * 2}, "not finite"),
        ({"auc": ("0.5",)}, "auc.0"),
        ({"auc": (1.5,)}, "auc.0"),
        ({"auc": (0.5, 0.5)}, "has not 1 AUC"),
        ({"auc": 0.5}, "auc: Input should be a valid list"),
        ({"wall_ns": "long"}, "wall_ns"),
        ({"error": 5}, "error: Input should be a valid string"),
    ],
    ids=[
        *("more", "fewer", "another shape", "another shard", "words", "not a number", "infinite"),
        *("auc in words", "auc above 1", "too many auc", "one auc", "no time", "no error"),
    ],
)
def test_scores_that_do_not_fit_end_the_lane_with_the_reason(inputs, scores, words):
    np.save(inputs.blobs / "labels.npy", np.array([[0], [1]], np.uint8))
    (inputs.blobs / "labels.npy").rename(inputs.blobs / ("c" * 64))
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    shard = {"shard": 0, "scores": b"\0" * 8, "shape": (2, 1)}
    shard |= {name: value for name, value in scores.items() if name in shard}
    shard["scores"] = packing.pack_bytes(shard["scores"])
    done = {"auc": (0.5,), "error": None} | {name: value for name, value in scores.items() if name not in shard}
    remote._journal = lambda request: [
        each
        for record in real(request)
        for each in (
            [wire.ShardScored(id=record.id, at_ns=2, **shard), replace(record, **done)]
            if isinstance(record, wire.ScoringDone)
            else [record]
        )
    ]

    events = list(make_runner(remote, inputs).events())

    assert words in events[-1].reason


def planted(request):
    return replace(request, steps=(replace(request.steps[0], id="planted"),))
