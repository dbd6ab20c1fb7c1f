"""What an archive of a run consists of; docs/export.md explains it to other programs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "farm-run"
#: Grows when a reader of the version before would misread an archive.
VERSION = 1
SUFFIX = ".farm.zip"
MANIFEST = "manifest.json"
#: Names, labels and patients of the evaluation images: empty unless they were asked for.
IMAGES = "image_lists"
#: One JSON object a line, in this order.
KINDS = (
    *(
        "runs",
        "artifacts",
        "device_facts",
        "lanes",
        "cases",
        "attempts",
        "scores",
        "profiles",
        "calibrations",
        "events",
    ),
    IMAGES,
)
#: Raw little-endian numbers, one row's after the other's: member -> bytes of a number.
BLOBS: Mapping[str, int] = {"warmup.i64": 8, "latency.i64": 8, "scores.f32": 4}
MEMBERS = (*(f"{kind}.jsonl" for kind in KINDS), *BLOBS)

# What no archive of ours reaches, so that a hostile one costs little.
MANIFEST_BYTES = 1 << 20
#: A million attempts' events are some 500 bytes each; half an hour of readings is some 5 MB.
LINE_BYTES = 32 << 20
#: All members unpacked, and how many times as large as the file that may be: deflate itself reaches 1,032.
UNPACKED_BYTES = 32 << 30
UNPACKED_RATIO = 200
#: Below this the ratio is not asked: a short run of equal rows packs well.
UNPACKED_FREE_BYTES = 64 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in the archive as its manifest describes it."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive holds, with the hash of each member."""

    run: str
    farm_version: str
    #: Revision of the database's schema that the rows came from.
    schema: str
    members: Mapping[str, Member]

    def encode(self) -> bytes:
        """Return the manifest as JSON, the same bytes for the same content."""
        members = {name: {"sha256": each.sha256, "size": each.size_bytes} for name, each in self.members.items()}
        content = {
            "format": FORMAT,
            "version": VERSION,
            "run": self.run,
            "farm_version": self.farm_version,
            "schema": self.schema,
            "members": members,
        }
        return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def decode(cls, text: bytes, source: str) -> Manifest:
        """Read what `encode` writes; raises `ArchiveError`, which ``source`` begins."""
        content = parse_object(text, f"{source}: {MANIFEST}")
        if content.get("format") != FORMAT:
            raise ArchiveError(f"{source}: is not an archive of a run")
        version = content.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ArchiveError(f"{source}: {MANIFEST} has no version")
        if version > VERSION:
            raise ArchiveError(
                f"{source}: a newer farm wrote it: its format is version {version}, this farm reads up to {VERSION}",
                hint="upgrade this farm, or export with the older one",
            )
        fields = [content.get(name) for name in ("run", "farm_version", "schema")]
        members = content.get("members")
        if not all(isinstance(field, str) for field in fields) or not isinstance(members, dict):
            raise ArchiveError(f"{source}: {MANIFEST} lacks a key")
        run, farm_version, schema = map(str, fields)
        return cls(
            run=run,
            farm_version=farm_version,
            schema=schema,
            members={name: _member(each, f"{source}: {MANIFEST}: {name}") for name, each in members.items()},
        )


def encode_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as a line of JSON, the same bytes for the same content; raises `ValueError` for NaN."""
    return (json.dumps(record, sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n").encode()


def parse_object(text: bytes, source: str) -> dict[str, Any]:
    """Return a JSON object without NaN or keys given twice; raises `ArchiveError`."""
    try:
        parsed = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{source} is not JSON: {str(error)[:200]}") from error
    if not isinstance(parsed, dict):
        raise ArchiveError(f"{source} is not a JSON object")
    return parsed


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _member(value: object, source: str) -> Member:
    sha256, size = (value.get("sha256"), value.get("size")) if isinstance(value, dict) else (None, None)
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256) or not isinstance(size, int) or size < 0:
        raise ArchiveError(f"{source} has no sha256 or no size")
    return Member(sha256=sha256, size_bytes=size)
