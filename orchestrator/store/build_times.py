"""How long artifacts took to build in earlier runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.store import schema

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

#: Runs that are looked at, the newest.
MOST_RUNS = 10
STARTED, ENDED = "BuildStarted", ("ArtifactReady", "BuildFailed")


@dataclass(slots=True, kw_only=True)
class _Builds:
    """What one call built, side by side."""

    began: datetime
    total: int
    #: Models of what was there and of what was built, in the order that each was ready.
    models: list[str] = field(default_factory=list)
    ended: datetime | None = None


def build_times(session: Session) -> dict[str, float]:
    """Return by model the seconds that one of its artifacts took in the newest run that built some, builds side by side included."""
    event, run = schema.Event, schema.Run
    newest = select(run.id).order_by(run.started_at.desc(), run.id.desc()).limit(MOST_RUNS).subquery()
    query = (
        select(event.kind, event.at, event.detail["total"].as_integer(), event.detail["model"].as_string())
        .where(event.run.in_(select(newest.c.id)), event.kind.in_((STARTED, *ENDED)))
        .order_by(event.id)
    )
    calls: list[_Builds] = []
    for kind, at, total, model in session.execute(query):
        if kind == STARTED:
            calls.append(_Builds(began=at, total=total))
        elif calls:
            calls[-1].models.append(model)
            calls[-1].ended = at
    seconds: dict[str, float] = {}
    for call in calls:  # a newer one replaces an older one
        if call.total and call.ended and len(call.models) >= call.total:
            took_s = (call.ended - call.began).total_seconds() / call.total
            seconds |= dict.fromkeys(call.models[-call.total :], took_s)  # what was there is ready before any is built
    return seconds
