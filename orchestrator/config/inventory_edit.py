"""Edit one entry of ``inventory.yaml`` without touching a byte of the rest."""

from __future__ import annotations

from dataclasses import asdict, fields
from dataclasses import replace as dataclass_replace
from typing import TYPE_CHECKING, Any

from orchestrator.config import foreign_inventory
from orchestrator.config import yaml_document as documents
from orchestrator.config import yaml_edit as splice
from orchestrator.config.atomic_write import rewriting
from orchestrator.config.inventory import Inventory
from orchestrator.config.inventory_schema import REFERRING, Entry, LimitsOf, name_misfit
from orchestrator.domain.device import LOCAL, Device, Limits
from orchestrator.errors import InventoryError, UnknownName, UsageError, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

HEADER = """\
# The devices farm may use; `farm devices add` writes here, and you may too. docs/devices.md says what each key means.
"""
LISTS = frozenset({"tags", "groups", "runtimes"})


def check_name(name: str) -> None:
    """Raise `InventoryError` for a name that no device can have."""
    wrong = name_misfit(name)
    if wrong is not None:
        raise InventoryError(wrong)


def check_own(path: Path) -> None:
    """Raise `InventoryError` for an inventory of another tool, which farm reads and never writes."""
    notation = foreign_inventory.notation(path)
    if notation is not None:
        raise InventoryError(
            f"{path}: an inventory of another tool ({notation}), which farm reads and never writes",
            hint=f"make one of farm's own of it: farm devices import {path} --inventory devices.yaml",
        )


def add(path: Path, *devices: Device) -> None:
    """Write ``devices`` into the inventory at ``path``, all or none, keeping every other byte; a missing file is created.

    Raises `InventoryError` where the file is wrong or has a device of that name.
    """
    for device in devices:
        check_name(device.name)
    path.parent.mkdir(parents=True, exist_ok=True)

    def edit(text: str, data: dict[str, Any], document: documents.Document) -> tuple[str, dict[str, Any]]:
        for device in devices:
            text, data = _adding(device)(text, data, document)
        return text, data

    names = ", ".join(repr(device.name) for device in devices)
    by_hand = "".join(splice.block({device.name: written(device)}, indent=2) for device in devices)
    _edit(path, edit, f"add {names}", by_hand)


