"""How long the steps of earlier runs took: what an estimate of the next one is made of."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.domain.case import Case
from orchestrator.domain.units import NS_PER_S
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    #: Model, scheme, runtime, batch.
    Scored = tuple[str, str, str, int]

#: Steps that are looked at, the newest: one query of a moment, however many results there are.
MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Seconds that steps took on one device in the newest runs that have them."""

    #: A mean attempt of each case, with one effort.
    attempts_s: Mapping[Case, float]
    #: Scoring one image.
    per_image_s: Mapping[Scored, float]


def step_times(session: Session, device: str, effort: str) -> StepTimes:
    """Return what the steps of ``device`` took: attempts of the effort of that name, scorings of any."""
    case, attempt, run = schema.Case, schema.Attempt, schema.Run
    names = [field.name for field in fields(Case)]
    query = (
        select(attempt.run, attempt.wall_ns, *(getattr(case, name) for name in names))
        .join(case, case.id == attempt.case_id)
        .join(run, run.id == attempt.run)
        .where(case.device == device, run.effort == effort, attempt.error.is_(None))
        .order_by(run.started_at.desc())
    )
    took: dict[Case, tuple[str, list[int]]] = {}
    for of, wall_ns, *identity in session.execute(query.limit(MOST)):
        newest, each = took.setdefault(Case(**dict(zip(names, identity, strict=True))), (of, []))
        if newest == of:
            each.append(wall_ns)
    return StepTimes(
        attempts_s={case: fmean(each) / NS_PER_S for case, (_, each) in took.items()},
        per_image_s=_per_image_s(session, device),
    )


def _per_image_s(session: Session, device: str) -> dict[Scored, float]:
    scores, run = schema.Scores, schema.Run
    query = (
        select(scores.model, scores.scheme, scores.runtime, scores.batch, scores.wall_ns, scores.images)
        .join(run, run.id == scores.run)
        .where(scores.device == device, scores.error.is_(None), scores.images > 0)
        .order_by(run.started_at.desc())
    )
    per_image_s: dict[Scored, float] = {}
    for model, scheme, runtime, batch, wall_ns, images in session.execute(query.limit(MOST)):
        per_image_s.setdefault((model, scheme, runtime, batch), wall_ns / NS_PER_S / images)
    return per_image_s
