"""Results or attempts as a table for other programs: CSV, JSON Lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.domain.case import Case
from orchestrator.domain.result import Measurement
from orchestrator.errors import UsageError
from orchestrator.exchange.files import replacing
from orchestrator.reports.json import plain
from orchestrator.store import schema
from orchestrator.store.rows import ResultRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.analysis.table_rows import TableRow
    from orchestrator.store.store import Store

_PLAIN = {"str": str, "int": int, "float": float, "bool": bool, "datetime": datetime}
#: What a row has from its comparison with float32.
_AGAINST = {"speedup_low": float, "speedup_high": float, "difference": str, "smallest": float, "attempts_needed": int}
#: Rows of a batch in a Parquet file.
_BATCH = 10_000
#: Fields of an attempt that are no column: the archive has them.
_BULK = frozenset({"case", "warmup_ns", "latency_ns", "preparations_ns", "readings"})
#: A cell with one of these in front is a formula to a spreadsheet, and a device may have sent it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with the type of each column: ``int``, ``float``, ``bool``, ``str``, ``datetime``, or ``dict`` for JSON."""

    columns: Mapping[str, type]
    rows: Iterable[Mapping[str, Any]]


def of_results(results: Sequence[TableRow]) -> Table:
    """Return a row for each result, with the keys of ``farm results --json``."""
    columns = _columns(ResultRow) | _AGAINST
    return Table(columns=columns, rows=(plain(each) | {"measured_at": each.row.measured_at} for each in results))


def of_attempts(results: Sequence[ResultRow], store: Store) -> Table:
    """Return a row for each attempt behind ``results``, failed ones too."""
    own = {name: kind for name, kind in _columns(Measurement).items() if name not in _BULK}
    columns = {"case": str, "run": str} | _columns(Case) | own
    columns |= {"samples": int, "p10_ns": float, "p50_ns": float}
    return Table(columns=columns, rows=_attempts(results, store, tuple(own)))


def _attempts(results: Sequence[ResultRow], store: Store, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    wanted: dict[str, set[str]] = {}
    for result in results:
        wanted.setdefault(result.run, set()).add(result.case)
    attempt = schema.Attempt
    with store.reading() as session:
        for run, cases in wanted.items():
            query = select(attempt, schema.Case).join(schema.Case).where(attempt.run == run)
            query = query.order_by(attempt.case_id, attempt.number, attempt.id).execution_options(yield_per=1_000)
            for row, of in session.execute(query):
                case = of.as_value()
                if str(case) in cases:
                    values = {name: getattr(row, name) for name in names if name != "attempt"} | {"attempt": row.id}
                    values |= {"samples": row.count, "p10_ns": row.p10_ns, "p50_ns": row.p50_ns}
                    yield {"case": str(case), "run": run} | asdict(case) | values


def _columns(kind: type) -> dict[str, type]:
    """Return the type of each field of a dataclass, without ``None``; what is no plain value is JSON."""
    return {field.name: _PLAIN.get(str(field.type).removesuffix(" | None"), dict) for field in fields(kind)}


def to_csv(table: Table) -> Iterator[str]:
    """Yield the lines of a CSV file (RFC 4180, UTF-8); a text that a spreadsheet would take for a formula begins with '."""
    yield csv_line(table.columns)
    for row in table.rows:
        yield csv_line(_cell(row[name], name) for name in table.columns)


def to_json_lines(table: Table) -> Iterator[str]:
    """Yield a JSON object for each row, each on a line."""
    for row in table.rows:
        yield json.dumps({name: _plain(row[name]) for name in table.columns}) + "\n"


def to_parquet(table: Table, path: Path) -> None:
    """Write a Parquet file; raises `UsageError` where pyarrow is not installed.

    Moments are microseconds in UTC, reasons and settings are texts in JSON.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow", hint="pip install 'edge-farm[parquet]'") from error

    types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC")}
    schema = pa.schema([pa.field(name, types.get(kind, pa.string())) for name, kind in table.columns.items()])
    with replacing(path) as file, pq.ParquetWriter(file, schema) as writer:
        batch = []
        for row in table.rows:
            batch.append({name: _parquet(row[name], kind) for name, kind in table.columns.items()})
            if len(batch) == _BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))


def csv_line(cells: Iterable[Any]) -> str:
    """Return a line of a CSV file, in which no text is a formula of a spreadsheet."""
    line = io.StringIO()
    csv.writer(line).writerow(map(_no_formula, cells))
    return line.getvalue()


def _cell(value: Any, name: str) -> Any:
    if name == "reasons":
        return " ".join(reason["code"] for reason in value)
    plain = _plain(value)
    if isinstance(plain, dict | list):
        return json.dumps(plain)
    if isinstance(plain, bool):
        return str(plain).lower()
    return plain


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _parquet(value: Any, kind: type) -> Any:
    if value is None:
        return None
    if kind is dict:
        return json.dumps(_plain(value))
    return float(value) if kind is float else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return dict(value) if hasattr(value, "items") else value
