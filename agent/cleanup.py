"""Remove the files of farm that the device no longer uses."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, Optional

from agent import wire
from agent.lock import is_held
from agent.refusals import Refused
from agent.workdir import FOLDERS

if TYPE_CHECKING:
    from agent.workdir import Workdir

#: Names that carry the process which writes there; a file takes a process minutes at most.
_TEMPORARY = re.compile(r".+\.(?:zip|partial)\.(\d+)|.+\.(\d+)\.tmp")
_DAY_S = 86400
#: Files beside the folders; those of a process that writes one carry its number.
_OURS = re.compile(r"(?:(?:start|lane)\.lock|lane\.holder|tuning(?:\.mended)?\.json)(?:\.\d+)?(?:\.tmp)?")


def collect(
    workdir: Workdir,
    *,
    unused_days: float,
    running: tuple[str, ...],
    wanted: Callable[[str], bool] = lambda _: False,
    most_blob_bytes: Optional[int] = None,
    dry: bool = False,
) -> dict[str, Any]:
    """Remove what was not used for so long, with what dead processes left half-made; return the answer of ``gc``.

    Of the blobs that stay, those used longest ago go until ``most_blob_bytes`` are left. Call it while no lane runs. ``running`` are
    the files of the program that does this, which stay whatever their age; so does a lane that is ``wanted``, by its name. With ``dry`` nothing goes.
    """
    oldest = time.time() - unused_days * _DAY_S
    gone: dict[str, dict[str, int]] = {folder: {} for folder in FOLDERS}
    kept: dict[str, dict[str, int]] = {folder: {} for folder in FOLDERS}
    wanted_bytes: list[int] = []
    ours = {os.path.realpath(path) for path in running}
    for folder in FOLDERS:
        for name in os.listdir(workdir.file(folder)):
            path = workdir.file(folder, name)
            goes = os.path.realpath(path) not in ours and _is_unused(path, oldest)
            if goes and folder == "lanes" and wanted(name):
                goes = False
                wanted_bytes.append(size_of(path))
            (gone if goes else kept)[folder][path] = size_of(path)
    if most_blob_bytes is not None:
        _shrink(kept["blobs"], gone["blobs"], most_blob_bytes)
    if not dry:
        for paths in gone.values():
            for path in paths:
                _remove(path)
    return {**_account(gone, kept), "wanted": len(wanted_bytes), "wanted_bytes": sum(wanted_bytes), "left": []}


def remove_everything(workdir: Workdir, *, dry: bool = False) -> dict[str, Any]:
    """Remove the agent's directory with all that the agent puts there; return the answer of ``gc``.

    What else is in it stays, and is named in ``left``; then the directory stays too. Refuses where the directory is a link.
    """
    if os.path.islink(workdir.path.rstrip("/")):
        raise Refused(wire.UNFIT, "%s is a link; remove what it leads to by hand" % workdir.path)
    names = os.listdir(workdir.path)
    ours = [name for name in names if name in FOLDERS or _OURS.fullmatch(name)]
    left = sorted(set(names) - set(ours))
    gone = {folder: {path: size_of(path) for path in _paths(workdir, folder)} for folder in FOLDERS}
    if not dry:
        for name in ours:
            path = workdir.file(name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        if not left:
            os.rmdir(workdir.path)
    return {**_account(gone, {}), "wanted": 0, "wanted_bytes": 0, "left": left}


def _account(gone: dict[str, dict[str, int]], kept: dict[str, dict[str, int]]) -> dict[str, Any]:
    sizes = {folder: sum(paths.values()) for folder, paths in gone.items()}
    return {
        "removed": {folder: len(paths) for folder, paths in gone.items()},
        "bytes": sizes,
        "removed_bytes": sum(sizes.values()),
        "kept_bytes": sum(sum(paths.values()) for paths in kept.values()),
    }


def _paths(workdir: Workdir, folder: str) -> list[str]:
    return [workdir.file(folder, name) for name in os.listdir(workdir.file(folder))]


def _shrink(kept: dict[str, int], gone: dict[str, int], most_bytes: int) -> None:
    """Move files, those used longest ago first, from ``kept`` to ``gone`` until ``most_bytes`` are left."""
    left = sum(kept.values())
    for path in sorted(kept, key=_last_used):
        if left <= most_bytes:
            return
        if not _is_being_made(path):
            left -= kept[path]
            gone[path] = kept.pop(path)


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
    return _last_used(path) < oldest and not _is_being_made(path)


def _is_being_made(path: str) -> bool:
    """Check whether a blob arrives right now: its receiver locks it, or a living process copies it."""
    temporary = _TEMPORARY.fullmatch(os.path.basename(path))
    return not is_left_over(path) if temporary else path.endswith(".partial") and is_held(path)


def _last_used(path: str) -> float:
    """Return when it was written or asked for last, as `os.utime` notes it; of a lane, when its last file was."""
    with suppress(FileNotFoundError):
        times = [os.lstat(path).st_mtime]
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        if is_folder and os.path.basename(os.path.dirname(path)) == "lanes":
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
