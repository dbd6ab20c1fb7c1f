"""A plan: what every device will do, in order, with what is left out and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.domain.case import Case


#: Runtimes that execute nothing and so have no accuracy.
WITHOUT_SCORES = frozenset({"null"})
#: Scheme -> the one runtime that takes its artifacts, where they are of another format than all others.
ONLY_BY = {"keras": "tensorflow", "onnx": "onnxruntime", "onnx-int8": "onnxruntime"}
#: Runtime that takes no ``.tflite`` -> scheme -> the one that has the same network for it.
INSTEAD = {"onnxruntime": {"float32": "onnx", "int8": "onnx-int8"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure. Totals are per case over all its attempts; both must be reached."""

    name: str
    attempts: int
    invocations: int
    seconds: float
    #: Warm-up of an attempt ends when steady, or after this long.
    warmup_max_s: float = 30.0
    #: Timing ends after this long even where invocations are missing.
    max_seconds: float | None = None

    @property
    def settles(self) -> bool:
        """Whether an attempt waits until the device is about as cool as when it is idle."""
        return self.seconds > 0


#: ``quick`` and ``mobile`` have the lengths of MLPerf Mobile, ``mlperf`` that of MLPerf Inference's single stream, whose
#: least number of samples is what early stopping asks for at p90; docs/methods.md has the sources.
EFFORTS: dict[str, Effort] = {
    effort.name: effort
    for effort in (
        Effort(name="smoke", attempts=1, invocations=10, seconds=0.0, warmup_max_s=1.0),
        Effort(name="quick", attempts=3, invocations=64, seconds=6.0, warmup_max_s=10.0),
        Effort(name="standard", attempts=5, invocations=128, seconds=10.0),
        Effort(name="mobile", attempts=5, invocations=1024, seconds=60.0, max_seconds=600.0),
        Effort(name="mlperf", attempts=1, invocations=64, seconds=600.0),
        Effort(name="sustained", attempts=1, invocations=64, seconds=1800.0),
    )
}
#: Attempts of ``standard`` where a comparison is asked for.
ATTEMPTS_TO_COMPARE = 7


def scheme_for(runtime: str, scheme: str) -> str:
    """Return ``scheme`` (``float32`` or ``int8``) in the format that ``runtime`` takes."""
    return INSTEAD.get(runtime, {}).get(scheme, scheme)


def effort(name: str, *, compare: bool = False, attempts: int | None = None) -> Effort:
    """Return the effort called ``name``; ``standard`` takes more attempts where its cases will be compared.

    ``attempts`` are made instead, each as long as one of the effort's own.
    """
    known = EFFORTS[name]
    if compare and name == "standard":
        known = replace(known, attempts=ATTEMPTS_TO_COMPARE)
    if attempts is None:
        return known
    ratio = attempts / known.attempts
    return replace(
        known,
        attempts=attempts,
        invocations=math.ceil(known.invocations * ratio),
        seconds=known.seconds * ratio,
        max_seconds=None if known.max_seconds is None else known.max_seconds * ratio,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One fresh process on the device that measures one case once; its id exists before it starts."""

    id: str
    case: Case
    #: 1, 2, … within the case.
    number: int

    @property
    def subject(self) -> Case:
        """What says which artifact and runtime the step is about."""
        return self.case


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """One fresh process that scores every evaluation image: once per model × scheme × batch × runtime × device."""

    id: str
    device: str
    model: str
    scheme: str
    runtime: str
    batch: int

    @property
    def subject(self) -> Scoring:
        """What says which artifact and runtime the step is about."""
        return self

    def covers(self, case: Case) -> bool:
        """Say whether this scoring is the accuracy of ``case``."""
        return (self.device, self.model, self.scheme, self.runtime, self.batch) == (
            case.device,
            case.model,
            case.scheme,
            case.runtime,
            case.batch,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """All the work of one device in one run, in order."""

    device: str
    steps: tuple[Scoring | Attempt, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases measured here, in order of first appearance."""
        return tuple(dict.fromkeys(step.case for step in self.steps if isinstance(step, Attempt)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A case that will not be measured, with the reason a person can act on."""

    case: Case
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Lanes, plus every skipped case with its reason."""

    run: str
    effort: Effort
    seed: int
    lanes: tuple[Lane, ...]
    skips: tuple[Skip, ...]
    #: Whether devices are tuned while their lanes run.
    tune: bool = False

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case that will be measured."""
        return tuple(case for lane in self.lanes for case in lane.cases)
