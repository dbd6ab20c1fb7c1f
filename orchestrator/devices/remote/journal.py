"""The journal of a lane, read as events."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import packing, wire
from orchestrator.analysis import auc as metrics
from orchestrator.analysis import golden
from orchestrator.devices.remote.sanitize import sanitize_facts
from orchestrator.domain.event import (
    AttemptEnded,
    AttemptStarted,
    Cursor,
    DeviceTuned,
    Event,
    LaneEnded,
    Scored,
    ScoringStarted,
)
from orchestrator.domain.plan import Attempt, Scoring
from orchestrator.domain.result import Measurement, Scores
from orchestrator.domain.samples import Samples
from orchestrator.domain.tuning import Tuning
from orchestrator.errors import AgentFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.devices.remote.orders import LaneInputs, Step
    from orchestrator.domain.artifact import Artifact

_DURATIONS = (
    *(
        "wall_ns",
        "import_ns",
        "context_ns",
        "load_ns",
        "first_ns",
        "span_ns",
        "feed_ns",
        "read_ns",
        "clock_ns",
        "loop_ns",
    ),
    "peak_rss_bytes",
)
#: What databases keep.
_LARGEST = 1 << 63
_MOST_SETTINGS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A journal record, with the offset in bytes right behind it."""

    record: Any
    offset: int


class JournalReader:
    """Turns the journal of one lane into events."""

    def __init__(self, run: str, device: str, lane: str, steps: Sequence[Step], inputs: LaneInputs) -> None:
        self._run, self._device, self._lane = run, device, lane
        self._steps = {step.id: step for step in steps}
        self._inputs = inputs

    def event(self, recorded: Recorded) -> Event | None:
        """Return what a record says, or ``None`` for one that only the journal needs.

        Raises `AgentFailed` where a record speaks of something that was never ordered, or makes no sense: a device is
        believed its numbers, not trusted with our process.
        """
        named = getattr(recorded.record, "id", None)
        if named is not None and named not in self._steps:
            raise AgentFailed(f"{self._device}: the journal of lane {self._lane} speaks of an unknown step {named!r}")
        try:
            return self._event(recorded)
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
            zlib.error,
        ) as error:
            kind = type(recorded.record).__name__
            raise AgentFailed(
                f"{self._device}: the journal of lane {self._lane} has a {kind} that makes no sense: {error}"
            ) from error

    def _event(self, recorded: Recorded) -> Event | None:
        common: dict[str, Any] = {
            "run": self._run,
            "device": self._device,
            "cursor": Cursor(lane=self._lane, offset=recorded.offset),
        }
        match recorded.record:
            case wire.StepBegan() as record:
                return _began(self._steps[record.id], common | {"at": _utc(record.at_ns)})
            case wire.AttemptDone() as record:
                at = _utc(record.ended_at_ns)
                return AttemptEnded(measurement=self._measurement(record), **common, at=at)
            case wire.ScoringDone() as record:
                return Scored(scores=self._scores(record), **common, at=_utc(record.ended_at_ns))
            case wire.Tuned() as record:
                answer = sanitize_facts(record.answer)
                Tuning.from_json(answer)
                return DeviceTuned(answer=answer, **common, at=_utc(record.at_ns))
            case wire.LaneDone() as record:
                return LaneEnded(lane=self._lane, error=record.error, **common, at=_utc(record.at_ns))
        return None

    def _measurement(self, record: wire.AttemptDone) -> Measurement:
        step = self._steps[record.id]
        artifact = self._inputs.artifact(step)
        assert isinstance(step, Attempt)  # noqa: S101  a journal answers our own order
        assert artifact is not None  # noqa: S101
        _refuse_nonsense(record)
        largest, mean = _golden_difference(record, artifact)
        return Measurement(
            attempt=step.id,
            case=step.case,
            number=step.number,
            artifact=artifact.sha256,
            started_at=_utc(record.began_at_ns),
            ended_at=_utc(record.ended_at_ns),
            wall_ns=record.wall_ns,
            error=record.error,
            unloadable=record.unloadable,
            import_ns=record.import_ns,
            context_ns=record.context_ns,
            load_ns=record.load_ns,
            first_ns=record.first_ns,
            warmup_ns=Samples(packing.unpack_bytes(record.warmup_ns)),
            latency_ns=Samples(packing.unpack_bytes(record.latency_ns)),
            invocations_per_sample=record.invocations_per_sample,
            span_ns=record.span_ns,
            feed_ns=record.feed_ns,
            read_ns=record.read_ns,
            clock_ns=record.clock_ns,
            loop_ns=record.loop_ns,
            peak_rss_bytes=record.peak_rss_bytes,
            readings=record.readings,
            requested=_said(record.requested),
            effective=_said(record.effective),
            versions=_said(record.versions),
            golden_max_difference=largest,
            golden_mean_difference=mean,
        )

    def _scores(self, record: wire.ScoringDone) -> Scores:
        step = self._steps[record.id]
        artifact = self._inputs.artifact(step)
        assert isinstance(step, Scoring)  # noqa: S101  a journal answers our own order
        assert artifact is not None  # noqa: S101
        _refuse_no_words(record)
        _refuse_no_duration("wall_ns", record.wall_ns)
        images = self._inputs.images[step.model]
        scores = packing.unpack_bytes(record.scores)
        auc: tuple[float | None, ...] = ()
        auc_error = None
        if record.error is None:
            labels = np.load(self._inputs.blobs / images.labels_sha256, allow_pickle=False)
            values = np.frombuffer(scores, dtype="<f4").reshape(record.shape)
            _refuse_no_scores(values, record.auc)
            auc, auc_error = metrics.auc_per_class(labels, values), metrics.mean_auc_error(labels, values)
        return Scores(
            scoring=step.id,
            device=step.device,
            model=step.model,
            scheme=step.scheme,
            runtime=step.runtime,
            batch=step.batch,
            artifact=artifact.sha256,
            pixels_sha256=images.pixels_sha256,
            labels_sha256=images.labels_sha256,
            wall_ns=record.wall_ns,
            error=record.error,
            scores=scores,
            shape=record.shape,
            device_auc=record.auc,
            auc=auc,
            auc_error=auc_error,
            classes=images.classes,
        )


