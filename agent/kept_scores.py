"""Scores of shards that the journals of earlier lanes hold: what a killed lane scored is not scored again."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from agent import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.workdir import Workdir

#: What decides a score; the rest of a step, such as its limits, may differ.
_IDENTITY = (
    "id",
    "artifact",
    "runtime",
    "environment",
    "threads",
    "batch",
    "shards",
    "labels",
    "preprocess",
    "columns",
    "outputs",
)


def kept_scores(workdir: Workdir, step: wire.Step) -> dict[int, wire.ShardScored]:
    """Return by their places the shards of ``step`` that are scored already, in any lane of this device."""
    kept: dict[int, wire.ShardScored] = {}
    for lane in sorted(os.listdir(workdir.file("lanes"))):
        folder = workdir.file("lanes", lane)
        with suppress(OSError):
            if _ordered(os.path.join(folder, "request.json"), step):
                for record in _scored(os.path.join(folder, "journal"), step.id):
                    kept[record.shard] = record
    return {place: record for place, record in kept.items() if place < len(step.shards)}


def _ordered(path: str, step: wire.Step) -> bool:
    with open(path, "rb") as file:
        content = file.read()
    if step.id.encode() not in content:
        return False
    try:
        request = wire.read_request(content)
    except ValueError:  # of an older farm
        return False
    wanted = [getattr(step, name) for name in _IDENTITY]
    return any([getattr(other, name) for name in _IDENTITY] == wanted for other in request.steps)


def _scored(path: str, name: str) -> Iterator[wire.ShardScored]:
    """Yield the shards of the step ``name`` in a journal, up to its first torn line."""
    with open(path, "rb") as journal:
        for line in journal:
            if not wire.is_whole(line):
                return
            if b'"%s"' % wire.ShardScored.__name__.encode() in line[:60]:
                record = wire.decode_line(line)
                if record.id == name:
                    yield record
