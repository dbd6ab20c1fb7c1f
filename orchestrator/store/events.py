"""The row that every event gets: what happened, without the bulk it carries."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from enum import Enum
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from orchestrator.domain import event as happened
from orchestrator.domain import run_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.event import Event

#: Fields that are no part of an event's detail: they are rows of their own, or columns of the event.
BULK = frozenset(
    {
        "measurement",
        "scores",
        "profile",
        "plan",
        "facts",
        "suite",
        "summary",
        "image_list",
        "result",
        "artifact",
        "run",
        "at",
        "device",
        "cursor",
    }
)


def row_of(event: Event) -> dict[str, Any]:
    """Return the row of an event, of a kind we know or not, by the names of its columns."""
    detail = {field.name: plain(getattr(event, field.name)) for field in fields(event) if field.name not in BULK}
    return {
        "run": event.run,
        "at": event.at,
        "kind": type(event).__name__,
        "device": event.device,
        "detail": detail | _named(event),
    }


@singledispatch
def _named(_: Event) -> dict[str, Any]:
    """Name what `BULK` leaves out, and how it ended: its own rows may be written anew, an event stays."""
    return {}


@_named.register
def _(event: happened.AttemptEnded) -> dict[str, Any]:
    measurement = event.measurement
    return {"attempt": measurement.attempt, "case": str(measurement.case), "error": measurement.error}


@_named.register
def _(event: happened.Scored) -> dict[str, Any]:
    scores = event.scores
    return {"scoring": scores.scoring, "model": scores.model, "scheme": scores.scheme, "error": scores.error}


@_named.register
def _(event: happened.ProfileStarted) -> dict[str, Any]:
    return {"profile": event.profile}


@_named.register
def _(event: happened.Profiled) -> dict[str, Any]:
    profile = event.profile
    return {"profile": profile.profile, "case": str(profile.case), "error": profile.error}


@_named.register
def _(event: happened.CaseJudged) -> dict[str, Any]:
    result = event.result
    return {
        "case": str(result.case),
        "verdict": result.verdict.value,
        "reasons": [reason.code for reason in result.reasons],
    }


@_named.register
def _(event: run_event.ArtifactReady) -> dict[str, Any]:
    """Return what the run knows of the artifact: of another model or in another run, the same file may have other checks."""
    described: dict[str, Any] = plain(asdict(event.artifact))
    return {"artifact": described.pop("sha256"), **described}


@_named.register
def _(event: run_event.ImagesListed) -> dict[str, Any]:
    images = event.image_list
    return {"image_list": images.sha256, "dataset": images.dataset, "images": len(images.names)}


@_named.register
def _(event: run_event.DatasetRead) -> dict[str, Any]:
    read: dict[str, Any] = plain(event.summary.to_json())
    return read


@_named.register
def _(event: happened.DeviceProbed) -> dict[str, Any]:
    return {"entry": event.entry.transport}  # where it is belongs to the inventory: a database may be stolen


@_named.register
def _(event: run_event.Planned) -> dict[str, Any]:
    steps = {lane.device: len(lane.steps) for lane in event.plan.lanes}
    return {"cases": len(event.plan.cases), "skips": len(event.plan.skips), "steps": steps}


def plain(value: Any) -> Any:
    """Return JSON values: what JSON has no form for becomes text, and ``None`` where it is no finite number."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "items"):
        mapping: Mapping[Any, Any] = value
        return {str(key): plain(inner) for key, inner in mapping.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Enum):
        return plain(value.value)
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
