"""A plan: what every device will do in order, what is skipped for which reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.case import Case
    from orchestrator.domain.effort import Effort


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiling:
    """One fresh process that times the operators of a case, after every attempt of its lane."""

    id: str
    case: Case

    @property
    def subject(self) -> Case:
        """What says which artifact and runtime the step is about."""
        return self.case


#: What a lane does, one fresh process each.
Step = Scoring | Attempt | Profiling


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """All the work of one device in one run, in order."""

    device: str
    steps: tuple[Step, ...]

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
class Transfer:
    """What a device would be sent, beside the agent and wheels of a runtime."""

    total_bytes: int
    #: Of `total_bytes`.
    image_bytes: int
    #: Pixels of images that are not packed yet: the most that they can take.
    unpacked_bytes: int
    #: Artifacts that are not built yet.
    unbuilt: int


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
    #: Of a plan that is shown, not carried out: what each device would be sent.
    transfers: Mapping[str, Transfer] = field(default_factory=dict)
    #: Of such a plan: artifacts that are not built yet.
    unbuilt: int = 0

    def without(self, done: frozenset[str]) -> Plan:
        """Return the plan of what is left to do; ``done`` are ids of steps."""
        if not done:
            return self
        left = [replace(lane, steps=tuple(step for step in lane.steps if step.id not in done)) for lane in self.lanes]
        return replace(self, lanes=tuple(lane for lane in left if lane.steps))

    def skipping(self, skips: Sequence[Skip]) -> Plan:
        """Return the plan without the cases of ``skips`` and what is done for them alone; they are added to its own."""
        if not skips:
            return self
        skipped = {skip.case for skip in skips}
        lanes = []
        for lane in self.lanes:
            left = [case for case in lane.cases if case not in skipped]
            scored = {(case.model, case.scheme, case.runtime, case.batch) for case in left}
            steps = tuple(
                step
                for step in lane.steps
                if (
                    (step.model, step.scheme, step.runtime, step.batch) in scored
                    if isinstance(step, Scoring)
                    else step.case not in skipped
                )
            )
            lanes.append(replace(lane, steps=steps))
        return replace(self, lanes=tuple(lane for lane in lanes if lane.steps), skips=(*self.skips, *skips))

    @property
    def devices(self) -> frozenset[str]:
        """The devices that the plan is about: those with a lane, those with nothing but skips."""
        return frozenset((*(lane.device for lane in self.lanes), *(skip.case.device for skip in self.skips)))

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case that will be measured."""
        return tuple(case for lane in self.lanes for case in lane.cases)
