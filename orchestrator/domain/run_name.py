"""A name that people give a run, such as ``release-2``."""

from __future__ import annotations

import re

from orchestrator.errors import UsageError

#: Stands for the newest run wherever a run is expected.
LATEST = "latest"
#: The ids of runs begin with a digit, so no name is the beginning of one.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


def validated(name: str) -> str:
    """Return ``name``; raises `UsageError` where a run can't have it."""
    if not _NAME.fullmatch(name):
        rule = "a letter first, then letters, digits, dots, dashes and underscores, 64 characters at most"
        raise UsageError(f"{name[:80]!r} can't be the name of a run: {rule}", hint="for example: release-2")
    if name.lower() == LATEST:
        raise UsageError(f"{name!r} stands for the newest run", hint="choose another name")
    return name
