"""Results as a table shows them: each with how it differs from float32 of its run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import compare
from orchestrator.domain.case import Case
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

_SETTING = tuple(field.name for field in fields(Case) if field.name != "scheme")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A result beside float32."""

    row: ResultRow
    #: ``None`` for float32 itself, and where its run has no float32 of the setting.
    against: Comparison | None


def table_rows(store: Queries, rows: Sequence[ResultRow], labels: Path) -> tuple[TableRow, ...]:
    """Return ``rows`` in their order, each compared with float32 of the same setting of its run, by `compare`'s rule.

    ``labels`` is the folder of farm's own files by sha256.
    """
    bases = _bases(store, rows)
    pairs = [(bases[key], row) for row in rows if (key := _key(row)) in bases and row.scheme not in BASELINES]
    against: Mapping[tuple[str, str], Comparison] = {
        (pair.b.run, pair.b.case): pair for pair in compare(store, pairs, labels)
    }
    return tuple(TableRow(row=row, against=against.get((row.run, row.case))) for row in rows)


def _bases(store: Queries, rows: Sequence[ResultRow]) -> dict[tuple[object, ...], ResultRow]:
    """Return float32 by setting, those of ``rows`` first: a filter may have left it out."""
    found = {_key(row): row for row in rows if row.scheme in BASELINES}
    lacking: dict[str, set[str]] = {}
    for row in rows:
        if _key(row) not in found:
            lacking.setdefault(row.run, set()).add(row.device)
    for run, devices in lacking.items():
        for row in store.results(run=run, device=sorted(devices), scheme=list(BASELINES)):
            found.setdefault(_key(row), row)
    return found


def _key(row: ResultRow) -> tuple[object, ...]:
    return row.run, *(getattr(row, name) for name in _SETTING)
