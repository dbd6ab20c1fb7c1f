from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agent import journal, lanes, wire
from agent.lane_runner import StepRunner
from agent.lock import DeviceLock, is_held, wait_until_free
from agent.workdir import Workdir
from tests.lab.project import wait_for


def test_a_lane_walks_its_steps_in_order_to_the_end(device):
    device.start(device.step("a"), device.step("b", kind="score"))

    records = device.records()

    assert [type(record).__name__ for record in records] == [
        "LaneBegan", "StepBegan", "AttemptDone", "StepBegan", "ShardScored", "ScoringDone", "LaneDone",
    ]  # fmt: skip
    assert [record.id for record in records[1:-1]] == ["a", "a", "b", "b", "b"]
    assert [record.error for record in (records[2], records[5], records[6])] == [None] * 3


def test_start_returns_while_the_lane_goes_on_by_itself(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))

    worker()

    assert os.getsid(device.pid()) != os.getsid(0)
    process = Path(f"/proc/{device.pid()}")
    lines = (process / "status").read_text().splitlines()
    ignored = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    assert ignored & (1 << (signal.SIGHUP - 1))
    assert (process / "fd/0").readlink() == Path(os.devnull)
    assert (process / "fd/1").readlink() == device.workdir / "lanes/lane-1/log"


def test_the_refusal_of_a_second_lane_names_the_holder(device, hanging):
    order, worker = hanging
    step = device.fake("a", order)
    device.start(step)
    worker()

    refusal = device.refusal("start", stdin=device.order(step, lane="lane-2"))

    assert (refusal["error"], refusal["holder"], refusal["lane"]) == (wire.BUSY, "ada@desk, run run-1", "lane-1")
    assert "ada@desk" in refusal["message"]


def test_a_lane_keeps_its_origin_unread_within_bounds_and_starts_once_whatever_facts_changed_meanwhile(device):
    order = json.loads(device.order(device.step("a")))
    device.ask("start", stdin=json.dumps(order | {"origin": "first"}).encode())

    device.ask("start", stdin=json.dumps(order | {"origin": "second"}).encode())
    answer = device.ask("origin", "lane-1")
    refused = [
        device.refusal("start", stdin=json.dumps(order | {"lane": "lane-2", "origin": origin}).encode())
        for origin in ("x" * (1 + lanes.ORIGIN_CHARACTERS), 5)
    ]

    assert answer == {"holder": "ada@desk, run run-1", "origin": "first"}
    assert [each["error"] for each in refused] == [wire.BAD_REQUEST] * 2
    assert [type(record).__name__ for record in device.records()].count("LaneBegan") == 1


class Watched(journal.Writer):
    """A journal that calls someone before it writes."""

    def __init__(self, path, before):
        super().__init__(path)
        self.before = before

    def append(self, record):
        self.before(record)
        super().append(record)


@contextmanager
def running(device, steps, before):
    """Yield a runner in this process; ``before`` is called with it and each record that it is about to write."""
    workdir = Workdir(device.workdir).make()
    (device.workdir / "lanes/lane-1").mkdir()
    lock = DeviceLock(workdir.file("lane.lock"), workdir.file("lane.holder"))
    assert lock.take()
    writer = Watched(workdir.lane("lane-1", "journal"), lambda record: before(runner, record))
    runner = StepRunner(workdir, wire.LaneRequest("lane-1", "run-1", "me", tuple(steps)), writer, lock)
    yield runner
    writer.close()
    lock.drop()


def test_a_lane_frees_the_device_before_its_last_record(device):
    held = {}

    def look(runner, record):
        held[type(record)] = is_held(str(device.workdir / "lane.lock"))

    with running(device, [device.step("a", runtime="null", min_invocations=1)], look) as runner:
        runner.run()

    assert held == {wire.StepBegan: True, wire.AttemptDone: True, wire.LaneDone: False}


def test_a_worker_that_is_just_being_made_is_stopped_too(device):
    records = []

    def stop(runner, record):
        records.append(record)
        runner.stop()

    with running(device, [device.fake("a", "hang:/dev/null"), device.step("b")], stop) as runner:
        runner.run()

    assert [type(record) for record in records] == [wire.StepBegan, wire.LaneDone]
    assert records[-1].error.startswith("ended by a signal")


def test_starting_a_lane_twice_starts_it_once(device, hanging):
    order, worker = hanging
    step = device.fake("a", order)
    device.start(step)
    worker()
    pid = device.pid()

    device.start(step)

    assert device.pid() == pid


def test_starting_a_lane_that_is_over_starts_nothing(device):
    step = device.step("a")
    device.start(step)
    before = device.records()

    device.start(step)

    assert device.records() == before


def test_another_lane_under_a_known_name_is_refused(device):
    step = device.step("a")
    device.start(step)
    device.records()

    refusal = device.refusal("start", stdin=device.order(dataclasses.replace(step, threads=2)))

    assert refusal["error"] == wire.BAD_REQUEST


