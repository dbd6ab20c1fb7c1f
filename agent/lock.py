"""Locks that end with their processes: flock, never a file that a person must remember to delete."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any, Optional

from agent.workdir import created, no_link


class Lock:
    """An exclusive flock on a file.

    It belongs to the open descriptor: a process that inherits the descriptor holds the lock too, and it is free once
    the last of them ended, however it ended.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.descriptor = -1

    def take(self, *, wait: bool = False) -> bool:
        """Take the lock; return False where another holds it and ``wait`` is not wanted."""
        descriptor = no_link(self._path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self.descriptor = descriptor
        return True

    def drop(self) -> None:
        """Close our descriptor; the lock stays with processes that inherited it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def release(self) -> None:
        """Free the lock, even where other processes inherited it."""
        if self.descriptor >= 0:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
            self.drop()


class DeviceLock(Lock):
    """One lane at a time on this device; `holder` is the lane that has it."""

    def __init__(self, path: str, holder_path: str) -> None:
        super().__init__(path)
        self._holder_path = holder_path

    def sign(self, **holder: Any) -> None:
        """Write down who holds the lock."""
        temporary = "%s.%d" % (self._holder_path, os.getpid())
        with open(created(temporary), "w") as out:
            json.dump(holder, out)
        os.replace(temporary, self._holder_path)

    def holder(self) -> dict[str, Any]:
        """Return the fields that the last holder signed with; they count only while the lock is taken."""
        try:
            with open(self._holder_path) as text:
                return dict(json.load(text))
        except (OSError, ValueError):
            return {}


def is_held(path: str) -> bool:
    """Check whether a living process holds the exclusive lock; checks do not disturb each other."""
    descriptor = _open_existing(path)
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until_free(path: str) -> None:
    """Sleep in the kernel until no process holds the exclusive lock."""
    descriptor = _open_existing(path)
    if descriptor is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


def _open_existing(path: str) -> Optional[int]:
    try:
        return no_link(path, os.O_RDWR)
    except FileNotFoundError:
        return None
