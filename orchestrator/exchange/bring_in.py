"""A run of an archive stored here, all of it or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from orchestrator.config.inventory_schema import NAME
from orchestrator.errors import ArchiveError, StoreError, UnknownName, UsageError
from orchestrator.exchange import unpack
from orchestrator.exchange.contents import IDENTITY, Contents, devices, differing
from orchestrator.exchange.records import CASE
from orchestrator.exchange.stored import StoredRun
from orchestrator.store import case_links, schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from orchestrator.exchange.unpack import Archive
    from orchestrator.store.store import Store

_BATCH = 500
#: Kinds whose records are rows as they are, with the run's id where the table has that column.
_PLAIN = (schema.DeviceFacts, schema.Lane, schema.Calibration, schema.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    run: str
    #: Whether the run was not there before; if it was, nothing changed.
    new: bool
    cases: int
    attempts: int
    scorings: int
    #: The run's name, where another run here has it: the import leaves it out.
    name_taken: str | None
    #: Devices of the archive by the names they have here.
    devices: Mapping[str, str]


def bring_in(store: Store, path: Path, *, rename: Mapping[str, str] | None = None, prefix: str = "") -> Imported:
    """Verify the archive at ``path`` and store its run in one transaction.

    ``rename`` gives devices other names here, ``prefix`` begins the names of all others. Raises `ArchiveError` where
    anything of it does not fit, or contradicts what is stored; then nothing is stored.
    """
    with unpack.opened(path) as archive:
        keys = devices(archive)
        names = _names(keys, rename or {}, prefix)
        contents = Contents(archive, names)
        try:
            with store.writing() as session:
                if session.get(schema.Run, contents.run) is not None:
                    _expect_same(contents, session)
                    return _outcome(contents, names, new=False)
                _expect_same_hardware(session, {names[name]: key for name, key in keys.items()}, archive)
                taken = _Insertion(session, contents).insert()
        except StoreError as error:
            raise StoreError(f"nothing is imported: {error.message}", hint=error.hint) from error
        return _outcome(contents, names, new=True, name_taken=taken)


def _names(found: Iterable[str], rename: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return what each device of the archive is called here."""
    present = sorted(found)
    for old in rename:
        if old not in present:
            raise UnknownName("device in the archive", old, present)
    names = {name: rename.get(name, prefix + name) for name in present}
    for old, name in names.items():
        if name != old and not NAME.fullmatch(name):
            raise UsageError(
                f"{name[:80]!r} can't be the name of a device", hint="letters, digits, dots, dashes: lab2-pi5"
            )
    if len(set(names.values())) < len(names):
        raise UsageError("two devices of the archive would get the same name", hint="name each: --rename OLD=NEW")
    return names


def _expect_same(contents: Contents, session: Session) -> None:
    kinds = differing(contents, StoredRun(session, contents.run))
    if kinds:
        raise ArchiveError(
            f"{contents.source}: the database has a run {contents.run} with other content: {', '.join(kinds)} differ",
            hint="was it judged again, pruned, or imported under other names (--rename)? Nothing is changed",
        )


def _expect_same_hardware(session: Session, keys: Mapping[str, str | None], archive: Archive) -> None:
    """Refuse a device that another machine has the name of here: its results would be mixed with that one's."""
    for name, key in keys.items():
        facts = [*session.scalars(select(schema.Device.facts).where(schema.Device.name == name))]
        facts += session.scalars(select(schema.DeviceFacts.facts).where(schema.DeviceFacts.device == name))
        here = {each["hardware_key"] for each in facts if each and each.get("hardware_key")}
        if key is not None and here and key not in here:
            raise ArchiveError(
                f"{archive.source}: its device {name} is another machine than the one of that name here",
                hint=f"import it under another name: --rename {name}=OTHER, or --prefix lab2- for all",
            )


def _outcome(contents: Contents, names: Mapping[str, str], *, new: bool, name_taken: str | None = None) -> Imported:
    return Imported(
        run=contents.run,
        new=new,
        cases=len(contents.cases),
        attempts=sum(1 for _ in contents.archive.objects("attempts")),
        scorings=sum(1 for _ in contents.archive.objects("scores")),
        name_taken=name_taken,
        devices=names,
    )


