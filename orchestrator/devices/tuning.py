"""Tune devices side by side, or restore them."""

from __future__ import annotations

import getpass
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.devices.connect import connect
from orchestrator.devices.setup import AT_ONCE, RUNTIMES
from orchestrator.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.domain.device import Device
    from orchestrator.domain.tuning import Tuning
    from orchestrator.transports.connector import Connector

#: What the agent holds settings for at most.
LONGEST_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one device: exactly one of ``tuning`` and ``error``."""

    device: Device
    tuning: Tuning | None = None
    #: The facts of the device afterwards.
    facts: Mapping[str, Any] | None = None
    error: FarmError | None = None

    @property
    def is_well(self) -> bool:
        """Whether everything is as it was asked for."""
        return self.tuning is not None and not self.tuning.failed

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "device": self.device.name,
            **(self.tuning.to_json() if self.tuning else {}),
            "error": type(self.error).__name__ if self.error else None,
            "message": self.error.message if self.error else None,
            "hint": self.error.hint if self.error else None,
        }


def tune(
    devices: Sequence[Device], connector: Connector, *, no_turbo: bool = False, seconds: float = LONGEST_S
) -> Iterator[Outcome]:
    """Set what makes timings steady on ``devices``, side by side, for ``seconds``; yield an outcome for each, in order."""
    holder = f"{getpass.getuser()}@{socket.gethostname()}"
    yield from _each(lambda remote: remote.tune(holder=holder, no_turbo=no_turbo, seconds=seconds), devices, connector)


def restore(devices: Sequence[Device], connector: Connector) -> Iterator[Outcome]:
    """Put back on ``devices`` what was tuned, side by side; yield an outcome for each, in their order."""
    yield from _each(lambda remote: remote.restore(), devices, connector)


def _each(act: Callable[[AgentClient], Tuning], devices: Sequence[Device], connector: Connector) -> Iterator[Outcome]:
    def one(device: Device) -> Outcome:
        remote = connect(device, connector)
        try:
            return Outcome(device=device, tuning=act(remote), facts=remote.probe(RUNTIMES))
        except FarmError as error:
            return Outcome(device=device, error=error)
        finally:
            remote.close()

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield from pool.map(one, devices)
