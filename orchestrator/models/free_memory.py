"""Memory of this machine that processes may still take."""

from __future__ import annotations

import os
from pathlib import Path

from agent.facts.system import parse_meminfo

#: Of a control group, version 2 and 1: the most it may take, what it takes.
_GROUP_FILES = (
    ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def free_bytes(root: Path = Path("/")) -> int | None:
    """Return what is available here and inside the container around us, ``None`` where the system does not tell."""
    sizes = [parse_meminfo(_text(root / "proc/meminfo")).get("MemAvailable")]
    for most, used in _GROUP_FILES:
        limit, taken = _text(root / most).strip(), _text(root / used).strip()
        if limit.isdecimal() and taken.isdecimal():
            sizes.append(max(0, int(limit) - int(taken)))
    known = [size for size in sizes if size is not None]
    return min(known) if known else None


def taken_bytes(pid: int, root: Path = Path("/")) -> int:
    """Return the memory that a process, and all of the group that it leads, took for themselves, without files that are mapped.

    0 where it is gone or unknown. TensorFlow reserves far more addresses than that, so that a limit on those would refuse what fits.
    """
    try:
        others = [int(name) for name in os.listdir(root / "proc") if name.isdecimal()]  # noqa: PTH208
    except OSError:
        others = []
    members = {pid, *(each for each in others if _group(f"{root}/proc/{each}/stat") == pid)}
    sizes = [parse_meminfo(_text(root / f"proc/{each}/status")) for each in members]
    return sum(each.get("RssAnon", 0) + each.get("RssShmem", 0) for each in sizes)


def _group(stat: str) -> int | None:
    """Return the process group that a ``/proc/PID/stat`` names, ``None`` where the process is gone.

    It is asked of every process, five times a second while something is built, so it makes no `Path`.
    """
    try:
        with open(stat, "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split(None, 3)  # a name may have blanks and brackets
    except OSError:
        return None
    return int(fields[2]) if len(fields) > 2 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
