from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from agent import wire
from agent.lock import wait_until_free
from tests.lab.deleted import delete_in_use


@pytest.fixture
def lane_of_three(device):
    device.start(*(device.step(name, runtime="null", min_invocations=1) for name in "abc"))
    device.records()
    return (device.workdir / "lanes/lane-1/journal").read_bytes()


def read(follower):
    """Return what a follower prints next, as soon as there is something."""
    return os.read(follower.stdout.fileno(), 1 << 16)


def test_a_journal_can_be_followed_from_the_end_of_every_record(device, lane_of_three):
    ends = [0] + [index + 1 for index, byte in enumerate(lane_of_three) if byte == ord("\n")]
    assert len(ends) == 1 + 1 + 3 * 2 + 1

    for end in ends:
        with device.following(offset=end) as follower:
            assert follower.stdout.read() == wire.JOURNAL_MARK + b"\n" + lane_of_three[end:]
            assert follower.wait() == 0


def test_every_other_offset_is_refused(device, lane_of_three):
    codes = dict.fromkeys((-1, 1, len(lane_of_three) - 1), wire.BAD_REQUEST)
    for offset, code in (codes | {len(lane_of_three) + 1: wire.LANE_DIED}).items():
        refusal = device.refusal("follow", "lane-1", "--from", str(offset))
        assert refusal["error"] == code
        assert str(offset) in refusal["message"]


def test_records_come_while_the_lane_runs(device, hanging):
    order, worker = hanging
    device.start(device.step("a"), device.fake("b", order))

    with device.following() as follower:
        lines = [follower.stdout.readline() for _ in range(5)]
        worker()

    names = [type(wire.decode_line(line)).__name__ for line in lines[1:]]
    assert names == ["LaneBegan", "StepBegan", "AttemptDone", "StepBegan"]


def test_a_follower_that_came_early_hears_of_what_comes_late(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))

    with device.following() as follower:
        heard = b""
        while heard.count(b"\n") < 3:
            heard += read(follower)
        kill(worker())
        rest = follower.stdout.read()

    assert [type(wire.decode_line(line)).__name__ for line in rest.splitlines(keepends=True)] == [
        "AttemptDone",
        "LaneDone",
    ]
    assert follower.returncode == 0


def test_two_followers_hear_the_same(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))

    with device.following() as one, device.following() as two:
        heard = [one.stdout.readline(), two.stdout.readline()]
        kill(worker())
        heard[0] += one.stdout.read()
        heard[1] += two.stdout.read()

    assert heard[0] == heard[1]
    assert heard[0].count(b"\n") == 5


def test_a_follower_ends_with_its_controller(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()

    with device.following() as follower:
        read(follower)
        follower.stdin.close()
        assert follower.wait(120) == 0

    assert list((device.workdir / "lanes/lane-1").glob("*.fifo")) == []


def test_a_follower_ends_without_a_reader(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))
    pid = worker()

    with device.following() as follower:
        read(follower)
        follower.stdout.close()
        kill(pid)
        assert follower.wait(120) == 0
        assert follower.stderr.read() == b""


def test_a_follower_ends_at_once_when_the_lane_died(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()

    with device.following() as follower:
        read(follower)
        kill(device.pid())
        assert follower.wait(120) == wire.REFUSED
        assert b'"error": "lane-died"' in follower.stderr.read().splitlines()[-1]


def test_a_follower_whose_directory_is_deleted_ends_with_the_lane(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))
    pid, lane = worker(), device.pid()

    with device.following() as follower:
        heard = b""
        while heard.count(b"\n") < 3:
            heard += read(follower)
        delete_in_use(device.workdir)
        kill(lane)
        kill(pid)
        assert follower.wait(120) == wire.REFUSED
        assert b'"error": "lane-died"' in follower.stderr.read().splitlines()[-1]


def test_a_lane_that_died_before_is_reported_after_its_records(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()
    kill(device.pid())
    wait_until_free(str(device.workdir / "lanes/lane-1/alive"))

    with device.following() as follower:
        assert follower.stdout.read().count(b"\n") == 3
        assert b"lane-died" in follower.stderr.read()
        assert follower.wait() == wire.REFUSED


def test_a_torn_last_record_is_not_passed_on(device, lane_of_three):
    path = device.workdir / "lanes/lane-1/journal"
    last = lane_of_three.rindex(b"\n", 0, -1) + 1

    for cut in (last, last + 1, last + 30, len(lane_of_three) - 1):
        path.write_bytes(lane_of_three[:cut])
        with device.following() as follower:
            followed = follower.stdout.read()
            assert follower.wait() == wire.REFUSED
        collected = device.run("collect", "lane-1")
        assert followed == collected.stdout == wire.JOURNAL_MARK + b"\n" + lane_of_three[:last]
        assert collected.returncode == wire.REFUSED
        assert b"lane-died" in collected.stderr


def test_collecting_gives_what_there_is_and_does_not_wait(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()

    done = device.run("collect", "lane-1")

    assert done.returncode == 0
    assert done.stdout == wire.JOURNAL_MARK + b"\n" + (device.workdir / "lanes/lane-1/journal").read_bytes()


def test_collecting_from_an_offset(device, lane_of_three):
    end = lane_of_three.index(b"\n") + 1

    done = device.run("collect", "lane-1", "--from", str(end))

    assert done.stdout == wire.JOURNAL_MARK + b"\n" + lane_of_three[end:]


def test_a_follower_that_was_killed_leaves_nothing_behind_for_long(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order))
    with device.following() as follower:
        read(follower)
        follower.kill()
        follower.wait()
    pid = worker()

    kill(pid)
    device.records()

    assert list((device.workdir / "lanes/lane-1").glob("*.fifo")) == []


def test_while_a_worker_works_neither_the_lane_nor_its_follower_uses_the_processor(device, hanging, kill):
    order, worker = hanging
    device.start(device.fake("a", order), device.fake("b", order))
    with device.following() as follower:
        heard = read(follower)
        kill(worker())
        worker()
        while heard.count(b"\n") < 5:  # it was woken at least once
            heard += read(follower)
        watched = (device.pid(), follower.pid)

        def stand_still():
            before = [switches(pid) for pid in watched]
            time.sleep(1.0)  # silence has to last a while to be one
            return [switches(pid) for pid in watched] == before

        # on a busy machine they are a while at what woke them; what looks again and again never stands still
        assert any(stand_still() for _ in range(60))


def switches(pid):
    """Return how often the threads of a process gave up the processor: it stands still while all of them sleep."""
    lines = [line for status in Path(f"/proc/{pid}/task").glob("*/status") for line in status.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def test_a_terminal_that_hangs_up_takes_the_follower_along_and_nothing_else(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))
    pid = worker()
    with device.following() as follower:
        read(follower)
        follower.send_signal(signal.SIGHUP)
        follower.wait(120)

    os.kill(pid, 0)
    assert subprocess.run(["kill", "-HUP", str(device.pid())], check=True).returncode == 0
    assert device.ask("stop", "lane-1") == {"stopped": True}
