"""Connect to the agent on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import registry
from orchestrator.devices.remote.client import AgentClient

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.domain.device import Device


def connect(device: Device, known_hosts: Path) -> AgentClient:
    """Return the way to the agent on ``device``; nothing is connected yet."""
    transport = registry.find("transport", device.transport)
    return AgentClient(transport(device, known_hosts=known_hosts), device)
