from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from agent import packing, wire
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.artifact import ImageSet
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.event import (
    AttemptEnded,
    BlobSent,
    Cursor,
    LaneEnded,
    LaneSkipped,
    LaneStarted,
    LinkLost,
    Scored,
)
from orchestrator.errors import AgentFailed, ConnectionLost, DeviceBusy, DeviceUnfit, TransferBroken
from orchestrator.runs import planner
from orchestrator.runs.lane import LaneRunner
from orchestrator.testing import FakeAgentClient, make_artifact, make_golden, make_suite


@pytest.fixture
def inputs(tmp_path):
    images = ImageSet(
        dataset="phantom",
        pixels_sha256="b" * 64,
        labels_sha256="c" * 64,
        images=2,
        classes=("Nodule",),
        synthetic=True,
    )
    artifacts = {
        ("tiny-cxr", scheme, 1): make_artifact(sha256=letter * 64, scheme=scheme)
        for scheme, letter in (("float32", "1"), ("int8", "2"))
    }
    for name in ("b", "c", "1", "2"):
        (tmp_path / (name * 64)).write_bytes(name.encode())
    return LaneInputs(
        effort=EFFORTS["smoke"], artifacts=artifacts, images={"tiny-cxr": images}, environments={}, blobs=tmp_path
    )


def make_runner(remote, inputs, **changes):
    lane = planner.plan("r", make_suite(), ["pi"]).lanes[0]
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


def test_a_device_that_stays_silent_beyond_patience_is_given_up_with_the_reason(inputs):
    remote = FakeAgentClient()
    remote.cut_after = [(2, ConnectionLost("pi: cut"))] + [(0, ConnectionLost("pi: cut"))] * 100

    events = list(make_runner(remote, inputs, patience_s=10).events())

    assert isinstance(events[-1], LaneSkipped)
    assert "pi: cut" in events[-1].reason


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

    assert isinstance(events[-1], LaneSkipped)
    assert len(remote.requests) == 2


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

    assert isinstance(events[-1], LaneSkipped)
    assert error.message in events[-1].reason
    assert not ids(events)


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


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda record: replace(record, latency_ns="not base64!"),
        lambda record: replace(record, latency_ns="eJwDAAAAAAE"),
        lambda record: replace(record, latency_ns=packing.pack_bytes(b"seven77")),
        lambda record: replace(record, began_at_ns=10**30),
        lambda record: replace(record, latency_ns=packing.pack_bytes(b"\0" * (packing.MOST_BYTES + 8))),
        lambda record: replace(record, ended_at_ns="now"),
        lambda record: wire.ScoringDone(record.id, began_at_ns=2, ended_at_ns=3, wall_ns=1),
        lambda record: replace(record, invocations_per_sample=0),
        lambda record: replace(record, invocations_per_sample="3"),
        lambda record: replace(record, span_ns=-1),
        lambda record: replace(record, load_ns=1 << 63),
        lambda record: replace(record, peak_rss_bytes=1.5),
        lambda record: replace(record, latency_ns=packing.pack_ints([5, -5])),
        lambda record: replace(record, effective=["a list"]),
        lambda record: replace(record, error={"no": "words"}),
        lambda record: replace(record, unloadable="x"),
    ],
    ids=[
        *(
            "no base64",
            "no zlib",
            "no integers",
            "the year 31 billion",
            "a quarter of a gigabyte",
            "no time",
            "scores of an attempt",
        ),
        *(
            "no invocations",
            "words",
            "less than nothing",
            "too many",
            "half a byte",
            "a sample before its time",
            "a list",
            "an object for an error",
            "a word for a truth",
        ),
    ],
)
def test_a_record_that_makes_no_sense_ends_the_lane_with_the_reason_and_not_the_run(inputs, nonsense):
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    remote._journal = lambda request: [
        nonsense(record) if isinstance(record, wire.AttemptDone) else record for record in real(request)
    ]

    events = list(make_runner(remote, inputs).events())

    assert isinstance(events[-1], LaneSkipped)
    assert "makes no sense" in events[-1].reason


@pytest.mark.parametrize(
    "scores",
    [
        {"shape": (3, 1), "scores": b"\0" * 12},
        {"shape": ("two", 1)},
        {"scores": b"\0\0\xc0\x7f" * 2},
        {"scores": b"\0\0\x80\x7f" * 2},
        {"auc": ("0.5",)},
        {"auc": (float("nan"),)},
        {"auc": 0.5},
        {"wall_ns": "long"},
        {"error": 5},
    ],
    ids=[
        "another shape",
        "words",
        "not a number",
        "infinite",
        "auc in words",
        "auc not a number",
        "one auc",
        "no time",
        "no error",
    ],
)
def test_scores_that_make_no_sense_end_the_lane_with_the_reason(inputs, scores):
    np.save(inputs.blobs / "labels.npy", np.array([[0], [1]], np.uint8))
    (inputs.blobs / "labels.npy").rename(inputs.blobs / ("c" * 64))
    remote = FakeAgentClient()
    real = FakeAgentClient._journal
    scores = {"scores": b"\0" * 8, "shape": (2, 1), "auc": (0.5,), "error": None} | scores
    scores["scores"] = packing.pack_bytes(scores["scores"])
    remote._journal = lambda request: [
        replace(record, **scores) if isinstance(record, wire.ScoringDone) else record for record in real(request)
    ]

    events = list(make_runner(remote, inputs).events())

    assert "makes no sense" in events[-1].reason


def planted(request):
    return replace(request, steps=(replace(request.steps[0], id="planted"),))
