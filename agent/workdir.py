"""Where every file of farm is on the device."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import Union

from agent import wire
from agent.refusals import Refused, disk_refused, unwritable

FOLDERS = ("environments", "blobs", "agents", "lanes")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class Workdir:
    """The agent's directory; it names paths and makes folders, and reads nothing.

    ::

        agents/SHA256.zip            this program, pushed by the controller; SHA256.TAG.zip is it, compiled here
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
        """Create what is missing of it, readable by its owner alone; return itself.

        Refuses where that is impossible, where it belongs to another user, and where a folder of it is a link: what is removed and
        written there would be another's.
        """
        for folder in FOLDERS:
            path = os.path.join(self.path, folder)
            try:
                with disk_refused(self.path):
                    if os.path.isdir(self.path):
                        _expect_ours(self.path, stat.S_IWGRP | stat.S_IWOTH)
                    os.makedirs(path, 0o700, exist_ok=True)
                    _expect_ours(path, stat.S_IRWXG | stat.S_IRWXO)  # an older agent let others read
            except OSError as error:  # a file is in the way, a link leads nowhere
                raise unwritable(self.path, error) from error
            if os.path.islink(path):
                raise Refused(wire.UNFIT, "%s is a link, and farm follows none there: remove it" % path)
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

    def make_lane(self, lane: str) -> None:
        """Create the directory of a lane; refuses a link in its place."""
        os.makedirs(self.lane(lane), 0o700, exist_ok=True)
        if os.path.islink(self.lane(lane)):
            raise Refused(wire.UNFIT, "%s is a link, and farm follows none there: remove it" % self.lane(lane))

    def lane(self, lane: str, *parts: str) -> str:
        """Return the directory of a lane, or a file in it."""
        return self.file("lanes", _checked("a lane", lane), *parts)


def _expect_ours(folder: str, others: int) -> None:
    """Refuse a folder of another user, who may change all that is in it; take the permissions ``others`` from ours.

    A folder with the sticky bit, `/tmp`, is for all and stays: what one has there, no other may change.
    """
    facts = os.stat(folder)
    if facts.st_uid not in (0, os.geteuid()):
        message = "%s belongs to another user (%d); set `workdir:` to a directory of your own"
        raise Refused(wire.UNFIT, message % (folder, facts.st_uid))
    if facts.st_mode & others and facts.st_uid == os.geteuid() and not facts.st_mode & stat.S_ISVTX:
        with suppress(OSError):  # a card without permissions
            os.chmod(folder, stat.S_IMODE(facts.st_mode) & ~others)


def _checked(what: str, name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = "%r can't name %s: letters, digits, dots, dashes and underscores, 200 at most" % (name, what)
        raise Refused(wire.BAD_REQUEST, message)
    return name


def write_atomically(path: str, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, after a power cut too."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    with open(created(temporary), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)
    sync_folder(os.path.dirname(path))


def created(path: str) -> int:
    """Return the descriptor of a new file, for its owner alone; what stands at its name is removed and never written through."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def no_link(path: str, flags: int) -> int:
    """Open a file that may be there already, for its owner alone; a link in its place is an `OSError`: an ``opener`` of `open`."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def sync_folder(path: str) -> None:
    """Make names just created in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
