"""Devices of an ssh_config file: every ``Host`` that is a name, not a pattern."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import ssh_config
from orchestrator.config.importers.result import Found, LeftOut, Notes, check_address, hop, plain, resolved
from orchestrator.config.ssh_resolve import matches, resolve
from orchestrator.domain.device import Device
from orchestrator.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.config.ssh_config import Line
    from orchestrator.config.ssh_resolve import Resolved

#: What ssh heeds when it connects, and an inventory has no field for.
_NO_FIELD = ("hostkeyalias", "identityagent", "identitiesonly", "certificatefile", "addressfamily", "bindaddress")


def devices(path: Path) -> Found:
    """Return the hosts of ``path``; those of ~/.ssh/config keep what it says there, since farm reads it when it connects.

    Hosts whose ``User`` is ``git`` are left out. Lines of which only ssh itself can tell whether they count (``Match exec``,
    …) are skipped with a note. Raises `InventoryError` with file and line.
    """
    lines = ssh_config.lines(path)
    notes = Notes()
    own = path.resolve() == Path("~/.ssh/config").expanduser().resolve()

    def make(alias: str, other: Callable[[str], Device | None]) -> Device:
        read = resolve(lines, alias, local_user=getpass.getuser())
        if read.options.get("user") == ["git"]:
            raise LeftOut("left out: its user is git, so it is a code host")
        if own:
            return Device(name=alias, address=alias)
        for line in read.undecided:
            notes.add(alias, f"{line.where}: {line.keyword} not taken over: only ssh itself can tell whether it counts")
        return _flat(alias, read, other, notes)

    return resolved(_aliases(lines), make, notes)


def _aliases(lines: tuple[Line, ...]) -> list[str]:
    """Return the names, in the order of the file, without patterns."""
    names: dict[str, None] = {}
    for line in lines:
        if line.keyword == "host":
            for word in line.words:
                if not re.search(r"[*?!]", word) and all(
                    each.keyword == "host" and matches(word, each.words) for each in line.conditions
                ):
                    names[word] = None
    return list(names)


def _flat(alias: str, read: Resolved, other: Callable[[str], Device | None], notes: Notes) -> Device:
    """Return the device with everything in it that its file says of it."""
    values = {key: each[0] for key, each in read.options.items() if each[0].lower() != "none"}

    def taken(key: str) -> str | None:
        value = values.get(key)
        if value is not None and ("%" in value or not plain(value)):
            notes.add(alias, f"{key} not taken over: farm has no tokens and variables of ssh")
            return None
        return value

    if "proxycommand" in values:
        notes.add(alias, "proxycommand not taken over: farm knows jump hosts only (farm devices edit NAME via=…)")
    for key in _NO_FIELD:
        if key in values:
            notes.add(alias, f"{key} not taken over: an inventory has no field for it; ~/.ssh/config may say it")
    jump = values.get("proxyjump")
    if jump is not None and jump.rpartition("@")[2] == alias:
        jump = None  # `Host *` makes a jump host its own
    return Device(
        name=alias,
        address=check_address(values.get("hostname", alias)),
        user=taken("user"),
        port=_port(values["port"], read.lines["port"]) if "port" in values else None,
        identity_file=taken("identityfile"),
        via=hop(jump, other) if jump else None,
    )


def _port(text: str, line: Line) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise InventoryError(f"{line.where}: {text!r} is not a port, a number from 1 to 65535")
    return int(text)
