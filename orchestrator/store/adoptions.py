"""Runs that other controllers started, taken over from devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

#: The kind of event that says who started a run, and of which models this farm has no labels.
ADOPTED = "RunAdopted"
#: The kind of event that says that all of it is stored and judged.
TAKEN_OVER = "RunTakenOver"


def adoptions(session: Session, runs: Collection[str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return by run and device what was noted when the run was taken over from the device, most recently."""
    event = schema.Event
    query = select(event.run, event.device, event.kind, event.detail).order_by(event.id)
    rows = session.execute(query.where(event.run.in_(runs), event.kind.in_((ADOPTED, TAKEN_OVER))))
    return {(row.run, str(row.device)): row.detail | {"is_judged": row.kind == TAKEN_OVER} for row in rows}


def is_judged(detail: Mapping[str, Any]) -> bool:
    """Return of an adoption whether all of it was judged, once it was stored; a command that dies before leaves it open."""
    return bool(detail["is_judged"])


def unlabelled(detail: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Return of an adoption the models without scores: each with the ``dataset`` and the sha256 of the ``labels`` that are not here."""
    return detail.get("unlabelled") or {}
