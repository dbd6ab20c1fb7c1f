"""Files named by their sha256: list the missing ones, receive others."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Optional, Protocol, cast

from agent import wire
from agent.refusals import Refused, disk_refused
from agent.workdir import created, no_link, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedReader, FileIO

    from agent.workdir import Workdir

CHUNK = 1 << 20
#: Of what has arrived, at a time at most.
ARRIVAL = 1 << 18
#: What may wait between the SSH server and us, where the kernel has room for it: each then runs for longer before the other's turn.
PIPE_BYTES = 1 << 20
#: Of a file that arrives, what may be on no disk yet: a card of 10 MB/s takes it in a second.
SYNC_BYTES = 8 << 20


def missing(workdir: Workdir, hashes: Iterable[str]) -> tuple[dict[str, int], list[str]]:
    """Return the blobs that are not there, with the bytes of each that arrived already; and which of them were damaged.

    Those that are there are read and hashed: a card may have changed them since they arrived. The damaged ones are thrown
    away; the others count as used now, which keeps them from `agent.cleanup`.
    """
    absent: dict[str, int] = {}
    damaged = []
    for sha256 in hashes:
        path = workdir.blob(sha256)
        _remove_what_is_no_file(path + ".partial")
        try:
            os.utime(path, follow_symlinks=False)
            whole = hash_of(path) == sha256
        except FileNotFoundError:
            absent[sha256] = _size(path + ".partial")
            continue
        except OSError:  # the card does not give it back: as bad as another content
            whole = False
        if not whole:
            _remove_what_is_no_file(path)
            with suppress(FileNotFoundError):
                os.unlink(path)
            absent[sha256] = 0
            damaged.append(sha256)
    return absent, damaged


def hash_of(path: str) -> str:
    """Return the sha256 of a file; raises `OSError` for a link, a folder or a pipe, which would be waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no file", path)
        return _sha256(descriptor).hexdigest()
    finally:
        os.close(descriptor)


def receive(workdir: Workdir, sha256: str, source: Source, *, size: int, offset: int) -> int:
    """Append ``source`` to what arrived before ``offset``; name the blob once its sha256 is right; return its size.

    Refuses with `BLOB_BROKEN` where the content has another hash or more bytes (all is thrown away) or fewer (kept,
    to resume), with `NO_SPACE`, and with `BAD_REQUEST` where ``offset`` bytes never arrived.
    """
    path = workdir.blob(sha256)
    partial = path + ".partial"
    _remove_what_is_no_file(path)
    _remove_what_is_no_file(partial)
    if os.path.exists(path):
        while source.read(CHUNK):  # the sender must not find a closed door
            pass
        return _size(path)
    arrived = _size(partial)
    if not 0 <= offset <= min(arrived, size):
        message = "%s can't go on at byte %d of %d: %d have arrived" % (sha256, offset, size, arrived)
        raise Refused(wire.BAD_REQUEST, message, arrived_bytes=arrived)
    if shutil.disk_usage(workdir.path).free < size - offset:
        raise Refused(wire.NO_SPACE, "no space left on the device for %s (%d bytes)" % (sha256, size - offset))
    with disk_refused(sha256):
        descriptor = _open_alone(partial, offset)
        with open(descriptor, "r+b", buffering=0) as out, _Synced(descriptor) as synced:
            out.truncate(offset)
            digest = _sha256(descriptor)
            arrived = offset
            while chunk := source.read(ARRIVAL):
                arrived += _write(out, chunk)
                digest.update(chunk)
                if arrived > size:
                    break
                synced.note(arrived)
            synced.finish()
            _keep_if_right(descriptor, partial, sha256, actual=digest.hexdigest(), arrived=arrived, size=size)
    return size


