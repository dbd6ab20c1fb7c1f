"""The device that tests of the agent run on."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress

import pytest

from orchestrator.devices.remote.bundle import pack_agent
from tests.agent.device import Device, hang


@pytest.fixture(scope="session")
def agent_zip(tmp_path_factory):
    path = tmp_path_factory.mktemp("agents") / "agent.zip"
    path.write_bytes(pack_agent())
    return path


@pytest.fixture
def device(agent_zip, tmp_path):
    device = Device(zip=agent_zip, workdir=tmp_path / "agent")
    yield device
    holder = device.workdir / "lane.holder"
    if holder.exists():  # whatever a test left running
        device.run("stop", json.loads(holder.read_text())["lane"])


@pytest.fixture
def hanging(tmp_path):
    """The order that makes a worker hang, and a function that waits for it and returns its process id."""
    with hang(tmp_path) as both:
        yield both


@pytest.fixture
def kill():
    """Kill -9, as often as you like."""

    def kill(pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    return kill
