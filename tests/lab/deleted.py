"""A folder that is deleted while a process writes into it."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def delete_in_use(folder: Path, *, seconds: float = 60.0) -> None:
    """Delete ``folder`` as often as it takes: a file made meanwhile keeps its directory ("Directory not empty").

    Raises:
        TimeoutError: it is still there after ``seconds``.
    """
    end = time.monotonic() + seconds
    while folder.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"{folder} is still there after {seconds:g} s")
        shutil.rmtree(folder, ignore_errors=True)
