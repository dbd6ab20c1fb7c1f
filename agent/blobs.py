"""Files named by their sha256: list the missing ones, receive one."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from agent import wire
from agent.refusals import Refused, disk_refused
from agent.workdir import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.workdir import Workdir

CHUNK = 1 << 20


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
        return _sha256(descriptor)
    finally:
        os.close(descriptor)


def receive(workdir: Workdir, sha256: str, source: BinaryIO, *, size: int, offset: int) -> int:
    """Append ``source`` to what arrived before ``offset``; name the blob once its sha256 is right; return its size.

    Refuses with `BLOB_BROKEN` where the content has another hash or more bytes (all is thrown away) or fewer (kept,
    to resume), with `NO_SPACE`, and with `BAD_REQUEST` where ``offset`` bytes never arrived.
    """
    path = workdir.blob(sha256)
    partial = path + ".partial"
    _remove_what_is_no_file(path)
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
        with open(descriptor, "r+b", buffering=0) as out:
            if arrived > offset:
                out.truncate(offset)
            out.seek(offset)
            arrived = offset
            while chunk := source.read(CHUNK):
                arrived += out.write(chunk) or 0
                if arrived > size:
                    break
            os.fsync(descriptor)
            _keep_if_right(descriptor, partial, sha256, arrived, size)
    return size


def _open_alone(partial: str, offset: int) -> int:
    """Open the partial file for this process alone, and lock it.

    A receiver whose link broke may linger until its sshd notices; then it keeps the old file, now nameless, and we go
    on with a copy.
    """
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        copy = "%s.%d" % (partial, os.getpid())
        with open(descriptor, "rb") as old, open(copy, "wb") as new:
            new.write(old.read(offset))
        descriptor = os.open(copy, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.rename(copy, partial)
    return descriptor


def _keep_if_right(descriptor: int, partial: str, sha256: str, arrived: int, size: int) -> None:
    if arrived < size:
        message = "%s ended after %d of %d bytes; they are kept, send the rest" % (sha256, arrived, size)
        raise Refused(wire.BLOB_BROKEN, message, arrived_bytes=arrived)
    actual = _sha256(descriptor)
    ours = os.path.exists(partial) and os.path.samestat(os.stat(partial), os.fstat(descriptor))
    if arrived > size or actual != sha256:
        if ours:
            os.unlink(partial)
        what = "more than %d bytes" % size if arrived > size else "content with sha256 %s" % actual
        raise Refused(wire.BLOB_BROKEN, "%s arrived as %s; it was thrown away, send it again" % (sha256, what))
    if ours:
        os.replace(partial, partial[: -len(".partial")])
        sync_folder(os.path.dirname(partial))


def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


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
