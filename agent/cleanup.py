"""Remove the files of farm that the device no longer uses."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.lock import is_held

if TYPE_CHECKING:
    from agent.workdir import Workdir

_FOLDERS = ("environments", "blobs", "agents", "lanes")
#: Names that carry the process which writes there; a file takes a process minutes at most.
_TEMPORARY = re.compile(r".+\.(?:zip|partial)\.(\d+)|.+\.(\d+)\.tmp")
_DAY_S = 86400


def collect(workdir: Workdir, *, unused_days: float, running: str) -> dict[str, Any]:
    """Remove what was not used for so long, with what dead processes left half-made; return the answer of ``gc``.

    Call it while no lane runs. ``running`` is the program that does this, which stays whatever its age.
    """
    oldest = time.time() - unused_days * _DAY_S
    removed = dict.fromkeys(_FOLDERS, 0)
    removed_bytes = kept_bytes = 0
    for folder in _FOLDERS:
        for name in os.listdir(workdir.file(folder)):
            path = workdir.file(folder, name)
            size = size_of(path)
            if os.path.realpath(path) != os.path.realpath(running) and _is_unused(path, oldest):
                _remove(path)
                removed[folder] += 1
                removed_bytes += size
            else:
                kept_bytes += size
    return {"removed_bytes": removed_bytes, "removed": removed, "kept_bytes": kept_bytes}


def remove_left_overs(target: str) -> None:
    """Remove what processes that died while they made the folder ``target`` left of it."""
    folder, name = os.path.split(target)
    for other in os.listdir(folder):
        if other.startswith(name + ".") and is_left_over(os.path.join(folder, other)):
            _remove(os.path.join(folder, other))


def is_left_over(path: str) -> bool:
    """Check whether a temporary file belongs to a process that is gone, or to one that took over its number."""
    temporary = _TEMPORARY.fullmatch(os.path.basename(path))
    if temporary is None:
        return False
    try:
        os.kill(int(temporary[1] or temporary[2]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # of another user
        pass
    return _last_used(path) < time.time() - _DAY_S


def size_of(path: str) -> int:
    """Return the bytes of a file, or of all files below a folder; what vanishes meanwhile counts for nothing."""
    size = 0
    if os.path.isdir(path) and not os.path.islink(path):
        for root, _, names in os.walk(path):
            for name in names:
                with suppress(FileNotFoundError):
                    size += os.lstat(os.path.join(root, name)).st_size
    else:
        with suppress(FileNotFoundError):
            size = os.lstat(path).st_size
    return size


def _is_unused(path: str, oldest: float) -> bool:
    if _TEMPORARY.fullmatch(os.path.basename(path)):
        return is_left_over(path)
    # What arrives right now is locked by its receiver.
    return _last_used(path) < oldest and not (path.endswith(".partial") and is_held(path))


def _last_used(path: str) -> float:
    """Return when it was written or asked for last, as `os.utime` notes it; of a lane, when its last file was."""
    with suppress(FileNotFoundError):
        times = [os.lstat(path).st_mtime]
        if os.path.basename(os.path.dirname(path)) == "lanes":
            with os.scandir(path) as entries:
                times += [entry.stat(follow_symlinks=False).st_mtime for entry in entries]
        return max(times)
    return time.time()


def _remove(path: str) -> None:
    """Remove a file or a folder; a folder loses its name first, so that half of it is never found."""
    with suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            condemned = path if _TEMPORARY.fullmatch(os.path.basename(path)) else "%s.%d.tmp" % (path, os.getpid())
            if condemned != path:
                os.rename(path, condemned)
            shutil.rmtree(condemned)
        else:
            os.unlink(path)
