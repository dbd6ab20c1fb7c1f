"""The agent as one file to send to a device."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: Runs the program of a `Start` unless its Python is too old; one line, no ``!``: csh and fish must pass it through.
#: Nothing in the directory that it starts in may shadow a module.
_STARTER = (
    "import sys;sys.path[:]=filter(None,sys.path);v=sys.version_info;"
    "exec(sys.stdin.buffer.read(int(sys.argv[1])) if v>=(3,9) else "
    "'sys.exit(\"it is Python %d.%d; the agent needs 3.9 or later\"%v[:2])')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A program that becomes the agent: its words behind ``python3``, what to send it first, the agent for a device that lacks it."""

    words: tuple[str, ...]
    program: bytes
    agent: bytes


@cache
def start(workdir: str) -> Start:
    """Return what starts the agent in ``workdir`` of a device."""
    program, agent = files("agent").joinpath("bootstrap.py").read_bytes(), pack_agent()
    sha256 = hashlib.sha256(agent).hexdigest()
    words = ("-c", _STARTER, str(len(program)), workdir, sha256, str(len(agent)))
    return Start(words=words, program=program, agent=agent)


@cache
def pack_agent() -> bytes:
    """Return the agent as a zip whose bytes depend on its source alone, so that its sha256 is its version."""
    entries = {"__main__.py": b"import sys\nfrom agent.__main__ import main\nsys.exit(main())\n"}
    _gather(files("agent"), "agent", entries)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entries[name])
    return out.getvalue()


def _gather(folder: Traversable, prefix: str, entries: dict[str, bytes]) -> None:
    for item in folder.iterdir():
        name = f"{prefix}/{item.name}"
        if item.is_dir() and item.name != "__pycache__":
            _gather(item, name, entries)
        elif item.is_file() and not item.name.endswith(".pyc"):
            entries[name] = item.read_bytes()
