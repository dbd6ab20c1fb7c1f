"""How often the disk of a device changed files that had arrived there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from orchestrator.store import schema
from orchestrator.store.rows import Damage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

#: The class of `orchestrator.domain.event` whose events are counted; a question imports no events.
MENDED = "DamageMended"


def disk_damage(session: Session) -> dict[str, Damage]:
    """Return what runs found and installed anew, by device; a device without damage is absent."""
    event = schema.Event
    query = (
        select(event.device, func.count(), func.count(event.run.distinct()), func.max(event.at))
        .where(event.kind == MENDED, event.device.is_not(None))
        .group_by(event.device)
    )
    return {
        str(device): Damage(files=files, runs=runs, last_at=last_at)
        for device, files, runs, last_at in session.execute(query)
    }
