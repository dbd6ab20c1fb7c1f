"""Addresses in the form ``USER@HOST:PORT``."""

from __future__ import annotations

import re

from orchestrator.errors import UsageError

_ADDRESS = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<v6>[^\]\s]+)\]|(?P<host>[^@:\[\]\s/]+))(?::(?P<port>\d{1,5}))?")


def parse_address(text: str) -> tuple[str | None, str, int | None]:
    """Return user, address and port of ``USER@HOST:PORT``; IPv6 with a port is ``[fe80::1]:22``.

    Raises `UsageError` saying what is wrong.
    """
    if ":" in text.rpartition("@")[0]:
        raise UsageError("an address can't hold a password", hint="write it as USER@HOST:PORT; farm logs in with keys")
    bare_v6 = re.fullmatch(r"(?:([^@\s]+)@)?([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[^@\s\[\]]*)", text)
    if bare_v6:
        return bare_v6[1], bare_v6[2], None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not an address", hint="write it as USER@HOST:PORT, and IPv6 as USER@[fe80::1]:22"
        )
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise UsageError(f"{text!r}: port {port} is not a number from 1 to 65535")
    return match["user"], match["v6"] or match["host"], port


def written_address(user: str | None, address: str, port: int | None) -> str:
    """Return ``USER@HOST:PORT`` as `parse_address` reads it."""
    host = f"[{address}]" if ":" in address and port else address
    return (f"{user}@" if user else "") + host + (f":{port}" if port else "")
