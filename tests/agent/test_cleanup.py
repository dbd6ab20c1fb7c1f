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
from agent.clean_request import WANTED
from agent.cleanup import is_left_over
from tests.agent.device import Device, wheel

LONG_AGO = (1, 1)
NOTHING = {"environments": 0, "blobs": 0, "agents": 0, "lanes": 0}


def clean(device, **request):
    return device.ask("gc", stdin=json.dumps(request).encode())


def removed(device, *, unused_days=30, **expected):
    answer = clean(device, unused_days=unused_days)
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
        device.ask("stored", lane)
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


def test_the_agent_that_was_sent_stays_with_the_form_of_it_that_runs(installed):
    running = Device(zip=installed.zip.with_suffix(f".{sys.implementation.cache_tag}.zip"), workdir=installed.workdir)
    shutil.copy(installed.zip, running.zip)
    for path in (running.zip, installed.zip):
        os.utime(path, LONG_AGO)

    removed(running, agents=0)

    assert {*(installed.workdir / "agents").iterdir()} == {installed.zip, running.zip}


def test_an_agent_that_is_asked_for_blobs_counts_as_used(installed):
    os.utime(installed.zip, LONG_AGO)

    missing(installed)

    assert installed.zip.stat().st_mtime > LONG_AGO[1]


def test_whatever_is_unused_goes_when_no_day_is_granted(device):
    device.push(b"12345")
    environment(device, "env")

    answer = clean(device, unused_days=0)

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

    removed(device, unused_days=0)

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

    assert device.refusal("gc", stdin=b"{}")["error"] == wire.BUSY


def test_an_environment_begun_by_a_dead_process_makes_room_for_the_next_try(device, gone):
    device.ask("have", stdin=b"[]")
    half = device.workdir / "environments" / f"env.{gone}.tmp"
    half.mkdir()

    environment(device, "env")

    assert [path.name for path in (device.workdir / "environments").iterdir()] == ["env"]


def old(device, lane, *, stored=True):
    """Run a lane to its end, long ago, and read its journal; without ``stored``, no controller has committed it."""
    device.start(lane=lane)
    device.records(lane)
    folder = device.workdir / "lanes" / lane
    if stored:
        assert device.ask("stored", lane) == {"stored": True}
    for path in [*folder.iterdir(), folder]:
        os.utime(path, LONG_AGO)
    return folder


def test_a_journal_that_was_read_and_not_committed_stays_until_a_store_has_it(device):
    folder = old(device, "lane-1", stored=False)

    kept = clean(device)
    stored = clean(device, collected=["lane-1"], dry=True)
    lacking = clean(device, collected=[], wanted=["lane-1"], uncollected=True)

    assert (kept["wanted"], kept["removed"]["lanes"]) == (1, 0)
    assert (stored["wanted"], stored["removed"]["lanes"]) == (0, 1)
    assert lacking["removed"]["lanes"] == 1
    assert not folder.exists()


def test_a_journal_of_which_the_store_lacks_something_stays_though_another_store_has_it(device):
    folder = old(device, "lane-1")

    answer = clean(device, wanted=["lane-1"])

    assert answer["wanted"] == 1
    assert folder.exists()


def test_a_size_limit_takes_what_was_used_longest_ago_and_no_more(device):
    first, second, third = (device.push(text) for text in (b"1111", b"2222", b"3333"))
    for age, sha256 in enumerate((second, first, third), 1):
        os.utime(device.workdir / "blobs" / sha256, (age * 10**9 // 2, age * 10**9 // 2))

    dry = clean(device, unused_days=10**6, most_blob_bytes=9, dry=True)
    answer = clean(device, unused_days=10**6, most_blob_bytes=9)

    assert dry["bytes"] == answer["bytes"] == {**NOTHING, "blobs": 4}
    assert missing(device, first, second, third) == {second: 0}


def test_dry_removes_nothing(device):
    device.push(b"12345")

    answer = clean(device, unused_days=0, dry=True)

    assert answer["removed_bytes"] == 5
    assert clean(device, unused_days=0)["removed_bytes"] == 5


def test_everything_goes_with_the_directory_and_nothing_beside_it(installed):
    old(installed, "lane-1")
    installed.push(b"12345")
    (installed.workdir.parent / "mine").write_text("mine")

    answer = clean(installed, everything=True)

    assert answer["removed"] == {**NOTHING, "blobs": 1, "agents": 1, "lanes": 1}
    assert not installed.workdir.exists()
    assert (installed.workdir.parent / "mine").read_text() == "mine"


def test_what_is_not_the_agents_stays_in_its_directory(device):
    old(device, "lane-1")
    (device.workdir / "mine").write_text("mine")
    (device.workdir / "photos").mkdir()

    answer = clean(device, everything=True)

    assert answer["left"] == ["mine", "photos"]
    assert sorted(path.name for path in device.workdir.iterdir()) == ["mine", "photos"]


def test_everything_stays_where_a_journal_was_never_collected_unless_that_is_named(device):
    folder = old(device, "lane-1", stored=False)

    refusal = device.refusal("gc", stdin=b'{"everything": true}')
    was_there = folder.exists()
    clean(device, everything=True, uncollected=True)

    assert refusal["error"] == WANTED
    assert "lane-1" in refusal["message"]
    assert was_there
    assert not device.workdir.exists()


@pytest.mark.parametrize("request_", [b"{}", b'{"everything": true}'], ids=["unused", "everything"])
@pytest.mark.parametrize("name", ["blobs", "lanes"])
def test_a_folder_that_is_a_link_is_refused_and_what_it_leads_to_stays(device, tmp_path, name, request_):
    device.ask("have", stdin=b"[]")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    os.utime(elsewhere / "mine", LONG_AGO)
    (device.workdir / name).rmdir()
    (device.workdir / name).symlink_to(elsewhere)

    refusal = device.refusal("gc", stdin=request_)

    assert f"{device.workdir}/{name} is a link" in refusal["message"]
    assert (elsewhere / "mine").exists()


def test_a_directory_that_is_a_link_is_not_removed(device, tmp_path):
    device.ask("have", stdin=b"[]")
    (tmp_path / "link").symlink_to(device.workdir)
    linked = Device(zip=device.zip, workdir=tmp_path / "link")

    refusal = linked.refusal("gc", stdin=b'{"everything": true}')

    assert "is a link" in refusal["message"]
    assert device.workdir.is_dir()


def test_a_link_among_the_blobs_goes_and_what_it_leads_to_stays(device, tmp_path):
    device.ask("have", stdin=b"[]")
    (tmp_path / "mine").write_text("mine")
    (device.workdir / "blobs" / ("a" * 64)).symlink_to(tmp_path / "mine")

    clean(device, unused_days=0)

    assert not list((device.workdir / "blobs").iterdir())
    assert (tmp_path / "mine").exists()


def test_a_journal_that_a_reader_got_whole_is_no_stored_one_until_its_controller_says_so(device):
    device.start(lane="lane-1")
    device.records("lane-1")
    (read,) = device.ask("lanes")["lanes"]

    device.ask("stored", "lane-1")

    (stored,) = device.ask("lanes")["lanes"]
    assert (read["stored"], stored["stored"]) == (False, True)


def test_a_journal_that_grows_is_never_noted_as_stored(device, hanging):
    order, worker = hanging
    device.start(device.fake("a", order))
    worker()

    assert device.ask("stored", "lane-1") == {"stored": False}
