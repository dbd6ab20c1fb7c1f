"""Devices of an Ansible inventory in any notation: its groups, its variables by precedence."""

from __future__ import annotations

import getopt
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.config.importers.result import Found, LeftOut, Notes, check_address, hop, plain, resolved
from orchestrator.config.inventory_schema import ALL, NAME
from orchestrator.domain.device import LOCAL, Device
from orchestrator.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The most hosts that an inventory may have; `pi[0:999999999]` is a slip.
MOST_HOSTS = 10_000
#: Groups, and hosts counted once for each line that names them.
_MOST_GROUPS, _MOST_NAMED = 2_000, 200_000
#: Characters of a name with its ranges, digits of an end of a range.
LONGEST, _MOST_DIGITS = 1_000, 9
#: Groups that say nothing of a host.
NO_TAGS = (ALL, "ungrouped")
_RANGE = re.compile(r"\[([0-9]*|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?\]")
_SECRET = re.compile(r"ansible_\w*(pass|password|passphrase|secret)")
#: What farm understands, by the names that Ansible has had for it; the first one counts.
_NAMES = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "identity_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "python": ("ansible_python_interpreter",),
    "connection": ("ansible_connection",),
}
#: A variable of groups that decides which of them wins.
_PRIORITY = "ansible_group_priority"
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")
#: The options of ssh(1), those with an argument followed by a colon.
_FLAGS = "46AaCfGgKkMNnqsTtVvXxYyB:b:c:D:E:e:F:I:i:J:L:l:m:O:o:P:p:Q:R:S:W:w:"


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable is set to; ``None`` for what is encrypted. ``where`` is ``file:line``."""

    text: str | None
    where: str


@dataclass(slots=True)
class Group:
    """A group as it is written: its own hosts, the groups below it, its variables."""

    hosts: dict[str, None] = field(default_factory=dict)
    #: Each with its place, ``file:line``.
    children: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Tree:
    """An inventory as it is written; ``beside_*`` is what the folders ``group_vars`` and ``host_vars`` say."""

    groups: dict[str, Group] = field(default_factory=lambda: {ALL: Group()})
    hosts: dict[str, dict[str, Value]] = field(default_factory=dict)
    beside_groups: dict[str, dict[str, Value]] = field(default_factory=dict)
    beside_hosts: dict[str, dict[str, Value]] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    _named: int = 0

    def group(self, name: str) -> Group:
        """Return the group, made where there is none yet; raises `InventoryError` where there are too many."""
        if len(self.groups) >= _MOST_GROUPS and name not in self.groups:
            raise InventoryError(f"group {name[:40]!r}: more than {_MOST_GROUPS} groups")
        return self.groups.setdefault(name, Group())

    def add(self, pattern: str, group: str, values: Mapping[str, Value], where: str) -> None:
        """Put the hosts of ``pattern`` into ``group``; raises `InventoryError` for an invalid range."""
        named = hosts(pattern, where)
        self._named += len(named)
        if self._named > _MOST_NAMED:
            raise InventoryError(f"{where}: more than {_MOST_NAMED} hosts are named, the same again and again")
        for host in named:
            self.group(group).hosts[host] = None
            self.hosts.setdefault(host, {}).update(values)
        if len(self.hosts) > MOST_HOSTS:
            raise InventoryError(f"{where}: more than {MOST_HOSTS} hosts")


def hosts(pattern: str, where: str) -> list[str]:
    """Return the hosts of ``pi[01:10:2]`` or ``pi[a:c]``: both ends belong to it, leading zeros stay.

    Raises `InventoryError` with ``where`` for an invalid range.
    """
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    if len(pattern) > LONGEST or any(len(end or "") > _MOST_DIGITS for end in match.groups()):
        raise InventoryError(f"{where}: {match[0][:40]} is not a range of 1 to {MOST_HOSTS} hosts")
    first, last, step = match[1] or "0", match[2], int(match[3] or 1)
    if first.isdigit() != last.isdigit() or (first.isdigit() and first[0] == "0" and len(first) not in (1, len(last))):
        raise InventoryError(f"{where}: {match[0]} is not a range: its ends must be alike")
    low, high = (int(first), int(last)) if first.isdigit() else (ord(first), ord(last))
    if step < 1 or high < low or (high - low) // step >= MOST_HOSTS:
        raise InventoryError(f"{where}: {match[0]} is not a range of 1 to {MOST_HOSTS} hosts")
    width = len(first) if first[0] == "0" else 0
    middles = [str(n).zfill(width) if first.isdigit() else chr(n) for n in range(low, high + 1, step)]
    ends = hosts(pattern[match.end() :], where)
    if len(middles) * len(ends) > MOST_HOSTS:
        raise InventoryError(f"{where}: more than {MOST_HOSTS} hosts")
    return [f"{pattern[: match.start()]}{middle}{end}" for middle in middles for end in ends]


def devices(tree: Tree) -> Found:
    """Return the hosts of ``tree`` as devices; a host's own variables win over its groups', a child's over its parent's.

    Names of groups become tags. Raises `InventoryError` where a group is its own child or a port is invalid.
    """
    depths = _depths(tree)
    priorities = {name: _priority(name, group, tree.notes) for name, group in tree.groups.items()}
    parents: dict[str, list[str]] = {}
    members: dict[str, list[str]] = {}
    for name, group in tree.groups.items():
        for child in group.children:
            parents.setdefault(child, []).append(name)
        for host in group.hosts:
            members.setdefault(host, []).append(name)

    def make(name: str, other: Callable[[str], Device | None]) -> Device:
        groups = _upwards(members.get(name, []), parents)
        ordered = [ALL, *sorted(groups - {ALL}, key=lambda group: (depths[group], priorities[group], group))]
        layers = [tree.groups[group].values for group in ordered]
        layers += [tree.beside_groups.get(group, {}) for group in ordered]
        layers += [tree.hosts[name], tree.beside_hosts.get(name, {})]
        values = {key: value for layer in layers for key, value in layer.items()}
        return _device(name, values, [group for group in ordered if group not in NO_TAGS], other, tree.notes)

    return resolved(list(tree.hosts), make, tree.notes)


def _depths(tree: Tree) -> dict[str, int]:
    """Return how deep each group is below `all`; raises `InventoryError` where one is its own child."""
    depths: dict[str, int] = {}
    pending = {name: set(group.children) for name, group in tree.groups.items()}
    above = {name: {parent for parent, children in pending.items() if name in children} for name in tree.groups}
    while ready := [name for name in tree.groups if name not in depths and above[name] <= depths.keys()]:
        for name in ready:
            depths[name] = 0 if name == ALL else 1 + max((depths[parent] for parent in above[name]), default=0)
    circle = [name for name in tree.groups if name not in depths]
    if circle:
        inside = next(name for name in circle if set(tree.groups[name].children) & set(circle))
        where = next(where for child, where in tree.groups[inside].children.items() if child in circle)
        raise InventoryError(f"{where}: groups are their own children: {', '.join(circle[:5])}")
    return depths


def _priority(name: str, group: Group, notes: Notes) -> int:
    """Return which of two groups of one depth wins: the higher number, by default 1. Ansible heeds it in the inventory alone."""
    value = group.values.get(_PRIORITY)
    if value is None:
        return 1
    if value.text is not None and re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value.text):
        return int(value.text)
    notes.add(name, f"{_PRIORITY} not taken over: expected a whole number")
    return 1


def _upwards(groups: list[str], parents: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(groups)
    while pending:
        group = pending.pop()
        if group not in found:
            found.add(group)
            pending += parents.get(group, [])
    return found


def _device(
    name: str, values: Mapping[str, Value], groups: list[str], other: Callable[[str], Device | None], notes: Notes
) -> Device:
    for variable in values:
        if _SECRET.fullmatch(variable):
            notes.add(name, f"{variable} not taken over: farm logs in with keys (ssh-copy-id)")
    given = {key: _first(name, values, variables, notes) for key, variables in _NAMES.items()}
    tags = tuple(group for group in groups if NAME.fullmatch(group))
    for group in groups:
        if group not in tags:
            notes.add(name, f"group {group!r} not taken over: a tag has letters, digits, dots, dashes and underscores")
    connection = given["connection"].text if given["connection"] else "ssh"
    if connection == "local":
        return Device(name=name, transport="local", tags=tags)
    if connection not in ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"):
        raise LeftOut(f"left out: ansible_connection {connection!r}; farm knows ssh and local")
    address, user, identity_file, python = (_text(given[key]) for key in ("address", "user", "identity_file", "python"))
    return Device(
        name=name,
        address=check_address(address or name),
        user=user,
        port=_port(given["port"]),
        identity_file=identity_file,
        python=LOCAL.python if python is None or python.startswith("auto") else python,
        via=_via(name, values, other, notes),
        tags=tags,
    )


def _first(name: str, values: Mapping[str, Value], variables: tuple[str, ...], notes: Notes) -> Value | None:
    """Return the first of ``variables`` that is set to something farm can write down; the others are noted."""
    for variable in variables:
        value = values.get(variable)
        if value is None:
            continue
        why = _unfit(value.text)
        if why is None:
            return value
        if variable in _NAMES["address"] and not notes.strict:
            raise LeftOut(f"left out: {variable} is {why}")
        notes.unread(name, variable, why, value.where)
    return None


def _unfit(text: str | None) -> str | None:
    if text is None:
        return "encrypted"
    if "{{" in text or "{%" in text:
        return "a template"
    return None if plain(text) else "empty or of characters that farm's inventory has no room for"


def _text(value: Value | None) -> str | None:
    return value.text if value else None


def _port(value: Value | None) -> int | None:
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", value.text or "") or not 1 <= int(value.text or "") <= 65535:
        raise InventoryError(f"{value.where}: ansible_port: {value.text!r} is not a port, a number from 1 to 65535")
    return int(value.text or "")


def _via(name: str, values: Mapping[str, Value], other: Callable[[str], Device | None], notes: Notes) -> Device | None:
    """Return the jump host that ssh's arguments name: ``-J HOST``, ``-o ProxyJump=HOST``."""
    for variable in _ARGUMENTS:
        value = _first(name, values, (variable,), notes)
        if value is None or value.text is None:
            continue
        try:
            options, _ = getopt.getopt(shlex.split(value.text), _FLAGS)
        except (ValueError, getopt.GetoptError):
            notes.add(name, f"{variable} not taken over: farm can't read these arguments")
            continue
        for flag, argument in options:
            key, _, setting = re.sub(r"\s*=\s*|\s+", "=", argument.strip(), count=1).partition("=")
            if flag == "-J" or (flag == "-o" and key.lower() == "proxyjump"):
                jump = argument if flag == "-J" else setting
                return None if jump.lower() == "none" or jump.rpartition("@")[2] == name else hop(jump, other)
            if flag == "-o" and key.lower() == "proxycommand":
                notes.add(
                    name, "ProxyCommand not taken over: farm knows jump hosts only (farm devices edit NAME via=…)"
                )
    return None