def preview(path: Path, device: Device) -> Device:
    """Return ``device`` as the inventory would mean it if it were added: with what its groups say. Raises as `add`."""
    check_name(device.name)
    check_own(path)
    Inventory.load(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    document = documents.parse(text, path, InventoryError)
    try:
        after, _ = _adding(device)(text, _plain(document.data), document)
    except (splice.CannotSplice, KeyError) as reason:
        raise InventoryError(f"{path}: can't add to a file of this form: {reason}", hint=f"edit {path}") from reason
    return Inventory.of(documents.parse(after, path, InventoryError)).device(device.name)


def _adding(device: Device) -> Callable[..., tuple[str, dict[str, Any]]]:
    def edit(text: str, data: dict[str, Any], document: documents.Document) -> tuple[str, dict[str, Any]]:
        if device.name in (data.get("devices") or {}):
            words = f"there is a device {device.name!r} already"
            raise document.complain(("devices", device.name), words, hint=f"farm devices check {device.name}")
        data["devices"] = (data.get("devices") or {}) | {device.name: written(device) or None}
        return splice.put(text or HEADER, ("devices", device.name), written(device)), data

    return edit


def change(path: Path, name: str, texts: Sequence[str]) -> None:
    """Carry out assignments (`assignment`) on the entry ``name``, one after the other.

    Raises `UsageError` for one that can't be read, `UnknownName` where there is no such entry, `InventoryError` where the
    file would be wrong with it.
    """

    def edit(text: str, data: dict[str, Any], document: documents.Document) -> tuple[str, dict[str, Any]]:
        _require(data, document, name)
        for assigned in texts:  # each refers to what the one before it left
            keys, value = assignment(assigned, data["devices"][name] or {})
            where = ("devices", name, *keys)
            text = _dropped(text, data, where) if value is None else _put(text, data, where, value)
        return text, data

    _edit(path, edit, f"change {name!r}", f"edit {path}")


def remove(path: Path, names: Sequence[str]) -> None:
    """Take entries out; raises `InventoryError` where another entry, or a group, still goes through one of them."""

    def edit(text: str, data: dict[str, Any], document: documents.Document) -> tuple[str, dict[str, Any]]:
        for name in names:
            _require(data, document, name)
            for kind, other, entry in _entries(data):
                if entry.get("via") == name and not (kind == "devices" and other in names):
                    words = f"{kind.removesuffix('s')} {other} goes through {name}; it has to go first"
                    raise document.complain((kind, other, "via"), words)
            for group, entry in (data.get("groups") or {}).items():
                if name in ((entry or {}).get("devices") or ()):
                    text = splice.drop_item(text, ("groups", group, "devices"), name)
                    entry["devices"] = [member for member in entry["devices"] if member != name]
            text = splice.drop(text, ("devices", name))
            del data["devices"][name]
        return text, data

    # An entry with a reference that is not set can be taken out, too: so the file is not asked what it means.
    _edit(path, edit, f"remove {', '.join(names)}", f"edit {path}", understood=False)


def rename(path: Path, old: str, new: str) -> None:
    """Call an entry ``new``, wherever the file names it; raises `InventoryError` where it would mean another device then."""
    check_name(new)
    check_own(path)
    before = Inventory.load(path)

    def edit(text: str, data: dict[str, Any], document: documents.Document) -> tuple[str, dict[str, Any]]:
        _require(data, document, old)
        if new in data["devices"]:
            raise document.complain(("devices", new), f"there is a device {new!r} already")
        for kind, other, entry in _entries(data):
            if entry.get("via") == old:
                text = _put(text, data, (kind, other, "via"), new)
        for group, entry in (data.get("groups") or {}).items():
            members = (entry or {}).get("devices") or ()
            if old in members:
                text = splice.rename_item(text, ("groups", group, "devices"), old, new)
                entry["devices"] = [new if member == old else member for member in members]
        text = splice.rename(text, ("devices", old), new)
        data["devices"] = {new if name == old else name: entry for name, entry in data["devices"].items()}
        after = Inventory.of(documents.parse(text, path, InventoryError))
        if dataclass_replace(after.device(new), name=old) != before.device(old):
            words = f"{new} would have other settings than {old}, because groups hold devices by their names"
            raise InventoryError(
                f"{path}: {words}", hint="name it under `devices:` of those groups, or in its `groups:`"
            )
        return text, data

    _edit(path, edit, f"rename {old!r}", f"edit {path}")


def _entries(data: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return every entry that may have a ``via:``, with where it is."""
    return [
        (kind, name, entry) for kind in ("devices", "groups") for name, entry in (data.get(kind) or {}).items() if entry
    ]


def replace(path: Path, before: str, after: str) -> None:
    """Put an edited text in place of ``before``, if it is valid and the file was not changed meanwhile."""
    check_own(path)
    Inventory.of(documents.parse(after, path, InventoryError))
    with rewriting(path) as text:
        if text.before != before:
            raise InventoryError(f"{path}: it was changed by another program meanwhile", hint="try again")
        text.after = after


def assignment(text: str, entry: Mapping[str, Any]) -> tuple[tuple[str, ...], Any]:
    """Read ``KEY=VALUE`` as a person types it: ``port=2222``, ``tags+=lab``, ``limits.disk=2GB``; no value takes away.

    ``entry`` is the present entry, to which ``+=`` and ``-=`` refer. Raises `UsageError` with the nearest key.
    """
    key, equals, value = text.partition("=")
    operator = key[-1:] if key[-1:] in "+-" else ""
    keys = tuple(key.removesuffix(operator).split(".") if operator else key.split("."))
    keys_of_an_entry = [name for name in Entry.model_fields if name != "limits"]
    keys_of_an_entry += [f"limits.{name}" for name in LimitsOf.model_fields]
    name = ".".join(keys)
    if not equals or name not in keys_of_an_entry:
        why = unknown_key(name, keys_of_an_entry) if equals else "it has no `=`"
        raise UsageError(f"{text!r}: {why}", hint="write KEY=VALUE, such as user=pi, tags+=lab, limits.disk=2GB")
    if name not in LISTS:
        if operator:
            raise UsageError(f"{text!r}: {name} is not a list, so nothing can be added to it or taken from it")
        return keys, _scalar(keys[-1], value) if value else None
    words = [word.strip() for word in value.split(",") if word.strip()]
    present = list(entry.get(name) or ())
    if operator == "+":
        words = list(dict.fromkeys([*present, *words]))
    elif operator == "-":
        words = [word for word in present if word not in words]
    return keys, words or None


def written(device: Device) -> dict[str, Any]:
    """Return the keys of ``device`` that differ from what an entry means without them."""
    plain: dict[str, Any] = {}
    for field in fields(Device):
        value = getattr(device, field.name)
        if field.name == "name" or value == field.default:
            continue
        if isinstance(value, Limits):
            names = {"disk_bytes": "disk", "memory_bytes": "memory", "push_bytes_per_s": "push_rate"}
            default = asdict(Limits())
            value = {names.get(key, key): limit for key, limit in asdict(value).items() if limit != default[key]}
            if "push_rate" in value:
                value["push_rate"] = f"{value['push_rate']}B/s"
        elif isinstance(value, Device):
            value = value.name
        if field.name == "transport" and device.name == LOCAL.name and value == LOCAL.transport:
            continue
        plain[field.name] = list(value) if isinstance(value, tuple) else value
    return plain


def _edit(
    path: Path, edit: Callable[..., tuple[str, dict[str, Any]]], what: str, by_hand: str, *, understood: bool = True
) -> None:
    """Rewrite the file; the result must have exactly the expected values, whatever form the file has.

    The file must be valid before and after, unless it need not be ``understood``.
    """
    check_own(path)
    if path.exists():
        document = documents.read(path, InventoryError)  # refuses a wrong file before it is touched
        if understood:
            Inventory.of(document)
    with rewriting(path) as text:
        document = documents.parse(text.before, path, InventoryError)
        try:
            after, expected = edit(text.before, _plain(document.data), document)
        except (splice.CannotSplice, AttributeError, KeyError, TypeError) as reason:  # a file of another shape
            raise InventoryError(f"{path}: can't {what} in a file of this form: {reason}", hint=by_hand) from reason
        edited = documents.parse(after, path, InventoryError)
        if _without_nothing(_plain(edited.data)) != _without_nothing(expected):
            raise InventoryError(f"{path}: can't {what} in a file of this form", hint=f"by hand:\n{by_hand}")
        if understood:
            Inventory.of(edited)
        text.after = after


def _without_nothing(data: dict[str, Any]) -> dict[str, Any]:
    """Return ``data`` where ``devices:`` without entries is no more and no less than none."""
    return {key: value for key, value in data.items() if value}


def _put(text: str, data: dict[str, Any], where: tuple[str, ...], value: Any) -> str:
    inner = data
    for key in where[:-1]:
        if inner.get(key) is None:
            inner[key] = {}
        inner = inner[key]
    inner[where[-1]] = value
    return splice.put(text, where, value)


def _dropped(text: str, data: dict[str, Any], where: tuple[str, ...]) -> str:
    """Take a key away, and the mapping that is empty without it, but never the device's own."""
    inner: Any = data
    for key in where[:-1]:
        inner = (inner or {}).get(key)
    if not inner or where[-1] not in inner:
        return text
    text = splice.drop(text, where)
    del inner[where[-1]]
    if inner:
        return text
    parent = data["devices"]
    if len(where) > 3:
        return _dropped(text, data, where[:-1])
    if parent[where[1]] == {} and splice.is_null(text, where[:-1]):
        parent[where[1]] = None
    return text


def _require(data: Mapping[str, Any], document: documents.Document, name: str) -> None:
    devices = list(data.get("devices") or ())
    if name not in devices:
        if name == LOCAL.name:
            raise InventoryError(f"{document.path}: `local` is built in and not in this file")
        raise UnknownName("device", name, devices, hint="farm devices list")


def _scalar(key: str, value: str) -> Any:
    if key not in REFERRING or "${" in value:
        return value
    try:
        return int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return value  # the schema says what is wrong with it


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    if isinstance(data, str):
        return str(data)
    return data
