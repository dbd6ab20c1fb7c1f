"""Images reach a device as far as its disk has room, and the rest follows what it has scored."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from agent import packing, wire
from orchestrator.cli.screen.output import Output
from orchestrator.cli.screen.progress import Screen
from orchestrator.devices.remote.file_row import FileRow
from orchestrator.devices.remote.orders import LaneInputs, reusable, scored_by
from orchestrator.devices.remote.push import BATCH_BYTES, SPARE_BYTES, push
from orchestrator.domain.artifact import ImageSet, Shard
from orchestrator.domain.blob import Blob
from orchestrator.domain.device import Device as Target
from orchestrator.domain.device import Limits
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.event import (
    AttemptEnded,
    BlobSent,
    Cursor,
    LaneEnded,
    LaneSkipped,
    PushStarted,
    Scored,
    ScoringPaused,
    ShardScored,
)
from orchestrator.domain.plan import Transfer
from orchestrator.errors import AgentFailed
from orchestrator.reports import plan
from orchestrator.runs import planner
from orchestrator.runs.lane import LaneRunner
from orchestrator.testing import FakeAgentClient, make_artifact, make_suite

COUNT, SIZE_BYTES = 6, 1000
SHARDS = [f"{place}" * 64 for place in range(COUNT)]


class Device(FakeAgentClient):
    """A device that scores the shards that it has, keeps their scores, and deletes shards where it was told to."""

    device = Target(name="pi")

    def __init__(self, room_bytes=1 << 40):
        super().__init__()
        self.room_bytes = room_bytes
        self.scored: dict[str, set[int]] = {}
        self.most = 0

    @property
    def space_bytes(self):
        taken = sum(sha256 in self.have for sha256 in SHARDS) * SIZE_BYTES
        return SPARE_BYTES + self.room_bytes - taken

    @space_bytes.setter
    def space_bytes(self, _):
        pass

    def send(self, path, sha256, **how):
        sent = super().send(path, sha256, **how)
        self.most = max(self.most, sum(sha256 in self.have for sha256 in SHARDS))
        return sent

    def start(self, request):
        super().start(request)
        self.journals[request.lane] = self._written(request)

    #: The run whose scores are reused.
    earlier = ""

    @property
    def journals(self):
        return self.__dict__.setdefault("_journals", {})

    def _journal(self, request):
        return self.journals[request.lane]

    def _written(self, request):
        times = {"began_at_ns": 2, "ended_at_ns": 3, "wall_ns": 1}
        records = [wire.LaneBegan(lane=request.lane, run=request.run, at_ns=1)]
        for step in request.steps:
            records.append(wire.StepBegan(id=step.id, at_ns=2))
            if step.kind == "measure":
                assert step.shards[0].sha256 in self.have
                records.append(wire.AttemptDone(step.id, **times, latency_ns=packing.pack_ints([1000])))
                continue
            before = self.scored.setdefault(step.id, set())
            places = dict(enumerate(step.shards))
            new = [place for place, shard in places.items() if place not in before and shard.sha256 in self.have]
            new = new[:1] if self.cut_after else new  # then it dies
            before.update(new)
            absent = tuple(place for place in places if place not in before)
            emitted = new if absent else [*new, *(place for place in before if place not in new)]
            records += [
                wire.ShardScored(
                    step.id, 2, place, packing.pack_bytes(np.full(2, place, "<f4").tobytes()), (2, 1), self.earlier
                )
                for place in emitted
            ]
            records.append(wire.ScoringDone(step.id, **times, absent=absent, auc=() if absent else (0.5,)))
        if not request.keep_shards:
            scorings = [step for step in request.steps if step.kind == "score"]
            done = set.intersection(*(self.scored[step.id] for step in scorings)) - {0}
            self.have -= {SHARDS[place] for place in done}
        return [*records, wire.LaneDone(at_ns=4)]


@pytest.fixture
def inputs(tmp_path):
    images = ImageSet(
        dataset="phantom",
        pixels_sha256="b" * 64,
        labels_sha256="c" * 64,
        image_list="f" * 64,
        images=2 * COUNT,
        classes=("Nodule",),
        synthetic=True,
        shards=tuple(Shard(sha256=sha256, images=2, size_bytes=SIZE_BYTES) for sha256 in SHARDS),
    )
    np.save(tmp_path / "labels.npy", np.array([[0], [1]] * COUNT, np.uint8))
    (tmp_path / "labels.npy").rename(tmp_path / ("c" * 64))
    for sha256 in SHARDS:
        (tmp_path / sha256).write_bytes(sha256.encode()[:1] * SIZE_BYTES)
    artifacts = {}
    for scheme, letter in (("float32", "a"), ("int8", "d")):
        artifacts["tiny-cxr", scheme, 1] = make_artifact(sha256=letter * 64, scheme=scheme)
        (tmp_path / (letter * 64)).write_bytes(letter.encode())
    return LaneInputs(
        effort=EFFORTS["smoke"], artifacts=artifacts, images={"tiny-cxr": images}, environments={}, blobs=tmp_path
    )


def run(device, inputs, **changes):
    lane = planner.plan("r", make_suite(), ["pi"]).lanes[0]
    return list(LaneRunner("r", lane, device, inputs, sleep=lambda _: None, **changes).events())


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_scores_that_were_reused_name_the_run_that_scored(inputs):
    device = Device()
    device.earlier = "an-earlier-run"

    events = run(device, inputs)

    assert {event.scores.scored_in for event in of(Scored, events)} == {"an-earlier-run"}


def test_scores_of_the_run_itself_name_no_other(inputs):
    device = Device()
    device.earlier = "r"

    assert {event.scores.scored_in for event in of(Scored, run(device, inputs))} == {None}


FACTS = {
    "hardware_key": "k",
    "python": "3.11.7",
    "numpy": "2.4.6",
    "kernel": "6.1",
    "libc": "glibc 2.36",
    "os": "Debian 12",
}
VERSIONS = {"litert": "2.3.0", "tflite": "2.14.0", "delegate:/usr/lib/a.so": "2.3.0", "litert-gpu": ""}


@pytest.mark.parametrize("fact", [*FACTS, "gpus", "vulkan_adapters", "userland", "python_executable"])
def test_what_decides_a_score_are_the_machine_and_the_software_on_it(fact):
    same, other = scored_by(FACTS, VERSIONS), scored_by(FACTS | {fact: "another"}, VERSIONS)

    assert same == scored_by(dict(reversed(FACTS.items())) | {"clock_ns": 5, "memory_available_bytes": 6}, VERSIONS)
    assert all(other[runtime] != same[runtime] for runtime in VERSIONS)


def test_what_decides_a_score_is_the_runtime_with_its_version():
    same, other = scored_by(FACTS, VERSIONS), scored_by(FACTS, VERSIONS | {"litert": "2.2.0"})

    assert len(set(same.values())) == len(VERSIONS)
    assert {runtime for runtime in VERSIONS if other[runtime] != same[runtime]} == {"litert"}


def test_scores_are_reused_on_hardware_with_a_key_by_a_runtime_with_a_version():
    assert reusable(FACTS, VERSIONS) == {"litert", "tflite"}
    assert reusable(FACTS | {"hardware_key": None}, VERSIONS) == frozenset(), "it may be another machine"


def test_a_scoring_is_ordered_with_it_and_an_attempt_without(inputs):
    device = Device()

    run(device, replace(inputs, scored_by={"litert": "5" * 64}, reusable=frozenset({"litert"})))

    ordered = {
        (step.kind, step.scored_by, step.reuses_scores)
        for request in device.requests.values()
        for step in request.steps
    }
    assert ordered == {("score", "5" * 64, True), ("measure", "", False)}


def test_a_device_with_room_gets_all_images_before_its_one_lane_and_keeps_them(inputs):
    device = Device()

    events = run(device, inputs)

    assert len(device.requests) == 1
    assert set(SHARDS) <= device.have
    assert len(of(ShardScored, events)) == 2 * COUNT
    for scored in of(Scored, events):
        scores = np.frombuffer(scored.scores.scores, "<f4")
        assert scores.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("room", [1, 2, 4])
def test_a_device_without_room_for_all_gets_as_many_as_fit_and_the_rest_when_those_are_scored(inputs, room):
    device = Device(room_bytes=room * SIZE_BYTES + 500)

    events = run(device, inputs)

    assert not of(LaneSkipped, events)
    assert len(of(Scored, events)) == len(of(AttemptEnded, events)) == 2
    assert all(event.scores.error is None for event in of(Scored, events))
    assert device.most <= max(room, 2), "the first stays: attempts take their input from it"
    assert device.sent.count(SHARDS[3]) == 1
    assert [step.kind for step in device.requests["r-pi-1"].steps] == ["score", "score"]
    assert of(PushStarted, events)[0].later_bytes > 0
    assert of(ScoringPaused, events)


def test_the_limit_of_the_inventory_is_room_too(inputs):
    limits = Limits(disk_bytes=3 * SIZE_BYTES + 500)

    class Counted(Device):
        @property
        def used_bytes(self):
            return sum(sha256 in self.have for sha256 in SHARDS) * SIZE_BYTES

        @used_bytes.setter
        def used_bytes(self, _):
            pass

    device = Counted()

    events = run(device, replace(inputs, limits=limits))

    assert len(of(Scored, events)) == 2
    assert device.most == 3


def test_a_limit_that_not_one_shard_fits_in_leaves_the_device_alone(inputs):
    device = Device()

    events = run(device, replace(inputs, limits=Limits(disk_bytes=SIZE_BYTES // 2)))

    assert device.sent == []
    assert "the inventory allows 500 B" in events[-1].reason


def test_a_lane_that_dies_has_progressed_where_it_scored_a_shard(inputs):
    device = Device()
    died = AgentFailed("pi: the lane died", status=3, code=wire.LANE_DIED)
    device.cut_after = [(3, died), (3, died), (3, died)]

    events = run(device, inputs)

    assert not of(LaneSkipped, events)
    assert len(of(LaneEnded, events)) == 4
    assert len(of(Scored, events)) == 2


def test_a_controller_that_is_started_anew_reads_the_shards_of_an_unfinished_scoring_again(inputs):
    device = Device()
    events = run(device, inputs)
    shards = of(ShardScored, events)
    began = next(event for event in events if type(event).__name__ == "ScoringStarted")

    assert {event.cursor for event in shards[:COUNT]} == {began.cursor}
    again = run(device, inputs, unfinished=(Cursor(lane="r-pi-1", offset=began.cursor.offset),), lanes_before=1)

    assert [event.scores.scores for event in of(Scored, again)] == [event.scores.scores for event in of(Scored, events)]


def test_what_is_sent_and_how_much_of_it_is_images_is_known_before(inputs):
    (started,) = of(PushStarted, events := run(Device(), inputs))

    assert started.image_bytes == COUNT * SIZE_BYTES
    assert started.total_bytes == sum(event.sent_bytes for event in of(BlobSent, events))
    assert started.later_bytes == 0


def test_small_files_are_sent_together_and_large_ones_alone(tmp_path):
    sizes = {"a": 10, "b": 20, "c": BATCH_BYTES, "d": 5, "e": BATCH_BYTES - 5, "f": 1}
    blobs = [Blob(what=letter, sha256=letter * 64, path=tmp_path / letter) for letter in sizes]
    for letter, size in sizes.items():
        (tmp_path / letter).write_bytes(b"x" * size)
    together = []

    class Noted(FakeAgentClient):
        def send_all(self, files, arrived):
            together.append([sha256[0] for sha256 in files])
            super().send_all(files, arrived)

    device = Noted()

    steps = list(push(device, blobs))

    assert together == [["a", "b"], ["d", "e"]]
    assert device.sent == [blob.sha256 for blob in blobs]
    assert [step.sent_bytes for step in steps[1:]] == list(sizes.values())


def test_a_row_of_files_is_a_list_then_the_rest_of_each(tmp_path):
    (tmp_path / "a").write_bytes(b"abcdef")
    (tmp_path / "b").write_bytes(b"ghi")

    row = FileRow({"a": tmp_path / "a", "b": tmp_path / "b"}, {"a": 4, "b": 0})

    assert row.read(30) == b'[["a", 6, 4], ["b", 3, 0]]\nefg', "a piece is whole where a file ends in it"
    assert (row.read(30), row.read(30)) == (b"hi", b"")


def test_preparing_an_image_is_the_median_of_its_batches(inputs):
    class Prepares(Device):
        def _written(self, request):
            return [
                replace(record, preparations_ns=(900, 400, 500)) if isinstance(record, wire.AttemptDone) else record
                for record in super()._written(request)
            ]

    ended = of(AttemptEnded, run(Prepares(), inputs))

    assert {event.measurement.pre_ns for event in ended} == {500}
    assert {event.measurement.preparations_ns for event in ended} == {(900, 400, 500)}


@pytest.mark.parametrize(
    ("transfer", "words"),
    [
        ((520_000_000, 518_000_000, 0, 0), "sends 520 MB, 518 MB of it images"),
        ((0, 0, 0, 0), "sends 0 B"),
        (
            (0, 0, 1_280_000_000, 2),
            "at most 1.28 GB of images, not packed yet: radiographs take 0.4 of that; 2 artifacts to be built",
        ),
    ],
    ids=["packed", "there", "not packed"],
)
def test_a_dry_run_says_what_a_device_would_be_sent(transfer, words):
    names = ("total_bytes", "image_bytes", "unpacked_bytes", "unbuilt")

    assert plan.transfer(Transfer(**dict(zip(names, transfer, strict=True)))) == words


def test_the_screen_counts_the_bytes_of_a_push(inputs):
    console = Console(file=io.StringIO(), width=200)
    phases = []

    with Screen(Output(console=console)) as screen:
        for event in run(Device(room_bytes=2 * SIZE_BYTES + 500), inputs):
            screen.show(event)
            phases += [row.phase for row in screen.board.rows.values()]

    assert "pi  receives 2.14 kB, 2.00 kB of it images; 4.00 kB more when these are scored" in console.file.getvalue()
    assert any(phase.endswith("1.14 kB of 2.14 kB") for phase in phases)


def test_a_device_that_loses_scores_again_and_again_is_given_up(inputs):
    class Forgetful(Device):
        def start(self, request):
            assert len(self.requests) < 20
            odd = len(self.requests) % 2
            self.scored = {step.id: {0, 1} if odd else {0} for step in request.steps}
            self.have -= set(SHARDS[1:])
            super().start(request)

    events = run(Forgetful(), inputs)

    assert "without finishing a step" in events[-1].reason
