"""Ansible's YAML: inventories, the folders ``group_vars``, ``host_vars`` beside any inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.config import yaml_document as documents
from orchestrator.config.importers.ansible import Tree, Value
from orchestrator.config.importers.result import read_text
from orchestrator.errors import InventoryError, unknown_key

if TYPE_CHECKING:
    from pathlib import Path

_KEYS = ("hosts", "children", "vars")
#: More than people nest groups, less than Python nests calls.
_DEEPEST = 50
_ENDINGS = ("", ".yml", ".yaml", ".json")


def tree(text: str, path: Path) -> Tree:
    """Return the inventory ``text``, which is in ``path``; raises `InventoryError` with file and line."""
    document = _parsed(text, path)
    found = Tree()
    for name in document.data:
        _group(found, document, (name,), 0)
    return found


def beside(found: Tree, path: Path) -> None:
    """Add what ``group_vars`` and ``host_vars`` in the folder of ``path`` say of its groups and hosts."""
    for folder, names, layer in (
        ("group_vars", found.groups, found.beside_groups),
        ("host_vars", found.hosts, found.beside_hosts),
    ):
        if not (path.parent / folder).is_dir():
            continue
        for name in names:
            values = _beside(path.parent / folder, name, found)
            if values:
                layer[name] = values


def _beside(folder: Path, name: str, found: Tree) -> dict[str, Value]:
    if "/" in name or "\0" in name or name in (".", ".."):
        return {}
    values: dict[str, Value] = {}
    for ending in _ENDINGS:
        file = folder / f"{name}{ending}"
        files = sorted(inner for inner in file.iterdir() if inner.suffix in _ENDINGS) if file.is_dir() else [file]
        for each in files:
            if not each.is_file():
                continue
            text = read_text(each)
            if text.startswith("$ANSIBLE_VAULT"):
                found.notes.add(str(each), "not taken over: it is encrypted")
                continue
            document = _parsed(text, each)
            values |= _values(document, document.data, ())
    return values


def _parsed(text: str, path: Path) -> documents.Document:
    try:
        return documents.parse(text, path, InventoryError)
    except InventoryError:
        raise
    except Exception as reason:  # ruamel.yaml answers some broken files with whatever Python says
        raise InventoryError(f"{path}:1: no YAML that can be read") from reason


def _group(found: Tree, document: documents.Document, location: tuple[Any, ...], depth: int) -> None:
    name = location[-1]
    data = document.data
    for part in location:
        data = data[part]
    if not isinstance(name, str) or depth > _DEEPEST:
        raise document.complain(
            location, f"{str(name)[:40]!r} is not the name of a group, or groups are nested too deep"
        )
    _check(document, location, data)
    group = found.group(name)
    inner = data or {}
    if isinstance(inner.get("hosts"), str):
        found.add(inner["hosts"], name, {}, _where(document, (*location, "hosts")))
    for host, values in _mapping(inner.get("hosts")):
        where = (*location, "hosts", host)
        if not isinstance(host, str | int | float) or not isinstance(values, dict | None):
            raise document.complain(where, f"host {str(host)[:40]!r}: expected `name: value` lines below it")
        found.add(str(host), name, _values(document, values or {}, where), _where(document, where))
    group.values.update(_values(document, inner.get("vars") or {}, (*location, "vars")))
    for child, _ in _mapping(inner.get("children")):
        where = (*location, "children", child)
        group.children[child] = _where(document, where)
        _group(found, document, where, depth + 1)


def _check(document: documents.Document, location: tuple[Any, ...], data: Any) -> None:
    """Raise where a group is anything else than hosts, children and vars."""
    name = location[-1]
    if data is None:
        return
    if not isinstance(data, dict):
        raise document.complain(location, f"group {name}: expected hosts, children or vars below it")
    for key, value in data.items():
        where = (*location, key)
        if key not in _KEYS:
            raise document.complain(where, f"group {name}: {unknown_key(key, _KEYS)}")
        if value is not None and not isinstance(value, dict) and not (isinstance(value, str) and key == "hosts"):
            raise document.complain(where, f"group {name}: {key}: expected `name:` lines below it")


def _mapping(data: Any) -> list[tuple[Any, Any]]:
    return list(data.items()) if isinstance(data, dict) else []


def _values(document: documents.Document, data: dict[Any, Any], location: tuple[Any, ...]) -> dict[str, Value]:
    """Return the variables; what has a tag (``!vault``) has no text here."""
    values = {}
    for key, value in data.items():
        tag = str(getattr(getattr(value, "tag", None), "value", None) or "")
        text = None if tag == "!vault" else str(getattr(value, "value", value) if tag else value)
        values[str(key)] = Value("" if value is None else text, _where(document, (*location, key)))
    return values


def _where(document: documents.Document, location: tuple[Any, ...]) -> str:
    return document.complain(location, "").message.removesuffix(": ")
