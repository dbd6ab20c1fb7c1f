"""The lanes of a run, carried out on their devices side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.devices.fleet import for_each
from orchestrator.domain.event import CaseSkipped, DeviceFinished, LaneSkipped
from orchestrator.errors import StoreUnavailable
from orchestrator.runs.breaker import remember
from orchestrator.runs.crash import contained
from orchestrator.runs.executors.threads import StageThreads
from orchestrator.runs.judge import together
from orchestrator.runs.probe import Probed, probe_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.domain.case import Case
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.result import Verdict
    from orchestrator.runs.context import DeviceStage, RunContext, Stage
    from orchestrator.runs.recorder import Recorder
    from orchestrator.runs.walk import LaneWalk
    from orchestrator.runs.waves import Waves

    #: Judges a device by its name, without the cases given.
    Judge = Callable[[str, frozenset[Case]], Iterator[Event]]
    #: What a thread of a device brings: events, one or several, or what the device answered.
    Happened = Event | tuple[Event, ...] | Probed


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResults:
    """What became of the devices of a run."""

    #: Names of those that did not finish their lanes.
    failed: frozenset[str]
    #: Names of those that were left to work on their own.
    left: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


#: So long after the first useful answer the first plan waits for the other devices; a later one for those that answer with it.
FIRST_PLAN_S = 2.0
LATER_PLAN_S = 1.0


class Answers:
    """What devices answered that have no plan yet."""

    def __init__(self, asked: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked = asked
        self._plan_at: float | None = None
        self._may_wait_s = FIRST_PLAN_S
        self.waiting: list[Probed] = []

    def note(self, happened: Sequence[Happened]) -> None:
        """Take note of the answers in what ``happened``."""
        answers = [item for item in happened if isinstance(item, Probed)]
        self._asked -= len(answers)
        self.waiting += answers
        if self._plan_at is None and any(answer.error is None for answer in answers):
            self._plan_at = self._clock() + self._may_wait_s

    @property
    def wait_s(self) -> float | None:
        """How long to wait for more of them: ``None`` where there is nothing to plan before they come."""
        return None if self._plan_at is None else max(0.0, self._plan_at - self._clock())

    @property
    def are_due(self) -> bool:
        """Whether those that are there are planned without waiting for others."""
        return bool(self.waiting) and (
            not self._asked or (self._plan_at is not None and self._clock() >= self._plan_at)
        )

    def take(self) -> list[Probed]:
        """Return them, once."""
        taken, self.waiting = self.waiting, []
        self._plan_at, self._may_wait_s = None, LATER_PLAN_S
        return taken


class LanesLeft(KeyboardInterrupt):
    """Ctrl-C ended a run; the lanes on ``devices`` go on: they could not be stopped, or were to be left alone."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        super().__init__()
        self.devices = devices


@dataclass(slots=True, kw_only=True)
class _Ends:
    """How the work for each device ended."""

    failed: set[str] = field(default_factory=set)
    #: Devices to be judged, each with those of its cases that are skipped.
    finished: list[tuple[str, frozenset[Case]]] = field(default_factory=list)
    skipped: dict[str, set[Case]] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Take note of what happened."""
        name = event.device or ""
        if isinstance(event, LaneSkipped):
            self.failed.add(name)
        elif isinstance(event, CaseSkipped):
            self.skipped.setdefault(name, set()).add(event.case)
        elif isinstance(event, DeviceFinished):
            self.finished.append((name, frozenset(self.skipped.get(name, ()))))


def measure(context: RunContext, devices: Sequence[Device], waves: Waves, recorder: Recorder) -> Stage[MeasureResults]:
    """Ask all ``devices``, then run their lanes, side by side: a device that answers late, or never, delays no other.

    A device is judged as soon as it is finished, or later when ``recorder`` has the database back. Whoever stops listening (Ctrl-C,
    a full disk) stops the lanes on their devices too, unless the context keeps them. Raises `LanesLeft` for a `KeyboardInterrupt`.
    """
    threads: StageThreads[Happened] = StageThreads()
    threads.add([partial(_asked, context, device) for device in devices])
    answers = Answers(len(devices))
    walks: list[LaneWalk] = []
    ends = _Ends()
    finished = ends.finished
    verdicts: list[Verdict] = []
    is_done = False
    try:
        while threads.is_running or answers.waiting:
            happened = threads.take(answers.wait_s)
            answers.note(happened)
            events = _events_of(happened)
            if events:
                yield events
                context.commits.note(events)
            for event in events:
                ends.note(event)
            if answers.are_due:
                wave = yield from waves.begin(answers.take())
                walks += wave
                threads.add([partial(_lanes, context, wave)] if wave else [])
            if finished and not recorder.is_away:
                verdicts += yield from _judged(finished, waves.judge, recorder)
        is_done = True
        while finished:
            back = recorder.wait(context.patience_s)
            if back is not None:
                yield back
            verdicts += yield from _judged(finished, waves.judge, recorder)
    except KeyboardInterrupt as pressed:
        is_done = True
        raise LanesLeft(_stop(context, walks)) from pressed
    finally:
        if not is_done:
            _stop(context, walks)
    left = tuple(walk.work.device.name for walk in walks if walk.has_left)
    return MeasureResults(failed=frozenset(ends.failed), left=left, verdicts=tuple(verdicts))


def _asked(context: RunContext, device: Device) -> Iterator[Happened]:
    """Yield what happens while a device is asked, then what it answered."""
    probed = yield from probe_one(context, device)
    yield probed


def _lanes(context: RunContext, walks: Sequence[LaneWalk]) -> Iterator[Happened]:
    yield from context.run_parallel([partial(_events, context, walk) for walk in walks])


def _events_of(happened: Sequence[Happened]) -> tuple[Event, ...]:
    """Return the events among what ``happened``, those of executors too that come several at once."""
    several = [item if isinstance(item, tuple) else (item,) for item in happened if not isinstance(item, Probed)]
    return tuple(event for some in several for event in some)


def _judged(
    finished: list[tuple[str, frozenset[Case]]], judge: Judge, recorder: Recorder
) -> Stage[tuple[Verdict, ...]]:
    """Judge the devices that ``finished`` names, which leave it; those stay that a lost database leaves unjudged."""

    def events() -> Iterator[Event]:
        while finished:
            try:
                yield from judge(*finished[0])
            except StoreUnavailable as error:
                if not recorder.is_away:
                    yield recorder.lose(error)
                break
            del finished[0]

    return (yield from together(events()))


def _events(context: RunContext, walk: LaneWalk) -> DeviceStage[None]:
    name = walk.work.device.name
    yield from contained(context.run, name, context.state, walk.events())
    if walk.is_over:
        yield from remember(context.outages, context.run, name, error=walk.failure, damage=walk.damage)
    if not walk.has_left:
        yield DeviceFinished(run=context.run, device=name)


def _stop(context: RunContext, walks: Sequence[LaneWalk]) -> tuple[str, ...]:
    """Stop the lanes on their devices, unless ``context`` keeps them; return the devices whose lanes go on.

    A device that can't be reached now goes on by itself; ``farm run --resume`` collects what it does.
    """
    lanes = {walk.work.device.name: walk.cancel() for walk in walks}
    if context.keeps_lanes:
        return tuple(name for name, lane in lanes.items() if lane is not None)
    by_name = {walk.work.device.name: walk for walk in walks}

    def stop_one(device: Device) -> bool:
        lane = lanes[device.name]
        return lane is not None and by_name[device.name].stop(lane)

    outcomes = for_each([walk.work.device for walk in walks], stop_one)
    return tuple(outcome.device.name for outcome in outcomes if outcome.error is not None)
