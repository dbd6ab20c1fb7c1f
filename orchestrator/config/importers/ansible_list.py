"""What ``ansible-inventory --list`` prints: JSON with the variables of every host, its groups' already in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.config.importers.ansible import MOST_HOSTS, Tree, Value
from orchestrator.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: How Ansible marks what is encrypted, and what is no template whatever it looks like.
_VAULT, _UNSAFE = "__ansible_vault", "__ansible_unsafe"


def tree(plain: Mapping[str, Any], path: Path) -> Tree:
    """Return the inventory in ``plain``, which was read from ``path``; raises `InventoryError` for another shape."""
    found = Tree()
    for name, group in plain.items():
        if name == "_meta":
            continue
        if not isinstance(group, dict):
            raise InventoryError(f"{path}: group {name[:40]!r}: expected hosts, children and vars")
        made = found.group(name)
        made.hosts.update(dict.fromkeys(_names(group, "hosts", name, path)))
        made.children.update(dict.fromkeys(_names(group, "children", name, path), f"{path}: {name}"))
        made.values.update(_values(group.get("vars"), f"{path}: {name}"))
    variables = _object(plain["_meta"].get("hostvars"), f"{path}: _meta: hostvars")
    for host in {**dict.fromkeys(variables), **{host: None for group in found.groups.values() for host in group.hosts}}:
        found.hosts[host] = _values(variables.get(host), f"{path}: {host[:80]}")
    if len(found.hosts) > MOST_HOSTS:
        raise InventoryError(f"{path}: more than {MOST_HOSTS} hosts")
    for child in [child for group in list(found.groups.values()) for child in group.children]:
        found.group(child)
    return found


def _names(group: Mapping[str, Any], key: str, name: str, path: Path) -> list[str]:
    listed = group.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise InventoryError(f"{path}: group {name[:40]!r}: {key}: expected a list of names")
    return listed


def _values(variables: Any, where: str) -> dict[str, Value]:
    """Return the variables of a host or group; what is encrypted has no text. Raises `InventoryError`."""
    return {key: Value(_text(value), where) for key, value in _object(variables, where).items()}


def _object(value: Any, where: str) -> dict[str, Any]:
    """Return ``value``, nothing for one that is absent; raises `InventoryError` where it is no object."""
    if value is not None and not isinstance(value, dict):
        raise InventoryError(f"{where}: expected names with their values, not {str(value)[:40]!r}")
    return value or {}


def _text(value: Any) -> str | None:
    if isinstance(value, dict) and _VAULT in value:
        return None
    if isinstance(value, dict) and _UNSAFE in value:
        value = value[_UNSAFE]
    return "" if value is None else str(value)
