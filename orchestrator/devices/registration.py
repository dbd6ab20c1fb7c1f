"""Which devices the inventory has: added, renamed, removed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import inventory_edit as inventory_file
from orchestrator.config.address import parse_address
from orchestrator.config.home_path import at_home
from orchestrator.config.inventory import Inventory
from orchestrator.devices.host_keys import confirmed, draft_of, server_names, trusted_unless_it_fails
from orchestrator.domain.device import Device
from orchestrator.domain.units import format_bytes
from orchestrator.errors import AuthenticationRefused, FarmError, InventoryError, UnknownName
from orchestrator.runtimes.catalogue import BEST_FIRST
from orchestrator.transports import known_hosts as trusted_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.devices.host_keys import Confirm
    from orchestrator.devices.session import Session
    from orchestrator.transports.connector import Connector

    #: Given a device, its refusal and what to connect with, returns whether it takes a key of ours now.
    LetIn = Callable[[Device, AuthenticationRefused, Connector], bool]


def entry_for(inventory: Path, name: str, address: str, *, via: str | None, **fields: Any) -> Device:
    """Return the entry that ``farm devices add`` writes; ``via`` is a device of the inventory, or an address.

    Raises `InventoryError` for a name that can't be or is taken, `UsageError` for an invalid address.
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
    return Device(name=name, address=host, user=user, port=port, via=hop, **fields)


def register(
    device: Device,
    inventory: Path,
    session: Session,
    confirm: Confirm,
    *,
    let_in: LetIn | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Mapping[str, Any]:
    """Add ``device`` and return its facts: its host key is confirmed, it is probed, then its entry is written.

    ``let_in`` may help where the device takes none of our keys; ``report`` gets what is going on. The ``session`` stays connected. Nothing is left behind
    here when a step fails. Raises what ``confirm``, connecting and probing raise.
    """
    known_hosts = session.connector.known_hosts
    added = inventory_file.preview(inventory, device)
    report(f"{device.name}: connecting to {device.destination}")
    with draft_of(session.connector) as draft:
        keys = confirmed(added, draft, confirm)
    with trusted_unless_it_fails(known_hosts, keys):
        facts = _probed(added, session, let_in, report)
        inventory_file.add(inventory, device)
    return facts


def _probed(device: Device, session: Session, let_in: LetIn | None, report: Callable[[str], None]) -> Mapping[str, Any]:
    client = session.client(device)
    try:
        report(f"{device.name}: logging in, looking for the agent")
        if sent := client.ensure_agent():
            report(f"{device.name}: received the agent, {format_bytes(sent)}")
        report(f"{device.name}: asking for its facts, trying {', '.join(BEST_FIRST)}")
        return client.probe(BEST_FIRST)
    except AuthenticationRefused as refused:
        if let_in is None or not let_in(device, refused, session.connector):
            raise
        return client.probe(BEST_FIRST)


def our_public_key(device: Device) -> tuple[Path, str] | None:
    """Return the public half of the key that would be offered first, and its text; ``None`` where there is none."""
    from orchestrator.transports.key_login import DEFAULT_NAMES

    named = [at_home(f"{device.identity_file}.pub")] if device.identity_file else []
    usual = [Path("~/.ssh").expanduser() / f"{name}.pub" for name in DEFAULT_NAMES]
    for path in named or usual:
        if path.is_file():
            return path, path.read_text(encoding="utf-8").strip()
    return None


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


def remove(names: Sequence[str], inventory: Path, connector: Connector) -> None:
    """Remove devices from the inventory, with the host keys that no other device there shows."""
    try:
        shown = {
            name: server_names(device, connector)
            for name in names
            for device in [Inventory.load(inventory).device(name)]
        }
    except FarmError:  # an inventory that is not right: entries can go, keys stay
        shown = {}
    inventory_file.remove(inventory, names)
    if shown:
        left = {name for device in Inventory.load(inventory).devices for name in server_names(device, connector)}
        for name in {each for every in shown.values() for each in every} - left:
            trusted_keys.forget(connector.known_hosts, name)
