"""What the connections of one command share, with no other command."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from orchestrator.domain.device import Device
from orchestrator.transports.connector import Connector


@pytest.fixture
def locked(tmp_path):
    """Give a device whose key needs the passphrase `open`."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open", "-f", key], check=True)
    return Device(name="pi", address="192.0.2.1", identity_file=str(key))


def test_a_passphrase_is_asked_for_once_and_shared_with_a_draft_of_other_host_keys(locked, tmp_path):
    connector = Connector(known_hosts=tmp_path / "known_hosts")
    questions = []

    for each in (connector, replace(connector, known_hosts=tmp_path / "draft")):
        each.keys.unlock([locked], lambda question: questions.append(question) or "open")

    assert questions == [f"Passphrase of {locked.identity_file}"]


def test_two_connectors_share_no_unlocked_key_and_no_place(locked, tmp_path):
    one, other = (Connector(known_hosts=tmp_path / "known_hosts") for _ in range(2))

    one.keys.unlock([locked], lambda _: "open")
    with one.handshakes.place("192.0.2.1", 22):
        pass

    assert other.keys.get(tmp_path / "key") is None
    assert one.keys.get(tmp_path / "key") is not None
    assert one.handshakes is not other.handshakes


def test_a_connector_makes_the_transport_that_the_device_asks_for(tmp_path):
    connector = Connector(known_hosts=tmp_path / "known_hosts")

    assert type(connector.transport(Device(name="here", transport="local"))).__name__ == "LocalTransport"
    assert type(connector.transport(Device(name="pi", address="192.0.2.1"))).__name__ == "SshTransport"
