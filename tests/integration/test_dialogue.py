"""A device's agent that stays between questions, behind each kind of SSH server, as a program of a host of its own."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing

import pytest

from orchestrator.devices.remote.client import AgentClient
from orchestrator.errors import AgentFailed
from orchestrator.transports.connector import Connector
from tests.lab.hosts import HostSpec

pytestmark = pytest.mark.sshd

CONTENT = os.urandom(20_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def fleet(lab):
    return lab(
        HostSpec(name="openssh"),
        HostSpec(name="dropbear", server="dropbear"),
        HostSpec(name="one-session", extra="MaxSessions 1"),
    )


@pytest.mark.parametrize("name", ["openssh", "dropbear", "one-session"])
def test_questions_and_a_file_go_to_one_process_and_another_answers_beside_it(fleet, tmp_path, name):
    (tmp_path / "blob").write_bytes(CONTENT)
    device = fleet[name].device

    with (
        fleet.entered(),
        closing(AgentClient(Connector(known_hosts=fleet.known_hosts).transport(device), device)) as client,
    ):
        assert client.ensure_agent() > 0
        assert client.missing({SHA256: len(CONTENT)}).arrived == {SHA256: 0}
        client.send(tmp_path / "blob", SHA256)
        with pytest.raises(AgentFailed, match="no lane nope"):
            client.stop("nope")
        assert client.missing({SHA256: len(CONTENT)}).arrived == {}
        assert client.ensure_agent() == 0
        with pytest.raises(AgentFailed, match="no lane nope"):
            list(client.follow("nope", 0))

    running = fleet[name].run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert ".farm-agent" not in running
