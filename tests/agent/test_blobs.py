from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from agent import blobs, wire
from agent.workdir import Workdir
from tests.lab.project import wait_for

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def missing(device, *hashes):
    return device.ask("have", stdin=json.dumps(hashes).encode())["missing"]


def test_a_blob_that_was_received_is_no_longer_missing(device):
    assert missing(device, SHA256) == {SHA256: 0}

    answer = device.ask("receive", SHA256, "--size", str(len(CONTENT)), stdin=CONTENT)

    assert answer == {"sha256": SHA256, "size_bytes": len(CONTENT)}
    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT
    assert missing(device, SHA256) == {}


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:1000] + b"?" + CONTENT[1001:]])
def test_a_blob_that_changed_on_the_disk_is_missing_and_called_damaged(device, damage):
    sha256 = device.push(CONTENT)
    (device.workdir / "blobs" / sha256).write_bytes(damage)

    answer = device.ask("have", stdin=json.dumps([sha256]).encode())

    assert (answer["missing"], answer["damaged"]) == ({sha256: 0}, [sha256])
    assert device.push(CONTENT) == sha256
    assert device.ask("have", stdin=json.dumps([sha256]).encode())["damaged"] == []
    assert (device.workdir / "blobs" / sha256).read_bytes() == CONTENT


def test_a_broken_transfer_goes_on_where_it_stopped(device):
    size = str(len(CONTENT))

    refusal = device.refusal("receive", SHA256, "--size", size, stdin=CONTENT[:1_234_567])
    assert refusal["error"] == wire.BLOB_BROKEN
    assert missing(device, SHA256) == {SHA256: 1_234_567}
    device.ask("receive", SHA256, "--size", size, "--offset", "1234567", stdin=CONTENT[1_234_567:])

    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT


def test_several_files_arrive_in_one_stream_each_from_where_it_stopped(device):
    other, size = b"another file", str(len(CONTENT))
    other_sha256 = hashlib.sha256(other).hexdigest()
    device.refusal("receive", SHA256, "--size", size, stdin=CONTENT[:1000])
    listed = json.dumps([[SHA256, len(CONTENT), 1000], [other_sha256, len(other), 0]]).encode() + b"\n"

    answer = device.ask("receive-all", stdin=listed + CONTENT[1000:] + other)

    assert answer == {"received": 2}
    assert missing(device, SHA256, other_sha256) == {}


def test_of_several_files_those_before_a_wrong_one_are_kept(device):
    first = hashlib.sha256(b"first").hexdigest()
    listed = json.dumps([[first, 5, 0], [SHA256, 5, 0], ["a" * 64, 5, 0]]).encode() + b"\n"

    refusal = device.refusal("receive-all", stdin=listed + b"first" + b"wrong" + b"third")
    nonsense = device.refusal("receive-all", stdin=b"first")

    assert (refusal["error"], nonsense["error"]) == (wire.BLOB_BROKEN, wire.BAD_REQUEST)
    assert missing(device, first, SHA256, "a" * 64) == {SHA256: 0, "a" * 64: 0}


