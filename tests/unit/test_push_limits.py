"""Pushes share a rate, and devices of one site take turns."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import pytest

from orchestrator.cli.screen.board import Board
from orchestrator.devices.remote.push import Pushed, Pushing, Waiting, push
from orchestrator.devices.remote.push_limits import Bucket, PushLimits
from orchestrator.domain.blob import Blob
from orchestrator.domain.device import Device, Limits
from orchestrator.domain.event import PreparationStarted
from orchestrator.domain.units import parse_rate
from orchestrator.testing import FakeAgentClient

PI = Device(name="pi", tags=("site-ward-3",))


class Clock:
    """Time that passes by sleeping alone."""

    now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def client(device):
    made = FakeAgentClient()
    made.device = device
    return made


@pytest.fixture
def blob(tmp_path):
    (tmp_path / "blob").write_bytes(b"x" * 1000)
    return Blob(what="artifact", sha256="a" * 64, path=tmp_path / "blob")


def test_two_that_share_a_rate_take_as_long_as_their_bytes_together():
    clock = Clock()
    bucket = Bucket(1000, clock=clock, sleep=clock.sleep)

    for _ in range(20):
        bucket.take(100)

    assert clock.now == pytest.approx(2.0, abs=0.11), "the last piece is on its way when it was taken"


def test_a_pause_is_not_made_up_for():
    clock = Clock()
    bucket = Bucket(1000, clock=clock, sleep=clock.sleep)
    bucket.take(1)
    clock.now = 100.0

    for _ in range(3):
        bucket.take(1000)

    assert clock.now == pytest.approx(102.0)


def test_a_limited_file_is_read_whole_in_small_pieces():
    limits = PushLimits(bytes_per_s=1_000_000)
    source = limits.paced(PI, io.BytesIO(content := bytes(range(256)) * 100))

    pieces = list(iter(lambda: source.read(1 << 16), b""))

    assert b"".join(pieces) == content
    assert PushLimits(bytes_per_s=20_000).paced(PI, io.BytesIO(content)).read(1 << 16) == content[:2000]


def test_without_limits_a_file_is_read_as_it_is():
    source = io.BytesIO(b"content")

    assert PushLimits().paced(PI, source) is source


def test_devices_of_a_site_share_the_rate_that_the_inventory_allows():
    slow = replace(PI, limits=Limits(push_bytes_per_s=20_000))
    other = replace(slow, name="other", tags=("site-elsewhere",))
    limits = PushLimits()

    for device in (slow, replace(slow, name="pi-2"), other):
        limits.paced(device, io.BytesIO(b"content")).read(7)

    assert len(limits._buckets) == 2


def test_a_device_beyond_the_places_of_its_site_waits_and_says_for_what(blob):
    limits = PushLimits(site_pushes=1)
    first = push(client(PI), [blob], limits=limits)
    second = push(client(replace(PI, name="pi-2")), [blob], limits=limits)
    elsewhere = push(client(Device(name="pi-3")), [blob], limits=limits)
    next(first)

    waiting = next(second)
    others = list(elsewhere)
    list(first)
    rest = list(second)

    assert waiting == Waiting(what="waits for its turn to receive: at most 1 device of site ward-3 at once")
    assert [type(step) for step in (*others, *rest)] == [Pushing, Pushed] * 2


def test_a_push_that_fails_gives_its_place_back(blob):
    limits = PushLimits(site_pushes=1)
    broken = client(PI)
    broken.faults["send"] = [OSError("cut")]

    with pytest.raises(OSError, match="cut"):
        list(push(broken, [blob], limits=limits))

    assert [type(step) for step in push(client(PI), [blob], limits=limits)] == [Pushing, Pushed]


def test_at_most_so_many_devices_of_a_site_receive_at_the_same_time(blob):
    limits = PushLimits(site_pushes=3)
    inside, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3)

    class Counted(FakeAgentClient):
        device = PI

        def send(self, path, sha256, **how):
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait(timeout=240)  # three are inside at once
            with lock:
                inside -= 1
            return super().send(path, sha256, **how)

    threads = [threading.Thread(target=lambda: list(push(Counted(), [blob], limits=limits))) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert most == 3


def test_a_slow_line_serves_few_devices_at_once_so_that_each_gets_on():
    limits = PushLimits(bytes_per_s=20_000)
    turns = [limits.turn(Device(name=f"pi-{number}")) for number in range(2)]

    assert [turn.take(blocking=False) for turn in turns] == [True, False]
    assert "20.0 kB/s for all devices" in turns[0].words


def test_the_devices_behind_a_jump_host_are_a_site_of_their_own():
    gate = Device(name="gate", address="gate.example")

    assert Device(name="a", via=gate).site == "gate"
    assert Device(name="a", via=gate, tags=("pi", "site-ward-3")).site == "ward-3"
    assert Device(name="a").site is None


def test_a_rate_is_a_size_per_second():
    assert parse_rate("2MB/s") == parse_rate("2000 kB / s") == 2_000_000
    for text in ("2MB/h", "2MBs", "fast"):
        with pytest.raises(ValueError, match=f"'{text}' is not a rate; write 500kB/s"):
            parse_rate(text)
    with pytest.raises(ValueError, match="slow"):
        parse_rate("10B/s")


def test_the_screen_says_that_a_device_waits_for_its_turn():
    board = Board()
    what = PushLimits(site_pushes=1).turn(PI).words

    board.follow(PreparationStarted(run="r", device="pi", what=what))

    assert board.rows["pi"].phase == what
