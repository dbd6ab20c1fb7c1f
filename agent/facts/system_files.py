"""Files below a root, programs on the search path: whatever fails reads as nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import Optional

#: No fact is worth more seconds; a driver that hangs must not hold the probe.
_PATIENCE_S = 2.0
#: What reading takes of a program that was done while another one hung.
_MOMENT_S = 0.1
#: What a killed program takes to be gone.
_KILLED_S = 0.5
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
        """Return the file's text without the blanks or zeros around it, ``""`` where it can't be read."""
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
            names = [name for name in os.listdir(self.at(path)) if name.startswith(prefix)]
        except (OSError, ValueError):
            return []
        return sorted(names, key=lambda name: (len(name), name))

    def exists(self, path: str) -> bool:
        """Check whether there is such a file or folder."""
        return os.path.exists(self.at(path))


def whole(text: str) -> Optional[int]:
    """Read a decimal whole number of the kernel's, 64 bits at most; ``None`` for anything else."""
    try:
        return int(text) if len(text) <= 20 else None
    except ValueError:
        return None


def run_all(
    commands: dict[str, tuple[str, ...]], path: Optional[str], patience_s: float = _PATIENCE_S
) -> dict[str, str]:
    """Run those of the ``commands`` that the search path has, side by side; return what each printed.

    The first word of each is a program's name. ``path`` is ``None`` for the environment's. One that is not there, fails
    or is not done after ``patience_s`` for them all is left out.
    """
    running = {name: _start(argv, path) for name, argv in commands.items()}
    until = time.monotonic() + patience_s
    printed = {name: _output(process, until) for name, process in running.items() if process}
    return {name: text for name, text in printed.items() if text is not None}


def _start(argv: tuple[str, ...], path: Optional[str]) -> Optional[subprocess.Popen[bytes]]:
    program = shutil.which(argv[0], path=path)
    if not program:
        return None
    try:
        return subprocess.Popen(
            (program, *argv[1:]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except (OSError, ValueError):
        return None


def _output(process: subprocess.Popen[bytes], until: float) -> Optional[str]:
    try:
        printed, _ = process.communicate(timeout=max(_MOMENT_S, until - time.monotonic()))
    except (OSError, ValueError, subprocess.SubprocessError):
        process.kill()
        if process.stdout:
            process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver: not even SIGKILL ends it now
            process.wait(timeout=_KILLED_S)
        return None
    return printed.decode("utf-8", "replace") if process.returncode == 0 else None
