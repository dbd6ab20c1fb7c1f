"""``inventory.yaml``: the devices farm may use."""

from __future__ import annotations

import fnmatch
import io
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from orchestrator import documents, registry
from orchestrator.domain.device import LOCAL, Device
from orchestrator.errors import InventoryError, UnknownName, nearest
from orchestrator.rewrite import rewriting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A name stands in case names (``device/model/…``), file names and on the command line.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: Means every device, so none may be called that.
ALL = "all"

HEADER = """\
# The devices farm may use; `farm devices add` writes here, and you may too. docs/devices.md says what each key means.
devices:
"""


def _plain_address(text: str) -> str:
    if not text or re.search(r"[\s/@\[\]]", text) or re.fullmatch(r"[^:]*:\d+", text):
        raise ValueError(f"{text!r} is not a bare name or IP address; user and port have keys of their own")
    return text


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("it may not be empty")
    return text


def _tag(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no tag: letters, digits, dots, dashes and underscores only")
    return text


Text = Annotated[str, pydantic.AfterValidator(_not_empty)]


class _Entry(pydantic.BaseModel):
    """A device as the file writes it."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    transport: Text | None = None
    address: Annotated[str, pydantic.AfterValidator(_plain_address)] | None = None
    user: Text | None = None
    port: Annotated[int, pydantic.Field(ge=1, le=65535)] | None = None
    identity_file: Text | None = None
    tags: list[Annotated[str, pydantic.AfterValidator(_tag)]] = []
    python: Text = LOCAL.python
    workdir: Text = LOCAL.workdir


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Every device there is, in the order of the file; `LOCAL` comes first unless the file defines its own."""

    devices: tuple[Device, ...]

    @classmethod
    def load(cls, path: Path | None) -> Inventory:
        """Read ``path``; no file means `LOCAL` alone. Raises `InventoryError` with file, line and key."""
        if path is None or not path.exists():
            return cls(devices=(LOCAL,))
        return cls._of(documents.read(path, InventoryError))

    @classmethod
    def _of(cls, document: documents.Document) -> Inventory:
        if not document.data:
            raise document.complain((), "there is nothing in it", hint="it begins with a line `devices:`; or delete it")
        for key in document.data:
            if key != "devices":
                raise document.complain((key,), f"unknown key {key!r}{nearest(str(key), ['devices'])}")
        entries = document.data["devices"] or {}
        if not isinstance(entries, dict):
            raise document.complain(("devices",), "devices: expected `name:` lines with their keys below")
        found = tuple(_device(document, name, entry) for name, entry in entries.items())
        if any(device.name == LOCAL.name for device in found):
            return cls(devices=found)
        return cls(devices=(LOCAL, *found))

    def device(self, name: str) -> Device:
        """Return the device called ``name``; raises `UnknownName` with the nearest name."""
        for device in self.devices:
            if device.name == name:
                return device
        raise UnknownName("device", name, [device.name for device in self.devices])

    def select(self, names: Sequence[str]) -> tuple[Device, ...]:
        """Return the devices that ``names`` mean, each once, in the order of the inventory.

        A selector is a name, ``all``, a glob such as ``pi5-*``, ``tag:NAME``, or any of these after ``!``, which takes
        devices away. Only such ones mean: all but these. Raises `UnknownName` for one that means no device.
        """
        wanted = {name for selector in names if not selector.startswith("!") for name in self._meant(selector)}
        unwanted = {name for selector in names if selector.startswith("!") for name in self._meant(selector[1:])}
        if names and all(selector.startswith("!") for selector in names):
            wanted = {device.name for device in self.devices}
        return tuple(device for device in self.devices if device.name in wanted - unwanted)

    def _meant(self, selector: str) -> set[str]:
        every = [device.name for device in self.devices]
        if selector == ALL:
            return set(every)
        if selector.startswith("tag:"):
            tag = selector.removeprefix("tag:")
            tagged = {device.name for device in self.devices if tag in device.tags}
            if not tagged:
                raise UnknownName("tag", tag, {tag for device in self.devices for tag in device.tags})
            return tagged
        meant = set(fnmatch.filter(every, selector)) if re.search(r"[*?\[]", selector) else {selector} & set(every)
        if not meant:
            raise UnknownName("device", selector, every, hint="farm devices list")
        return meant


def add(path: Path, device: Device) -> None:
    """Write ``device`` into the inventory at ``path``, keeping every other byte of it; a missing file is created.

    Raises `InventoryError` where the file is wrong or has a device of that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    Inventory.load(path)  # says what is wrong with a file before it is touched
    with rewriting(path) as text:
        if not text.before:
            text.after = HEADER + _written(device, indent=2)
            return
        document = documents.read(path, InventoryError)
        present = Inventory._of(document)  # noqa: SLF001  the class of this very module
        entries = document.data["devices"] or {}
        if device.name in entries:
            raise document.complain(("devices", device.name), f"there is a device {device.name!r} already")
        text.after = _appended(text.before, document, device)
        _check(path, text.after, present, device)


def _appended(before: str, document: documents.Document, device: Device) -> str:
    """Return the file with the entry at its end, where new entries belong: ``devices`` is its only key."""
    entries = document.data["devices"]
    if entries:
        if entries.fa.flow_style():  # `devices: {…}` on one line can't be appended to
            return _dumped(document, device)
        indent = entries.lc.col
    elif entries is None:
        indent = 2
    else:
        return _dumped(document, device)
    newline = "\r\n" if "\r\n" in before else "\n"
    glue = "" if before.endswith("\n") else newline
    return before + glue + _written(device, indent=indent).replace("\n", newline)


def _dumped(document: documents.Document, device: Device) -> str:
    import ruamel.yaml

    document.data["devices"][device.name] = _plain(device)
    out = io.StringIO()
    ruamel.yaml.YAML(typ="rt").dump(document.data, out)
    return out.getvalue()


def _check(path: Path, after: str, present: Inventory, device: Device) -> None:
    """Read back what is about to be written: an odd file must lead to a refusal, not to a broken inventory."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_bytes(after.encode())
        reason: InventoryError | None = None
        now: tuple[Device, ...] = ()
        try:
            now = Inventory.load(draft).devices
        except InventoryError as error:
            reason = error
    kept = tuple(entry for entry in present.devices if entry.name != device.name)
    if tuple(entry for entry in now if entry.name != device.name) != kept or device not in now:
        raise InventoryError(
            f"{path}: can't add {device.name!r} to a file of this form", hint="add it by hand:\n" + _written(device)
        ) from reason


def _device(document: documents.Document, name: Any, entry: Any) -> Device:
    """Return the device that the file writes below ``name``."""
    location = ("devices", name)
    if not isinstance(name, str) or not NAME.fullmatch(name) or name == ALL:
        raise document.complain(
            location,
            f"{name!r} can't be a device's name: letters, digits, dots, dashes and underscores, 64 at most, and not `all`",
        )
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        raise document.complain(location, f"device {name}: expected `key: value` lines below it")
    try:
        read = _Entry.model_validate(entry)
    except pydantic.ValidationError as invalid:
        raise _complaint(document, location, invalid) from None
    values = {key: value for key, value in read.model_dump().items() if value is not None}
    values["tags"] = tuple(values["tags"])
    if name == LOCAL.name and read.address is None:
        values.setdefault("transport", LOCAL.transport)
    device = Device(name=name, **values)
    known = registry.names("transport")
    if device.transport not in known:
        raise document.complain(
            (*location, "transport"),
            f"device {name}: no transport {device.transport!r}{nearest(device.transport, known)}",
        )
    if device.transport == "ssh" and device.address is None:
        raise document.complain(
            location, f"device {name}: it has no address", hint="add a line `address: 192.168.1.20`"
        )
    return device


def _complaint(
    document: documents.Document, location: tuple[str, str], invalid: pydantic.ValidationError
) -> InventoryError:
    # A misspelt key makes the right one missing: the misspelling is the one to name.
    first = min(invalid.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = first["loc"][0]
    if first["type"] == "extra_forbidden":
        words = f"unknown key {key!r}{nearest(str(key), _Entry.model_fields)}"
    else:
        message = first["msg"].removeprefix("Value error, ")
        words = f"{key}: {message[:1].lower()}{message[1:]}"
    where = tuple(part for part in first["loc"] if part in _Entry.model_fields or isinstance(part, int))
    error = document.complain((*location, *(where or (key,))), f"device {location[1]}: {words}")
    assert isinstance(error, InventoryError)  # noqa: S101  the document was read to raise these
    return error


def _plain(device: Device) -> Mapping[str, Any]:
    """Return the keys of ``device`` that differ from what an entry means without them."""
    plain: dict[str, Any] = {}
    for field in fields(Device):
        value = getattr(device, field.name)
        if field.name != "name" and value != field.default:
            plain[field.name] = list(value) if isinstance(value, tuple) else value
    return plain


def _written(device: Device, *, indent: int = 2) -> str:
    """Return the lines of the entry for ``device``."""
    import ruamel.yaml
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    entry = CommentedMap(_plain(device))
    if "tags" in entry:
        entry["tags"] = CommentedSeq(entry["tags"])
        entry["tags"].fa.set_flow_style()
    yaml = ruamel.yaml.YAML(typ="rt")
    yaml.width = 4096
    out = io.StringIO()
    yaml.dump({device.name: entry}, out)
    return "".join(" " * indent + line for line in out.getvalue().splitlines(keepends=True))
