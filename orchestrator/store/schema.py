"""The tables; migrations make them, this only says what the code expects."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orchestrator.domain import case as domain
from orchestrator.store.column_types import UtcDateTime, Words


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own form
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        str: Words(),
        bytes: LargeBinary(),
    }


Id = String(64)


class Run(Base):
    """One `farm run`."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    #: What people call it, such as ``release-2``.
    name: Mapped[str | None] = mapped_column(Id, index=True, unique=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    suite: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    effort: Mapped[str]
    dataset: Mapped[str]
    synthetic: Mapped[bool]
    farm_version: Mapped[str]
    exit_status: Mapped[int | None]


class Device(Base):
    """A device as its inventory entry was, with its facts, when it last answered."""

    __tablename__ = "devices"

    name: Mapped[str] = mapped_column(Id, primary_key=True)
    entry: Mapped[dict[str, Any]]
    last_seen_at: Mapped[datetime]
    facts: Mapped[dict[str, Any] | None]


class DeviceFacts(Base):
    """The facts of a device at the beginning of a run."""

    __tablename__ = "device_facts"

    id: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    device: Mapped[str] = mapped_column(ForeignKey("devices.name"))
    at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]


class Artifact(Base):
    """A built ``.tflite`` with its recipe."""

    __tablename__ = "artifacts"

    sha256: Mapped[str] = mapped_column(Id, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    model: Mapped[str]
    scheme: Mapped[str]
    batch: Mapped[int]
    preprocess: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    checks: Mapped[dict[str, Any]]
    golden: Mapped[dict[str, Any] | None]


class Lane(Base):
    """How far the journal of a lane was read."""

    __tablename__ = "lanes"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    device: Mapped[str]
    number: Mapped[int]
    offset: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    error: Mapped[str | None]


class Case(Base):
    """A point of the matrix, whatever run it was measured in."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("device", "model", "scheme", "runtime", "threads", "batch", "interpreters", name="one_case"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(Text, index=True)
    model: Mapped[str]
    scheme: Mapped[str]
    runtime: Mapped[str]
    threads: Mapped[int]
    batch: Mapped[int]
    #: 0 is single-stream latency; else throughput with so many side by side
    interpreters: Mapped[int]

    def as_value(self) -> domain.Case:
        """Return the case that this row is of."""
        return domain.Case(**{field.name: getattr(self, field.name) for field in fields(domain.Case)})


class RunCase(Base):
    """A case in a run: skipped with a reason, or judged. The figures are a cache of what the samples say."""

    __tablename__ = "run_cases"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, index=True)
    skipped: Mapped[str | None]
    judged_at: Mapped[datetime | None] = mapped_column(index=True)
    artifact: Mapped[str | None] = mapped_column(ForeignKey("artifacts.sha256"))
    attempts: Mapped[int]
    samples: Mapped[int]
    verdict: Mapped[str | None]
    reasons: Mapped[list[Any]]
    #: The judged case of the same run that this one is compared with; see `orchestrator.store.case_links`.
    baseline_case_id: Mapped[int | None]
    #: Whether this is the result that counts of all that the case has.
    is_current: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        Index(
            "current_results",
            "case_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
    )


class Attempt(Base):
    """One fresh process that measured one case once."""

    __tablename__ = "attempts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    number: Mapped[int]
    artifact: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    wall_ns: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None]
    unloadable: Mapped[bool] = mapped_column(server_default=false())
    import_ns: Mapped[int | None] = mapped_column(BigInteger)
    context_ns: Mapped[int | None] = mapped_column(BigInteger)
    load_ns: Mapped[int | None] = mapped_column(BigInteger)
    first_ns: Mapped[int | None] = mapped_column(BigInteger)
    #: A sample of kind ``latency`` is the duration of so many invocations in a row.
    invocations_per_sample: Mapped[int] = mapped_column(server_default=text("1"))
    span_ns: Mapped[int | None] = mapped_column(BigInteger)
    feed_ns: Mapped[int | None] = mapped_column(BigInteger)
    read_ns: Mapped[int | None] = mapped_column(BigInteger)
    pre_ns: Mapped[int | None] = mapped_column(BigInteger)
    #: Whole numbers of ns; ``None`` for attempts that an older farm stored.
    preparations_ns: Mapped[list[Any] | None]
    clock_ns: Mapped[int | None] = mapped_column(BigInteger)
    loop_ns: Mapped[int | None] = mapped_column(BigInteger)
    peak_rss_bytes: Mapped[int | None] = mapped_column(BigInteger)
    readings: Mapped[list[Any]]
    requested: Mapped[dict[str, Any] | None]
    effective: Mapped[dict[str, Any] | None]
    versions: Mapped[dict[str, Any] | None]
    golden_max_difference: Mapped[float | None]
    golden_mean_difference: Mapped[float | None]
    #: Of the samples of kind ``latency``, in ns per invocation.
    p10_ns: Mapped[float | None]
    p50_ns: Mapped[float | None]
    count: Mapped[int] = mapped_column(server_default=text("0"))

    __table_args__ = (Index("attempts_of_a_case", "run", "case_id"),)


class Samples(Base):
    """Durations of an attempt's invocations: int64 little-endian ns, in order."""

    __tablename__ = "samples"

    attempt: Mapped[str] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    #: ``warmup`` or ``latency``
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int]
    data: Mapped[bytes]


