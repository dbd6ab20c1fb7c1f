"""Where every file of farm is on the device."""

from __future__ import annotations

import os
import re
from typing import Union

from agent import wire
from agent.refusals import Refused, disk_refused, unwritable

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class Workdir:
    """The agent's directory; it names paths and makes folders, and reads nothing.

    ::

        agents/SHA256.zip            this program, pushed by the controller
        blobs/SHA256                 artifacts, images, wheels; SHA256.partial while one arrives
        environments/NAME/           unpacked wheels
        lanes/LANE/request.json      what was ordered
        lanes/LANE/journal           what happened
        lanes/LANE/alive             locked while the lane's process lives
        lanes/LANE/log, worker.log   what the lane, and its present worker, printed
        lanes/LANE/*.fifo            where followers sleep
        lane.lock, lane.holder       locked while anything of a lane lives, and its holder
        tuning.json                  what was before the device was tuned
        tuning.mended.json           what was last put back for want of a holder
        start.lock                   locked while a `start` command works
    """

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        self.path = os.path.join(os.path.expanduser("~"), os.fspath(path))

    def make(self) -> Workdir:
        """Create what is missing of it, readable by its owner alone; return itself. Refuses where that is impossible."""
        for folder in ("agents", "blobs", "environments", "lanes"):
            try:
                with disk_refused(self.path):
                    os.makedirs(os.path.join(self.path, folder), 0o700, exist_ok=True)
            except OSError as error:  # a file is in the way, a link leads nowhere
                raise unwritable(self.path, error) from error
        return self

    def file(self, *parts: str) -> str:
        """Return a path below the directory."""
        return os.path.join(self.path, *parts)

    def blob(self, sha256: str) -> str:
        """Return where a blob lies; refuses what is no sha256, so that no name leads elsewhere."""
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise Refused(wire.BAD_REQUEST, "%r is not a sha256 in 64 lower-case hexadecimal digits" % (sha256,))
        return self.file("blobs", sha256)

    def environment(self, name: str) -> str:
        """Return the directory of an environment."""
        return self.file("environments", _checked("an environment", name))

    def lane(self, lane: str, *parts: str) -> str:
        """Return the directory of a lane, or a file in it."""
        return self.file("lanes", _checked("a lane", lane), *parts)


def _checked(what: str, name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = "%r can't name %s: letters, digits, dots, dashes and underscores, 200 at most" % (name, what)
        raise Refused(wire.BAD_REQUEST, message)
    return name


def write_atomically(path: str, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, after a power cut too."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    with open(temporary, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)
    sync_folder(os.path.dirname(path))


def sync_folder(path: str) -> None:
    """Make names just created in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
