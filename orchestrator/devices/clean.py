"""The agent's files removed from devices."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.devices.fleet import for_each
from orchestrator.devices.remote import upkeep
from orchestrator.devices.session import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.clean_request import CleanRequest
    from orchestrator.devices.fleet import Outcome
    from orchestrator.devices.remote.answers import Removed
    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector


def clean(
    devices: Sequence[Device], connector: Connector, request: CleanRequest, lanes: Mapping[str, Mapping[str, bool]]
) -> Iterator[Outcome[Removed]]:
    """Remove from ``devices`` what ``request`` describes, side by side; yield an outcome for each, in their order.

    ``lanes`` says by device and lane whether the store has that lane's journal to its end.
    """

    def act(device: Device) -> Removed:
        stored = lanes.get(device.name, {})
        collected = tuple(lane for lane, is_whole in stored.items() if is_whole)
        wanted = tuple(lane for lane, is_whole in stored.items() if not is_whole)
        with closing(connect(device, connector)) as client:
            return upkeep.clean(client, replace(request, collected=collected, wanted=wanted))

    return for_each(devices, act)
