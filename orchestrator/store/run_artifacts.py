"""Artifacts as a run had them: of another model or in another run, the same file may have other checks."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.domain.artifact import Artifact, Golden
from orchestrator.domain.model import Preprocess
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from orchestrator.domain.case import Case


def artifact_of(session: Session, sha256: str, run: str, case: Case) -> Artifact | None:
    """Return an artifact with recipe and checks as ``run`` had it for ``case``; of an older farm's run, as any run had it."""
    row = session.get(schema.Artifact, sha256)
    if row is None:
        return None
    key = {"artifact": sha256, "model": case.model, "scheme": case.scheme, "batch": case.batch}
    announced = (each for each in announcements(session, run) if key.items() <= each.items() and "checks" in each)
    detail = next(iter(announced), {})
    values = {each.name: detail.get(each.name, getattr(row, each.name)) for each in fields(Artifact)}
    values |= {"preprocess": Preprocess.from_json(values["preprocess"]), "golden": Golden.from_json(values["golden"])}
    return Artifact(**values)


def announcements(session: Session, run: str) -> Iterable[dict[str, Any]]:
    """Return the details of the events of a run that an artifact is ready, newest first."""
    event = schema.Event
    query = select(event.detail).where(event.run == run, event.kind == "ArtifactReady")
    return session.scalars(query.order_by(event.id.desc()))
