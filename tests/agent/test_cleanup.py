"""What nobody needs any more goes, and nothing else."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys

import pytest

from agent import wire
from agent.cleanup import is_left_over
from tests.agent.device import Device, wheel

LONG_AGO = (1, 1)
NOTHING = {"environments": 0, "blobs": 0, "agents": 0, "lanes": 0}


def removed(device, *words, **expected):
    answer = device.ask("gc", *words)
    assert answer["removed"] == {**NOTHING, **expected}
    return answer


def missing(device, *hashes):
    return device.ask("have", stdin=json.dumps(hashes).encode())["missing"]


def environment(device, name):
    sha256 = device.push(wheel({"a.py": "x = 1\n"}))
    request = wire.EnvironmentRequest(name, (wire.Wheel("a-1.whl", sha256),))
    device.ask("environment", stdin=wire.to_json(request))
    return device.workdir / "environments" / name


@pytest.fixture
def gone():
    """The number of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def installed(agent_zip, tmp_path):
    """A device whose agent lies where the controller puts it."""
    folder = tmp_path / "agent"
    (folder / "agents").mkdir(parents=True)
    return Device(zip=shutil.copy(agent_zip, folder / "agents" / ("a" * 64 + ".zip")), workdir=folder)


def test_what_was_not_used_for_long_is_removed(device):
    old, asked, new = (device.push(text) for text in (b"old", b"asked for", b"new"))
    for sha256 in (old, asked):
        os.utime(device.workdir / "blobs" / sha256, LONG_AGO)
    missing(device, asked)

    answer = removed(device, blobs=1)

    assert (answer["removed_bytes"], answer["kept_bytes"]) == (3, 12)
    assert missing(device, old, asked, new) == {old: 0}


def test_an_environment_goes_unless_it_was_asked_for(device):
    old, asked = environment(device, "old"), environment(device, "asked")
    for path in (old, asked):
        os.utime(path, LONG_AGO)
    environment(device, "asked")

    removed(device, environments=1)

    assert [path.name for path in (device.workdir / "environments").iterdir()] == ["asked"]


def test_a_lane_goes_once_nothing_was_written_to_it_for_long(device):
    for lane in ("lane-1", "lane-2"):
        device.start(lane=lane)
        device.records(lane)
    for lane in ("lane-1", "lane-2"):
        for path in [*(device.workdir / "lanes" / lane).iterdir(), device.workdir / "lanes" / lane]:
            os.utime(path, LONG_AGO)
    os.utime(device.workdir / "lanes" / "lane-2" / "journal")

    removed(device, lanes=1)

    assert [path.name for path in (device.workdir / "lanes").iterdir()] == ["lane-2"]


def test_old_agents_go_and_the_one_that_runs_stays(installed):
    (installed.workdir / "agents" / ("b" * 64 + ".zip")).write_bytes(b"older")
    for path in (installed.workdir / "agents").iterdir():
        os.utime(path, LONG_AGO)

    assert removed(installed, agents=1)["removed_bytes"] == 5

    assert list((installed.workdir / "agents").iterdir()) == [installed.zip]


def test_an_agent_that_is_asked_for_blobs_counts_as_used(installed):
    os.utime(installed.zip, LONG_AGO)

    missing(installed)

    assert installed.zip.stat().st_mtime > LONG_AGO[1]


def test_whatever_is_unused_goes_when_no_day_is_granted(device):
    device.push(b"12345")
    environment(device, "env")

    answer = device.ask("gc", "--unused-days", "0")

    assert answer["removed"] == {**NOTHING, "blobs": 2, "environments": 1}
    assert answer["kept_bytes"] == 0


def test_what_dead_processes_left_half_made_goes_whatever_its_age(device, gone):
    device.ask("have", stdin=b"[]")
    half = device.workdir / "environments" / f"env.{gone}.tmp"
    half.mkdir()
    (half / "a.py").write_text("x")
    (device.workdir / "agents" / f"{'a' * 64}.zip.{gone}").write_bytes(b"xy")
    (device.workdir / "blobs" / f"{'a' * 64}.partial.{gone}").write_bytes(b"xyz")

    assert removed(device, environments=1, agents=1, blobs=1)["removed_bytes"] == 6


def test_what_a_living_process_is_making_stays(device):
    device.ask("have", stdin=b"[]")
    half = device.workdir / "environments" / f"env.{os.getpid()}.tmp"
    half.mkdir()

    removed(device, "--unused-days", "0")

    assert half.is_dir()


def test_a_number_of_a_process_that_was_given_away_again_saves_nothing_for_ever(tmp_path):
    half = tmp_path / f"env.{os.getpid()}.tmp"
    half.mkdir()
    assert not is_left_over(str(half))

    os.utime(half, LONG_AGO)
    assert is_left_over(str(half))


def test_a_blob_that_arrives_right_now_stays(device):
    device.ask("have", stdin=b"[]")
    partial = device.workdir / "blobs" / f"{'a' * 64}.partial"
    partial.write_bytes(b"half")
    os.utime(partial, LONG_AGO)

    with partial.open("rb+") as receiver:
        fcntl.flock(receiver, fcntl.LOCK_EX)
        removed(device)
    removed(device, blobs=1)


def test_garbage_waits_while_a_lane_runs(device, hanging):
    order, wait = hanging
    device.start(device.fake("step", order))
    wait()

    assert device.refusal("gc")["error"] == wire.BUSY


def test_an_environment_begun_by_a_dead_process_makes_room_for_the_next_try(device, gone):
    device.ask("have", stdin=b"[]")
    half = device.workdir / "environments" / f"env.{gone}.tmp"
    half.mkdir()

    environment(device, "env")

    assert [path.name for path in (device.workdir / "environments").iterdir()] == ["env"]
