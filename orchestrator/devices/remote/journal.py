"""The journal of a lane, read as events."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from agent import wire
from orchestrator.analysis import auc as metrics
from orchestrator.analysis import golden
from orchestrator.devices.remote.gate import GOLDEN_BYTES, MOST_OPERATORS, unpack, unpack_samples, unpack_scores
from orchestrator.devices.remote.orders import most_samples, most_warmup
from orchestrator.domain.event import (
    AttemptEnded,
    AttemptStarted,
    Cursor,
    DeviceTuned,
    Event,
    LaneEnded,
    Profiled,
    ProfileStarted,
    Scored,
    ScoringPaused,
    ScoringStarted,
    ShardScored,
)
from orchestrator.domain.plan import Attempt, Profiling, Scoring
from orchestrator.domain.profile import Operator, Profile
from orchestrator.domain.result import Measurement, Scores
from orchestrator.domain.tuning import Tuning
from orchestrator.errors import AnswerRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from orchestrator.devices.remote.journal_lines import Recorded
    from orchestrator.devices.remote.orders import LaneInputs
    from orchestrator.domain.artifact import Artifact, ImageSet
    from orchestrator.domain.plan import Step
    from orchestrator.domain.readings import Reading

#: Of a journal: a lane tunes once, puts back once, and mends before that what a dead one left.
MOST_TUNED = 8
#: Operators follow one another, so that they take no longer than their invocation; the agent allows for clocks, too.
OPERATOR_SLACK = 1.05


def never_began(record: object) -> bool:
    """Check whether the worker of the step that ``record`` ends could not be started: no fault of the case's."""
    error = getattr(record, "error", None)
    return isinstance(error, str) and error.startswith(wire.NOT_STARTED)


def was_stopped(record: object) -> bool:
    """Check whether ``record`` ends a lane that a command stopped."""
    return isinstance(record, wire.LaneDone) and record.error == wire.STOPPED


