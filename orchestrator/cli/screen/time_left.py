"""How long a lane takes: estimated from earlier results, then from what its finished steps took."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from orchestrator.domain.plan import Attempt, Scoring
from orchestrator.domain.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from orchestrator.domain.effort import Effort
    from orchestrator.domain.plan import Lane, Step
    from orchestrator.store.step_times import StepTimes

    #: Given a device and the name of an effort, returns what steps took there before.
    Earlier = Callable[[str, str], StepTimes]
    #: Returns by model what building one of its artifacts took before, in seconds.
    EarlierBuilds = Callable[[], Mapping[str, float]]

#: Of a process that measures, beside its timed invocations: start, load, the shortest warm-up, the golden check.
AROUND_AN_ATTEMPT_S = 1.5
#: Between two steps of a lane: the journal, the next process.
BETWEEN_STEPS_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """What steps that were not carried out yet will take, as far as it can be known."""

    #: ``None`` where there is no database to ask.
    earlier: Earlier | None = None
    #: Images that a scoring scores.
    images: int | None = None
    #: ``None`` where there is no database to ask.
    builds: EarlierBuilds | None = None

    def steps_s(self, lane: Lane, effort: Effort) -> list[float | None]:
        """Return the seconds of each step of ``lane``; ``None`` for scorings of what was never scored there."""
        before = self.earlier(lane.device, effort.name) if self.earlier else None
        attempts_s = dict(before.attempts_s) if before else {}
        usual_s = fmean(attempts_s.values()) if attempts_s else effort.seconds / effort.attempts + AROUND_AN_ATTEMPT_S

        def step_s(step: Step) -> float | None:
            if not isinstance(step, Scoring):
                return attempts_s.get(step.case, usual_s) + BETWEEN_STEPS_S
            key = (step.model, step.scheme, step.runtime, step.batch)
            per_image_s = before.per_image_s.get(key) if before else None
            return None if per_image_s is None or self.images is None else per_image_s * self.images + BETWEEN_STEPS_S

        return [step_s(step) for step in lane.steps]

    def words(self, lane: Lane, effort: Effort) -> str:
        """Return ``4 cases × 5 attempts ≈ 1 min 10 s on local``, with what is not part of the estimate."""
        steps_s = self.steps_s(lane, effort)
        cases, attempts = len(lane.cases), sum(isinstance(step, Attempt) for step in lane.steps)
        each, rest = divmod(attempts, cases or 1)
        what = f"{_count(cases, 'case')} × {_count(each, 'attempt')}"
        if rest:
            what = f"{_count(attempts, 'attempt')} of {_count(cases, 'case')}"
        unknown = steps_s.count(None)
        left_out = f", and {_count(unknown, 'scoring')} of {_images(self.images)}" if unknown else ""
        return f"{what} ≈ {_exact(sum(filter(None, steps_s)))} on {lane.device}{left_out}"

    def build_words(self, count: int, models: Collection[str]) -> str:
        """Return ``+ building 4 artifacts ≈ 3 min 10 s``, in words alone where no earlier run built an artifact of each model."""
        what = f"+ building {_count(count, 'artifact')}"
        took_s = self.builds() if self.builds else {}
        if not models or not took_s.keys() >= set(models):
            return f"{what}; with TensorFlow some take minutes"
        return f"{what} ≈ {_exact(count * fmean(took_s[model] for model in models))}"


class TimeLeft:
    """Estimates the rest of one lane; what steps of it took counts more than what was expected of them."""

    def __init__(self, lane: Lane, effort: Effort, estimates: Estimates | None = None) -> None:
        self._left = [type(step) for step in lane.steps]
        self._took_s: dict[type[Step], list[float]] = {}
        self._expected_s: dict[type[Step], list[float]] = {}
        for step, seconds in zip(lane.steps, (estimates or Estimates()).steps_s(lane, effort), strict=True):
            if seconds is not None:
                self._expected_s.setdefault(type(step), []).append(seconds)
        self._since: datetime | None = None

    def begin(self, at: datetime) -> None:
        """Begin to count: the device works from here on."""
        self._since = at

    def end(self, kind: type[Step], at: datetime) -> None:
        """Take a step off what is left, with what it took since the one before."""
        if self._since is not None:
            self._took_s.setdefault(kind, []).append((at - self._since).total_seconds())
        self._since = at
        if kind in self._left:
            self._left.remove(kind)

    def words(self) -> str:
        """Return ``about 40 s left``; empty where it is not known yet, or nothing is left."""
        steps_s = [self._step_s(kind) for kind in self._left]
        if self._since is None or not steps_s or None in steps_s:
            return ""
        return f"about {_rough(sum(filter(None, steps_s)))} left"

    def _step_s(self, kind: type[Step]) -> float | None:
        like = () if kind is Scoring else (Attempt,)  # a profile takes about what an attempt does
        known = [
            each for took in (self._took_s, self._expected_s) for name in (kind, *like) if (each := took.get(name))
        ]
        return fmean(known[0]) if known else None


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _images(images: int | None) -> str:
    return "all images" if images is None else _count(images, "image")


def _exact(seconds: float) -> str:
    """Return a duration as an estimate of it is written: ``1 min 10 s``."""
    fives = max(5, round(seconds / 5) * 5)
    return f"{fives} s" if fives < 60 else format_seconds(fives)


def _rough(seconds: float) -> str:
    """Return a duration that is no more exact than what is left is known: ``40 s``, ``12 min``."""
    if seconds < 57.5:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else format_seconds(minutes * 60.0)
