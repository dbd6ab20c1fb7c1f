"""A directory of unpacked wheels: packages for a device that has no pip, no internet, no root."""

from __future__ import annotations

import compileall
import errno
import hashlib
import os
import re
import shutil
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

from agent import wire
from agent.blobs import hash_of
from agent.cleanup import remove_left_overs
from agent.kept_scores import distrust
from agent.refusals import Refused, disk_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.workdir import Workdir

#: What reading a damaged archive raises, with `RuntimeError` for one that takes a password.
_NO_WHEEL = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Folders that no measurement imports; byte-compiling numpy without them takes half as long.
_TESTS = r".*/tests?/"
_LIBRARY = re.compile(r"\.so(?:\.\d+)*$")
#: Lines of "SHA256 PATH" of every file, then the sha256 of those lines.
_LIST = ".farm-files"
#: What an environment takes on the disk in sizes of its files: byte code, whole blocks (1.09 to 1.15 was measured).
_ON_DISK = 1.15


def ensure(workdir: Workdir, request: wire.EnvironmentRequest) -> dict[str, bool]:
    """Unpack the wheels side by side and byte-compile them, once, and again where a file changed on the disk since.

    Returns whether all was there already (``reused``), and whether it was ``damaged``.
    Refuses with `BLOB_MISSING`, `NO_SPACE`, and with `UNFIT` where a file is no wheel, would write outside, or holds
    libraries that can't be loaded from there.
    """
    target = workdir.environment(request.environment)
    damaged = False
    if os.path.isdir(target):
        whole = _is_whole(target)
        if whole:
            os.utime(target)
            return {"reused": True, "damaged": False}
        damaged = whole is not None
        if damaged:
            distrust(workdir, request.environment)
        _set_aside(target)
    absent = [wheel.filename for wheel in request.wheels if not os.path.exists(workdir.blob(wheel.sha256))]
    if absent:
        message = "environment %s needs wheels that are not here: %s" % (request.environment, ", ".join(absent))
        raise Refused(wire.BLOB_MISSING, message)
    remove_left_overs(target)
    _refuse_unfit_disk(workdir, request)
    temporary = "%s.%d.tmp" % (target, os.getpid())
    try:
        with disk_refused("environment %s" % request.environment):
            os.makedirs(temporary, 0o700)
            for wheel in request.wheels:
                _unpack(wheel.filename, workdir.blob(wheel.sha256), temporary)
            tests = re.compile(re.escape(temporary) + _TESTS)
            compileall.compile_dir(temporary, ddir=target, quiet=2, maxlevels=20, rx=tests)
            os.sync()  # so that its name never survives a power cut better than its content
            _write_list(temporary)
            return {"reused": not _publish(temporary, target), "damaged": damaged}
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def names(workdir: Workdir) -> list[str]:
    """Return the environments that are there."""
    return sorted(name for name in os.listdir(workdir.file("environments")) if not name.endswith(".tmp"))


def _is_whole(target: str) -> Optional[bool]:
    """Check every file against the list of hashes made when it was unpacked; ``None`` where there is no such list."""
    try:
        with open(os.path.join(target, _LIST), "rb") as listed:
            content = listed.read()
    except FileNotFoundError:
        return None
    except OSError:
        return False
    lines, _, own = content.rpartition(b"\n")
    if hashlib.sha256(lines).hexdigest().encode() != own:
        return False
    for line in lines.decode(errors="surrogateescape").split("\n"):
        sha256, _, path = line.partition(" ")
        try:
            if path and hash_of(os.path.join(target, path)) != sha256:
                return False
        except OSError:
            return False
    return True


def _write_list(folder: str) -> None:
    """Write the hash of every file in ``folder``, and of that list."""
    paths = sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)
    lines = "\n".join("%s %s" % (hash_of(path), os.path.relpath(path, folder)) for path in paths)
    content = lines.encode(errors="surrogateescape")
    with open(os.path.join(folder, _LIST), "wb") as out:
        out.write(content + b"\n" + hashlib.sha256(content).hexdigest().encode())


def _set_aside(target: str) -> None:
    """Remove an environment; who runs from it keeps the libraries that it has loaded."""
    aside = "%s.%d.tmp" % (target, os.getpid())
    os.rename(target, aside)
    shutil.rmtree(aside, ignore_errors=True)


def _refuse_unfit_disk(workdir: Workdir, request: wire.EnvironmentRequest) -> None:
    """Refuse before anything is written where it would not fit, or could not be loaded from there."""
    size, libraries = 0, False
    for wheel in request.wheels:
        with _opened(wheel.filename, workdir.blob(wheel.sha256)) as archive:
            size += int(_ON_DISK * sum(info.file_size for info in archive.infolist()))
            libraries = libraries or any(map(_LIBRARY.search, archive.namelist()))
    free = shutil.disk_usage(workdir.path).free
    if size > free:
        message = "no space left on the device for environment %s: it takes %d bytes, %d are free in %s"
        raise Refused(wire.NO_SPACE, message % (request.environment, size, free, workdir.path))
    if libraries and os.statvfs(workdir.path).f_flag & getattr(os, "ST_NOEXEC", 0):
        message = (
            "%s is on a mount with `noexec`: no library can be loaded from there; name a directory on another mount"
        )
        raise Refused(wire.UNFIT, message % workdir.path)


@contextmanager
def _opened(filename: str, blob: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(blob) as wheel:
            if any(info.compress_type not in _PACKED for info in wheel.infolist()):
                raise zipfile.BadZipFile("it is packed in a way that no wheel is")
            yield wheel
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place in the archive that no file has; any other is the disk's
            raise
        raise Refused(wire.UNFIT, "%s is not a wheel: %s" % (filename, error)) from error
    except _NO_WHEEL as error:
        raise Refused(wire.UNFIT, "%s is not a wheel: %s" % (filename, error)) from error


def _publish(temporary: str, target: str) -> bool:
    """Give the directory its name; return False where another process was faster."""
    try:
        os.rename(temporary, target)
    except OSError:
        if os.path.isdir(target):
            return False
        raise
    return True


def _unpack(filename: str, blob: str, target: str) -> None:
    with _opened(filename, blob) as wheel:
        for info in wheel.infolist():
            relative = _destination(filename, info.filename)
            if relative is None or info.is_dir():
                continue
            path = os.path.join(target, *relative)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with wheel.open(info) as source, open(path, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)


def _destination(filename: str, member: str) -> Optional[list[str]]:
    """Return where a member goes, as path components, or ``None`` for what needs an installer (scripts, headers).

    ``NAME.data/purelib`` and ``platlib`` are merged into the top, as PEP 427 defines.
    """
    parts = member.replace("\\", "/").split("/")
    if member.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise Refused(wire.UNFIT, "%s would write outside its directory: %r" % (filename, member))
    if parts[0].endswith(".data"):
        return parts[2:] if len(parts) > 2 and parts[1] in ("purelib", "platlib") else None
    return parts
