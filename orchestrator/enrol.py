"""Get to know devices: take a new one in, trust a key that changed, ask how one is."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import inventory_file, registry
from orchestrator.domain.device import Device
from orchestrator.errors import FarmError, InventoryError, UsageError
from orchestrator.inventory import Inventory
from orchestrator.remote import Remote
from orchestrator.transports import known_hosts as host_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.transports.known_hosts import HostKey

    #: Given the key a device shows and those trusted for its address so far, returns or raises `FarmError`.
    Confirm = Callable[[HostKey, Sequence[HostKey]], None]

#: Runtimes worth telling a person about; ``null`` runs everywhere.
RUNTIMES = ("litert", "tflite")
#: Devices asked at once; a device that is off costs a thread some 5 s of waiting.
AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of asking one device: ``facts`` where it answered, ``error`` where it did not."""

    device: Device
    facts: Mapping[str, Any] | None = None
    error: FarmError | None = None


def enrol(device: Device, inventory: Path, known_hosts: Path, confirm: Confirm) -> Mapping[str, Any]:
    """Take ``device`` in and return its facts: its host key is confirmed, then it is probed, then both are written.

    Nothing is left behind when a step fails. Raises `InventoryError` for a name that can't be or is taken, and what
    ``confirm``, connecting and probing raise.
    """
    inventory_file.check_name(device.name)
    if any(present.name == device.name for present in Inventory.load(inventory).devices):
        raise InventoryError(
            f"{inventory}: there is a device {device.name!r} already", hint=f"farm devices check {device.name}"
        )
    key = _confirmed(device, known_hosts, confirm)
    before = known_hosts.read_text(encoding="utf-8") if known_hosts.exists() else ""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "known_hosts"
        draft.write_text(before, encoding="utf-8")
        host_keys.trust(draft, key)
        facts = _probe(device, draft)
    previous = host_keys.known(known_hosts, key.name)
    host_keys.trust(known_hosts, key)
    try:
        inventory_file.add(inventory, device)
    except (FarmError, OSError):
        host_keys.forget(known_hosts, key.name)
        for old in previous:
            host_keys.trust(known_hosts, old)
        raise
    return facts


def trust(device: Device, known_hosts: Path, confirm: Confirm) -> HostKey:
    """Trust the host key that ``device`` shows now, in place of any other; raises what ``confirm`` raises."""
    if device.address is None:
        raise UsageError(f"{device.name}: it is reached without SSH, so it has no host key")
    key = _confirmed(device, known_hosts, confirm)
    host_keys.trust(known_hosts, key)
    return key


def ask(devices: Sequence[Device], known_hosts: Path) -> Iterator[Answer]:
    """Probe the devices side by side and yield an answer for each, in their order."""

    def one(device: Device) -> Answer:
        try:
            return Answer(device=device, facts=_probe(device, known_hosts))
        except FarmError as error:
            return Answer(device=device, error=error)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield from pool.map(one, devices)


def _confirmed(device: Device, known_hosts: Path, confirm: Confirm) -> HostKey:
    from orchestrator.transports.ssh import shown_key

    key = shown_key(device, known_hosts)
    confirm(key, host_keys.known(known_hosts, key.name))
    return key


def _probe(device: Device, known_hosts: Path) -> Mapping[str, Any]:
    transport = registry.find("transport", device.transport)
    remote = Remote(transport(device, known_hosts=known_hosts), device)
    try:
        return remote.probe(RUNTIMES)
    finally:
        remote.close()
