"""Devices tuned for steady timings, then restored."""

from __future__ import annotations

import getpass
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.devices.fleet import for_each
from orchestrator.devices.session import connect
from orchestrator.runtimes.catalogue import BEST_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.devices.fleet import Outcome
    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.domain.device import Device
    from orchestrator.domain.tuning import Tuning
    from orchestrator.transports.connector import Connector

#: What the agent holds settings for at most.
LONGEST_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What was changed on a device."""

    tuning: Tuning
    #: The device's facts afterwards.
    facts: Mapping[str, Any]


def tune(
    devices: Sequence[Device], connector: Connector, *, no_turbo: bool = False, seconds: float = LONGEST_S
) -> Iterator[Outcome[Tuned]]:
    """Set what makes timings steady on ``devices``, side by side, for ``seconds``; yield an outcome for each, in order."""
    holder = f"{getpass.getuser()}@{socket.gethostname()}"
    return _each(lambda client: client.tune(holder=holder, no_turbo=no_turbo, seconds=seconds), devices, connector)


def restore(devices: Sequence[Device], connector: Connector) -> Iterator[Outcome[Tuned]]:
    """Restore on ``devices`` what was tuned, side by side; yield an outcome for each, in their order."""
    return _each(lambda client: client.restore(), devices, connector)


def _each(
    change: Callable[[AgentClient], Tuning], devices: Sequence[Device], connector: Connector
) -> Iterator[Outcome[Tuned]]:
    def act(device: Device) -> Tuned:
        with closing(connect(device, connector)) as client:
            return Tuned(tuning=change(client), facts=client.probe(BEST_FIRST))

    return for_each(devices, act)
