"""``inventory.yaml``: the devices farm may use, with what their groups say filled in."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator import registry
from orchestrator.config import foreign_inventory, importers
from orchestrator.config import yaml_document as documents
from orchestrator.config.address import parse_address
from orchestrator.config.inventory_schema import ALL, NAME, REFERRING, Entry, File, Group, Settings, name_misfit
from orchestrator.domain.device import LOCAL, Device, Limits
from orchestrator.errors import InventoryError, UnknownName, UsageError, no_such, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["ALL", "NAME", "Inventory"]

#: Keys of a person who thinks that farm keeps passwords.
SECRETS = ("password", "ssh_pass", "passphrase", "ansible_password", "ansible_ssh_pass", "become_password", "token")


#: Jump hosts between farm and a device; each takes a connection, an SSH session and a second or two.
MAX_HOPS = 8
#: Groups inside groups.
MAX_NESTED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Every device there is, in the order of the file; `LOCAL` comes first unless the file defines its own."""

    devices: tuple[Device, ...]

    @classmethod
    def load(cls, path: Path | None) -> Inventory:
        """Read ``path``, farm's own file or an Ansible inventory; no file means `LOCAL` alone.

        Raises `InventoryError` with file, line and key.
        """
        try:
            absent = path is None or not path.exists()
        except OSError as reason:
            raise InventoryError(f"{path}: {reason.strerror}") from reason
        if path is None or absent:
            return cls(devices=(LOCAL,))
        if path.is_dir():
            raise InventoryError(f"{path}: a folder, not an inventory", hint="name the file in it")
        if foreign_inventory.notation(path) is not None:
            return cls._of_ansible(path)
        return cls.of(documents.read(path, InventoryError))

    @classmethod
    def _of_ansible(cls, path: Path) -> Inventory:
        devices = importers.as_inventory(path).devices
        here = any(device.name == LOCAL.name or device.transport == LOCAL.transport for device in devices)
        return cls(devices=devices if here else (LOCAL, *devices))

    @classmethod
    def of(cls, document: documents.Document) -> Inventory:
        """Read a parsed file; raises `InventoryError`."""
        if not document.data:
            raise document.complain((), "there is nothing in it", hint="it begins with a line `devices:`; or delete it")
        for key in document.data:
            if key not in File.model_fields:
                raise document.complain((key,), unknown_key(key, File.model_fields))
        devices = _Reader(document).devices()
        if not any(device.name == LOCAL.name for device in devices):
            devices = (LOCAL, *devices)
        return cls(devices=devices)

    def device(self, name: str) -> Device:
        """Return the device called ``name``; raises `UnknownName` with the nearest name."""
        for device in self.devices:
            if device.name == name:
                return device
        raise UnknownName("device", name, [device.name for device in self.devices], hint="farm devices list")


