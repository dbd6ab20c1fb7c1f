"""The rows of profiles."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.domain.profile import Operator, Profile
from orchestrator.store import schema

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from orchestrator.domain.case import Case

#: Fields of a profile that are no columns of its row under the same name.
_APART = frozenset({"profile", "case", "operators", "versions"})
_COLUMNS = tuple(field.name for field in fields(Profile) if field.name not in _APART)
_OPERATOR = tuple(field.name for field in fields(Operator))


def row_of(run: str, case_id: int, profile: Profile) -> dict[str, Any]:
    """Return the row of ``profile`` but for its operators."""
    from orchestrator.store.events import plain

    columns = {name: getattr(profile, name) for name in _COLUMNS}
    return columns | {"id": profile.profile, "run": run, "case_id": case_id, "versions": plain(profile.versions)}


def operator_rows(profile: Profile) -> list[dict[str, Any]]:
    """Return a row for each operator of ``profile``."""
    return [
        asdict(operator) | {"profile": profile.profile, "place": place}
        for place, operator in enumerate(profile.operators)
    ]


def read(session: Session, run: str | None, case: Case) -> tuple[Profile, ...]:
    """Return the profiles of ``case`` in ``run``, or in every run, newest first."""
    query = select(schema.Profile).join(schema.Case, schema.Case.id == schema.Profile.case_id)
    for name, value in asdict(case).items():
        query = query.where(getattr(schema.Case, name) == value)
    if run is not None:
        query = query.where(schema.Profile.run == run)
    rows = session.scalars(query.order_by(schema.Profile.ended_at.desc(), schema.Profile.id)).all()
    return tuple(_profile(session, row, case) for row in rows)


def _profile(session: Session, row: schema.Profile, case: Case) -> Profile:
    operators = session.scalars(
        select(schema.Operator).where(schema.Operator.profile == row.id).order_by(schema.Operator.place)
    )
    return Profile(
        profile=row.id,
        case=case,
        operators=tuple(Operator(**{name: getattr(each, name) for name in _OPERATOR}) for each in operators),
        versions=row.versions if isinstance(row.versions, dict) else {},
        **{name: getattr(row, name) for name in _COLUMNS},
    )
