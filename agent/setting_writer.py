"""Write a setting of the kernel's, by ``sudo -n`` where this user may not."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Callable, Optional

#: Takes a path and a value; writes it there and returns why that failed, ``None`` where it is done.
Write = Callable[[str, str], Optional[str]]

#: sudo is never let to ask for a password, so it answers at once.
_PATIENCE_S = 20.0


class SettingWriter:
    """Writes settings; what sudo refused once is not asked again."""

    def __init__(self, sudo: Optional[str] = None) -> None:
        self._sudo = sudo
        self._refused = None if sudo else "this user may not write it, and there is no sudo: log in as root to tune"

    @classmethod
    def of_this_user(cls) -> SettingWriter:
        """Return the writer with the rights of the user we run as."""
        return cls(shutil.which("sudo"))

    def __call__(self, path: str, value: str) -> Optional[str]:
        """Write ``value``; return why that failed."""
        try:
            with open(os.open(path, os.O_WRONLY | os.O_TRUNC), "w") as file:
                file.write(value)
        except PermissionError as error:
            return error.strerror if os.geteuid() == 0 else self._by_sudo(path, value)
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _by_sudo(self, path: str, value: str) -> Optional[str]:
        if self._refused is None and self._sudo is not None:
            try:
                done = subprocess.run(
                    [self._sudo, "-n", "tee", path],
                    input=value.encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env={**os.environ, "LC_ALL": "C"},
                    timeout=_PATIENCE_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                self._refused = "this user may not write it, and sudo does not answer: %s" % error
            else:
                if done.returncode == 0:
                    return None
                words = done.stderr.decode(errors="replace").strip()[-300:]
                self._refused = (
                    "this user may not write it, and `sudo -n` says: %s (docs/tuning.md has a line for sudoers)"
                    % (words or "no")
                )
        return self._refused