class ImageList(Base):
    """The evaluation images of a dataset: names, numbers of patients, labels, by the hash of them all."""

    __tablename__ = "image_lists"

    sha256: Mapped[str] = mapped_column(Id, primary_key=True)
    dataset: Mapped[str]
    task: Mapped[str]
    images: Mapped[int]
    patients: Mapped[int]
    classes: Mapped[list[Any]]
    #: zlib of JSON, see `orchestrator.domain.image_list.ImageList.to_bytes`.
    data: Mapped[bytes]


class Scores(Base):
    """Every evaluation image scored on a device: float32 little-endian, row-major [images, classes]."""

    __tablename__ = "scores"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    device: Mapped[str]
    model: Mapped[str]
    scheme: Mapped[str]
    runtime: Mapped[str]
    batch: Mapped[int]
    artifact: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"))
    pixels_sha256: Mapped[str]
    labels_sha256: Mapped[str]
    wall_ns: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None]
    images: Mapped[int]
    class_count: Mapped[int]
    scores: Mapped[bytes]
    classes: Mapped[list[Any]]
    device_auc: Mapped[list[Any]]
    auc: Mapped[list[Any]]
    auc_error: Mapped[float | None]
    #: An `ImageList`; scores of an older farm have none.
    image_list: Mapped[str | None] = mapped_column(Id)
    #: An earlier run, which may be pruned since.
    scored_in: Mapped[str | None]

    __table_args__ = (Index("scores_of_a_case", "run", "device", "model", "scheme", "runtime", "batch"),)


class Profile(Base):
    """One fresh process that timed the operators of a case; its times are shares, no latencies."""

    __tablename__ = "profiles"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    artifact: Mapped[str] = mapped_column(ForeignKey("artifacts.sha256"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    error: Mapped[str | None]
    unsupported: Mapped[bool]
    invocations: Mapped[int]
    interrupted: Mapped[int]
    total_ns: Mapped[int] = mapped_column(BigInteger)
    quiet_ns: Mapped[int] = mapped_column(BigInteger)
    versions: Mapped[dict[str, Any]]


class Operator(Base):
    """One operator of a profile, by its place in the order in which they ran."""

    __tablename__ = "operators"

    profile: Mapped[str] = mapped_column(ForeignKey("profiles.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    types: Mapped[str]
    delegate: Mapped[str | None]
    median_ns: Mapped[int] = mapped_column(BigInteger)
    total_ns: Mapped[int] = mapped_column(BigInteger)


class Metric(Base):
    """A figure derived from the raw data of a case in a run, by name and in the unit its name says."""

    __tablename__ = "metrics"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[float]


class Calibration(Base):
    """How far apart a case came out on a device when it was compared with itself."""

    __tablename__ = "calibrations"

    id: Mapped[int] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime]
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    case_name: Mapped[str]
    effort: Mapped[str]
    attempts: Mapped[int]
    #: attempts on each side of a comparison
    group_size: Mapped[int]
    noise_floor: Mapped[float]
    observed: Mapped[float]
    p50_ns: Mapped[float]
    loop_ns: Mapped[int | None] = mapped_column(BigInteger)
    clock_ns: Mapped[int | None] = mapped_column(BigInteger)
    governor: Mapped[str | None]
    hardware_key: Mapped[str | None]
    seed: Mapped[int] = mapped_column(BigInteger)


class Event(Base):
    """What happened in a run, in order, without its bulk."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    device: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