def test_of_two_lanes_started_at_once_one_runs(device, hanging):
    order, worker = hanging
    step = device.fake("a", order)
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        racing = [
            stack.enter_context(subprocess.Popen(device.argv("start"), stdin=pipe, stdout=pipe)) for _ in range(4)
        ]
        for number, start in enumerate(racing):  # none of them can begin before its request is there
            start.stdin.write(device.order(step, lane=f"lane-{number}"))
        for start in racing:
            start.stdin.close()
        answers = [json.loads(start.stdout.read()) for start in racing]
    worker()

    (winner,) = [answer["lane"] for answer in answers if "error" not in answer]
    assert [(answer["error"], answer["lane"]) for answer in answers if "error" in answer] == [(wire.BUSY, winner)] * 3
    assert device.ask("stop", winner) == {"stopped": True}


def test_the_same_lane_started_at_once_by_two_runs_once(device, hanging):
    order, worker = hanging
    request = device.order(device.fake("a", order))
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        racing = [
            stack.enter_context(subprocess.Popen(device.argv("start"), stdin=pipe, stdout=pipe)) for _ in range(4)
        ]
        for start in racing:
            start.stdin.write(request)
        for start in racing:
            start.stdin.close()
        answers = [json.loads(start.stdout.read()) for start in racing]
    worker()

    assert answers == [{"lane": "lane-1"}] * 4
    written = (device.workdir / "lanes/lane-1/journal").read_bytes()
    assert written.count(b"LaneBegan") == 1


def test_what_is_missing_is_named_and_nothing_starts(device):
    step = device.step("a", artifact=None)
    broken = dataclasses.replace(step, artifact="0" * 64, golden="1" * 64, environment="not-here")

    refusal = device.refusal("start", stdin=device.order(step, broken))

    assert refusal["error"] == wire.BLOB_MISSING
    assert refusal["missing"] == ["0" * 64, "1" * 64, "environment not-here"]
    assert device.refusal("stop", "lane-1")["error"] == wire.UNKNOWN_LANE


@pytest.mark.parametrize(
    "change",
    [
        {"runtime": "abacus"},
        {"kind": "guess"},
        {"shards": (wire.Shard("../../x", 1),)},
        {"shards": ()},
        {"golden": "../../x"},
        {"environment": ".."},
    ],
    ids=str,
)
def test_a_step_that_can_not_be_meant_is_refused(device, change):
    refusal = device.refusal("start", stdin=device.order(device.step("a", **change)))

    assert refusal["error"] == wire.BAD_REQUEST


def test_a_request_of_another_version_is_refused(device):
    body = json.loads(device.order(device.step("a")))

    refusal = device.refusal("start", stdin=json.dumps({**body, "version": 99}).encode())

    assert refusal["error"] == wire.BAD_REQUEST
    assert "99" in refusal["message"]


@pytest.mark.parametrize("request_", [b"", b"[]", b"3", b'{"lane": "x"}', b'{"what": 1}'], ids=str)
def test_an_invalid_request_is_refused(device, request_):
    assert device.refusal("start", stdin=request_)["error"] == wire.BAD_REQUEST


def test_a_killed_worker_is_data_and_the_lane_goes_on(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order), device.step("b"))

    kill(worker())

    done = device.done()
    assert done["a"].error is not None
    assert "SIGKILL" in done["a"].error
    assert done["b"].error is None


def test_a_worker_that_takes_too_long_is_killed_and_the_lane_goes_on(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order, timeout_s=6.0), device.step("b"))
    pid = worker()

    done = device.done()

    assert done["a"].error is not None
    assert done["a"].error.startswith("no answer within 6 s")
    assert done["a"].wall_ns >= 6e9
    assert done["b"].error is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_lane_that_is_killed_leaves_its_worker_holding_the_device(device, hanging, kill):
    order, worker = hanging
    step = device.fake("a", order)
    device.start(step)
    orphan = worker()
    kill(device.pid())
    wait_until_free(str(device.workdir / "lanes/lane-1/alive"))

    refusal = device.refusal("start", stdin=device.order(step, lane="lane-2"))
    assert (refusal["error"], refusal["lane"]) == (wire.BUSY, "lane-1")
    assert "its worker still runs" in refusal["message"]

    kill(orphan)
    wait_until_free(str(device.workdir / "lane.lock"))
    device.start(device.step("b"), lane="lane-2")
    assert device.done("lane-2")["b"].error is None


def test_a_worker_whose_lane_was_killed_does_not_hold_the_device_for_ever(device, tmp_path, kill):
    lane = begin_to_hang(device, tmp_path)
    kill(device.pid())

    wait_until_free(str(device.workdir / "lane.lock"))

    assert device.refusal_of_follow(lane)["error"] == wire.LANE_DIED


def begin_to_hang(device, folder):
    """Start lanes with ever more time until the worker of one has begun to hang before it was up; return its name."""
    fifo = folder / "hanging"
    os.mkfifo(fifo)
    listening = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for number, timeout_s in enumerate((1.5, 15, 150), 1):
            lane = f"lane-{number}"
            device.start(device.fake("a", f"hang:{fifo}", timeout_s=timeout_s), lane=lane)
            over = device.workdir / "lanes" / lane / "journal"
            wait_for(
                lambda over=over: select.select([listening], [], [], 0)[0] or journal.is_last(over.read_bytes()),
                seconds=200,
            )
            if is_held(str(device.workdir / "lanes" / lane / "alive")) and not journal.is_last(over.read_bytes()):
                return lane
    finally:
        os.close(listening)
    pytest.fail("no worker began in time")


