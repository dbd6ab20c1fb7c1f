"""The result of an import: devices that keep the inventory's rules, notes about the rest."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.config.address import parse_address, written_address
from orchestrator.config.foreign_inventory import MOST_BYTES
from orchestrator.config.inventory_schema import name_misfit
from orchestrator.config.read_bytes import read_bytes
from orchestrator.domain.device import Device
from orchestrator.errors import InventoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: How many devices a note names.
NAMED = 5
#: Jump hosts in a row; real ones are fewer, a file may have any number.
FARTHEST = 16


def read_text(path: Path) -> str:
    """Return the text of a file; raises `InventoryError` where it can't be read, is no UTF-8, or larger than `MOST_BYTES`."""
    try:
        content = read_bytes(path, MOST_BYTES + 1)
    except OSError as reason:
        raise InventoryError(f"{path}: {reason.strerror}") from reason
    if len(content) > MOST_BYTES:
        raise InventoryError(f"{path}: larger than {MOST_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise InventoryError(f"{path}: not UTF-8 at byte {reason.start}") from reason


@dataclass(frozen=True, slots=True)
class Found:
    """Devices, jump hosts before those behind them, with sentences on what was left out or needs a person."""

    devices: tuple[Device, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class Notes:
    """Notes being collected: what holds for many devices is noted once."""

    #: Whether a value that can't be read is an error.
    strict: bool = False
    _about: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, what: str) -> None:
        """Note ``what`` about the host ``name``."""
        if name not in self._about[what]:
            self._about[what].append(name)

    def unread(self, name: str, variable: str, why: str, where: str) -> None:
        """Note that a value of ``name`` is not one that farm can read; raises `InventoryError` where that is an error."""
        if self.strict:
            raise InventoryError(
                f"{where}: {name}: {variable} is {why}, which farm does not evaluate",
                hint="write the value itself into the inventory, or take the rest over: farm devices import FILE --inventory devices.yaml",
            )
        self.add(name, f"{variable} not taken over: it is {why}")

    def all(self) -> tuple[str, ...]:
        """Return them as lines."""
        return tuple(f"{_some(names)}: {what}" for what, names in self._about.items())


class LeftOut(Exception):  # noqa: N818  not an error: one host of many can't be a device
    """The host can't be a device of farm; the message says why."""


def check_name(name: str) -> None:
    """Raise `LeftOut` for a name that no device can have."""
    wrong = name_misfit(name)
    if wrong is not None:
        raise LeftOut(f"left out: {wrong}")


def check_address(address: str) -> str:
    """Return ``address``; raises `LeftOut` for what is none."""
    if not address or re.search(r"^-|[\s/@\[\]{}$]", address) or re.fullmatch(r"[^:]*:\d+", address):
        raise LeftOut("left out: its address is not a name or an IP address")
    return address


def plain(value: str) -> bool:
    """Whether ``value`` may stand in an inventory: not empty, no control characters, nothing farm would expand."""
    return bool(value.strip()) and value.isprintable() and "${" not in value


def hop(text: str, known: Callable[[str], Device | None]) -> Device:
    """Return the jump host that ``USER@HOST:PORT`` means; ``known`` finds a device of the same file by its name.

    Raises `LeftOut` where it is not an address, or a chain of several, which takes a device for each.
    """
    first, *more = [part.strip().removeprefix("ssh://") for part in text.split(",")]
    if more:
        raise LeftOut("left out: it is behind several jump hosts; add each of them, with --via for the one before it")
    device = known(first)
    if device is not None:
        return device
    try:
        user, address, port = parse_address(first)
        check_address(address)
    except (UsageError, LeftOut):
        raise LeftOut("left out: its jump host is not USER@HOST:PORT") from None
    if not plain(first):
        raise LeftOut("left out: its jump host is not USER@HOST:PORT")
    if user is None and port is None and not re.search(r"[.:]", address):
        port = 22  # a bare word means a device of the inventory there, and this is none
    return Device(name=written_address(user, address, port), address=address, user=user, port=port)


def in_order(devices: dict[str, Device | None]) -> tuple[Device, ...]:
    """Return the devices that there are, each behind the jump host it goes through."""
    ordered: dict[str, Device] = {}

    def put(device: Device) -> None:
        if device.via is not None and device.via.name in devices:
            put(device.via)
        ordered.setdefault(device.name, device)

    for device in devices.values():
        if device is not None:
            put(device)
    return tuple(ordered.values())


def resolved(names: list[str], make: Callable[[str, Callable[[str], Device | None]], Device], notes: Notes) -> Found:
    """Return the devices that ``make`` makes of ``names``; whoever can't be one is noted.

    ``make`` gets a name and a function for jump hosts: it returns the device of another name, ``None`` for no such name.
    """
    done: dict[str, Device | None] = {}
    known = frozenset(names)

    def get(name: str, behind: tuple[str, ...]) -> Device | None:
        if name not in done:
            try:
                check_name(name)
                done[name] = make(name, lambda other: through(other, (*behind, name)))
            except LeftOut as why:
                done[name] = None
                notes.add(name, str(why))
        return done[name]

    def through(name: str, behind: tuple[str, ...]) -> Device | None:
        if name not in known:
            return None
        if name in behind:
            raise LeftOut("left out: it is reached through itself")
        if len(behind) > FARTHEST:
            raise LeftOut(f"left out: it is behind more than {FARTHEST} jump hosts")
        device = get(name, behind)
        if device is None or device.address is None:
            raise LeftOut("left out: its jump host can't be a device")
        return device

    for name in names:
        get(name, ())
    return Found(in_order(done), notes.all())


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
