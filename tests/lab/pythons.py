"""The Pythons on this machine, on the PATH or by pyenv."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def pythons(*minors: int) -> dict[str, str]:
    """Return the name and path of each ``python3.MINOR`` that starts: ``{"python3.12": "/usr/bin/python3.12"}``."""
    found = {}
    for name in (f"python3.{minor}" for minor in minors):
        places = [*Path.home().glob(f".pyenv/versions/3.*/bin/{name}"), *filter(None, [shutil.which(name)])]
        for path in map(str, sorted(places, key=str)):  # pyenv's shim of a Python that is not chosen does not start
            if subprocess.run([path, "-S", "-c", "pass"], capture_output=True, check=False).returncode == 0:
                found[name] = path
                break
    return found
