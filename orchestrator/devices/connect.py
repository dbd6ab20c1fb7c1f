"""Connect to the agent on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.devices.remote.client import AgentClient

if TYPE_CHECKING:
    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector


def connect(device: Device, connector: Connector) -> AgentClient:
    """Return the way to the agent on ``device``; nothing is connected yet."""
    return AgentClient(connector.transport(device), device)
