"""The journal of a lane: append-only, synced record by record, followed without polling."""

from __future__ import annotations

import contextlib
import glob
import os
import select
import stat
import threading
from typing import TYPE_CHECKING, Callable

from agent import wire
from agent.refusals import Refused
from agent.workdir import no_link

if TYPE_CHECKING:
    from collections.abc import Iterator


class Writer:
    """Appends records; after each, followers that sleep on a FIFO beside the journal are poked."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fifos = os.path.join(glob.escape(os.path.dirname(path)), "*.fifo")
        # Whatever is there has no whole first record (see `begun`): the remains of a start that was cut short.
        self._descriptor = no_link(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def append(self, record: object) -> None:
        """Write one record with one system call, make it survive a power cut, then poke the followers."""
        line = wire.encode_line(record)
        written = os.write(self._descriptor, line)
        while written < len(line):  # only where a signal or a full disk cut the call short
            written += os.write(self._descriptor, line[written:])
        os.fsync(self._descriptor)
        for fifo in glob.glob(self._fifos):
            _poke(fifo)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _poke(fifo: str) -> None:
    try:
        if not stat.S_ISFIFO(os.lstat(fifo).st_mode):
            return
        descriptor = no_link(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # ENXIO: its follower died without tidying up
        with contextlib.suppress(OSError):
            os.unlink(fifo)
        return
    try:
        os.write(descriptor, b".")
    except OSError:  # full: it is awake anyway
        pass
    finally:
        os.close(descriptor)


def whole(content: bytes) -> bytes:
    """Return the journal up to its last whole record: a torn or altered line ends it."""
    end = 0
    while True:
        newline = content.find(b"\n", end)
        if newline < 0 or not wire.is_whole(content[end : newline + 1]):
            return content[:end]
        end = newline + 1


def begun(path: str) -> bool:
    """Check whether a journal has its first record."""
    try:
        with open(path, "rb") as journal:
            return wire.is_whole(journal.readline())
    except (FileNotFoundError, NotADirectoryError):
        return False


class Follower:
    """Yields what is appended to a journal, from an offset on.

    ``wait_for_death`` blocks until the lane's process is gone; it runs in a thread, asleep in the kernel. ``hangup``
    is a descriptor whose end of file means that the listener is gone. While nothing is written, no processor time
    is used at all.
    """

    def __init__(self, path: str, offset: int, *, wait_for_death: Callable[[], None], hangup: int) -> None:
        self._path, self._offset = path, offset
        self._wait_for_death, self._hangup = wait_for_death, hangup
        self._dead = threading.Event()
        self.ended = False  #: the lane wrote its last record
        self.died = False  #: the lane's process is gone without it

    def chunks(self) -> Iterator[bytes]:
        """Yield whole records as they come, until the lane is over or the listener is gone."""
        check_offset(self._path, self._offset)
        fifo = "%s.%d" % (os.path.join(os.path.dirname(self._path), "follower"), os.getpid())
        # Opened before it gets the name that the writer looks for, so that it never looks abandoned; and for
        # writing too, so that it is never at its end.
        os.mkfifo(fifo, 0o600)
        descriptor = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        os.rename(fifo, fifo + ".fifo")
        # The end of this pipe is the lane's; a FIFO could not tell it once the directory is deleted.
        death, alive = os.pipe()
        try:
            threading.Thread(target=self._watch, args=(alive,), daemon=True).start()
            yield from self._read_until_over(descriptor, death)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fifo + ".fifo")
            os.close(descriptor)
            os.close(death)

    def _watch(self, alive: int) -> None:
        self._wait_for_death()
        self._dead.set()
        os.close(alive)

    def _read_until_over(self, fifo: int, death: int) -> Iterator[bytes]:
        with open(self._path, "rb") as journal:
            while True:
                dead = self._dead.is_set()  # asked before reading: what it wrote last is then read below
                journal.seek(self._offset)
                content = whole(journal.read())
                if content:
                    self._offset += len(content)
                    yield content
                    if is_last(content):
                        self.ended = True
                        return
                elif dead:
                    self.died = not self._ends_with_last_record()
                    self.ended = not self.died
                    return
                else:
                    readable, _, _ = select.select([fifo, self._hangup, death], [], [])
                    if self._hangup in readable and not os.read(self._hangup, 4096):
                        return
                    if fifo in readable:
                        os.read(fifo, 4096)

    def _ends_with_last_record(self) -> bool:
        try:
            with open(self._path, "rb") as journal:
                return is_last(whole(journal.read()))
        except FileNotFoundError:  # deleted under way
            return False


def check_offset(path: str, offset: int) -> None:
    """Refuse an offset that is not the end of a record: with `LANE_DIED` one behind the end, which a power cut took.

    What lies before the offset was read already; what became of it since is no matter.
    """
    with open(path, "rb") as journal:
        size = journal.seek(0, os.SEEK_END)
        journal.seek(max(offset - 1, 0))
        before = journal.read(1)
    if offset == 0 or (0 < offset <= size and before == b"\n"):
        return
    if offset > size:
        message = "the disk lost the end of the lane's journal: %d bytes are there, %d were read" % (size, offset)
        raise Refused(wire.LANE_DIED, message, size_bytes=size)
    message = "offset %d is not the end of a record; the journal has %d bytes" % (offset, size)
    raise Refused(wire.BAD_REQUEST, message, size_bytes=size)


def is_last(content: bytes) -> bool:
    """Check whether whole records end with the lane's last one."""
    line = content[content.rfind(b"\n", 0, len(content) - 1) + 1 :]
    return bool(line) and isinstance(wire.decode_line(line), wire.LaneDone)
