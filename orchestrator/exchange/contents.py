"""The records of an archive, each checked, with the names its devices get here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from orchestrator.domain.case import Case
from orchestrator.domain.image_list import ImageList
from orchestrator.errors import ArchiveError
from orchestrator.exchange import layout
from orchestrator.exchange.records import CASE, decode, encode, number, whole_number
from orchestrator.store import former_int8

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.exchange.stored import StoredRun
    from orchestrator.exchange.unpack import Archive, Blob

IDENTITY = tuple(field.name for field in fields(Case))
#: Keys that are read apart from the columns.
_BESIDE = {
    "cases": frozenset({"figures"}),
    "attempts": frozenset({CASE, "warmup", "latency"}),
    "scores": frozenset({"scores"}),
    "profiles": frozenset({CASE, "operators"}),
}
#: Where each kind's numbers are: key of a record -> member.
_BLOBS: Mapping[str, Mapping[str, str]] = {
    "attempts": {"warmup": "warmup.i64", "latency": "latency.i64"},
    "scores": {"scores": "scores.f32"},
}
#: The kind of event whose detail describes an artifact as its run had it.
_READY = "ArtifactReady"
_FIGURE = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: Keys that a farm may change after the run: a run's name is its farm's own affair, a shared artifact is known by its hash.
_OWN = {
    "runs": frozenset({"name"}),
    "artifacts": frozenset({"model", "scheme", "batch", "preprocess", "recipe", "checks", "golden"}),
}


class Contents:
    """What an archive says, as values that the database can hold; raises `ArchiveError` where it can't."""

    def __init__(self, archive: Archive, renamed: Mapping[str, str]) -> None:
        self.archive = archive
        self._renamed = renamed
        self.source = archive.source
        self.run = archive.manifest.run
        self._integer_int8 = _name_of_integer_int8(archive)
        #: Their number is what attempts name.
        self.cases: Sequence[dict[str, Any]] = list(self._read("cases"))
        identities = {tuple(each[name] for name in IDENTITY) for each in self.cases}
        if len(identities) < len(self.cases):
            raise ArchiveError(f"{self.source}: has a case twice")
        runs = [run["id"] for run in self._read("runs")]
        if runs != [self.run]:
            raise ArchiveError(f"{self.source}: must hold the run {self.run[:80]!r} alone")

    def records(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a kind with their numbers as bytes: ``warmup``, ``latency``, ``scores``."""
        yield from self.cases if kind == "cases" else self._read(kind)

    def image_lists(self) -> Iterator[ImageList]:
        """Yield the lists of evaluation images, each with the hash that scores name it by."""
        for place, content in self.archive.objects(layout.IMAGES):
            sha256 = content.pop("sha256", None)
            try:
                images = ImageList.from_bytes(json.dumps(content).encode())
            except ValueError as error:
                raise ArchiveError(f"{place}: {error}") from error
            if images.sha256 != sha256:
                raise ArchiveError(f"{place}: is not what its sha256 is of")
            yield images

    def _read(self, kind: str) -> Iterator[dict[str, Any]]:
        with contextlib.ExitStack() as stack:
            blobs = {key: stack.enter_context(self.archive.blob(name)) for key, name in _BLOBS.get(kind, {}).items()}
            for place, content in self.archive.objects(kind):
                if self._integer_int8 is not None:
                    content = former_int8.renamed(content, self._integer_int8)  # noqa: PLW2901  the record read as today
                try:
                    yield self._checked(kind, content, blobs)
                except ValueError as error:
                    raise ArchiveError(f"{place}: {error}") from error
            for blob in blobs.values():
                blob.expect_end()

    def _checked(self, kind: str, content: dict[str, Any], blobs: Mapping[str, Blob]) -> dict[str, Any]:
        values = decode(kind, content, beside=_BESIDE.get(kind, frozenset()))
        if values.get("kind") == _READY and "checks" in values["detail"]:  # what is read in place of the artifact's own
            described = {name: values["detail"].get(name) for name in _OWN["artifacts"] | {"size_bytes"}}
            decode("artifacts", described | {"sha256": values["detail"].get("artifact")})
        if values.get("device") is not None:
            values["device"] = self._renamed.get(values["device"], values["device"])
        if kind == "cases":
            _expect_case(values)
            values["figures"] = _figures(content.get("figures"))
        if kind == "profiles":
            operators = content.get("operators")
            if not isinstance(operators, list) or not all(isinstance(each, dict) for each in operators):
                raise ValueError("operators: is not a list of objects")
            values["operators"] = [decode("operators", each) for each in operators]
        if kind in {"attempts", "profiles"}:
            values[CASE] = whole_number(content.get(CASE), 0, len(self.cases))
        for key, blob in blobs.items():
            place = content.get(key)
            values[key] = None if place is None and kind == "attempts" else blob.read(place)
        _expect_numbers(values)
        if kind == "scores" and len(values["scores"]) != 4 * values["images"] * values["class_count"]:
            raise ValueError("scores: are not images × class_count")
        return values


def _name_of_integer_int8(archive: Archive) -> str | None:
    """Return what the scheme ``int8`` of an older farm's archive is called now, ``None`` for an archive of a newer one."""
    if archive.manifest.schema >= former_int8.SINCE:
        return None
    return former_int8.free_name(str(content.get("scheme")) for _, content in archive.objects("cases"))


def devices(archive: Archive) -> dict[str, str | None]:
    """Return the devices that an archive names, each with its hardware's key where its facts have one."""
    found: dict[str, str | None] = {}
    for kind in ("cases", "device_facts", "lanes", "scores", "calibrations", "events"):
        for _, content in archive.objects(kind):
            if isinstance(name := content.get("device"), str):
                facts = content.get("facts") if kind == "device_facts" else None
                key = facts.get("hardware_key") if isinstance(facts, dict) else None
                found[name] = key if isinstance(key, str) else found.get(name)
    return found


def differing(contents: Contents, stored: StoredRun) -> list[str]:
    """Return the kinds of records in which a run of an archive is another than the one stored here."""
    cases = [tuple(each[name] for name in IDENTITY) for each in stored.records("cases")]
    archived = [tuple(each[name] for name in IDENTITY) for each in contents.cases]
    return [
        kind
        for kind in layout.KINDS
        if kind != layout.IMAGES  # one hash, one list
        if _fingerprint(kind, contents.records(kind), archived) != _fingerprint(kind, _whole(kind, stored), cases)
    ]


def _whole(kind: str, stored: StoredRun) -> Iterator[dict[str, Any]]:
    """Yield stored records with their bytes, as those of an archive are read."""
    if kind == "attempts":
        samples = (stored.samples("warmup"), stored.samples("latency"))
        for each, warmup, latency in zip(stored.records(kind), *samples, strict=True):
            yield each | {"warmup": warmup, "latency": latency}
    elif kind == "scores":
        for each, scores in zip(stored.records(kind), stored.scores(), strict=True):
            yield each | {"scores": scores}
    else:
        yield from stored.records(kind)


def _fingerprint(kind: str, records: Iterable[dict[str, Any]], cases: Sequence[tuple[Any, ...]]) -> bytes:
    """Return a hash of all records whatever their order is, of each as a database gives it back."""
    hashes = []
    for each in records:
        apart = _BESIDE.get(kind, frozenset())
        own = {key: value for key, value in each.items() if key not in apart}
        with contextlib.suppress(ValueError):  # an older farm stored more than an archive may hold
            own = decode(kind, encode(own))
        beside = {key: each[key] for key in apart}
        if CASE in beside:
            beside[CASE] = cases[beside[CASE]]
        kept = {key: value for key, value in (own | beside).items() if key not in _OWN.get(kind, ())}
        text = json.dumps(
            kept, sort_keys=True, default=lambda value: value.hex() if isinstance(value, bytes) else str(value)
        )
        hashes.append(hashlib.sha256(text.encode()).digest())
    return hashlib.sha256(b"".join(sorted(hashes))).digest()


def _expect_case(values: Mapping[str, Any]) -> None:
    case = Case(**{name: values[name] for name in IDENTITY})
    if Case.parse(str(case)) != case:
        raise ValueError(f"{str(case)[:200]!r} can't be the name of a case")


def _expect_numbers(values: Mapping[str, Any]) -> None:
    """Raise `ValueError` for durations below 0 and for scores that are not finite."""
    import numpy as np

    for key in ("warmup", "latency"):
        if values.get(key) and int(np.frombuffer(values[key], "<i8").min()) < 0:
            raise ValueError(f"{key}: a sample is below 0 ns")
    if values.get("scores") and not np.isfinite(np.frombuffer(values["scores"], "<f4")).all():
        raise ValueError("scores: one is not finite")


def _figures(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError("figures: is not an object")  # noqa: TRY004  one kind of error for what does not fit
    odd = [name for name in value if not _FIGURE.fullmatch(name)]
    if odd:
        raise ValueError(f"figures: {odd[0][:80]!r} can't be the name of one")
    return {name: number(each) for name, each in value.items()}
