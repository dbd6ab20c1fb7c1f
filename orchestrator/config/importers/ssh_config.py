"""Devices of an ssh_config file: every ``Host`` that is a name, not a pattern."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import ssh_config
from orchestrator.config.importers.result import Found, LeftOut, Notes, check_address, hop, plain, resolved
from orchestrator.domain.device import Device
from orchestrator.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.config.ssh_config import Line


def devices(path: Path) -> Found:
    """Return the hosts of ``path``; those of ~/.ssh/config keep what it says there, since farm reads it when it connects.

    Hosts whose ``User`` is ``git`` are left out. ``Match`` lines that only ssh could judge (``exec``, ``user``, …) are
    passed by with a note. Raises `InventoryError` with file and line.
    """
    lines = ssh_config.lines(path)
    notes = Notes()
    own = path.resolve() == Path("~/.ssh/config").expanduser().resolve()
    for line in lines:
        if line.keyword == "match" and line.conditions[-1].holds("") is None:
            notes.add(line.where, "not taken over: only ssh itself can tell when this Match holds")

    def make(alias: str, other: Callable[[str], Device | None]) -> Device:
        said = _said(lines, alias)
        if (user := said.get("user")) is not None and user.value == "git":
            raise LeftOut("left out: its user is git, so it is a code host")
        if own:
            return Device(name=alias, address=alias)
        return _flat(alias, said, other, notes)

    return resolved(_aliases(lines), make, notes)


def _aliases(lines: tuple[Line, ...]) -> list[str]:
    """Return the names, in the order of the file; patterns left out."""
    names: dict[str, None] = {}
    for line in lines:
        if line.keyword == "host":
            for word in line.conditions[-1].words:
                if not re.search(r"[*?!]", word) and _applies(line, word):
                    names[word] = None
    return list(names)


def _said(lines: tuple[Line, ...], alias: str) -> dict[str, Line]:
    """Return for each keyword the first line that holds for ``alias``, which is the one that counts for ssh."""
    said: dict[str, Line] = {}
    for line in lines:
        if line.keyword not in ("host", "match") and line.keyword not in said and _applies(line, alias):
            said[line.keyword] = line
    return said


def _applies(line: Line, alias: str) -> bool:
    return all(condition.holds(alias) for condition in line.conditions)


def _flat(alias: str, said: dict[str, Line], other: Callable[[str], Device | None], notes: Notes) -> Device:
    """Return the device with everything in it that its file says of it."""
    values = {
        key: _word(line) for key, line in said.items() if key in ("hostname", "user", "identityfile", "proxyjump")
    }
    values = {key: value for key, value in values.items() if value.lower() != "none"}

    def taken(key: str) -> str | None:
        value = values.get(key)
        if value is not None and ("%" in value or not plain(value)):
            notes.add(alias, f"{key} not taken over: farm has no tokens and variables of ssh")
            return None
        return value

    if said.get("proxycommand") and said["proxycommand"].value.lower() != "none":
        notes.add(alias, "proxycommand not taken over: farm knows jump hosts only (farm devices edit NAME via=…)")
    jump = values.get("proxyjump")
    if jump is not None and jump.rpartition("@")[2] == alias:
        jump = None  # `Host *` makes a jump host its own
    return Device(
        name=alias,
        address=check_address(values.get("hostname", alias).replace("%h", alias)),
        user=taken("user"),
        port=_port(said["port"]) if "port" in said else None,
        identity_file=taken("identityfile"),
        via=hop(jump, other) if jump else None,
    )


def _word(line: Line) -> str:
    words = ssh_config.split(line)
    if len(words) != 1:
        raise InventoryError(f"{line.where}: {line.keyword}: expected one word")
    return words[0]


def _port(line: Line) -> int:
    text = _word(line)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise InventoryError(f"{line.where}: {text!r} is no port; they go from 1 to 65535")
    return int(text)
