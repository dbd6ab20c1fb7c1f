"""A run of another controller, stored from what a device keeps of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.devices.remote.device_clock import DeviceClock
from orchestrator.domain.run_event import ArtifactReady
from orchestrator.errors import AnswerRefused
from orchestrator.exchange.records import decode
from orchestrator.runtimes.catalogue import has_scores
from orchestrator.store import schema
from orchestrator.store.adoptions import ADOPTED, TAKEN_OVER, adoptions, is_judged
from orchestrator.store.events import plain, row_of
from orchestrator.store.statements import insert_new

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from orchestrator.devices.remote.origin import Origin
    from orchestrator.store.store import Store


def adopt(  # noqa: PLR0917  what is known of who started it
    store: Store,
    origin: Origin,
    device: str,
    holder: str,
    began_at_ns: int,
    unlabelled: Mapping[str, Mapping[str, str]],
) -> None:
    """Store the run of ``origin`` with what ``device``, as it is called here, measures in it; all of it or nothing, once.

    What is stored already of the run, of artifacts and of the device stays as it is; `unlabelled` models get no scores.
    Raises `AnswerRefused` where something contradicts that, or is nothing that the database can hold.
    """
    try:
        at = min(DeviceClock.of(origin.facts).moment(began_at_ns), datetime.now(UTC))
        rows = _rows(origin, device, at)
    except (ValueError, OverflowError, OSError) as error:
        raise AnswerRefused(f"{device}: what it keeps of run {origin.run} can't be stored: {error}") from error
    with store.writing() as session:
        _expect_same(session, origin, device, rows)
        connection = session.connection()
        tables = schema.Base.metadata.tables
        for name in ("runs", "artifacts", "devices", "cases"):
            connection.execute(insert_new(connection, tables[name]), rows[name])
        known = adoptions(session, [origin.run]).get((origin.run, device))
        if known is not None:
            if is_judged(known):  # what comes now is not
                session.execute(tables["events"].insert(), [_adopted(origin.run, device, holder, unlabelled)])
            return
        session.add(schema.DeviceFacts(**rows["device_facts"][0]))
        keys = [{key: row[key] for key in _IDENTITY} for row in rows["cases"]]
        ids = [session.scalars(select(schema.Case.id).filter_by(**key)).one() for key in keys]
        of_run = {"run": origin.run, "attempts": 0, "samples": 0, "reasons": []}
        connection.execute(insert_new(connection, tables["run_cases"]), [of_run | {"case_id": each} for each in ids])
        ready = [
            row_of(ArtifactReady(run=origin.run, at=at, artifact=each, reused=True, seconds=0.0))
            for each in origin.artifacts_by_key.values()
        ]
        connection.execute(tables["events"].insert(), [*ready, _adopted(origin.run, device, holder, unlabelled)])


def note_judged(store: Store, run: str, device: str, holder: str, unlabelled: Mapping[str, Mapping[str, str]]) -> None:
    """Note that what was taken over of a run from ``device`` is stored and judged, but for the scores of `unlabelled` models."""
    with store.writing() as session:
        row = _adopted(run, device, holder, unlabelled) | {"kind": TAKEN_OVER}
        session.execute(schema.Base.metadata.tables["events"].insert(), [row])


def _adopted(run: str, device: str, holder: str, unlabelled: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    detail = {"holder": holder} | ({"unlabelled": dict(unlabelled)} if unlabelled else {})
    return {"run": run, "at": datetime.now(UTC), "kind": ADOPTED, "device": device, "detail": detail}


_IDENTITY = ("device", "model", "scheme", "runtime", "threads", "batch", "interpreters")


def _rows(origin: Origin, device: str, at: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return what is stored, each as an archive's record is checked. Raises `ValueError`."""
    suite = origin.suite
    run = {"id": origin.run, "started_at": at.isoformat(), "suite": plain(suite.to_json()), "seed": suite.seed}
    run |= {"effort": suite.effort, "dataset": origin.dataset, "farm_version": origin.farm_version}
    run |= {"synthetic": all(each.synthetic for each in origin.images)}
    facts = decode("device_facts", {"device": device, "at": at.isoformat(), "facts": dict(origin.facts)})
    cases = [decode("cases", asdict(case) | {"device": device} | _UNJUDGED) for case in origin.cases]
    return {
        "runs": [decode("runs", run)],
        "artifacts": [decode("artifacts", plain(asdict(each))) for each in origin.artifacts],
        "devices": [{"name": device, "entry": {"name": device}, "last_seen_at": at, "facts": facts["facts"]}],
        "device_facts": [facts | {"run": origin.run}],
        "cases": [{key: case[key] for key in _IDENTITY} for case in cases],
    }


_UNJUDGED: dict[str, Any] = {"attempts": 0, "samples": 0, "reasons": []}


def _expect_same(session: Session, origin: Origin, device: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Refuse what contradicts the database: it would change what others measured."""
    run, (new,) = session.get(schema.Run, origin.run), rows["runs"]
    if run is not None and any(getattr(run, name) != new[name] for name in ("seed", "effort", "dataset", "synthetic")):
        raise AnswerRefused(f"{device}: what it keeps of run {origin.run} is another run than the one stored here")
    for artifact in rows["artifacts"]:
        row = session.get(schema.Artifact, artifact["sha256"])
        if row is not None and row.size_bytes != artifact["size_bytes"]:
            raise AnswerRefused(f"{device}: the artifact {row.sha256[:12]} of run {origin.run} has another size here")


def unlabelled(origin: Origin, blobs: Path, device: str) -> dict[str, dict[str, str]]:
    """Return the models whose scores can't be checked here, each with its dataset and the sha256 of the labels that are not in ``blobs``.

    Raises `AnswerRefused` where the labels are there and are those of other images.
    """
    import numpy as np

    suite, found = origin.suite, {}
    scored = {case.model for case in origin.cases if suite.is_scored(case.model) and has_scores(case.runtime)}
    for images in origin.images:
        if images.model not in scored:
            continue
        path = blobs / images.labels_sha256
        if not path.exists():
            found[images.model] = {"dataset": origin.dataset[:80], "labels": images.labels_sha256}
            continue
        try:
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        except (OSError, ValueError):
            shape = ()
        count = sum(shard.images for shard in images.shards)
        if shape != (count, len(images.classes)) or count != images.images:
            raise AnswerRefused(f"{device}: the labels of run {origin.run} do not fit its images")
    return found
