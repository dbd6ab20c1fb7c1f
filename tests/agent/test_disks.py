"""Disks that are full, read-only or closed to programs: real ones, mounted for the test."""

from __future__ import annotations

import _ctypes
import contextlib
import hashlib
import json
import os
import subprocess
import zipfile
from io import BytesIO

import pytest

from agent import wire
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device as Entry
from orchestrator.errors import DeviceUnfit
from orchestrator.transports.local import LocalTransport
from tests.agent.device import Device, wheel
from tests.lab.project import wait_for

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@contextlib.contextmanager
def mounted(folder, options):
    """Mount a disk in memory; skips where this user may not, even as root (a container)."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"needs to mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small(agent_zip, tmp_path):
    """A device whose disk has 4 MiB."""
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield Device(zip=agent_zip, workdir=folder)


def fill(device, *, leave):
    """Fill the disk up to ``leave`` bytes and return what fills it; others may write to it meanwhile."""
    filler = device.workdir / "filler"
    disk = os.statvfs(device.workdir)
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for _ in range(0, disk.f_bavail * disk.f_frsize - leave, disk.f_frsize):
            file.write(bytes(disk.f_frsize))
    return filler


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_blob_that_does_not_fit_is_refused_and_fits_once_there_is_room(small):
    small.ask("have", stdin=b"[]")
    filler = fill(small, leave=1_000_000)

    refusal = small.refusal("receive", SHA256, "--size", str(len(CONTENT)), stdin=CONTENT)

    assert refusal["error"] == wire.NO_SPACE
    assert files_below(small.workdir) == [filler]
    filler.unlink()
    small.ask("receive", SHA256, "--size", str(len(CONTENT)), stdin=CONTENT)
    assert small.ask("have", stdin=json.dumps([SHA256]).encode())["missing"] == {}


def test_a_disk_that_fills_up_while_a_blob_arrives_keeps_what_arrived_and_goes_on_once_there_is_room(small):
    small.ask("have", stdin=b"[]")
    half = 1_600_000
    argv = small.argv("receive", SHA256, "--size", str(len(CONTENT)))
    partial = small.workdir / "blobs" / f"{SHA256}.partial"
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as receiving:
        receiving.stdin.write(CONTENT[:half])
        receiving.stdin.flush()
        wait_for(lambda: partial.exists() and partial.stat().st_size > half - (1 << 17))
        filler = fill(small, leave=0)
        with contextlib.suppress(BrokenPipeError):  # it stopped reading
            receiving.stdin.write(CONTENT[half:])
            receiving.stdin.close()
        refusal = json.loads(receiving.stdout.read())
    arrived = small.ask("have", stdin=json.dumps([SHA256]).encode())["missing"][SHA256]
    filler.unlink()

    rest = small.ask("receive", SHA256, "--size", str(len(CONTENT)), "--offset", str(arrived), stdin=CONTENT[arrived:])

    assert (receiving.returncode, refusal["error"]) == (wire.REFUSED, wire.NO_SPACE)
    assert half - (1 << 17) < arrived < len(CONTENT)
    assert rest["size_bytes"] == len(CONTENT)
    assert small.ask("have", stdin=json.dumps([SHA256]).encode())["missing"] == {}


def request_for(device, files):
    sha256 = device.push(wheel(files))
    return wire.to_json(wire.EnvironmentRequest("env-1", (wire.Wheel("some-1.whl", sha256),)))


def test_an_environment_that_does_not_fit_is_refused_and_fits_once_there_is_room(small):
    request = request_for(small, {"a.py": "x = 1\n" + "#" * 500_000})
    small.ask("have", stdin=b"[]")
    filler = fill(small, leave=300_000)

    refusal = small.refusal("environment", stdin=request)

    assert refusal["error"] == wire.NO_SPACE
    assert str(small.workdir) in refusal["message"]
    assert list((small.workdir / "environments").iterdir()) == []
    filler.unlink()
    assert small.ask("environment", stdin=request)["reused"] is False


def test_a_disk_that_fills_up_while_wheels_are_unpacked_leaves_nothing_half_made(small):
    # No room for so many inodes: what no count of bytes tells beforehand.
    subprocess.run(["mount", "-o", "remount,nr_inodes=20", str(small.workdir)], check=True)
    request = request_for(small, {f"{number}.py": "" for number in range(40)})

    refusal = small.refusal("environment", stdin=request)

    assert refusal["error"] == wire.NO_SPACE
    assert list((small.workdir / "environments").iterdir()) == []
    subprocess.run(["mount", "-o", "remount,nr_inodes=1000", str(small.workdir)], check=True)
    assert small.ask("environment", stdin=request)["reused"] is False


def test_a_disk_without_any_room_is_a_refusal_whatever_is_asked(small):
    fill(small, leave=0)

    assert small.refusal("receive", SHA256, "--size", "10", stdin=CONTENT[:10])["error"] == wire.NO_SPACE


def test_a_disk_without_room_for_the_agent_is_unfit_with_what_to_do(small):
    filler = fill(small, leave=10_000)
    remote = AgentClient(
        LocalTransport(Entry(name="pi")), Entry(name="pi", transport="local", workdir=str(small.workdir))
    )

    with pytest.raises(DeviceUnfit, match="pi: the agent could not be installed: no space left") as caught:
        remote.ensure_agent()

    assert "make room" in caught.value.hint
    assert files_below(small.workdir) == [filler]
    filler.unlink()
    assert remote.ensure_agent() > 0


def test_libraries_are_not_unpacked_where_none_can_be_loaded(agent_zip, tmp_path):
    with mounted(tmp_path / "disk", "size=4m,noexec") as folder:
        device = Device(zip=agent_zip, workdir=folder)

        refusal = device.refusal("environment", stdin=request_for(device, {"pkg/_c.cpython-311.so": "x"}))
        answer = device.ask("environment", stdin=request_for(device, {"pkg/a.py": ""}))

    assert refusal["error"] == wire.UNFIT
    assert "noexec" in refusal["message"]
    assert answer["reused"] is False


def test_a_runtime_that_can_no_longer_be_loaded_gives_the_reason(small):
    sha256 = small.push(library_wheel(_ctypes.__file__))
    request = wire.EnvironmentRequest("env-1", (wire.Wheel("some-1.whl", sha256),))
    small.ask("environment", stdin=wire.to_json(request))
    subprocess.run(["mount", "-o", "remount,noexec", str(small.workdir)], check=True)

    probe = wire.ProbeRequest(runtimes=("litert",), environment="env-1")
    error = small.ask("probe", stdin=wire.to_json(probe))["runtimes"]["litert"]["error"]

    assert error.startswith(f"{small.workdir}/environments/env-1 is on a mount with `noexec`")
    assert "failed to map" in error


def library_wheel(library):
    """Return a wheel of a runtime that loads a real library."""
    out = BytesIO()
    code = "import ctypes, os\nctypes.CDLL(os.path.join(os.path.dirname(__file__), 'it.so'))\n"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ai_edge_litert/__init__.py", code)
        archive.write(library, "ai_edge_litert/it.so")
    return out.getvalue()


@pytest.mark.parametrize("command", ["probe", "have", "start", "tune", "gc"])
def test_a_read_only_disk_is_a_refusal_in_one_sentence_whatever_is_asked(agent_zip, tmp_path, command):
    with mounted(tmp_path / "disk", "ro") as folder:
        device = Device(zip=agent_zip, workdir=folder / ".farm-agent")

        refusal = device.refusal(command, stdin=b"[]")

    assert refusal["error"] == wire.UNFIT
    assert refusal["message"] == (
        f"can't write {folder}/.farm-agent: Read-only file system; "
        "set `workdir:` to a directory that this user may write"
    )


def test_a_disk_that_became_read_only_is_a_refusal_that_names_the_file(small):
    small.ask("have", stdin=b"[]")
    subprocess.run(["mount", "-o", "remount,ro", str(small.workdir)], check=True)

    refusal = small.refusal("receive", SHA256, "--size", "10", stdin=CONTENT[:10])

    assert refusal["error"] == wire.UNFIT
    assert refusal["message"].startswith(f"can't write {small.workdir}/blobs/{SHA256}.partial: Read-only file system")


@pytest.mark.parametrize("stands_there", ["a file", "a link to nowhere"])
def test_a_work_directory_that_cannot_be_made_is_a_refusal_that_names_it(agent_zip, tmp_path, stands_there):
    workdir = tmp_path / "work"
    if stands_there == "a file":
        workdir.write_text("mine")
    else:
        workdir.symlink_to(tmp_path / "gone" / "away")

    refusal = Device(zip=agent_zip, workdir=workdir).refusal("probe", stdin=b"{}")

    assert refusal["error"] == wire.UNFIT
    assert refusal["message"].startswith(f"can't write {workdir}: ")


def test_an_agent_that_cannot_be_installed_gives_the_reason_without_a_traceback(tmp_path):
    with mounted(tmp_path / "home", "ro") as home:
        entry = Entry(name="pi", transport="local", workdir=str(home / ".farm-agent"))

        with pytest.raises(DeviceUnfit) as caught:
            AgentClient(LocalTransport(entry), entry).ensure_agent()

    assert caught.value.message == (
        f"pi: the agent could not be installed: [Errno 30] Read-only file system: '{home}/.farm-agent' (status 1)"
    )
    assert "`workdir:`" in caught.value.hint
