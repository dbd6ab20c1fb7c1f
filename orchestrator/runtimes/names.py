"""Check how a suite or an option names a runtime."""

from __future__ import annotations

import re

from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.errors import no_such
from orchestrator.runtimes.catalogue import RUNTIMES
from orchestrator.runtimes.pins import versions


def name_in(text: str) -> str:
    """Return the name in ``text`` (``litert`` of ``litert >= 1``), whether or not a runtime has it."""
    return re.split(r"[^\w-]", text, maxsplit=1)[0]


def misfit(text: str) -> str | None:
    """Return why ``text`` names no runtime that a device could have, ``None`` where it does."""
    name = name_in(text)
    entry = RUNTIMES.get(name)
    if entry is None:
        return no_such("runtime", name, RUNTIMES)
    try:
        choice = RuntimeChoice.parse(text)
    except ValueError as error:
        return str(error)
    if choice.argument is None and entry.argument is not None:
        return f"{name} needs {entry.argument}"
    if choice.argument is not None and entry.argument is None:
        return f"{text!r}: {name} takes nothing behind a colon"
    brought = versions(name)
    if choice.version is not None and choice.version not in brought:
        there = f"there are wheels of {', '.join(brought)}" if brought else "it has no wheels of other versions"
        return f"no version {choice.version} of {name}: {there}"
    return None
