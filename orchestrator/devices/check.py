"""Ask devices how they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.devices import health
from orchestrator.devices.connect import connect
from orchestrator.devices.setup import AT_ONCE, RUNTIMES
from orchestrator.domain.device import Device
from orchestrator.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.transports.connector import Connector

#: What to do about a name that answers from another machine.
OTHER_MACHINE = "earlier results belong to that machine: farm devices rename, or add the new machine under a new name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of asking one device: ``facts`` where it answered, ``error`` where it did not."""

    device: Device
    facts: Mapping[str, Any] | None = None
    error: FarmError | None = None
    #: What to mind about a device that answered.
    advice: tuple[str, ...] = ()


def ask(
    devices: Sequence[Device], connector: Connector, before: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Answer]:
    """Probe the devices side by side and yield an answer for each, in their order.

    ``before`` are the facts when last seen: another machine under this name is reported.
    """

    def one(device: Device) -> Answer:
        try:
            facts = probe(device, connector)
        except FarmError as error:
            return Answer(device=device, error=error)
        advice = [words for _, words in health.complaints(facts)]
        if health.other_machine((before or {}).get(device.name, {}), facts):
            advice.append(f"different hardware: this name was another machine when last seen; {OTHER_MACHINE}")
        return Answer(device=device, facts=facts, advice=tuple(advice))

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield from pool.map(one, devices)


def probe(device: Device, connector: Connector) -> Mapping[str, Any]:
    """Return the facts of one device; raises what connecting or probing raises."""
    remote = connect(device, connector)
    try:
        return remote.probe(RUNTIMES)
    finally:
        remote.close()