def test_what_arrives_is_on_the_disk_before_all_of_it_has_come(tmp_path, monkeypatch):
    workdir, synced = Workdir(tmp_path).make(), threading.Semaphore(0)
    monkeypatch.setattr(blobs, "SYNC_BYTES", 1_000_000)
    fsync = os.fsync

    def noted(descriptor):
        fsync(descriptor)
        synced.release()

    class Source(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 2_000_000:  # without a sync of the first half, this is never over
                assert synced.acquire(timeout=60)
                synced.release()
            return super().read(size)

    monkeypatch.setattr(os, "fsync", noted)
    assert blobs.receive(workdir, SHA256, Source(CONTENT), size=len(CONTENT), offset=0) == len(CONTENT)
    assert (tmp_path / "blobs" / SHA256).read_bytes() == CONTENT


def test_a_disk_that_fails_while_a_file_arrives_is_not_believed_at_its_end(tmp_path, monkeypatch):
    """Linux reports what it could not write once."""
    monkeypatch.setattr(blobs, "SYNC_BYTES", 1_000_000)
    workdir = Workdir(tmp_path).make()
    fails = iter([OSError(errno.EIO, "Input/output error")])
    monkeypatch.setattr(os, "fsync", lambda _: _raised(next(fails, None)))

    with pytest.raises(OSError, match="Input/output error"):
        blobs.receive(workdir, SHA256, io.BytesIO(CONTENT), size=len(CONTENT), offset=0)

    assert not (tmp_path / "blobs" / SHA256).exists()


def _raised(error):
    if error is not None:
        raise error


def test_a_transfer_may_go_on_before_the_end_of_what_arrived(device):
    size = str(len(CONTENT))
    device.refusal("receive", SHA256, "--size", size, stdin=CONTENT[:1000] + b"garbage" * 100)

    device.ask("receive", SHA256, "--size", size, "--offset", "1000", stdin=CONTENT[1000:])

    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT


def test_a_transfer_can_not_go_on_behind_what_arrived(device):
    refusal = device.refusal("receive", SHA256, "--size", str(len(CONTENT)), "--offset", "10", stdin=CONTENT[10:])

    assert (refusal["error"], refusal["arrived_bytes"]) == (wire.BAD_REQUEST, 0)


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", CONTENT + b"!"], ids=["another hash", "too long"])
def test_wrong_content_is_thrown_away(device, content):
    refusal = device.refusal("receive", SHA256, "--size", str(len(CONTENT)), stdin=content)

    assert refusal["error"] == wire.BLOB_BROKEN
    assert list((device.workdir / "blobs").iterdir()) == []


def test_what_was_behind_the_place_where_a_transfer_went_on_has_not_arrived(device):
    size = str(len(CONTENT))
    device.refusal("receive", SHA256, "--size", size, stdin=CONTENT[:1000] + b"garbage" * 100)

    device.refusal("receive", SHA256, "--size", size, "--offset", "1000", stdin=CONTENT[1000:1100])

    assert missing(device, SHA256) == {SHA256: 1100}


def test_receiving_what_is_there_reads_the_sender_to_its_end(device):
    device.push(CONTENT)
    argv = device.argv("receive", SHA256, "--size", str(len(CONTENT)))

    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as receiver:
        receiver.stdin.write(CONTENT)  # a closed door would be a broken pipe
        receiver.stdin.close()
        assert json.loads(receiver.stdout.read())["size_bytes"] == len(CONTENT)


def wait_until(condition):
    while not condition():
        time.sleep(0.01)


def test_a_receiver_left_over_from_a_broken_link_spoils_nothing(device):
    argv = device.argv("receive", SHA256, "--size", str(len(CONTENT)))
    partial = device.workdir / "blobs" / f"{SHA256}.partial"
    pipe, middle = subprocess.PIPE, 1 << 20
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as lingering:
        lingering.stdin.write(CONTENT[:middle])
        lingering.stdin.flush()
        wait_until(lambda: partial.exists() and partial.stat().st_size >= middle)
        inode = partial.stat().st_ino
        with subprocess.Popen([*argv, "--offset", str(middle)], stdin=pipe, stdout=pipe) as present:
            wait_until(lambda: partial.stat().st_ino != inode)

            answer, _ = lingering.communicate(b"?" * (len(CONTENT) - middle))
            present.communicate(CONTENT[middle:])

    assert (json.loads(answer)["error"], present.returncode) == (wire.BLOB_BROKEN, 0)
    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT


def test_what_can_not_fit_is_refused_before_it_is_sent(device):
    refusal = device.refusal("receive", SHA256, "--size", str(10**18), stdin=CONTENT)

    assert refusal["error"] == wire.NO_SPACE


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n", ""])
def test_a_blob_has_no_other_name_than_a_sha256(device, name):
    assert device.refusal("receive", name, "--size", "1", stdin=b"x")["error"] == wire.BAD_REQUEST
    assert device.refusal("have", stdin=json.dumps([name]).encode())["error"] == wire.BAD_REQUEST


@pytest.mark.parametrize("request_", [b"", b"3", b"{}", b"[3]"], ids=str)
def test_only_a_list_of_hashes_can_be_asked_for(device, request_):
    assert device.refusal("have", stdin=request_)["error"] == wire.BAD_REQUEST


def test_a_device_answers_with_the_room_that_farm_takes_and_the_room_left(device):
    device.push(b"12345")

    answer = device.ask("have", stdin=b"[]")

    assert answer["missing"] == {}
    assert answer["used_bytes"] == 5
    assert answer["free_bytes"] > 0


def test_a_receiver_killed_at_any_time_leaves_no_blob_with_a_wrong_content(device):
    argv = device.argv("receive", SHA256, "--size", str(len(CONTENT)))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as receiver:
        receiver.stdin.write(CONTENT[: 1 << 20])
        receiver.kill()

    assert not (device.workdir / "blobs" / SHA256).exists()
    assert set(missing(device, SHA256)) == {SHA256}


def test_what_a_slow_line_brought_is_on_the_disk_before_the_rest_comes(device):
    partial = device.workdir / "blobs" / f"{SHA256}.partial"
    argv = device.argv("receive", SHA256, "--size", str(len(CONTENT)))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as receiver:
        receiver.stdin.write(CONTENT[:100_000])
        receiver.stdin.flush()

        wait_for(lambda: partial.exists() and partial.stat().st_size > 64_000)
        receiver.kill()

    assert missing(device, SHA256)[SHA256] > 64_000


def test_the_agent_needs_no_package(device):
    done = subprocess.run(
        [sys.executable, "-I", "-S", *device.argv("have")[1:]], input=b"[]", capture_output=True, check=False
    )

    assert (done.returncode, json.loads(done.stdout)["missing"]) == (0, {})


@pytest.mark.parametrize("ending", ["", ".partial"])
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_in_place_of_a_blob_is_removed_and_never_followed(device, tmp_path, kind, ending):
    other = tmp_path / "other"
    other.write_bytes(b"keep this")
    missing(device, SHA256)
    place = device.workdir / "blobs" / (SHA256 + ending)
    {"link": lambda: place.symlink_to(other), "folder": place.mkdir, "pipe": lambda: os.mkfifo(place)}[kind]()

    assert missing(device, SHA256) == {SHA256: 0}
    assert device.push(CONTENT) == SHA256

    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT
    assert not (device.workdir / "blobs" / SHA256).is_symlink()
    assert other.read_bytes() == b"keep this"


def test_what_has_come_by_a_slow_line_is_kept_before_more_comes(device):
    half = len(CONTENT) // 2
    device.ask("have", stdin=b"[]")
    partial = device.workdir / "blobs" / f"{SHA256}.partial"
    argv = [sys.executable, device.zip, "--workdir", device.workdir, "receive", SHA256, "--size", str(len(CONTENT))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as receiver:
        receiver.stdin.write(CONTENT[:half])
        receiver.stdin.flush()
        wait_for(lambda: partial.exists() and partial.stat().st_size == half)
        receiver.kill()

    assert missing(device, SHA256) == {SHA256: half}