def test_stop_ends_the_worker_of_a_lane_that_was_killed(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()
    kill(device.pid())
    wait_until_free(str(device.workdir / "lanes/lane-1/alive"))

    assert device.ask("stop", "lane-1") == {"stopped": True}

    assert not is_held(str(device.workdir / "lane.lock"))


def test_stop_ends_the_worker_and_the_lane_with_a_record(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order), device.step("b"))
    pid = worker()

    assert device.ask("stop", "lane-1") == {"stopped": True}

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not is_held(str(device.workdir / "lane.lock"))
    records = device.records()
    assert [type(record).__name__ for record in records] == ["LaneBegan", "StepBegan", "LaneDone"]
    assert records[-1].error == "stopped"


def test_stop_ends_a_lane_whose_process_and_worker_were_stopped(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))
    for pid in (worker(), device.pid()):
        os.kill(pid, signal.SIGSTOP)

    assert device.ask("stop", "lane-1") == {"stopped": True}

    assert not is_held(str(device.workdir / "lanes/lane-1/alive"))
    assert device.records()[-1].error == "stopped"


def test_a_gentle_stop_ends_the_step_that_is_under_way_and_takes_no_further_one(device, hanging, kill):
    order, wait = hanging
    device.start(device.fake("a", order), device.step("b"))
    worker = wait()

    answer = device.ask("stop", "lane-1", "--gently")

    kill(worker)
    records = device.records()
    assert answer == {"stopped": True}
    assert [record.id for record in records if isinstance(record, wire.AttemptDone)] == ["a"]
    assert records[-1].error == "stopped"


def test_a_gentle_stop_of_what_is_over_stops_nothing(device):
    device.start(device.step("a"))
    device.done()

    assert device.ask("stop", "lane-1", "--gently") == {"stopped": False}


def test_lanes_are_listed_with_how_far_they_are_and_whether_they_were_read(device, hanging, kill):
    order, wait = hanging
    device.start(device.step("a"), lane="done")
    unread = state(device, "done", until="done")
    device.records("done")
    device.ask("stored", "done")
    device.start(device.fake("b", order), lane="killed")
    wait()
    runs = state(device, "killed")
    kill(device.pid("killed"))
    died = state(device, "killed", until="died")

    assert (unread["state"], unread["stored"], unread["run"]) == ("done", False, "run-1")
    assert state(device, "done")["stored"]
    assert (runs["state"], died["state"]) == ("running", "died")
    assert died["size_bytes"] == (device.workdir / "lanes" / "killed" / "journal").stat().st_size


def state(device, name, *, until=None):
    """Return what the device says of a lane, once it is in a state."""

    def found():
        (lane,) = [lane for lane in device.ask("lanes")["lanes"] if lane["lane"] == name]
        return lane if until in (None, lane["state"]) else None

    return wait_for(found)


def test_stopping_what_is_over_stops_nothing(device, hanging):
    device.start(device.step("a"))
    device.records()
    assert device.ask("stop", "lane-1") == {"stopped": False}

    order, worker = hanging
    device.start(device.fake("a", order), lane="lane-2")
    worker()

    assert device.ask("stop", "lane-1") == {"stopped": False}
    assert is_held(str(device.workdir / "lanes/lane-2/alive"))
    device.ask("stop", "lane-2")


def test_a_lane_that_never_was_is_unknown(device):
    for command in ("stop", "follow", "collect"):
        assert device.refusal(command, "nobody")["error"] == wire.UNKNOWN_LANE


def test_a_start_that_was_cut_short_can_be_repeated(device):
    step = device.step("a")
    folder = device.workdir / "lanes/lane-1"
    folder.mkdir(parents=True)
    (folder / "journal").write_bytes(wire.encode_line(wire.LaneBegan(lane="lane-1", run="x", at_ns=1))[:-5])
    (folder / "request.json").write_bytes(b"{")

    device.start(step)

    assert device.done()["a"].error is None


def test_garbage_is_not_collected_under_a_running_lane(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()

    assert device.refusal("gc", stdin=b"{}")["error"] == wire.BUSY


def test_login_shells_and_terminals_are_not_needed(device):
    request = device.order(device.step("a"))

    done = subprocess.run(
        device.argv("start"), input=request, capture_output=True, env={"HOME": str(device.workdir)}, check=False
    )

    assert done.returncode == 0, done.stderr
    assert device.done()["a"].error is None


def test_a_relative_workdir_lies_below_home(device, tmp_path):
    argv = [device.python, str(device.zip), "--workdir", "somewhere", "have"]

    subprocess.run(argv, input=b"[]", capture_output=True, env={"HOME": str(tmp_path)}, cwd="/", check=True)

    assert (tmp_path / "somewhere" / "blobs").is_dir()
