"""What runs found devices to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.domain.machine import Predecessor, changes, is_other
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

#: Of a device whose hardware has no key, so many earlier probes are looked through for one that has.
MOST = 20


def facts_of(session: Session, run: str, device: str) -> Mapping[str, Any]:
    """Return the facts of the device's latest probe in a run; empty where there is none."""
    row = schema.DeviceFacts
    query = select(row.facts).where(row.run == run, row.device == device).order_by(row.id.desc()).limit(1)
    return session.scalars(query).first() or {}


def predecessor(session: Session, run: str, device: str) -> Predecessor | None:
    """Return the other machine that the device's name led to in the run before, or earlier in this one; ``None`` where it was the same."""
    row = schema.DeviceFacts
    latest = select(row.id).where(row.run == run, row.device == device).order_by(row.id.desc()).limit(1)
    query = select(row.run, row.at, row.facts).where(row.device == device, row.id <= latest.scalar_subquery())
    rows = iter(session.execute(query.order_by(row.id.desc()).limit(MOST)))
    now = next(rows, None)
    for before in rows:
        if now is not None and is_other(before.facts, now.facts):
            return Predecessor(seen_at=before.at, changes=changes(before.facts, now.facts))
        if before.run != run and before.facts.get("hardware_key"):
            return None
    return None
