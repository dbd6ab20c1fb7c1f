"""When a device is taken out of its run: it fails whatever the case."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.devices.outages import MOST_FAILURES
from orchestrator.devices.remote.journal import never_began
from orchestrator.domain.event import AttemptEnded, DamageMended, DeviceTakenOut, LaneStarted, Profiled, Scored
from orchestrator.domain.plan import Attempt
from orchestrator.errors import AgentFailed, DeviceBusy, DeviceFailing, FarmError, LaneStopped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from orchestrator.devices.outages import Outages
    from orchestrator.devices.remote.orders import LaneInputs
    from orchestrator.domain.case import Case
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Lane, Step
    from orchestrator.domain.result import Measurement

#: Errors after which a case without an attempt is skipped: nothing was measured that could be judged.
REFUSALS = (DeviceFailing, DeviceBusy, LaneStopped)


class Breaker:
    """Counts what the device of one lane fails at.

    A case that fails is a result, and counts as nothing: a runtime that refuses an artifact, a worker that is killed or takes too long.
    """

    def __init__(self, run: str, device: str, steps: Sequence[Step], inputs: LaneInputs) -> None:
        self._run, self._device, self._inputs = run, device, inputs
        #: What is checked by golden images, as (artifact, runtime), and what failed that so far.
        self._checked = {
            (artifact.sha256, step.subject.runtime)
            for step in steps
            if isinstance(step, Attempt)
            and (artifact := inputs.artifact(step)) is not None
            and artifact.golden is not None
        }
        self._wrong: Counter[tuple[str, str]] = Counter()
        self._is_right = False
        self._not_begun = 0
        self._damaged_lanes = 0
        self._damage: str | None = None
        #: A file that the device's disk changed in this run, ``None`` where there is none.
        self.damage: str | None = None

    def follow(self, event: Event | None, record: object = None) -> None:
        """Count ``event``, which ``record`` of a journal tells. Raises `DeviceFailing` where the device is to be taken out."""
        if isinstance(event, DamageMended):
            self.damage = self._damage = event.what
        elif isinstance(event, LaneStarted):
            self._damaged_lanes = self._damaged_lanes + 1 if self._damage else 0
            if self._damaged_lanes >= MOST_FAILURES:
                raise self._failing(
                    f"its disk changed files before {self._damaged_lanes} lanes in a row: {self.damage}"
                )
            self._damage = None
        elif isinstance(event, AttemptEnded | Scored | Profiled):
            self._not_begun = self._not_begun + 1 if never_began(record) else 0
            if self._not_begun >= MOST_FAILURES:
                error = getattr(record, "error", None)
                raise self._failing(f"{self._not_begun} workers in a row could not be started: {error}")
            if isinstance(event, AttemptEnded):
                self._check(event.measurement)

    def _check(self, measurement: Measurement) -> None:
        """Count golden checks: a device that computes one artifact rightly is a device that can."""
        largest, mean = measurement.golden_max_difference, measurement.golden_mean_difference
        artifact = next((each for each in self._inputs.artifacts.values() if each.sha256 == measurement.artifact), None)
        if measurement.error or largest is None or mean is None or artifact is None or artifact.golden is None:
            return
        if largest <= artifact.golden.largest and mean <= artifact.golden.mean:
            self._is_right = True
            return
        self._wrong[artifact.sha256, measurement.case.runtime] += 1
        if self._is_right or self._wrong.total() < MOST_FAILURES:
            return
        if len(self._checked) > 1 and self._wrong.keys() >= self._checked:
            raise self._failing(
                f"all its {len(self._checked)} artifacts failed the golden check: it computes other scores than the controller"
            )

    def _failing(self, why: str) -> DeviceFailing:
        return DeviceFailing(f"{self._device}: {why}", hint=next_command(self._run, self._device))


def unmeasured(lane: Lane, inputs: LaneInputs, done: Collection[str]) -> Iterator[Case]:
    """Yield the cases of ``lane`` that could be measured and have no attempt among the steps ``done``."""
    attempts = [step for step in lane.steps if isinstance(step, Attempt)]
    begun = {step.case for step in attempts if step.id in done}
    unbuilt = {step.case for step in attempts if inputs.artifact(step) is None}
    yield from (case for case in lane.cases if case not in begun | unbuilt)


def stopped_elsewhere(run: str, device: str) -> LaneStopped:
    """Return the error of a lane that another command stopped while this one followed it."""
    return LaneStopped(f"{device}: another command stopped its lane", hint=f"go on with: farm run --resume {run}")


def next_command(run: str, device: str) -> str:
    """Return what to type once a device is mended that was taken out of ``run``."""
    return f"mend it, then: farm devices check {device}, and: farm run --resume {run}"


def remember(
    outages: Outages, run: str, device: str, *, error: FarmError | None, damage: str | None = None
) -> Iterator[Event]:
    """Remember how the work for a device ended; yield the event where that takes it out of the next runs.

    A row of failures ends when a run finishes its device. What a person has to change (a key, the inventory, no Python) is no failure
    of the device's, nor is another controller that holds it.
    """
    now, outage = datetime.now(UTC), None
    with suppress(OSError):  # a disk of ours that is full costs a memory, not the run
        if isinstance(error, DeviceFailing):
            outage = outages.take_out(device, _cause(error, device), at=now)
        elif error is not None and (error.is_retried or isinstance(error, AgentFailed)):
            outage = outages.note_failure(device, _cause(error, device), at=now)
        elif error is None and damage is not None:
            outage = outages.note_failure(device, f"its disk changed {damage}", at=now)
        elif error is None:
            outages.clear(device)
    if outage is not None:
        yield DeviceTakenOut(run=run, device=device, reason=outage.reason)


def _cause(error: FarmError, device: str) -> str:
    return error.message.removeprefix(f"{device}: ")
