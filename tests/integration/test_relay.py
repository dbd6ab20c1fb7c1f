"""A jump host's line carries each file once, however many devices are behind it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from agent.clean_request import CleanRequest
from orchestrator.devices.clean import clean
from orchestrator.devices.remote.push import NotRelayed, Pushed, Waiting, push
from orchestrator.devices.session import Session, relays
from orchestrator.domain.blob import Blob
from orchestrator.transports.connector import Connector
from tests.lab.hosts import HostSpec

pytestmark = pytest.mark.sshd
SIZE = 4_000_000


@pytest.fixture(scope="module")
def site(lab):
    return lab(HostSpec(name="gate"), HostSpec(name="pi-a", behind="gate"), HostSpec(name="pi-b", behind="gate"))


@pytest.fixture
def blob(tmp_path):
    content = os.urandom(SIZE)
    (tmp_path / "blob").write_bytes(content)
    return Blob(what="artifact", sha256=hashlib.sha256(content).hexdigest(), path=tmp_path / "blob")


class Pushes:
    """A session with the lab's devices, changed as a test says."""

    def __init__(self, site, **changes):
        self.gate, self.site = site["gate"], site
        gate = replace(self.gate.device, **changes)
        self.devices = [replace(site[name].device, via=gate) for name in ("pi-a", "pi-b")]
        self.session = Session(Connector(known_hosts=site.known_hosts))
        self.ways = relays(self.devices, self.session.connector, self.session.limits)
        self.steps: list[object] = []

    def line_bytes(self):
        return int(self.gate.run("cat", "/sys/class/net/eth0/statistics/rx_bytes"))

    def push(self, blob):
        """Push to one device after the other; return the bytes that the line to the jump host carried."""
        with self.site.entered(), self.session:
            for device in self.devices:
                self.session.client(device).ensure_agent()
            before = self.line_bytes()
            for device in self.devices:
                self.steps += push(self.session.client(device), [blob], relay=self.ways.of(device))
            carried = self.line_bytes() - before
        for device in self.devices:
            path = self.site[device.name].folder / "root" / ".farm-agent" / "blobs" / blob.sha256
            assert path.read_bytes() == blob.path.read_bytes()
        return carried

    def of(self, kind):
        return [step for step in self.steps if isinstance(step, kind)]


def test_two_devices_behind_one_jump_host_cost_its_line_one_file_until_it_is_cleaned(site, blob):
    pushes = Pushes(site)

    carried = pushes.push(blob)
    for name in ("pi-a", "pi-b"):
        site[name].run("sh", "-c", "rm /root/.farm-agent/blobs/*")
    again = Pushes(site).push(blob)

    assert carried < 1.3 * SIZE
    assert again < 0.3 * SIZE
    assert [step.sent_bytes for step in pushes.of(Pushed)] == [SIZE, SIZE]
    assert {step.what for step in pushes.of(Waiting)} >= {"gets artifact by way of gate"}
    assert not pushes.of(NotRelayed)
    kept = pushes.gate.folder / "root" / ".farm-agent" / "blobs"
    assert [path.name for path in kept.iterdir()] == [blob.sha256]
    with site.entered():
        (outcome,) = clean([pushes.gate.device], pushes.session.connector, CleanRequest(unused_days=0), {})
    assert outcome.value.removed["blobs"] == 1
    assert not list(kept.iterdir())


def test_a_jump_host_of_which_the_inventory_says_no_gets_no_files(site, blob):
    site["gate"].run("rm", "-rf", "/root/.farm-agent")

    carried = Pushes(site, relay=False).push(blob)

    assert carried > 2 * SIZE
    assert not (site["gate"].folder / "root" / ".farm-agent").exists()


def test_a_jump_host_without_python_is_named_once_and_each_device_is_sent_its_own(site, blob):
    pushes = Pushes(site, python="no-such-python")

    carried = pushes.push(blob)

    (refused,) = pushes.of(NotRelayed)
    assert refused.gate == "gate"
    assert "no-such-python does not run there" in refused.reason
    assert carried > 2 * SIZE


def test_devices_that_cannot_reach_the_jump_host_are_sent_their_own(site, blob, monkeypatch):
    monkeypatch.setattr(Connector, "host", lambda *_: "127.0.0.1")  # it listens where only it can connect
    pushes = Pushes(site)

    carried = pushes.push(blob)

    (refused,) = pushes.of(NotRelayed)
    assert "can't be reached at 127.0.0.1" in refused.reason
    assert 2 * SIZE < carried < 2.5 * SIZE, "nothing was sent to the jump host in vain"


def test_one_device_behind_a_jump_host_takes_no_detour(site):
    device = replace(site["pi-a"].device)
    session = Session(Connector(known_hosts=site.known_hosts))

    assert relays([device], session.connector, session.limits).of(device) is None