class JournalReader:
    """Turns the journal of one lane into events."""

    def __init__(self, run: str, device: str, lane: str, steps: Sequence[Step], inputs: LaneInputs) -> None:
        self._run, self._device, self._lane = run, device, lane
        self._steps = {step.id: step for step in steps}
        self._inputs = inputs
        self._source = f"{device}: the journal of lane {lane}"
        self._seen: Counter[tuple[type, str | None, int | None]] = Counter()
        #: Scoring -> the runs that scored its shards.
        self._scored_in: defaultdict[str, set[str]] = defaultdict(set)
        #: Scoring -> place of a shard -> its scores, until the scoring is done.
        self._shards: defaultdict[str, dict[int, NDArray[np.float32]]] = defaultdict(dict)
        #: Where a controller that is started anew has to read from: behind no shard of a scoring that is not done.
        self._safe = Cursor(lane=lane, offset=-1)

    def event(self, recorded: Recorded) -> Event | None:
        """Return what a record says, or ``None`` for one that only the journal needs.

        Raises `AnswerRefused` where a record is of another step, comes again, or holds more than its step asks for.
        """
        record = recorded.record
        named = getattr(record, "id", None)
        if named is not None and named not in self._steps:
            raise AnswerRefused(f"{self._source} speaks of an unknown step {named[:80]!r}")
        counted = type(record), named, record.shard if isinstance(record, wire.ShardScored) else None
        self._seen[counted] += 1
        if self._seen[counted] > (MOST_TUNED if isinstance(record, wire.Tuned) else 1):
            raise AnswerRefused(f"{self._source} has more {type(record).__name__} than a lane writes")
        if isinstance(record, wire.ShardScored):
            return self._shard_scored(record)
        self._safe = Cursor(lane=self._lane, offset=recorded.offset)
        return self._event(recorded)

    def _event(self, recorded: Recorded) -> Event | None:
        common: dict[str, Any] = {
            "run": self._run,
            "device": self._device,
            "cursor": Cursor(lane=self._lane, offset=recorded.offset),
        }
        match recorded.record:
            case wire.StepBegan() as record:
                return _began(self._steps[record.id], common | {"at": self._at(record.at_ns)})
            case wire.AttemptDone() | wire.ScoringDone() | wire.ProfileDone() as record:
                return self._ended(record, common | {"at": self._at(record.ended_at_ns)})
            case wire.Tuned() as record:
                self._expect_tuning(record)
                return DeviceTuned(answer=record.answer, **common, at=self._at(record.at_ns))
            case wire.LaneDone() as record:
                return LaneEnded(lane=self._lane, error=_one_line(record.error), **common, at=self._at(record.at_ns))
        return None

    def _ended(
        self, record: wire.AttemptDone | wire.ScoringDone | wire.ProfileDone, common: Mapping[str, Any]
    ) -> Event:
        match record:
            case wire.AttemptDone():
                return AttemptEnded(measurement=self._measurement(record), **common)
            case wire.ScoringDone(absent=absent) if absent and record.error is None:
                return self._paused(record, common)
            case wire.ScoringDone():
                return Scored(scores=self._scores(record), **common)
            case wire.ProfileDone():
                return Profiled(profile=self._profile(record), **common)

    def _at(self, at_ns: int) -> datetime:
        return self._inputs.clock.moment(at_ns)

    def _expect_tuning(self, record: wire.Tuned) -> None:
        try:
            Tuning.from_json(record.answer)
        except ValueError as error:
            raise AnswerRefused(f"{self._source}: Tuned does not fit: {error}") from error

    def _measurement(self, record: wire.AttemptDone) -> Measurement:
        step = self._steps[record.id]
        artifact = self._inputs.artifact(step)
        if not isinstance(step, Attempt) or artifact is None:
            raise AnswerRefused(f"{self._source} has an attempt of {record.id}, which the lane does not measure")
        source = f"{self._source}: AttemptDone"
        largest, mean = _golden_difference(record, artifact, source)
        return Measurement(
            attempt=step.id,
            case=step.case,
            number=step.number,
            artifact=artifact.sha256,
            started_at=self._at(record.began_at_ns),
            ended_at=self._at(record.ended_at_ns),
            wall_ns=record.wall_ns,
            error=record.error,
            unloadable=record.unloadable,
            import_ns=record.import_ns,
            context_ns=record.context_ns,
            load_ns=record.load_ns,
            first_ns=record.first_ns,
            warmup_ns=unpack_samples(record.warmup_ns, most_warmup(step), source),
            latency_ns=unpack_samples(record.latency_ns, most_samples(step, self._inputs.effort), source),
            invocations_per_sample=record.invocations_per_sample,
            span_ns=record.span_ns,
            feed_ns=record.feed_ns,
            read_ns=record.read_ns,
            pre_ns=_per_image(record.preparations_ns, step.case.batch),
            preparations_ns=record.preparations_ns,
            clock_ns=record.clock_ns,
            loop_ns=record.loop_ns,
            peak_rss_bytes=record.peak_rss_bytes,
            readings=cast("tuple[Reading, ...]", record.readings),  # the gate made them so
            requested=record.requested,
            effective=record.effective,
            versions=record.versions,
            golden_max_difference=largest,
            golden_mean_difference=mean,
        )

    def _shard_scored(self, record: wire.ShardScored) -> Event:
        """Keep the scores of a shard. The event's cursor is that of an earlier one, so that it is shown and not stored."""
        step, images = self._scoring(record.id)
        if record.shard >= len(images.shards):
            raise AnswerRefused(f"{self._source} has scores of shard {record.shard} of {len(images.shards)}")
        shard = images.shards[record.shard]
        shape = shard.images, len(images.classes)
        scores = unpack_scores(record.scores, shape, f"{self._source}: ShardScored")
        if record.shape != shape:
            raise AnswerRefused(f"{self._source}: ShardScored has not {shape[0]} x {shape[1]} scores")
        self._shards[record.id][record.shard] = scores
        self._scored_in[record.id].add(record.run)
        return ShardScored(
            run=self._run,
            device=self._device,
            cursor=self._safe,
            at=self._at(record.at_ns),
            scoring=record.id,
            model=step.model,
            scheme=step.scheme,
            runtime=step.runtime,
            place=record.shard,
            shards=len(images.shards),
            images=shard.images,
        )

    def _paused(self, record: wire.ScoringDone, common: Mapping[str, Any]) -> Event:
        _, images = self._scoring(record.id)
        if not set(record.absent) <= set(range(len(images.shards))):
            raise AnswerRefused(f"{self._source} lacks shards that are not among {len(images.shards)}")
        self._shards.pop(record.id, None)
        return ScoringPaused(scoring=record.id, absent=record.absent, shards=len(images.shards), **common)

    def _scoring(self, name: str) -> tuple[Scoring, ImageSet]:
        step = self._steps[name]
        if not isinstance(step, Scoring) or self._inputs.artifact(step) is None:
            raise AnswerRefused(f"{self._source} has scores of {name}, which is no scoring")
        return step, self._inputs.images[step.model]

    def _scores(self, record: wire.ScoringDone) -> Scores:
        step, images = self._scoring(record.id)
        artifact = self._inputs.artifact(step)
        assert artifact is not None  # noqa: S101  `_scoring` refuses a step without one
        blocks = self._shards.pop(record.id, {})
        scores = np.empty((0, 0), "<f4")
        auc: tuple[float | None, ...] = ()
        auc_error = None
        if record.error is None:
            if len(blocks) != len(images.shards):
                raise AnswerRefused(f"{self._source} has scores of {len(blocks)} of {len(images.shards)} shards")
            scores = np.concatenate([blocks[place] for place in range(len(blocks))])
            labels = np.load(self._inputs.blobs / images.labels_sha256, allow_pickle=False)
            if labels.shape != scores.shape or len(record.auc) != labels.shape[1]:
                raise AnswerRefused(f"{self._source}: ScoringDone has not {labels.shape[1]} AUC")
            auc, auc_error = metrics.auc_per_class(labels, scores), metrics.mean_auc_error(labels, scores)
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
            scores=scores.tobytes(),
            shape=(scores.shape[0], scores.shape[1]),
            device_auc=record.auc,
            auc=auc,
            auc_error=auc_error,
            classes=images.classes,
            image_list=images.image_list,
            # shards of a lane that was cut off are of this run; of several earlier runs the oldest stands
            scored_in=min(self._scored_in.pop(record.id, set()) - {self._run, ""}, default=None),
        )

    def _profile(self, record: wire.ProfileDone) -> Profile:
        step = self._steps[record.id]
        artifact = self._inputs.artifact(step)
        if not isinstance(step, Profiling) or artifact is None:
            raise AnswerRefused(f"{self._source} has a profile of {record.id}, which is no profiling")
        _expect_accounts(record, f"{self._source}: ProfileDone")
        return Profile(
            profile=step.id,
            case=step.case,
            artifact=artifact.sha256,
            started_at=self._at(record.began_at_ns),
            ended_at=self._at(record.ended_at_ns),
            error=_one_line(record.error),
            unsupported=record.unsupported,
            invocations=record.invocations,
            interrupted=record.interrupted,
            total_ns=record.total_ns,
            quiet_ns=record.quiet_ns,
            operators=tuple(Operator(**asdict(operator)) for operator in record.operators),
            versions=record.versions or {},
        )


