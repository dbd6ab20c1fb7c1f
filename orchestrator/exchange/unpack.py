"""An archive opened: every byte of it is verified before any is used."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from orchestrator.errors import ArchiveError, UsageError
from orchestrator.exchange import layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The end of a zip file without a comment: signature, numbers of disks, entries here, entries, size of their list, …
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = b"PK\x06\x07"
_MOST_LISTED, _MOST_LISTED_BYTES = 64, 1 << 16
_CHUNK = 1 << 20
_HINT = "copy it again, and compare its sha256 with what the export printed"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


class Archive:
    """A verified archive of a run; nothing of it is ever unpacked to disk."""

    def __init__(self, zipped: zipfile.ZipFile, manifest: layout.Manifest, source: str) -> None:
        self._zipped = zipped
        self.manifest = manifest
        #: The file's name, for messages.
        self.source = source

    def objects(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each JSON object of a kind, with its place for messages; raises `ArchiveError`."""
        name = f"{kind}.jsonl"
        with self._zipped.open(name) as member:
            lines = io.BufferedReader(member, _CHUNK)  # type: ignore[type-var]  # it has readinto
            for number in range(1, layout.UNPACKED_BYTES):
                place = f"{self.source}: {name} line {number}"
                line = lines.readline(layout.LINE_BYTES + 1)
                if not line:
                    return
                if len(line) > layout.LINE_BYTES:
                    raise ArchiveError(f"{place} is longer than {layout.LINE_BYTES} bytes")
                if not line.endswith(b"\n"):
                    raise ArchiveError(f"{place} is cut off")
                yield place, layout.parse_object(line, place)

    @contextmanager
    def blob(self, name: str) -> Iterator[Blob]:
        """Open the numbers of a blob, to be read from the first to the last."""
        with self._zipped.open(name) as member:
            yield Blob(member, layout.BLOBS[name], f"{self.source}: {name}")


class Blob:
    """Numbers of a blob, read once from the first to the last."""

    def __init__(self, member: IO[bytes], number_bytes: int, source: str) -> None:
        self._member = member
        self._number_bytes = number_bytes
        self._source = source
        self._offset = 0

    def read(self, place: object) -> bytes:
        """Return the numbers of ``{"offset": …, "count": …}``; raises `ArchiveError` where others come next."""
        offset, count = (place.get("offset"), place.get("count")) if isinstance(place, dict) else (None, None)
        if offset != self._offset or not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ArchiveError(f"{self._source}: number {self._offset} is expected next, not {str(place)[:80]}")
        # in chunks: a count that the member does not have must not be allocated
        parts, missing = [], count * self._number_bytes
        while missing and (part := self._member.read(min(missing, _CHUNK))):
            parts.append(part)
            missing -= len(part)
        if missing:
            raise ArchiveError(f"{self._source}: ends before number {offset + count}")
        self._offset += count
        return b"".join(parts)

    def expect_end(self) -> None:
        """Raise `ArchiveError` where a number is left over."""
        if self._member.read(1):
            raise ArchiveError(f"{self._source}: has more numbers than the rows name")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive and verify every hash; raises `ArchiveError`, or `UsageError` where there is no such file."""
    source = path.name
    if path.is_fifo():  # opening it would wait for ever
        raise UsageError(f"{path}: a pipe; an archive is read from its end", hint="name an archive: RUN.farm.zip")
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name an archive: RUN.farm.zip") from error
    with file:
        _expect_short_list(file, source)
        try:
            zipped = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise ArchiveError(f"{source}: is damaged, or no archive: {error}", hint=_HINT) from error
        with zipped:
            size = file.seek(0, io.SEEK_END)
            manifest = _verified(zipped, size, source)
            yield Archive(zipped, manifest, source)


def _expect_short_list(file: IO[bytes], source: str) -> None:
    """Refuse a list of members that is too long for ours before it is read into memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 20 - _END.size))
    tail = file.read()
    end = tail[-_END.size :]
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise ArchiveError(f"{source}: is truncated, or no archive of a run", hint=_HINT)
    _, _, _, _, entries, listed_bytes, _, comment = _END.unpack(end)
    if comment or entries > _MOST_LISTED or listed_bytes > _MOST_LISTED_BYTES:
        raise ArchiveError(f"{source}: has more members than an archive of a run")
    if tail[: -_END.size].startswith(_END64_LOCATOR):
        (start,) = struct.unpack_from("<Q", tail, 8)
        if start > size:
            raise ArchiveError(f"{source}: is truncated", hint=_HINT)
        file.seek(start + 40)
        listed64 = file.read(8)
        if len(listed64) < 8 or struct.unpack("<Q", listed64)[0] > _MOST_LISTED_BYTES:
            raise ArchiveError(f"{source}: has more members than an archive of a run")


def _verified(zipped: zipfile.ZipFile, file_bytes: int, source: str) -> layout.Manifest:
    infos = {}
    for info in zipped.infolist():
        if info.filename not in (*layout.MEMBERS, layout.MANIFEST):
            raise ArchiveError(f"{source}: has a member that no archive of a run has: {info.filename[:80]!r}")
        if info.filename in infos:
            raise ArchiveError(f"{source}: has {info.filename} twice")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise ArchiveError(f"{source}: {info.filename} is encrypted, or packed in a way that no archive is")
        infos[info.filename] = info
    unpacked = sum(info.file_size for info in infos.values())
    if unpacked > min(layout.UNPACKED_BYTES, max(layout.UNPACKED_FREE_BYTES, layout.UNPACKED_RATIO * file_bytes)):
        raise ArchiveError(
            f"{source}: would unpack to {unpacked} bytes, more than an archive of {file_bytes} bytes may"
        )
    if layout.MANIFEST not in infos or infos[layout.MANIFEST].file_size > layout.MANIFEST_BYTES:
        raise ArchiveError(f"{source}: is no archive of a run: it lacks {layout.MANIFEST}", hint=_HINT)
    try:
        manifest = layout.Manifest.decode(zipped.read(layout.MANIFEST), source)
        for name in layout.MEMBERS:
            if name not in infos or name not in manifest.members:
                raise ArchiveError(f"{source}: lacks {name}", hint=_HINT)
            _verify(zipped, infos[name], manifest.members[name], source)
    except _BROKEN as error:
        raise ArchiveError(f"{source}: is damaged: {error}", hint=_HINT) from error
    return manifest


def _verify(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, member: layout.Member, source: str) -> None:
    digest = hashlib.sha256()
    with zipped.open(info) as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    if info.file_size != member.size_bytes or digest.hexdigest() != member.sha256:
        raise ArchiveError(f"{source}: {info.filename} is not what {layout.MANIFEST} has the hash of", hint=_HINT)
