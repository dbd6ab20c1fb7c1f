"""The ids of cases, each looked up once."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from orchestrator.domain.case import Case
from orchestrator.store import schema
from orchestrator.store.statements import insert_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

_CASES = schema.Base.metadata.tables["cases"]
_IDENTITY = [column for column in _CASES.columns if column.name != "id"]
_BY_IDENTITY = select(_CASES.c.id).where(*(column == bindparam(f"the_{column.name}") for column in _IDENTITY))
#: Above so many, all cases of their devices are read at once.
_FEW = 10
#: Devices named in one statement; SQLite takes 32,766 parameters, older ones 999.
_DEVICES = 500


class CaseIds:
    """Case -> id. An id that a transaction looked up or made is kept once `commit` says that the transaction lasts."""

    def __init__(self) -> None:
        self._kept: dict[Case, int] = {}
        self._pending: dict[Case, int] = {}

    def commit(self) -> None:
        """Keep what was looked up since the last commit."""
        self._kept |= self._pending
        self._pending = {}

    def forget(self) -> None:
        """Keep nothing: the transaction failed, or cases have other names now."""
        self._kept, self._pending = {}, {}

    def of(self, connection: Connection, cases: Iterable[Case]) -> Mapping[Case, int]:
        """Return the id of each of ``cases``; those that are new get a row."""
        wanted = dict.fromkeys(cases)
        self._look_up(connection, [case for case in wanted if case not in self._kept and case not in self._pending])
        return {case: self._kept.get(case) or self._pending[case] for case in wanted}

    def _look_up(self, connection: Connection, cases: Sequence[Case]) -> None:
        self._pending |= _select(connection, cases)
        # in one order, so that two controllers wait for each other instead of ending in a deadlock
        absent = sorted(case for case in cases if case not in self._pending)
        if absent:
            connection.execute(insert_new(connection, _CASES), [asdict(case) for case in absent])
            self._pending |= _select(connection, absent)


def _select(connection: Connection, cases: Sequence[Case]) -> dict[Case, int]:
    found: dict[Case, int] = {}
    if len(cases) > _FEW:
        devices = sorted({case.device for case in cases})
        for start in range(0, len(devices), _DEVICES):
            rows = connection.execute(select(_CASES).where(_CASES.c.device.in_(devices[start : start + _DEVICES])))
            found |= {_case(row): row.id for row in rows}
        found = {case: found[case] for case in cases if case in found}
        if not found:
            return found
    for case in cases:
        if case not in found:
            parameters = {f"the_{name}": value for name, value in asdict(case).items()}
            row = connection.execute(_BY_IDENTITY, parameters).first()
            if row is not None:
                found[case] = row.id
    return found


def _case(row: Row[Any]) -> Case:
    return Case(**{column.name: row._mapping[column] for column in _IDENTITY})  # noqa: SLF001  SQLAlchemy's public name
