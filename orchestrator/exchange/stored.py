"""A run in the database as the records that an archive holds."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from orchestrator.domain.case import Case
from orchestrator.domain.image_list import ImageList
from orchestrator.exchange.layout import IMAGES
from orchestrator.exchange.records import CASE, TABLES, record
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

#: The kind of event whose detail is where a device is: that stays at home.
_PROBED = "DeviceProbed"
#: Rows fetched at a time of the tables that grow with a run.
_BATCH = 1_000


class StoredRun:
    """Reads the rows of one run; the order is the same on every database, and after an import."""

    def __init__(self, session: Session, run: str) -> None:
        self._session = session
        self._run = run
        of_run = select(schema.Case, schema.RunCase).join(schema.RunCase).where(schema.RunCase.run == run)
        pairs = [(case, row) for case, row in session.execute(of_run)]
        self._cases: list[tuple[schema.Case, schema.RunCase]] = sorted(pairs, key=lambda pair: _identity(pair[0]))
        self.numbers: Mapping[int, int] = {case.id: number for number, (case, _) in enumerate(self._cases)}

    def records(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a kind, in Python's values; those of attempts and scores without their blobs."""
        read = {"runs": self._runs, "artifacts": self._artifacts, "cases": self._of_cases, "attempts": self._attempts}
        read |= {IMAGES: self._image_lists, "profiles": self._profiles}
        if kind in read:
            yield from read[kind]()
            return
        (table,) = TABLES[kind]
        order = table.number if table is schema.Lane else table.id  # type: ignore[attr-defined]
        query = select(table).where(table.run == self._run).order_by(order)  # type: ignore[attr-defined]
        if table is schema.Scores:
            for each in sorted(self._session.scalars(query.with_only_columns(schema.Scores.id))):
                yield record(kind, self._session.get_one(schema.Scores, each))
                self._session.expunge_all()
            return
        for row in self._session.scalars(query.execution_options(yield_per=_BATCH)):
            values = record(kind, row)
            yield values | {"detail": {}} if values.get("kind") == _PROBED else values

    def samples(self, kind: str) -> Iterator[bytes | None]:
        """Yield the samples of each attempt, ``warmup`` or ``latency``; ``None`` where they were pruned."""
        for case_id in self.numbers:
            attempts = self._of_case(select(schema.Attempt.id, schema.Samples.data), case_id)
            join = (schema.Samples.attempt == schema.Attempt.id) & (schema.Samples.kind == kind)
            for _, data in self._session.execute(attempts.outerjoin(schema.Samples, join)):
                yield data

    def scores(self) -> Iterator[bytes]:
        """Yield the scores of each scoring."""
        query = select(schema.Scores.id).where(schema.Scores.run == self._run)
        for each in sorted(self._session.scalars(query)):
            yield self._session.scalars(select(schema.Scores.scores).where(schema.Scores.id == each)).one()

    def _runs(self) -> Iterator[dict[str, Any]]:
        yield record("runs", self._session.get_one(schema.Run, self._run))

    def _artifacts(self) -> Iterator[dict[str, Any]]:
        used: set[str] = set()
        for table in (schema.RunCase, schema.Attempt, schema.Scores):
            query = select(table.artifact).where(table.run == self._run, table.artifact.is_not(None))
            used |= {str(sha256) for sha256 in self._session.scalars(query.distinct())}
        for sha256 in sorted(used):
            yield record("artifacts", self._session.get_one(schema.Artifact, sha256))

    def _image_lists(self) -> Iterator[dict[str, Any]]:
        query = select(schema.Scores.image_list).where(schema.Scores.run == self._run).distinct()
        for sha256 in sorted(filter(None, self._session.scalars(query))):
            row = self._session.get(schema.ImageList, sha256)
            if row is not None:
                yield {"sha256": sha256} | json.loads(ImageList.unpack(row.data).to_bytes())

    def _of_cases(self) -> Iterator[dict[str, Any]]:
        figures: dict[int, dict[str, float]] = defaultdict(dict)
        metric = schema.Metric
        query = select(metric.case_id, metric.name, metric.value).where(metric.run == self._run)
        for case_id, name, value in self._session.execute(query):
            figures[case_id][name] = value
        for case, row in self._cases:
            yield record("cases", case, row) | {"figures": dict(sorted(figures[case.id].items()))}

    def _attempts(self) -> Iterator[dict[str, Any]]:
        for case_id, number in self.numbers.items():
            counts: dict[str, dict[str, int]] = defaultdict(dict)
            query = self._of_case(
                select(schema.Samples.attempt, schema.Samples.kind, func.length(schema.Samples.data)), case_id
            )
            for attempt, kind, size in self._session.execute(
                query.join(schema.Samples, schema.Samples.attempt == schema.Attempt.id)
            ):
                counts[attempt][kind] = size
            for row in self._session.scalars(self._of_case(select(schema.Attempt), case_id)):
                sizes = counts[row.id]
                yield (
                    record("attempts", row)
                    | {CASE: number}
                    | {kind: sizes[kind] // 8 if kind in sizes else None for kind in ("warmup", "latency")}
                )

    def _profiles(self) -> Iterator[dict[str, Any]]:
        profile, operator = schema.Profile, schema.Operator
        for each in sorted(self._session.scalars(select(profile.id).where(profile.run == self._run))):
            row = self._session.get_one(profile, each)
            operators = self._session.scalars(select(operator).where(operator.profile == each).order_by(operator.place))
            values = {CASE: self.numbers[row.case_id], "operators": [record("operators", each) for each in operators]}
            yield record("profiles", row) | values

    def _of_case(self, query: Any, case_id: int) -> Any:
        attempt = schema.Attempt
        chosen = query.select_from(attempt).where(attempt.run == self._run, attempt.case_id == case_id)
        return chosen.order_by(attempt.number, attempt.started_at, attempt.id)


def _identity(case: schema.Case) -> tuple[Any, ...]:
    return tuple(getattr(case, field.name) for field in fields(Case))
