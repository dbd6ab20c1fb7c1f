"""Scores of shards that the journals of earlier lanes hold: what was scored is not scored again."""

from __future__ import annotations

import dataclasses
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Optional

from agent import wire
from agent.workdir import no_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.workdir import Workdir

#: What decides a score; the rest of a step, such as its limits, may differ.
_IDENTITY = (
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
    "scored_by",
)
#: In the folder of a lane: a file that the lane used was damaged later, so that its scores count for nothing.
_DOUBTFUL = "doubtful"


def kept_scores(workdir: Workdir, step: wire.Step) -> dict[int, wire.ShardScored]:
    """Return by their places the shards of ``step`` that are scored already, in any lane of this device.

    Everything that decides a score must be the same. Scores of another run count only where ``step`` reuses them; each record
    names the run that scored it.
    """
    kept: dict[int, wire.ShardScored] = {}
    for lane in sorted(os.listdir(workdir.file("lanes"))):
        with suppress(OSError):
            request = _request(workdir.file("lanes", lane), step)
            if request is None:
                continue
            names = {other.id for other in request.steps if _is_the_same(other, step)}
            for record in _scored(workdir.file("lanes", lane, "journal"), names):
                run = record.run or request.run
                if step.reuses_scores or run == request.run:
                    kept[record.shard] = dataclasses.replace(record, id=step.id, run=run)
    return {place: record for place, record in kept.items() if place < len(step.shards)}


def distrust(workdir: Workdir, name: str) -> None:
    """Count no more on the scores of lanes that used the damaged file or environment ``name``."""
    for lane in os.listdir(workdir.file("lanes")):
        with suppress(OSError):
            with open(workdir.file("lanes", lane, "request.json"), "rb") as file:
                is_used = name.encode() in file.read()
            if is_used:
                with open(workdir.file("lanes", lane, _DOUBTFUL), "wb", opener=no_link):
                    pass


def _request(folder: str, step: wire.Step) -> Optional[wire.LaneRequest]:
    """Return what a lane was asked for, ``None`` where none of its scores can be those of ``step``."""
    with open(os.path.join(folder, "request.json"), "rb") as file:
        content = file.read()
    if (b'"%s"' % step.artifact.encode()) not in content or os.path.exists(os.path.join(folder, _DOUBTFUL)):
        return None
    try:
        request = wire.read_request(content)
    except ValueError:  # of an older farm
        return None
    # two steps of one id: the card changed one of them, whose scores would be taken for those of the other
    return request if len({each.id for each in request.steps}) == len(request.steps) else None


def _is_the_same(other: wire.Step, step: wire.Step) -> bool:
    if other.kind != step.kind or any(getattr(other, name) != getattr(step, name) for name in _IDENTITY):
        return False
    return other.id == step.id or step.reuses_scores  # a step's id is of one run


def _scored(path: str, names: set[str]) -> Iterator[wire.ShardScored]:
    """Yield the shards of the steps ``names`` in a journal, up to its first torn line."""
    if not names:
        return
    with open(path, "rb") as journal:
        for line in journal:
            if not wire.is_whole(line):
                return
            if b'"%s"' % wire.ShardScored.__name__.encode() in line[:60]:
                try:
                    record = wire.decode_line(line)
                except ValueError:  # of another version of the agent
                    return
                if _is_ours(record) and record.id in names:
                    yield record


def _is_ours(record: object) -> bool:
    """Check what decides whose scores a record has: anyone may have written to the disk meanwhile."""
    if not isinstance(record, wire.ShardScored):
        return False
    texts = isinstance(record.id, str) and isinstance(record.run, str) and isinstance(record.scores, str)
    return texts and isinstance(record.shard, int) and record.shard >= 0
