"""The links of judged cases, kept right with every verdict: the result that counts, the one that others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, literal_column, select, tuple_, update

from orchestrator.runtimes.catalogue import BASELINES
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

_RUNS, _CASES, _RUN_CASES = (schema.Base.metadata.tables[name] for name in ("runs", "cases", "run_cases"))
#: SQLite and PostgreSQL use the index of current results for exactly this condition.
IS_CURRENT: ColumnElement[bool] = literal_column("run_cases.is_current")
#: Efforts that show less than a measurement, in this order; of all others the newest counts.
SHORT_EFFORTS = ("smoke", "quick")
#: Ids in one statement; SQLite takes 32,766 parameters, older ones 999.
_MOST = 500


def refresh(connection: Connection, judged: Sequence[tuple[str, int]]) -> None:
    """Link the (run, id of the case) that were judged, and what their verdicts change for others."""
    by_run: dict[str, list[int]] = {}
    for run, case_id in judged:
        by_run.setdefault(run, []).append(case_id)
    for run, ids in sorted(by_run.items()):
        for some in _parts(ids):
            _link_baselines(connection, run, some)
    for some in _parts(sorted({case_id for _, case_id in judged})):
        choose_current(connection, _RUN_CASES.c.case_id.in_(some))


def choose_current(connection: Connection, where: ColumnElement[bool]) -> None:
    """Mark the result that counts of each case, among ``run_cases`` that fulfil ``where``.

    That is one with attempts that succeeded rather than one without, then one that is not INVALID, of the higher effort,
    VALID, newer: `farm results` shows it until there is a better one.
    """
    place = func.row_number().over(
        partition_by=_RUN_CASES.c.case_id,
        order_by=(
            case((_RUN_CASES.c.attempts > 0, 0), else_=1),
            case((_RUN_CASES.c.verdict == "INVALID", 1), else_=0),
            case(*((_RUNS.c.effort == name, -at) for at, name in enumerate(SHORT_EFFORTS)), else_=-len(SHORT_EFFORTS)),
            case((_RUN_CASES.c.verdict == "VALID", 0), else_=1),
            _RUN_CASES.c.judged_at.desc(),
            _RUN_CASES.c.run,
        ),
    )
    ranked = (
        select(_RUN_CASES.c.run, _RUN_CASES.c.case_id, place.label("place"))
        .join(_RUNS, _RUNS.c.id == _RUN_CASES.c.run)
        .where(_RUN_CASES.c.judged_at.is_not(None), where)
        .subquery()
    )
    first = select(ranked.c.run, ranked.c.case_id).where(ranked.c.place == 1)
    key = tuple_(_RUN_CASES.c.run, _RUN_CASES.c.case_id)
    connection.execute(update(_RUN_CASES).where(where, IS_CURRENT, key.not_in(first)).values(is_current=False))
    connection.execute(
        update(_RUN_CASES).where(where, _RUN_CASES.c.is_current.is_(False), key.in_(first)).values(is_current=True)
    )


def _link_baselines(connection: Connection, run: str, ids: Sequence[int]) -> None:
    """Link cases and those that differ in the scheme alone with the judged one of them that nothing was quantized in."""
    sibling, judged = _CASES.alias(), _CASES.alias()
    siblings = select(sibling.c.id).join(judged, _same_but_scheme(sibling, judged)).where(judged.c.id.in_(ids))
    own, other, result = _CASES.alias(), _CASES.alias(), _RUN_CASES.alias()
    # no runtime takes two of BASELINES: of two such cases, one is planned as a skip and never judged
    baseline = (
        select(func.min(other.c.id))
        .select_from(own)
        .join(other, _same_but_scheme(own, other))
        .join(result, result.c.case_id == other.c.id)
        .where(own.c.id == _RUN_CASES.c.case_id, other.c.scheme.in_(BASELINES))
        .where(result.c.run == _RUN_CASES.c.run, result.c.judged_at.is_not(None))
        .scalar_subquery()
    )
    connection.execute(
        update(_RUN_CASES)
        .where(_RUN_CASES.c.run == run, _RUN_CASES.c.case_id.in_(siblings))
        .values(baseline_case_id=baseline)
    )


def _same_but_scheme(one: Any, other: Any) -> ColumnElement[bool]:
    names = ("device", "model", "runtime", "threads", "batch", "interpreters")
    condition: ColumnElement[bool] = one.c.device == other.c.device
    for name in names[1:]:
        condition &= one.c[name] == other.c[name]
    return condition


def _parts(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _MOST] for start in range(0, len(ids), _MOST)]