def _expect_accounts(record: wire.ProfileDone, source: str) -> None:
    """Raise `AnswerRefused` where operators and invocations can't be those of one profile."""
    counted_ns = sum(operator.total_ns for operator in record.operators)
    if len(record.operators) > MOST_OPERATORS:
        raise AnswerRefused(f"{source} has more than {MOST_OPERATORS} operators")
    if record.error is None and not (record.operators and record.invocations and record.total_ns):
        raise AnswerRefused(f"{source} has neither an error nor operators with times")
    if record.error is not None and record.operators:
        raise AnswerRefused(f"{source} has an error beside operators")
    if counted_ns > OPERATOR_SLACK * record.total_ns:
        raise AnswerRefused(f"{source}: operators take {counted_ns} ns of invocations of {record.total_ns} ns")


def _golden_difference(
    record: wire.AttemptDone, artifact: Artifact, source: str
) -> tuple[float, float] | tuple[None, None]:
    """Return (largest, mean) difference of the golden scores from the known ones, nothing where there are none."""
    if artifact.golden is None or not record.golden_scores:
        return None, None
    packed = unpack(record.golden_scores, GOLDEN_BYTES, source)
    if len(packed) != 4 * math.prod(record.golden_shape):
        raise AnswerRefused(f"{source}: {len(packed)} bytes of golden scores are not of shape {record.golden_shape}")
    return golden.difference(np.frombuffer(packed, "<f4").reshape(record.golden_shape), artifact.golden.scores)


def _began(step: Step, common: Mapping[str, Any]) -> Event:
    if isinstance(step, Attempt):
        return AttemptStarted(attempt=step.id, case=step.case, number=step.number, **common)
    if isinstance(step, Profiling):
        return ProfileStarted(profile=step.id, case=step.case, **common)
    return ScoringStarted(scoring=step.id, model=step.model, scheme=step.scheme, runtime=step.runtime, **common)


def _per_image(preparations_ns: Sequence[int], batch: int) -> int | None:
    return round(float(np.median(preparations_ns)) / batch) if preparations_ns else None


def _one_line(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())
