"""Files of the kernel's that are opened once, then read many times."""

from __future__ import annotations

import contextlib
import os
from typing import Optional

from agent.facts.system_files import whole

#: Each holds a line or two; of longer ones (/proc/stat) the beginning is all we want.
_MOST_BYTES = 1024


class KernelFile:
    """A small file, opened now: each reading is one ``pread``, which is what makes the kernel fill it anew."""

    def __init__(self, path: str) -> None:
        self._descriptor = -1
        with contextlib.suppress(OSError, ValueError):  # it reads as nothing
            self._descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def text(self) -> str:
        """Return the file's text without the blanks around it, ``""`` where it can't be read."""
        try:
            return os.pread(self._descriptor, _MOST_BYTES, 0).decode("utf-8", "replace").strip("\0 \t\r\n")
        except OSError:
            return ""

    def number(self) -> Optional[int]:
        """Return the whole number that the file holds."""
        return whole(self.text())


def readable(paths: list[str]) -> list[KernelFile]:
    """Return those of the files that hold a whole number now."""
    return [held for held in map(KernelFile, paths) if held.number() is not None]


def total(files: list[KernelFile]) -> Optional[int]:
    """Return the sum of counters; ``None`` where one of them is missing, for a sum without it would seem to fall."""
    counts = [held.number() for held in files]
    valid = [count for count in counts if count is not None]
    return sum(valid) if valid and len(valid) == len(counts) else None
