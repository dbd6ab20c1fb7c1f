"""Images in shards: packed, scored one at a time, kept when the lane dies, deleted where there is no room."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import tracemalloc
import zlib

import numpy as np
import pytest

from agent import shards, wire
from agent.kept_scores import distrust, kept_scores
from agent.lock import wait_until_free
from agent.workdir import Workdir
from tests.agent.device import npy
from tests.data.make_artifacts import BIAS, SIZE, WEIGHTS

EACH, COUNT = 5, 4
PIXELS = np.random.default_rng(11).integers(0, 256, (EACH * COUNT, SIZE, SIZE, 3), dtype=np.uint8)
LABELS = np.array([[row % 2, row % 3 == 0, row % 5 == 0] for row in range(EACH * COUNT)], np.uint8)
BLOCKS = np.split(PIXELS, COUNT)


def expected(pixels=PIXELS):
    return 1 / (1 + np.exp(-((pixels / 255).mean(axis=(1, 2)) @ WEIGHTS + BIAS)))


def scoring_step(device, name="a", **changes):
    return device.step(
        name, kind="score", shards=device.push_images(*BLOCKS), labels=device.push(npy(LABELS)), **changes
    )


def remove(device, step, *places):
    for place in places:
        (device.workdir / "blobs" / step.shards[place].sha256).unlink()


@pytest.mark.parametrize("shape", [(3, 5, 7, 1), (2, 1, 9, 3), (1, 6, 1, 3), (0, 4, 4, 1), (70, 64, 64, 1)], ids=str)
def test_images_come_out_of_a_shard_as_they_went_in(tmp_path, shape):
    pixels = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "shard").write_bytes(shards.pack(pixels))

    unpacked = shards.unpack(str(tmp_path / "shard"))

    assert unpacked.dtype == np.uint8
    np.testing.assert_array_equal(unpacked, pixels)
    np.testing.assert_array_equal(shards.unpack(str(tmp_path / "shard"), most=2), pixels[:2])


def test_unpacking_takes_the_memory_of_the_images_and_little_more(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (400, 200, 200, 1), dtype=np.uint8)
    (tmp_path / "shard").write_bytes(shards.pack(pixels))
    tracemalloc.start()

    unpacked = shards.unpack(str(tmp_path / "shard"))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < unpacked.nbytes + 5 * shards.CHUNK


def test_images_whose_neighbours_are_alike_become_small():
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)[None, ..., None].repeat(20, axis=0)

    assert len(shards.pack(smooth)) < smooth.nbytes / 6


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "begins with b''"),
        (b"\x93NUMPY\x01\x00", "is no shard"),
        (b'{"shape": [1, 2, 3]}\n', "can't have the shape"),
        (b'{"shape": [1, 2, -2, 1]}\n', "can't have the shape"),
        (b'{"shape": [1, 2, 2, 1]}\nnothing', "can't be unpacked"),
        (b'{"shape": [1, 2, 2, 1]}\n' + zlib.compress(b"abc"), "ends after 3 of 4 bytes"),
        (shards.pack(PIXELS)[:-40], "ends after"),
    ],
    ids=["empty", "npy", "three sides", "below 0", "no stream", "short", "cut off"],
)
def test_what_is_no_whole_shard_is_refused(tmp_path, content, words):
    (tmp_path / "shard").write_bytes(content)

    with pytest.raises(shards.DamagedShard, match=words):
        shards.unpack(str(tmp_path / "shard"))


def test_every_shard_is_a_record_as_soon_as_it_is_scored(device):
    step = scoring_step(device)
    device.start(step)

    records = device.records()

    kinds = [type(record).__name__ for record in records]
    assert kinds == ["LaneBegan", "StepBegan", *["ShardScored"] * COUNT, "ScoringDone", "LaneDone"]
    assert [record.shard for record in records[2:-2]] == [0, 1, 2, 3]
    np.testing.assert_allclose(device.scores("a"), expected(), atol=1e-6)
    assert records[-2].absent == ()
    assert None not in records[-2].auc


def test_shards_that_are_not_there_are_named_and_scored_in_a_later_lane(device):
    step = scoring_step(device)
    remove(device, step, 1, 3)
    device.start(step, lane="first")
    first = device.done("first")["a"]
    scoring_step(device)  # they arrive
    remove(device, step, 0, 2)  # and those that were scored go
    device.start(step, lane="second")

    second = device.done("second")["a"]

    assert (first.error, first.absent, first.auc) == (None, (1, 3), ())
    assert (second.error, second.absent) == (None, ())
    np.testing.assert_allclose(device.scores("a", "second"), expected(), atol=1e-6)
    assert len(second.auc) == 3


def test_a_lane_without_room_deletes_what_all_its_scorings_have_scored_but_the_first(device):
    one = scoring_step(device, "a")
    other = dataclasses.replace(one, id="b", shards=one.shards[:3], labels=device.push(npy(LABELS[: 3 * EACH])))
    last = scoring_step(device, "c", artifact=b"no flatbuffer")
    remove(device, one, 3)
    body = json.loads(device.order(one, other, last))
    device.ask("start", stdin=json.dumps({**body, "keep_shards": False}).encode())

    done = device.done()

    assert (done["a"].absent, done["b"].absent, done["c"].unloadable) == ((3,), (), True)
    there = [(device.workdir / "blobs" / shard.sha256).exists() for shard in one.shards]
    assert there == [True, False, False, False]


def test_what_a_killed_lane_scored_is_not_scored_again(device, tmp_path):
    """The third shard is a pipe that is never written to: the worker waits there until its lane is killed."""
    step = scoring_step(device)
    third = device.workdir / "blobs" / step.shards[2].sha256
    content = third.read_bytes()
    third.unlink()
    os.mkfifo(third)
    device.start(step, lane="first")
    with device.following("first") as follower:
        _, *lines = [follower.stdout.readline() for _ in range(5)]
        os.kill(device.pid("first"), signal.SIGKILL)
    third.unlink()
    third.write_bytes(content)
    os.killpg(json.loads((device.workdir / "lane.holder").read_text())["group"], signal.SIGKILL)
    wait_until_free(str(device.workdir / "lane.lock"))
    remove(device, step, 0, 1)
    device.start(step, lane="second")

    records = device.records("second")

    assert [wire.decode_line(line).shard for line in lines[2:]] == [0, 1]
    places = [record.shard for record in records if isinstance(record, wire.ShardScored)]
    assert places == [2, 3, 0, 1], "the killed lane's come last, from its journal"
    np.testing.assert_allclose(device.scores("a", "second"), expected(), atol=1e-6)


def test_scores_of_another_artifact_or_of_other_images_are_not_taken_over(device):
    step = scoring_step(device)
    device.start(step)
    device.done()
    workdir = Workdir(device.workdir)

    assert sorted(kept_scores(workdir, step)) == [0, 1, 2, 3]
    for changes in ({"artifact": "0" * 64}, {"shards": step.shards[::-1]}, {"id": "b"}, {"environment": "other"}):
        assert kept_scores(workdir, dataclasses.replace(step, **changes)) == {}
    assert sorted(kept_scores(workdir, dataclasses.replace(step, timeout_s=1.0))) == [0, 1, 2, 3]


def test_scores_of_an_earlier_run_are_reused_where_everything_that_decides_them_is_the_same(device):
    step = scoring_step(device, scored_by="5" * 64, reuses_scores=True)
    device.start(step, run="run-1")
    device.done()
    remove(device, step, *range(COUNT))
    same = dataclasses.replace(step, id="b")
    device.start(same, lane="second", run="run-2")
    device.done("second")
    device.start(dataclasses.replace(step, id="c"), lane="third", run="run-3")

    scored = [record for record in device.records("third") if isinstance(record, wire.ShardScored)]

    assert [record.run for record in scored] == ["run-1"] * COUNT, "the run that scored them, not the one in between"
    np.testing.assert_allclose(device.scores("c", "third"), expected(), atol=1e-6)
    workdir = Workdir(device.workdir)
    for changes in (
        {"scored_by": "6" * 64},
        {"scored_by": ""},
        {"threads": 2},
        {"labels": step.artifact},
        {"reuses_scores": False},
    ):
        assert kept_scores(workdir, dataclasses.replace(same, id="d", **changes)) == {}


def test_a_run_that_scores_anew_keeps_its_own_shards_alone(device):
    """Its first lane reused those of an earlier run; then it went on with `--rescore`."""
    step = scoring_step(device, reuses_scores=True)
    remove(device, step, 2, 3)
    device.start(step, lane="first", run="run-1")
    device.done("first")
    scoring_step(device)  # they arrive
    device.start(dataclasses.replace(step, id="b"), lane="second", run="run-2")
    device.done("second")

    kept = kept_scores(Workdir(device.workdir), dataclasses.replace(step, id="b", reuses_scores=False))

    assert {place: record.run for place, record in kept.items()} == {2: "run-2", 3: "run-2"}


def test_scores_by_an_artifact_or_an_environment_that_was_damaged_since_are_not_reused(device):
    step = scoring_step(device, reuses_scores=True)
    artifact = device.workdir / "blobs" / step.artifact
    device.start(step)
    device.done()
    workdir = Workdir(device.workdir)
    before = kept_scores(workdir, step)

    distrust(workdir, "another-environment")
    after_another = kept_scores(workdir, step)
    artifact.write_bytes(b"damaged")
    assert device.ask("have", stdin=json.dumps([step.artifact]).encode())["damaged"] == [step.artifact]

    assert sorted(before) == sorted(after_another) == [0, 1, 2, 3]
    assert kept_scores(workdir, step) == {}


def test_a_step_whose_id_the_card_changed_into_that_of_another_takes_no_scores_over(device):
    step = scoring_step(device, reuses_scores=True)
    other = dataclasses.replace(step, id="b", threads=2)
    device.start(step, other)
    device.done()
    (request,) = device.workdir.glob("lanes/*/request.json")
    workdir, later = Workdir(device.workdir), dataclasses.replace(other, id="c")
    before = kept_scores(workdir, later)

    request.write_bytes(request.read_bytes().replace(b'"id": "b"', b'"id": "a"'))

    assert sorted(before) == [0, 1, 2, 3]
    assert kept_scores(workdir, later) == {}


def test_a_journal_that_was_torn_keeps_the_shards_before(device):
    step = scoring_step(device)
    device.start(step)
    device.done()
    path = device.workdir / "lanes" / "lane-1" / "journal"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:-20])

    assert sorted(kept_scores(Workdir(device.workdir), step)) == [0, 1]


def test_a_damaged_shard_fails_its_scoring_with_the_reason(device):
    step = scoring_step(device)
    (device.workdir / "blobs" / step.shards[1].sha256).write_bytes(b"damaged")
    device.start(step, device.step("b"))

    done = device.done()

    assert done["a"].error == "a file is no shard: it begins with b'damaged'"
    assert done["b"].error is None


def test_an_attempt_tells_how_long_preparing_its_input_takes_each_time(device):
    device.start(device.step("a"), device.step("null", runtime="null"))

    done = device.done()

    assert len(done["a"].preparations_ns) == 11
    assert min(done["a"].preparations_ns) > 0
    assert done["null"].preparations_ns == ()