def _refuse_nonsense(record: wire.AttemptDone) -> None:
    """Raise `ValueError` where a number is none, or one that nobody could have measured: figures are made of them later."""
    _refuse_no_words(record)
    per_sample = record.invocations_per_sample
    if type(per_sample) is not int or not 0 < per_sample < _LARGEST:
        raise ValueError(f"{per_sample!r} invocations per sample")
    for name in _DURATIONS:
        _refuse_no_duration(name, getattr(record, name))
    if any(value < 0 for packed in (record.latency_ns, record.warmup_ns) for value in packing.unpack_ints(packed)):
        raise ValueError("a sample is shorter than nothing")


def _refuse_no_duration(name: str, value: object) -> None:
    if value is not None and (type(value) is not int or not 0 <= value < _LARGEST):
        raise ValueError(f"{name} is {value!r}")


def _refuse_no_words(record: wire.AttemptDone | wire.ScoringDone) -> None:
    if not isinstance(record.error, str | None) or not isinstance(record.unloadable, bool):
        raise ValueError(f"its error is {str(record.error)[:80]!r}, unloadable {str(record.unloadable)[:80]!r}")  # noqa: TRY004


def _refuse_no_scores(scores: NDArray[np.float32], auc: Sequence[object]) -> None:
    if not np.isfinite(scores).all():
        raise ValueError("a score is no finite number")
    if not all(value is None or (type(value) in (int, float) and 0 <= value <= 1) for value in auc):  # type: ignore[operator]
        raise ValueError("an AUC is not within 0 and 1")


def _said(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a device says of settings, made harmless; ``None`` is an answer there, too."""
    if said is None:
        return None
    return sanitize_facts(said) | {
        str(name): None for name, value in list(said.items())[:_MOST_SETTINGS] if value is None
    }


def _golden_difference(record: wire.AttemptDone, artifact: Artifact) -> tuple[float, float] | tuple[None, None]:
    """Return (largest, mean) difference of the golden scores from the known ones, nothing where there are none."""
    if artifact.golden is None or not record.golden_scores:
        return None, None
    scores = np.frombuffer(packing.unpack_bytes(record.golden_scores), dtype="<f4").reshape(record.golden_shape)
    return golden.difference(scores, artifact.golden.scores)


def _began(step: Step, common: Mapping[str, Any]) -> Event:
    if isinstance(step, Attempt):
        return AttemptStarted(attempt=step.id, case=step.case, number=step.number, **common)
    return ScoringStarted(scoring=step.id, model=step.model, scheme=step.scheme, runtime=step.runtime, **common)


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / 1e9, UTC)


def records(chunks: Iterable[bytes], offset: int) -> Iterator[Recorded]:
    """Yield the records in what ``follow`` prints from ``offset`` on; raises `ValueError` for a torn or altered line."""
    pending = b""
    in_journal = False
    for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if not in_journal:
                in_journal = line.strip() == wire.JOURNAL_MARK  # all before it is a login shell's noise
                continue
            offset += len(line) + 1
            yield Recorded(record=wire.decode_line(line + b"\n"), offset=offset)