class _Reader:
    """One parsed file on its way to devices: groups first, then entries over them, then who goes through whom."""

    def __init__(self, document: documents.Document) -> None:
        self._document = document
        self._plain = document.plain()
        self._transports = registry.names("transport")  # once: it looks through all installed packages
        self._entries = self._mapping("devices", Entry, "device")
        self._groups = self._mapping("groups", Group, "group")
        self._check_groups()
        self._depth: dict[str, int] = {}
        for name in self._groups:
            self._depth_of(name, ())

    def devices(self) -> tuple[Device, ...]:
        """Return them with their jump hosts; a circle of those is an error."""
        merged = {name: self._merged(name, entry) for name, entry in self._entries.items()}
        done: dict[str, Device] = {}

        def resolve(name: str, on_the_way: tuple[str, ...]) -> Device:
            if name not in done:
                too_far = f"device {name}: via: more than {MAX_HOPS} jump hosts, one behind the other"
                if len(on_the_way) > MAX_HOPS:
                    raise self._document.complain(("devices", name, "via"), too_far)
                values = dict(merged[name])
                hop = self._hop(name, values.pop("via", None), on_the_way, resolve, merged)
                if hop is not None and len(hop.hops) >= MAX_HOPS:
                    raise self._document.complain(("devices", name, "via"), too_far)
                done[name] = Device(name=name, via=hop, **values)
            return done[name]

        return tuple(resolve(name, ()) for name in merged)

    def _mapping(self, key: str, model: type[Any], kind: str) -> dict[str, Any]:
        """Return every entry of ``devices`` or ``groups``, checked by itself."""
        written = self._plain.get(key)
        if written is None:
            return {}
        if not isinstance(written, dict):
            raise self._document.complain((key,), f"{key}: expected `name:` lines with their keys below")
        for name in written:
            wrong = name_misfit(name, kind)
            if wrong is not None:
                raise self._document.complain((key, name), wrong)
        return {name: self._checked(key, name, entry, model, kind) for name, entry in written.items()}

    def _checked(self, key: str, name: str, entry: Any, model: type[Any], kind: str) -> Any:
        location = (key, name)
        if entry is not None and not isinstance(entry, dict):
            raise self._document.complain(location, f"{kind} {name}: expected `key: value` lines below it")
        for secret in entry or ():
            if secret in SECRETS:
                words = f"{kind} {name}: {secret}: an inventory is no place for secrets; farm logs in with keys"
                raise self._document.complain((*location, secret), words, hint=f"ssh-copy-id, then remove {secret}")
        data = self._expanded(entry or {}, location)
        return self._document.check(model, data, at=location, subject=f"{kind} {name}")

    def _expanded(self, value: Any, location: tuple[str | int, ...]) -> Any:
        """Replace ``${NAME}``; where a number is expected, digits that come from the environment are one."""
        if isinstance(value, dict):
            return {key: self._expanded(inner, (*location, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._expanded(inner, (*location, number)) for number, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        text = documents.expand(self._document, location, value)
        if location[-1] in REFERRING and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            return float(text) if "." in text else int(text)
        return text

    def _check_groups(self) -> None:
        for name, group in self._groups.items():
            for number, pattern in enumerate(group.devices):
                if not fnmatch.filter(self._entries, pattern):
                    words = f"group {name}: {no_such('device', pattern, self._entries)}"
                    raise self._document.complain(("groups", name, "devices", number), words)
            for number, child in enumerate(group.children):
                if child not in self._groups:
                    words = f"group {name}: {no_such('group', child, self._groups)}"
                    raise self._document.complain(("groups", name, "children", number), words)
        for name, entry in self._entries.items():
            for number, group in enumerate(entry.groups):
                if group not in self._groups:
                    words = f"device {name}: {no_such('group', group, self._groups)}"
                    raise self._document.complain(("devices", name, "groups", number), words)

    def _depth_of(self, name: str, below: tuple[str, ...]) -> int:
        """Return how many groups a group is nested in, at most; what is deeper counts later."""
        if name in below:
            words = f"group {name}: it is its own child, by way of {' and '.join(below)}"
            raise self._document.complain(("groups", name, "children"), words)
        if name not in self._depth and len(below) <= MAX_NESTED:
            parents = [parent for parent, group in self._groups.items() if name in group.children]
            self._depth[name] = max((1 + self._depth_of(parent, (*below, name)) for parent in parents), default=0)
        if self._depth.get(name, MAX_NESTED + 1) > MAX_NESTED:
            words = f"group {name}: groups are nested deeper than {MAX_NESTED} levels"
            raise self._document.complain(("groups", name, "children"), words)
        return self._depth[name]

    def _groups_of(self, name: str, entry: Entry) -> tuple[str, ...]:
        names = {
            group
            for group, written in self._groups.items()
            if group in entry.groups or any(fnmatch.fnmatchcase(name, pattern) for pattern in written.devices)
        }
        while True:
            more = {parent for parent, group in self._groups.items() if names & set(group.children)} - names
            if not more:
                break
            names |= more
        if ALL in self._groups:
            names.add(ALL)
        order = list(self._groups)
        return tuple(sorted(names, key=lambda group: (group != ALL, self._depth[group], order.index(group))))

    def _merged(self, name: str, entry: Entry) -> dict[str, Any]:
        """Return the fields of the device: those of its groups, outermost first, then its own."""
        groups = self._groups_of(name, entry)
        values: dict[str, Any] = {}
        tags: list[str] = []
        limits: dict[str, Any] = {}
        layers: Iterable[Settings] = (*(self._groups[group] for group in groups), entry)
        for layer in layers:
            given = layer.given()
            tags += given.pop("tags", ())
            limits |= given.pop("limits", {})
            values |= given
        values["tags"] = tuple(dict.fromkeys(tags))
        values["groups"] = tuple(group for group in groups if group != ALL)
        values["limits"] = Limits(**limits)
        if name == LOCAL.name and "address" not in values:
            values["transport"] = entry.transport or LOCAL.transport
        self._check_device(name, values)
        return values

    def _check_device(self, name: str, values: Mapping[str, Any]) -> None:
        location = ("devices", name)
        transport = values.get("transport", "ssh")
        if transport not in self._transports:
            words = f"device {name}: {no_such('transport', transport, self._transports)}"
            raise self._document.complain((*location, "transport"), words)
        if transport == "ssh" and "address" not in values:
            words = f"device {name}: it has no address"
            raise self._document.complain(location, words, hint="add a line `address: 192.168.1.20`")

    def _hop(self, name: str, via: str | None, on_the_way: tuple[str, ...], resolve: Any, merged: Any) -> Device | None:
        """Return the jump host that ``via`` means: a device of the file, or nothing but an address."""
        if via is None:
            return None
        location = ("devices", name, "via")
        if via in (name, *on_the_way):
            words = f"device {name}: via: {via} is reached through {name} itself"
            raise self._document.complain(location, words)
        if via in merged:
            hop: Device = resolve(via, (*on_the_way, name))
            if hop.address is None:
                raise self._document.complain(location, f"device {name}: via: {via} has no address to go through")
            return hop
        if not re.search(r"[@.:]", via):
            words = f"device {name}: via: {no_such('device', via, merged)}"
            raise self._document.complain(location, words, hint="or an address: USER@HOST:PORT")
        try:
            user, address, port = parse_address(via)
        except UsageError as wrong:
            raise self._document.complain(location, f"device {name}: via: {wrong.message}", hint=wrong.hint) from None
        return Device(name=via, address=address, user=user, port=port)
