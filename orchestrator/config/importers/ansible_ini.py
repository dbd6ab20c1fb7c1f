"""Ansible's INI notation: sections of hosts, of children, of variables."""

from __future__ import annotations

import ast
import re
import shlex
from typing import TYPE_CHECKING

from orchestrator.config.importers.ansible import LONGEST, Tree, Value
from orchestrator.config.inventory_schema import ALL
from orchestrator.errors import InventoryError, no_such

if TYPE_CHECKING:
    from pathlib import Path

_SECTION = re.compile(r"\[([^:\]]+?)\s*(?::\s*(\w+)\s*)?\]\s*([#;].*)?")
_PORT = re.compile(r"(?P<host>[^:]*(?:\[[^\]]*\][^:\[\]]*)*):(?P<port>\d+)")


def tree(text: str, path: Path) -> Tree:
    """Return the inventory ``text``, which is in ``path``; raises `InventoryError` with file and line."""
    found = Tree()
    group, kind = "ungrouped", "hosts"
    mentioned: dict[str, str] = {}
    declared = {ALL, group}
    for number, raw in enumerate(text.split("\n"), 1):
        line, where = raw.strip(), f"{path}:{number}"
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section is None:
            _entry(found, group, kind, line, where)
            continue
        group, kind = section[1].strip(), section[2] or "hosts"
        if kind not in ("hosts", "children", "vars"):
            raise InventoryError(f"{where}: no section :{kind}; there is :children, :hosts, :vars")
        if kind == "vars":
            mentioned.setdefault(group, where)
        else:
            found.group(group)
            declared.add(group)
    for written in found.groups.values():
        mentioned = written.children | mentioned
    for name, where in mentioned.items():
        if name not in declared:
            raise InventoryError(f"{where}: {no_such('group', name, declared)}")
    return found


def _entry(found: Tree, group: str, kind: str, line: str, where: str) -> None:
    """Take one line of a section of ``kind`` over into ``found``."""
    if kind == "hosts":
        if line[0] == "[" and "]" not in line:
            raise InventoryError(f"{where}: the section has no end, which is a `]`")
        _host(found, group, line, where)
    elif kind == "children":
        for child in _words(line, where)[:1]:
            found.group(group).children.setdefault(child, where)
    else:
        key, equals, value = line.partition("=")
        if not equals:
            raise InventoryError(f"{where}: expected NAME=VALUE")
        found.group(group).values[key.strip()] = Value(_literal(value.strip()), where)


def _host(found: Tree, group: str, line: str, where: str) -> None:
    words = _words(line, where)
    if not words:
        return
    pattern, values = words[0], {}
    if len(pattern) > LONGEST:
        raise InventoryError(f"{where}: the name of a host has {len(pattern)} characters, {LONGEST} at most are read")
    with_port = _PORT.fullmatch(pattern)
    if with_port:
        pattern = with_port["host"]
        values["ansible_port"] = Value(with_port["port"], where)
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise InventoryError(f"{where}: expected NAME=VALUE after the name of a host, found {word[:40]!r}")
        values[key] = Value(_literal(value), where)
    found.add(pattern, group, values, where)


def _words(line: str, where: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError as reason:
        raise InventoryError(f"{where}: {str(reason).lower()}") from reason


def _literal(text: str) -> str:
    """Return ``text`` without the quotes of a Python string, which Ansible takes off, too."""
    if text[:1] in "'\"" and text:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
        return value if isinstance(value, str) else text
    return text
