"""What another user, or whoever had the device before, left in the agent's directory."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent import wire
from agent.cleanup import collect
from agent.journal import Writer
from agent.kept_scores import distrust
from agent.lock import DeviceLock
from agent.workdir import Workdir, write_atomically
from orchestrator.devices.remote import bundle
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device as Entry
from orchestrator.errors import DeviceUnfit
from orchestrator.transports.local import LocalTransport
from tests.agent.device import Device
from tests.agent.test_blobs import CONTENT, SHA256

FOLDERS = ("agents", "blobs", "environments", "lanes")
BEGAN = wire.LaneBegan(lane="lane-1", run="run-1", at_ns=1)


@pytest.fixture
def mine(tmp_path):
    """A folder of the user's own, with a file that must stay as it is."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis").write_text("years of work")
    os.utime(folder / "thesis", (1, 1))
    yield folder
    assert [path.name for path in folder.iterdir()] == ["thesis"]
    assert (folder / "thesis").read_text() == "years of work"


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("command", ["gc", "have"])
def test_a_folder_that_is_a_link_is_refused_before_anything_in_it_is_removed_or_written(device, mine, folder, command):
    device.ask("have", stdin=b"[]")
    (device.workdir / folder).rmdir()
    (device.workdir / folder).symlink_to(mine)

    refusal = device.refusal(command, stdin=b'{"unused_days": 0}' if command == "gc" else b"[]")

    assert refusal["error"] == wire.UNFIT
    assert refusal["message"] == f"{device.workdir / folder} is a link, and farm follows none there: remove it"


@pytest.mark.parametrize("folder", FOLDERS)
def test_cleaning_removes_a_link_and_not_what_it_leads_to(tmp_path, mine, folder):
    workdir = Workdir(tmp_path / "agent").make()
    for name, target in (("a" * 64, mine), ("b" * 64, mine / "thesis")):
        link = tmp_path / "agent" / folder / name
        link.symlink_to(target)
        os.utime(link, (1, 1), follow_symlinks=False)

    collect(workdir, unused_days=0, running=())

    assert list((tmp_path / "agent" / folder).iterdir()) == []


def test_a_lane_is_not_written_through_a_link(device, mine):
    step = device.step("a")
    device.ask("have", stdin=b"[]")
    (device.workdir / "lanes" / "lane-1").symlink_to(mine)

    refusal = device.refusal("start", stdin=device.order(step))

    assert refusal["error"] == wire.UNFIT
    assert "is a link" in refusal["message"]


@pytest.mark.parametrize("name", ["start.lock", "lane.lock", "lanes/lane-1/log", "lanes/lane-1/alive"])
def test_no_lock_or_log_is_written_through_a_link(device, mine, name):
    step = device.step("a")
    device.ask("have", stdin=b"[]")
    (device.workdir / "lanes" / "lane-1").mkdir()
    (device.workdir / name).symlink_to(mine / "made")

    refusal = device.refusal("start", stdin=device.order(step))

    assert refusal["error"] in (wire.UNFIT, wire.LANE_DIED)


@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing"])
def test_no_record_is_written_through_a_link(tmp_path, mine, exists):
    workdir = Workdir(tmp_path / "agent").make()
    workdir.make_lane("lane-1")
    target = mine / ("thesis" if exists else "made")
    for name in (
        *("journal", "request.json", f"request.json.{os.getpid()}.tmp", "doubtful", f"holder.{os.getpid()}"),
        "follower.1.fifo",
    ):
        Path(workdir.lane("lane-1", name)).symlink_to(target)

    with pytest.raises(OSError, match="symbolic link"):
        Writer(workdir.lane("lane-1", "journal"))
    Path(workdir.lane("lane-1", "journal")).unlink()
    Writer(workdir.lane("lane-1", "journal")).append(BEGAN)
    write_atomically(workdir.lane("lane-1", "request.json"), b'"lane-1"')
    DeviceLock("", workdir.lane("lane-1", "holder")).sign(lane="lane-1")
    distrust(workdir, "lane-1")

    assert json.loads(Path(workdir.lane("lane-1", "holder")).read_text()) == {"lane": "lane-1"}


