"""Devices asked how they are."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.devices import health
from orchestrator.devices.fleet import for_each
from orchestrator.devices.session import connect
from orchestrator.runtimes.catalogue import BEST_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.devices.fleet import Outcome
    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector

#: What to do about a name that answers from another machine.
OTHER_MACHINE = (
    "earlier results belong to that machine: farm devices rename OLD NEW, or add the new machine under a new name"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a device answered."""

    facts: Mapping[str, Any]
    #: What may be wrong with it.
    warnings: tuple[str, ...] = ()


def check(
    devices: Sequence[Device], connector: Connector, before: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Outcome[Answer]]:
    """Probe ``devices`` side by side; yield an outcome for each, in their order.

    ``before`` are the facts when last seen: another machine under this name is a warning.
    """

    def act(device: Device) -> Answer:
        with closing(connect(device, connector)) as client:
            facts = client.probe(BEST_FIRST)
        warnings = [sentence for _, sentence in health.complaints(facts)]
        if health.other_machine((before or {}).get(device.name, {}), facts):
            warnings.append(f"different hardware: this name was another machine when last seen; {OTHER_MACHINE}")
        return Answer(facts=facts, warnings=tuple(warnings))

    return for_each(devices, act)
