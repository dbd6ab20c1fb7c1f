"""What can't be in a database of farm's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from orchestrator.store import damage, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine, Select

TABLES = schema.Base.metadata.tables
_SAMPLES, _SCORES, _ATTEMPTS, _RUN_CASES, _METRICS = (
    TABLES[name] for name in ("samples", "scores", "attempts", "run_cases", "metrics")
)
#: Bytes of a sample, and of a score.
_SAMPLE, _SCORE = 8, 4


def findings(engine: Engine) -> Iterator[str]:
    """Yield a sentence for each thing in the database of ``engine`` that can't be right; of a sound one, nothing.

    SQLite's own checks, then values that no column can have, then farm's rules: blobs as long as their counts ask,
    judged cases with their figures, which are looked at once no column has an odd value. Raises `StoreError` where the file can't be read at all.
    """
    if engine.dialect.name == "sqlite" and engine.url.database:
        path = Path(engine.url.database)
        yield from _of_sqlite(path)
        odd = list(damage.odd_values(path, tuple(TABLES.values())))
        yield from odd
        if odd:
            return  # what follows reads them
    with engine.connect() as connection:
        for sentence, query in _RULES.items():
            for row in connection.execute(query):
                yield sentence.format(*row)


def _of_sqlite(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
        for (sentence,) in connection.execute("PRAGMA integrity_check"):
            if sentence != "ok":
                yield f"the file: {sentence}"
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            yield f"table {table}, row {row}: refers to a row of {parent} that is not there"


def _without_figures() -> Select[tuple[str, int]]:
    figures = select(_METRICS.c.value).where(
        _METRICS.c.run == _RUN_CASES.c.run,
        _METRICS.c.case_id == _RUN_CASES.c.case_id,
        _METRICS.c.name.in_(("p50_ns", "images_per_s")),
    )
    return select(_RUN_CASES.c.run, _RUN_CASES.c.case_id).where(_RUN_CASES.c.verdict == "VALID", ~figures.exists())


#: What is wrong with a row, by its key -> the rows of which that is so.
_RULES = {
    "table samples, row {}/{}: {} samples are counted, its bytes are {}": select(
        _SAMPLES.c.attempt, _SAMPLES.c.kind, _SAMPLES.c.count, func.length(_SAMPLES.c.data)
    ).where(func.length(_SAMPLES.c.data) != _SAMPLES.c.count * _SAMPLE),
    "table scores, row {}: {} images of {} classes are counted, its bytes are {}": select(
        _SCORES.c.id, _SCORES.c.images, _SCORES.c.class_count, func.length(_SCORES.c.scores)
    ).where(func.length(_SCORES.c.scores) != _SCORES.c.images * _SCORES.c.class_count * _SCORE),
    "table attempts, row {}: it ended before it began, or lasted less than no time": select(_ATTEMPTS.c.id).where(
        or_(_ATTEMPTS.c.ended_at < _ATTEMPTS.c.started_at, _ATTEMPTS.c.wall_ns < 0)
    ),
    "table run_cases, row {}/{}: it has a verdict, but no moment of judgement": select(
        _RUN_CASES.c.run, _RUN_CASES.c.case_id
    ).where(_RUN_CASES.c.verdict.is_not(None), _RUN_CASES.c.judged_at.is_(None)),
    "table run_cases, row {}/{}: it is VALID, but has no figure": _without_figures(),
}
