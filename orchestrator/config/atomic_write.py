"""Rewrite a small shared file: whole or not at all, one writer at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True, kw_only=True)
class Text:
    """A file's content before and after; ``after`` is what the caller sets."""

    before: str
    after: str


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold ``directory`` against everybody else who uses this function, threads of ours included."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def rewriting(path: Path, *, mode: int | None = None) -> Iterator[Text]:
    """Hold ``path`` against other writers, give its text, and replace it atomically if the text was changed.

    A file that does not exist reads as empty. An exception in the body leaves the file as it was. ``mode`` sets the
    permissions; by default those of the old file stay. A symbolic link stays one. Raises `OSError`.
    """
    path = Path(os.path.realpath(path))
    # The directory is what is locked: a lock beside the file would litter, one on the file would be replaced with it.
    with locked(path.parent):
        exists = path.exists()
        before = path.read_bytes().decode() if exists else ""
        text = Text(before=before, after=before)
        yield text
        if text.after != before or not exists:
            permissions = mode if mode is not None else path.stat().st_mode & 0o777 if exists else 0o644
            _replace(path, text.after.encode(), permissions)


def _replace(path: Path, content: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)  # noqa: PTH101  mkstemp gives names, not paths
        os.replace(temporary, path)  # noqa: PTH105  same
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108  same
        raise
