"""How facts are read: files below a root, and programs that may be there; whatever fails reads as nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Optional

#: No fact is worth more; a driver that hangs must not hold the probe.
_PATIENCE_S = 2.0
#: Files of facts are small; a device's file that never ends is cut.
_MOST_BYTES = 1 << 20


class Root:
    """The files of a machine below ``path``."""

    def __init__(self, path: str) -> None:
        self.path = path

    def at(self, path: str) -> str:
        """Return where ``path`` is below the root."""
        return os.path.join(self.path, path)

    def text(self, path: str) -> str:
        """Return what the file says without the blanks and zeros around it, ``""`` where it can't be read."""
        try:
            with open(self.at(path), "rb") as file:
                return file.read(_MOST_BYTES).decode("utf-8", "replace").strip("\0 \t\r\n")
        except (OSError, ValueError):
            return ""

    def number(self, path: str) -> Optional[int]:
        """Return the whole number that the file holds."""
        return whole(self.text(path))

    def names(self, path: str, prefix: str = "") -> list[str]:
        """Return the sorted names in a folder that begin with ``prefix``, shorter ones first (``cpu2`` before ``cpu10``)."""
        try:
            found = [name for name in os.listdir(self.at(path)) if name.startswith(prefix)]
        except (OSError, ValueError):
            return []
        return sorted(found, key=lambda name: (len(name), name))

    def exists(self, path: str) -> bool:
        """Say whether there is such a file or folder."""
        return os.path.exists(self.at(path))


def whole(text: str) -> Optional[int]:
    """Read a decimal whole number of the kernel's, 64 bits at most; ``None`` for anything else."""
    try:
        return int(text) if len(text) <= 20 else None
    except ValueError:
        return None


def say(commands: dict[str, tuple[str, ...]], path: Optional[str]) -> dict[str, str]:
    """Run those of the ``commands`` that the search path has, side by side; return what each printed.

    The first word of each is a program's name. ``path`` is ``None`` for the environment's. One that is not there, fails
    or takes more than two seconds is left out.
    """
    found = {name: shutil.which(argv[0], path=path) for name, argv in commands.items()}
    there = {name: (program, *commands[name][1:]) for name, program in found.items() if program}
    if not there:
        return {}
    from concurrent.futures import ThreadPoolExecutor  # tens of milliseconds on a small board

    with ThreadPoolExecutor(len(there)) as pool:
        running = {name: pool.submit(_run, argv) for name, argv in there.items()}
    said = {name: future.result() for name, future in running.items()}
    return {name: text for name, text in said.items() if text is not None}


def _run(argv: tuple[str, ...]) -> Optional[str]:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")
