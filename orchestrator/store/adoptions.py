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


def adoptions(session: Session, runs: Collection[str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return by run and device what was noted when the run was taken over from the device, most recently."""
    event = schema.Event
    query = select(event.run, event.device, event.detail).where(event.run.in_(runs), event.kind == ADOPTED)
    return {(row.run, str(row.device)): row.detail for row in session.execute(query.order_by(event.id))}


def unlabelled(detail: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Return of an adoption the models without scores: each with the ``dataset`` and the sha256 of the ``labels`` that are not here."""
    return detail.get("unlabelled") or {}
