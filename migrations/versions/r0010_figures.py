"""Figures are computed when a case is judged, and attempts have their percentiles as columns."""

import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BASELINES = ("float32", "onnx")
#: Rows read or written by one statement.
MANY = 2_000
STARTS = ("load_ns", "first_ns", "import_ns")
SAME_BUT_SCHEME = " AND ".join(
    f"o.{name} = c.{name}" for name in ("device", "model", "runtime", "threads", "batch", "interpreters")
)
LINK_BASELINES = f"""
    UPDATE run_cases SET baseline_case_id = (
        SELECT min(o.id) FROM cases c JOIN cases o ON {SAME_BUT_SCHEME} JOIN run_cases r ON r.case_id = o.id
        WHERE c.id = run_cases.case_id AND o.scheme IN {BASELINES} AND r.run = run_cases.run AND r.judged_at IS NOT NULL)
    """  # noqa: S608  constants
CHOOSE_CURRENT = """
    UPDATE run_cases SET is_current = true WHERE (run, case_id) IN (
        SELECT run, case_id FROM (
            SELECT rc.run, rc.case_id, row_number() OVER (PARTITION BY rc.case_id ORDER BY
                CASE WHEN rc.attempts > 0 THEN 0 ELSE 1 END, CASE WHEN rc.verdict = 'INVALID' THEN 1 ELSE 0 END,
                CASE r.effort WHEN 'smoke' THEN 0 WHEN 'quick' THEN -1 ELSE -2 END,
                CASE WHEN rc.verdict = 'VALID' THEN 0 ELSE 1 END, rc.judged_at DESC, rc.run) AS place
            FROM run_cases rc JOIN runs r ON r.id = rc.run WHERE rc.judged_at IS NOT NULL) AS ranked
        WHERE place = 1)
    """


def upgrade() -> None:
    op.add_column("attempts", sa.Column("p10_ns", sa.Double()))
    op.add_column("attempts", sa.Column("p50_ns", sa.Double()))
    op.add_column("attempts", sa.Column("count", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("run_cases", sa.Column("baseline_case_id", sa.Integer()))
    op.add_column("run_cases", sa.Column("is_current", sa.Boolean(), nullable=False, server_default=sa.false()))
    here = op.get_bind()
    for run in list(here.execute(sa.text("SELECT id FROM runs")).scalars()):
        _fill_attempts(here, run)
        _fill_metrics(here, run)
    here.execute(sa.text(LINK_BASELINES))
    here.execute(sa.text(CHOOSE_CURRENT))
    condition = sa.text("is_current")
    op.create_index(
        "current_results", "run_cases", ["case_id"], unique=True, sqlite_where=condition, postgresql_where=condition
    )
    op.create_index("scores_of_a_case", "scores", ["run", "device", "model", "scheme", "runtime", "batch"])
    op.drop_index("ix_scores_run", table_name="scores")


def downgrade() -> None:
    op.create_index("ix_scores_run", "scores", ["run"])
    op.drop_index("scores_of_a_case", table_name="scores")
    op.drop_index("current_results", table_name="run_cases")
    for table, names in (
        ("run_cases", ("is_current", "baseline_case_id")),
        ("attempts", ("count", "p50_ns", "p10_ns")),
    ):
        for name in names:
            op.drop_column(table, name)
    op.execute(f"DELETE FROM metrics WHERE name IN {(*STARTS, 'peak_rss_bytes')}")  # noqa: S608  constants


def _fill_attempts(here: sa.Connection, run: str) -> None:
    query = sa.text(
        "SELECT a.id, a.invocations_per_sample, s.data FROM attempts a JOIN samples s ON s.attempt = a.id"
        " WHERE a.run = :run AND s.kind = 'latency' AND a.id IN :ids"
    ).bindparams(sa.bindparam("ids", expanding=True))
    ids = here.execute(sa.text("SELECT id FROM attempts WHERE run = :run"), {"run": run}).scalars().all()
    for some in _parts(ids):
        rows = []
        for attempt, per_sample, data in here.execute(query, {"run": run, "ids": some}):
            if len(data) % 8 or not data:  # damaged, or without a sample
                continue
            each = np.frombuffer(data, "<i8") / max(1, per_sample)
            p10, p50 = np.quantile(each, (0.1, 0.5)).tolist()
            rows.append({"id": attempt, "p10": p10, "p50": p50, "count": len(each)})
        if rows:
            change = 'UPDATE attempts SET p10_ns = :p10, p50_ns = :p50, "count" = :count WHERE id = :id'
            here.execute(sa.text(change), rows)


def _fill_metrics(here: sa.Connection, run: str) -> None:
    query = sa.text(
        f"SELECT a.case_id, a.peak_rss_bytes, {', '.join(f'a.{name}' for name in STARTS)} FROM attempts a"  # noqa: S608
        " JOIN run_cases r ON r.run = a.run AND r.case_id = a.case_id"
        " WHERE a.run = :run AND a.error IS NULL AND r.judged_at IS NOT NULL ORDER BY a.case_id"
    )
    attempts = here.execute(query, {"run": run}).all()
    rows: list[dict[str, Any]] = []
    for case_id, group in itertools.groupby(attempts, lambda row: row[0]):
        _, peaks, *starts = zip(*group, strict=True)
        figures = {name: _present(values) for name, values in zip(STARTS, starts, strict=True)}
        medians = {name: statistics.median(values) for name, values in figures.items() if values}
        if _present(peaks):
            medians["peak_rss_bytes"] = max(_present(peaks))
        rows += [{"run": run, "case": case_id, "name": name, "value": float(value)} for name, value in medians.items()]
    for some in _parts(rows):
        statement = (
            "INSERT INTO metrics (run, case_id, name, value) VALUES (:run, :case, :name, :value) ON CONFLICT DO NOTHING"
        )
        here.execute(sa.text(statement), list(some))


def _present(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), MANY):
        yield values[start : start + MANY]