def _write(out: FileIO, chunk: bytes) -> int:
    """Write all of ``chunk``: a disk that has room for a part of it takes that part, and refuses the next."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[out.write(rest) or 0 :]
    return len(chunk)


def receive_all(workdir: Workdir, source: Arriving) -> int:
    """Receive several blobs out of one stream, one behind the other; return how many.

    Its first line is a JSON list of sha256, size and offset for each, as of `receive`, which says what is refused.
    """
    try:
        listed = [(str(sha256), int(size), int(offset)) for sha256, size, offset in json.loads(source.readline())]
    except (ValueError, TypeError) as error:
        raise Refused(wire.BAD_REQUEST, "standard input does not begin with a list of blobs: %s" % error) from error
    for sha256, size, offset in listed:
        receive(workdir, sha256, _Portion(source, size - offset), size=size, offset=offset)
    return len(listed)


class Source(Protocol):
    """What a blob is read from."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes, ``size`` at most, none at the end alone."""
        ...


class Arriving:
    """What comes by a pipe, as it comes: a read returns what there is, so that a line that breaks loses nothing of it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = cast("BufferedReader", source)
        with suppress(OSError):  # it is no pipe, or the user has too many big ones
            fcntl.fcntl(source.fileno(), getattr(fcntl, "F_SETPIPE_SZ", 1031), PIPE_BYTES)

    def readline(self) -> bytes:
        """Return a line."""
        return self._source.readline()

    def read(self, size: int) -> bytes:
        """Return some bytes, ``size`` at most, none at the end."""
        return self._source.read1(size)


class _Portion:
    """So many bytes of a stream."""

    def __init__(self, source: Source, count: int) -> None:
        self._source, self._left = source, count

    def read(self, size: int) -> bytes:
        piece = self._source.read(max(0, min(size, self._left)))
        self._left -= len(piece)
        return piece


def _open_alone(partial: str, offset: int) -> int:
    """Open the partial file for this process alone, and lock it.

    A receiver whose link broke may linger until its sshd notices; then it keeps the old file, now nameless, and we go
    on with a copy.
    """
    descriptor = no_link(partial, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        copy = "%s.%d" % (partial, os.getpid())
        with open(descriptor, "rb") as old, open(created(copy), "wb") as new:
            new.write(old.read(offset))
        descriptor = no_link(copy, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.rename(copy, partial)
    return descriptor


class _Synced:
    """Brings a file to the disk while more of it arrives: little is left to wait for at its end, little to lose in a power cut."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._began_at = 0
        self._thread: Optional[threading.Thread] = None
        self._error: Optional[OSError] = None

    def __enter__(self) -> _Synced:  # noqa: PYI034  Python 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self._wait()

    def note(self, arrived: int) -> None:
        """Begin to sync, each `SYNC_BYTES`; a disk that is slower than the link is left to it."""
        if arrived < self._began_at + SYNC_BYTES or (self._thread is not None and self._thread.is_alive()):
            return
        self._began_at = arrived
        self._thread = threading.Thread(target=self._sync)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is on the disk; raises `OSError`, which a disk reports once."""
        self._wait()
        if self._error is not None:
            raise self._error
        os.fsync(self._descriptor)

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._error = self._error or error


def _keep_if_right(descriptor: int, partial: str, sha256: str, *, actual: str, arrived: int, size: int) -> None:
    if arrived < size:
        message = "%s ended after %d of %d bytes; they are kept, send the rest" % (sha256, arrived, size)
        raise Refused(wire.BLOB_BROKEN, message, arrived_bytes=arrived)
    ours = os.path.exists(partial) and os.path.samestat(os.stat(partial), os.fstat(descriptor))
    if arrived > size or actual != sha256:
        if ours:
            os.unlink(partial)
        what = "more than %d bytes" % size if arrived > size else "content with sha256 %s" % actual
        raise Refused(wire.BLOB_BROKEN, "%s arrived as %s; it was thrown away, send it again" % (sha256, what))
    if ours:
        os.replace(partial, partial[: -len(".partial")])
        sync_folder(os.path.dirname(partial))


def _sha256(descriptor: int) -> hashlib._Hash:
    """Return the digest of a file, and leave it open at its end."""
    digest = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, CHUNK):
        digest.update(chunk)
    return digest


def _remove_what_is_no_file(path: str) -> None:
    """Remove a link, a folder or a pipe where a blob belongs: a disk repaired after a power cut may leave one."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        shutil.rmtree(path, ignore_errors=True)
    elif not stat.S_ISREG(mode):
        with suppress(FileNotFoundError):
            os.unlink(path)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