class _Insertion:
    """Writes the rows of a run that the database does not have."""

    def __init__(self, session: Session, contents: Contents) -> None:
        self._session = session
        self._contents = contents

    def insert(self) -> str | None:
        """Write everything; return the run's name where another one has it."""
        taken = self._run()
        self._artifacts()
        self._image_lists()
        self._devices()
        for table in _PLAIN:
            self._add(table, (self._of_run(each) for each in self._contents.records(table.__tablename__)))
        ids = self._cases()
        self._attempts(ids)
        self._profiles(ids)
        judged = [
            (self._contents.run, id_) for id_, case in zip(ids, self._contents.cases, strict=True) if case["judged_at"]
        ]
        case_links.refresh(self._session.connection(), judged)
        self._add(schema.Scores, (self._of_run(each) for each in self._contents.records("scores")))
        self._session.flush()
        return taken

    def _run(self) -> str | None:
        (run,) = self._contents.records("runs")
        name = run.get("name")
        taken = name is not None and self._session.scalars(select(schema.Run.id).where(schema.Run.name == name)).first()
        self._add(schema.Run, [run | {"name": None} if taken else run])
        return name if taken else None

    def _artifacts(self) -> None:
        for artifact in self._contents.records("artifacts"):
            row = self._session.get(schema.Artifact, artifact["sha256"])
            if row is None:
                self._add(schema.Artifact, [artifact])
            elif row.size_bytes != artifact["size_bytes"]:
                raise ArchiveError(
                    f"{self._contents.source}: the artifact {row.sha256[:12]} has {artifact['size_bytes']} bytes there, "
                    f"{row.size_bytes} here"
                )

    def _image_lists(self) -> None:
        for images in self._contents.image_lists():
            if self._session.get(schema.ImageList, images.sha256) is None:
                row: dict[str, Any] = {"sha256": images.sha256, "dataset": images.dataset, "task": images.task}
                row |= {"images": len(images.names), "patients": images.patient_count, "classes": list(images.classes)}
                self._add(schema.ImageList, [row | {"data": images.packed()}])

    def _devices(self) -> None:
        """Make a row of each device that is new here; where it is and how it is reached is no part of an archive."""
        for facts in self._contents.records("device_facts"):
            row = self._session.get(schema.Device, facts["device"])
            if row is None:
                entry = {"name": facts["device"]}
                self._session.add(
                    schema.Device(name=facts["device"], entry=entry, last_seen_at=facts["at"], facts=facts["facts"])
                )
            elif row.entry == {"name": row.name} and row.last_seen_at < facts["at"]:
                row.last_seen_at, row.facts = facts["at"], facts["facts"]
            self._session.flush()

    def _cases(self) -> list[int]:
        """Return the ids of the cases in the archive's order."""
        ids, run_cases, metrics = [], [], []
        for each in self._contents.cases:
            identity = {name: each[name] for name in IDENTITY}
            row = self._session.scalars(select(schema.Case).filter_by(**identity)).one_or_none()
            if row is None:
                row = schema.Case(**identity)
                self._session.add(row)
                self._session.flush()
            ids.append(row.id)
            rest = {key: value for key, value in each.items() if key not in (*IDENTITY, "figures")}
            run_cases.append(rest | {"run": self._contents.run, "case_id": row.id})
            metrics += [
                {"run": self._contents.run, "case_id": row.id, "name": name, "value": value}
                for name, value in each["figures"].items()
            ]
        self._add(schema.RunCase, run_cases)
        self._add(schema.Metric, metrics)
        return ids

    def _attempts(self, ids: list[int]) -> None:
        for batch in _batches(self._contents.records("attempts")):
            samples = [
                {"attempt": each["id"], "kind": kind, "count": len(data) // 8, "data": data}
                for each in batch
                for kind in ("warmup", "latency")
                if (data := each.pop(kind)) is not None
            ]
            for each in batch:
                each |= {"run": self._contents.run, "case_id": ids[each.pop(CASE)]}
            self._add(schema.Attempt, batch)
            self._add(schema.Samples, samples)

    def _profiles(self, ids: list[int]) -> None:
        for each in self._contents.records("profiles"):
            operators = [operator | {"profile": each["id"]} for operator in each.pop("operators")]
            self._add(schema.Profile, [self._of_run({"case_id": ids[each.pop(CASE)]} | each)])
            self._add(schema.Operator, operators)

    def _of_run(self, record: dict[str, Any]) -> dict[str, Any]:
        return record | {"run": self._contents.run}

    def _add(self, table: type[schema.Base], rows: Iterable[dict[str, Any]]) -> None:
        for batch in _batches(rows):
            self._session.execute(insert(table), batch)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
