"""Devices asked how they are."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.devices import health
from orchestrator.devices.fleet import as_answered
from orchestrator.devices.session import connect
from orchestrator.domain import machine
from orchestrator.errors import FarmError
from orchestrator.runtimes.catalogue import BEST_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.devices.fleet import Outcome
    from orchestrator.devices.outages import Outage, Outages
    from orchestrator.domain.device import Device
    from orchestrator.store.rows import DeviceRow
    from orchestrator.transports.connector import Connector

#: What to do about a name that answers from another machine.
OTHER_MACHINE = (
    "earlier results belong to that one, and the next run has the reason other-machine: "
    "farm devices rename OLD NEW, or add the new machine under a new name"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a device answered."""

    facts: Mapping[str, Any]
    #: What may be wrong with it.
    warnings: tuple[str, ...] = ()
    #: What its answer ended, ``None`` where it was not out.
    outage: Outage | None = None


def check(
    devices: Sequence[Device],
    connector: Connector,
    before: Mapping[str, DeviceRow] | None = None,
    *,
    outages: Outages | None = None,
) -> Iterator[Outcome[Answer]]:
    """Probe ``devices`` side by side; yield an outcome for each as it answers.

    ``before`` is what the store knows of them: another machine under this name is a warning, so are files that its disk changed.
    One that answers is out of runs no longer, by ``outages``, which remember the others.
    """

    def act(device: Device) -> Answer:
        try:
            with closing(connect(device, connector)) as client:
                facts = client.probe(BEST_FIRST)
        except FarmError as error:
            if outages is not None:
                with suppress(OSError):  # a disk of ours that is full costs a memory, not the answer
                    reason = error.message.removeprefix(f"{device.name}: ")
                    outages.note_unanswered(device.name, reason, at=datetime.now(UTC))
            raise
        known = (before or {}).get(device.name)
        warnings = [
            sentence for _, sentence in (*health.complaints(facts), *health.disk(known.damage if known else None))
        ]
        if known is not None and (changed := "; ".join(machine.changes(known.facts, facts))):
            other = machine.is_other(known.facts, facts)
            warnings.append(
                f"another machine than before: {changed}; {OTHER_MACHINE}"
                if other
                else f"changed since it was last seen: {changed}"
            )
        outage = outages.clear(device.name) if outages else None
        return Answer(facts=facts, warnings=tuple(warnings), outage=outage)

    return as_answered(devices, act)
