"""Refuses what has a name but is no file: pipes, devices, broken links."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from orchestrator.datasets.file_names import shown
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    import os
    from pathlib import Path


def stat_file(path: Path) -> os.stat_result:
    """Return size, times and place of a file; raises `DatasetError` where there is none. Opening a pipe would wait for ever."""
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:  # a name with a NUL is a `ValueError`
        why = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"{shown(path)}: {why}", hint="was it moved during the run?") from error
    if not stat.S_ISREG(facts.st_mode):
        raise DatasetError(f"{shown(path)}: it is no file", hint="remove it, or put the file there")
    return facts
