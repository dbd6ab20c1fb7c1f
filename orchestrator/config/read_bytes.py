"""Reads a file that a person names, without waiting for a pipe that nothing writes to."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NO_FILES = {stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def read_bytes(path: Path, most: int) -> bytes:
    """Return the first ``most`` bytes of a file, of what is written to a pipe, or of standard input.

    Raises `OSError` where nothing is there or can be read: a folder, a socket, a device, a pipe that nothing writes to.
    """
    facts = path.stat()
    kind = stat.S_IFMT(facts.st_mode)
    if kind in _NO_FILES and not _is_standard(facts):
        raise OSError(errno.ENXIO, f"{_NO_FILES[kind]}, not a file", path)
    parts = []
    with open(path, "rb", buffering=0, opener=_without_waiting) as file:
        part = file.read(most)  # `None` where a writer is there that has not written yet
        if part == b"" and kind == stat.S_IFIFO:
            raise OSError(errno.EPIPE, "a pipe that nothing writes to", path)
        os.set_blocking(file.fileno(), True)
        while part != b"" and most > 0:
            parts.append(part or b"")
            most -= len(parts[-1])
            part = file.read(most)
    return b"".join(parts)


def is_lasting(path: Path) -> bool:
    """Return whether ``path`` is read again as it was: no pipe, nothing that a shell holds open for one command."""
    return not path.is_fifo() and path.absolute().parts[1:2] not in (("dev",), ("proc",))


def _is_standard(facts: os.stat_result) -> bool:
    """Return whether a device is the null device, or what this command has as its standard input."""
    with suppress(OSError):
        return os.path.samestat(facts, os.stat(os.devnull)) or os.path.samestat(facts, os.fstat(0))  # noqa: PTH116
    return False


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
