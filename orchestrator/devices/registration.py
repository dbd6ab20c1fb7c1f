"""Get to know devices: take a new one in, trust a key that changed, ask how one is."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import inventory_edit as inventory_file
from orchestrator.config.address import parse_address
from orchestrator.config.inventory import Inventory
from orchestrator.devices import health
from orchestrator.devices.setup import AT_ONCE, RUNTIMES, way_to
from orchestrator.domain.device import Device
from orchestrator.errors import AuthenticationRefused, FarmError, InventoryError, UnknownName, UsageError
from orchestrator.transports import known_hosts as host_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.transports.known_hosts import HostKey

    #: Given a device, the key it shows and those trusted for its address so far, returns or raises `FarmError`.
    Confirm = Callable[[Device, HostKey, Sequence[HostKey]], None]
    #: Given a device, its refusal and the known_hosts to use, returns whether it takes a key of ours now.
    LetIn = Callable[[Device, AuthenticationRefused, Path], bool]

#: What to do about a name that answers from another machine.
OTHER_MACHINE = "results from before are not its own: farm devices rename, or take the new machine in under a new name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of asking one device: ``facts`` where it answered, ``error`` where it did not."""

    device: Device
    facts: Mapping[str, Any] | None = None
    error: FarmError | None = None
    #: What to mind about a device that answered.
    advice: tuple[str, ...] = ()


def entry_for(inventory: Path, name: str, address: str, *, via: str | None, **own: Any) -> Device:
    """Return the entry that ``farm devices add`` writes; ``via`` is a device of the inventory, or an address.

    Raises `InventoryError` for a name that can't be or is taken, `UsageError` for an address that is none.
    """
    inventory_file.check_name(name)
    present = Inventory.load(inventory).devices
    if any(device.name == name for device in present):
        raise InventoryError(f"{inventory}: there is a device {name!r} already", hint=f"farm devices check {name}")
    user, host, port = parse_address(address)
    hop = next((device for device in present if device.name == via), None)
    if via is not None and hop is None:
        if not any(letter in via for letter in "@.:"):
            raise UnknownName("device", via, [device.name for device in present], hint="or --via USER@HOST:PORT")
        hop_user, hop_host, hop_port = parse_address(via)
        hop = Device(name=via, address=hop_host, user=hop_user, port=hop_port)
    return Device(name=name, address=host, user=user, port=port, via=hop, **own)


def enrol(
    device: Device, inventory: Path, known_hosts: Path, confirm: Confirm, *, let_in: LetIn | None = None
) -> Mapping[str, Any]:
    """Take ``device`` in and return its facts: its host key is confirmed, then it is probed, then both are written.

    ``let_in`` may help where the device takes none of our keys. Nothing is left behind here when a step fails. Raises
    what ``confirm``, connecting and probing raise.
    """
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "known_hosts"
        draft.write_bytes(host_keys.content(known_hosts))
        meant = inventory_file.preview(inventory, device)
        keys = _confirmed(meant, draft, confirm)
        try:
            facts = _probe(meant, draft)
        except AuthenticationRefused as refused:
            if let_in is None or not let_in(meant, refused, draft):
                raise
            facts = _probe(meant, draft)
    previous = [old for key in keys for old in host_keys.known(known_hosts, key.name)]
    for key in keys:
        host_keys.trust(known_hosts, key)
    try:
        inventory_file.add(inventory, device)
    except (FarmError, OSError):
        for key in keys:
            host_keys.forget(known_hosts, key.name)
        for old in previous:
            host_keys.trust(known_hosts, old)
        raise
    return facts


def our_public_key(device: Device) -> tuple[Path, str] | None:
    """Return the public half of the key that would be offered first, and its text; ``None`` where there is none."""
    from orchestrator.transports.key_login import DEFAULT_NAMES

    named = [Path(f"{device.identity_file}.pub").expanduser()] if device.identity_file else []
    usual = [Path("~/.ssh").expanduser() / f"{name}.pub" for name in DEFAULT_NAMES]
    for path in named or usual:
        if path.is_file():
            return path, path.read_text(encoding="utf-8").strip()
    return None


def trust(device: Device, known_hosts: Path, confirm: Confirm) -> HostKey:
    """Trust the host key that ``device`` shows now, in place of any other; raises what ``confirm`` raises."""
    if device.address is None:
        raise UsageError(f"{device.name}: it is reached without SSH, so it has no host key")
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "known_hosts"
        draft.write_bytes(host_keys.content(known_hosts))
        keys = _confirmed(device, draft, confirm)
    for key in keys:
        host_keys.trust(known_hosts, key)
    return keys[-1]


def rename(old: str, new: str, inventory: Path, db: str | None) -> None:
    """Call a device ``new`` in the inventory and, where there is a database ``db``, in the results."""
    from orchestrator.store.store import Store

    inventory_file.check_name(new)
    inventory_file.rename(inventory, old, new)
    if db is None:
        return
    try:
        with Store.open(db) as store:
            store.rename_device(old, new)
    except FarmError:
        inventory_file.rename(inventory, new, old)
        raise


def remove(names: Sequence[str], inventory: Path, known_hosts: Path) -> None:
    """Take devices out of the inventory and forget the host keys that nothing left there shows."""
    try:
        shown = {name: _server_names(device) for name in names for device in [Inventory.load(inventory).device(name)]}
    except FarmError:  # an inventory that is not right: entries can go, keys stay
        shown = {}
    inventory_file.remove(inventory, names)
    if shown:
        left = {name for device in Inventory.load(inventory).devices for name in _server_names(device)}
        for name in {each for every in shown.values() for each in every} - left:
            host_keys.forget(known_hosts, name)


def _server_names(device: Device) -> set[str]:
    """Return how known_hosts calls the device's server and those of its jump hosts."""
    names: set[str] = set()
    hop: Device | None = device
    while hop is not None:
        if hop.address is not None:
            names.add(host_keys.name_at(hop.address, hop.port or host_keys.SSH_PORT))
        hop = hop.via
    return names


def ask(
    devices: Sequence[Device], known_hosts: Path, before: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Answer]:
    """Probe the devices side by side and yield an answer for each, in their order.

    ``before`` are the facts when last seen: a name that answers from another machine now is told.
    """

    def one(device: Device) -> Answer:
        try:
            facts = _probe(device, known_hosts)
        except FarmError as error:
            return Answer(device=device, error=error)
        advice = [words for _, words in health.complaints(facts)]
        if health.other_machine((before or {}).get(device.name, {}), facts):
            advice.append(f"another machine answers to this name than when it was last seen; {OTHER_MACHINE}")
        return Answer(device=device, facts=facts, advice=tuple(advice))

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield from pool.map(one, devices)


def _confirmed(device: Device, draft: Path, confirm: Confirm) -> list[HostKey]:
    """Confirm the key that ``device`` shows, and before it those of jump hosts unknown so far; write them to ``draft``."""
    from orchestrator.transports.ssh import shown_key

    keys = []
    if device.via is not None:
        hop = device.via
        if not host_keys.known(draft, host_keys.name_at(str(hop.address), hop.port or host_keys.SSH_PORT)):
            keys += _confirmed(hop, draft, confirm)
    key = shown_key(device, draft)
    confirm(device, key, host_keys.known(draft, key.name))
    host_keys.trust(draft, key)
    return [*keys, key]


def _probe(device: Device, known_hosts: Path) -> Mapping[str, Any]:
    remote = way_to(device, known_hosts)
    try:
        return remote.probe(RUNTIMES)
    finally:
        remote.close()
