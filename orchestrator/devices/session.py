"""Connections to the agents on devices, one for each device."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Self

from orchestrator.devices.remote.client import AgentClient
from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.devices.remote.relay import Relays

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector


def connect(device: Device, connector: Connector, limits: PushLimits | None = None) -> AgentClient:
    """Return a client of the agent on ``device``, connected by its first question; close it after use."""
    limits = limits or PushLimits()
    return AgentClient(connector.transport(device), device, paced=partial(limits.paced, device))


def relays(devices: Iterable[Device], connector: Connector, limits: PushLimits) -> Relays:
    """Return the jump hosts that keep files for several of ``devices``."""
    return Relays(devices, lambda gate: connect(gate, connector, limits), connector.host)


class Session:
    """The clients of several devices, each made once; it closes them all at its end.

    A client serves one thread at a time, except that `AgentClient.stop` may interrupt.
    """

    def __init__(self, connector: Connector, limits: PushLimits | None = None) -> None:
        self.connector = connector
        self.limits = limits or PushLimits()
        self._clients: dict[str, AgentClient] = {}
        self._lock = threading.Lock()

    def client(self, device: Device) -> AgentClient:
        """Return the client of ``device``, the same one for as long as the session lasts."""
        with self._lock:
            if device.name not in self._clients:
                self._clients[device.name] = connect(device, self.connector, self.limits)
            return self._clients[device.name]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
