"""Names of files as they can be printed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def shown(path: Path) -> str:
    """Return a path that can be printed, also where its bytes are no UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def shown_name(path: Path) -> str:
    """Return the last part of a path so that it can be printed."""
    return path.name.encode(errors="surrogateescape").decode(errors="backslashreplace")
