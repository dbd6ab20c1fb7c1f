"""Paths that people write with ``~``."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import UsageError


def at_home(text: str) -> Path:
    """Return ``text`` as a path, its ``~`` expanded.

    Raises `UsageError` for the home of a user who does not exist, and for a path that no system can have.
    """
    if "\0" in text:
        raise UsageError(f"{text!r}: a path can't hold a NUL character", hint="remove it")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{text!r}: there is no such user on this machine", hint="write the whole path") from None
