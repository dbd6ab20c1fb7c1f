"""A stored run written as an archive."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StoreError
from orchestrator.exchange import layout
from orchestrator.exchange.files import replacing
from orchestrator.exchange.records import encode
from orchestrator.exchange.stored import StoredRun
from orchestrator.store.migrate import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from orchestrator.store.store import Store

#: Of every member: with the time of writing in it, equal runs would make different files.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An archive that was written."""

    run: str
    path: Path
    sha256: str
    size_bytes: int
    #: Whether the run had ended; one that goes on may be archived, and its archive never grows.
    ended: bool


def pack(store: Store, run: str, path: Path, *, images: bool = False) -> Packed:
    """Write the run ``run``, an id or what stands for one, to ``path``, whole or not at all; raises `StoreError`.

    ``images`` adds the names, labels and patients' numbers of the evaluation images, without which another farm can't
    compare accuracies image by image.
    The same content gives the same bytes, whatever database it is in.
    """
    row = store.run(run)
    with replacing(path) as file:
        with store.reading() as session, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
            try:
                members = dict(_members(zipped, StoredRun(session, row.id), images=images))
            except ValueError as error:
                message = f"run {row.id} can't be exported, the database is damaged: {error}"
                raise StoreError(message, hint="restore a copy of the database") from error
            manifest = layout.Manifest(run=row.id, farm_version=_version(), schema=NEWEST, members=members)
            zipped.writestr(_info(layout.MANIFEST), manifest.encode())
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest = hashlib.sha256()
        while part := file.read(1 << 20):
            digest.update(part)
    return Packed(run=row.id, path=path, sha256=digest.hexdigest(), size_bytes=size, ended=row.ended_at is not None)


def _members(zipped: zipfile.ZipFile, run: StoredRun, *, images: bool) -> Iterator[tuple[str, layout.Member]]:
    for kind in layout.KINDS:
        records = () if kind == layout.IMAGES and not images else run.records(kind)
        yield _write(zipped, f"{kind}.jsonl", (layout.encode_line(each) for each in _placed(kind, records)))
    for name in ("warmup", "latency"):
        yield _write(zipped, f"{name}.i64", (data for data in run.samples(name) if data))
    yield _write(zipped, "scores.f32", run.scores())


def _placed(kind: str, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield records in JSON values, those with numbers in a blob with the place of these: where they begin, how many."""
    offsets = {"attempts": {"warmup": 0, "latency": 0}, "scores": {"scores": 0}}.get(kind, {})
    for each in records:
        content = encode(each)
        if kind == "scores":
            content["scores"] = content["images"] * content["class_count"]
        for name, offset in offsets.items():
            count = content[name]
            content[name] = None if count is None else {"offset": offset, "count": count}
            offsets[name] += count or 0
        yield content


def _write(zipped: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> tuple[str, layout.Member]:
    digest, size = hashlib.sha256(), 0
    with zipped.open(_info(name), "w", force_zip64=True) as member:
        for part in parts:
            digest.update(part)
            size += len(part)
            member.write(part)
    return name, layout.Member(sha256=digest.hexdigest(), size_bytes=size)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _version() -> str:
    from importlib.metadata import version

    return version("edge-farm")