def test_a_blob_is_not_received_through_a_link(device, mine):
    device.ask("have", stdin=b"[]")
    for name in (SHA256, f"{SHA256}.partial"):
        (device.workdir / "blobs" / name).symlink_to(mine / "thesis")

    device.ask("receive", SHA256, "--size", str(len(CONTENT)), stdin=CONTENT)

    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT


def test_the_agent_is_not_installed_through_a_link(tmp_path, mine):
    start = bundle.start(str(tmp_path / "agent"))
    *_, sha256, _ = start.words
    installed = tmp_path / "agent" / "agents" / f"{sha256}.zip"
    installed.parent.mkdir(parents=True)
    plant = f"import os; os.symlink({str(mine / 'thesis')!r}, {str(installed)!r} + '.%d' % os.getpid());"
    starter, *words = start.words[1:]

    subprocess.run(
        [sys.executable, "-c", plant + starter, *words],
        input=start.program + start.agent,
        check=True,
        capture_output=True,
    )

    assert installed.read_bytes() == start.agent


def test_everything_on_a_device_is_its_users_alone(agent_zip, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    before = os.umask(0o002)
    try:
        entry = Entry(name="pi", transport="local", workdir=str(home / "a" / ".farm-agent"))
        client = AgentClient(LocalTransport(entry), entry)
        client.ensure_agent()
        client.probe()
        (home / "x").write_bytes(CONTENT)
        client.send(home / "x", SHA256, arrived=0)
    finally:
        os.umask(before)

    made = [path for path in (home / "a").rglob("*") if not path.is_symlink()]
    assert (home / "a" / ".farm-agent" / "blobs" / SHA256) in made
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in made} == {0}


def test_a_directory_that_others_may_write_to_is_closed(device):
    device.workdir.mkdir(mode=0o777)
    device.workdir.chmod(0o777)

    device.ask("have", stdin=b"[]")

    assert stat.S_IMODE(device.workdir.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
def test_a_directory_of_another_user_is_refused_and_the_agent_in_it_not_started(agent_zip, device, tmp_path):
    entry = Entry(name="pi", transport="local", workdir=str(device.workdir))
    device.ask("have", stdin=b"[]")
    os.chown(device.workdir, 1234, 1234)

    with pytest.raises(DeviceUnfit, match="belongs to another user"):
        AgentClient(LocalTransport(entry), entry).ensure_agent()
    refusal = device.refusal("have", stdin=b"[]")

    assert refusal["error"] == wire.UNFIT
    assert f"{device.workdir} belongs to another user (1234)" in refusal["message"]


def test_the_word_that_starts_the_agent_passes_every_shell():
    assert not {"!", "\n", "\\"} & set(bundle.start(".farm-agent").words[1])


def test_folders_that_an_older_agent_let_others_read_are_closed(device):
    for folder in FOLDERS:
        (device.workdir / folder).mkdir(parents=True, mode=0o755)

    device.ask("have", stdin=b"[]")

    assert {stat.S_IMODE((device.workdir / folder).stat().st_mode) for folder in FOLDERS} == {0o700}


def test_a_folder_for_all_that_is_named_as_work_directory_keeps_its_permissions(device):
    device.workdir.mkdir()
    device.workdir.chmod(0o1777)

    device.ask("have", stdin=b"[]")

    assert stat.S_IMODE(device.workdir.stat().st_mode) == 0o1777


def test_a_home_behind_a_link_is_a_home(agent_zip, tmp_path, monkeypatch):
    (tmp_path / "data" / "ada").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "data")
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "ada"))

    Device(zip=agent_zip, workdir=Path(".farm-agent")).ask("have", stdin=b"[]")

    assert (tmp_path / "data" / "ada" / ".farm-agent" / "blobs").is_dir()
