"""A run on the screen, to its end or to Ctrl-C."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from orchestrator.cli.screen.interrupts import Interrupts
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.progress import Screen
from orchestrator.cli.screen.terminal import plain
from orchestrator.cli.screen.time_left import Estimates
from orchestrator.domain import event as happened
from orchestrator.domain import run_event

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from orchestrator.domain.event import Event
    from orchestrator.store.store import Store


class _Watched:
    """What is known of a run in case it is interrupted."""

    def __init__(self, run: str | None, *, keeps_lanes: bool) -> None:
        self.run = run
        self._keeps_lanes = keeps_lanes
        #: A lane of an earlier call may run on a device that this one has not asked yet.
        self._may_run_unseen = run is not None
        self.status = 3
        #: Devices that work on their own now.
        self.at_work: dict[str, None] = {}
        self.done = 0
        #: Devices that were left to work on their own.
        self.left: tuple[str, ...] = ()

    def note(self, event: Event) -> None:
        """Take notice of an event."""
        self.run = event.run
        self._may_run_unseen &= not self.at_work
        if isinstance(event, run_event.RunEnded):
            self.status = event.exit_status
        elif isinstance(event, run_event.RunDetached):
            self.status, self.left = event.exit_status, event.devices
        elif isinstance(event, happened.LaneStarted | happened.AttemptStarted | happened.ScoringStarted):
            self.at_work[event.device or ""] = None
        elif isinstance(event, happened.LaneEnded | happened.LaneSkipped | happened.DeviceFinished):
            self.at_work.pop(event.device or "", None)
        elif isinstance(event, happened.AttemptEnded):
            self.done += 1

    def farewell(self) -> str:
        """Return what a person must know who leaves at once."""
        if self.run is None:
            return "farm: left; nothing was begun\n"
        if not self.at_work:
            if self._keeps_lanes or self._may_run_unseen:
                return f"farm: {self.interrupted(self.run)}\n"
            return f"farm: left; nothing runs on devices. Go on with: farm run --resume {self.run}\n"
        return "".join(f"farm: {line}\n" for line in still_running(self.run, self.at_work, "was left at once"))

    def interrupted(self, run: str) -> str:
        """Return what a person must know after Ctrl-C where no device is known to work on."""
        if self._keeps_lanes:
            return (
                f"detached; lanes that run on devices go on. Follow them: farm attach {run}. Stop them: farm stop {run}"
            )
        what = f"{self.done} attempts of this call are stored" if self.done else "what was measured is stored"
        unseen = f". Stop what an earlier call left on devices: farm stop {run}" if self._may_run_unseen else ""
        return f"stopped; {what}. Go on with: farm run --resume {run}{unseen}"


def still_running(run: str, devices: Mapping[str, object], why: str) -> tuple[str, ...]:
    """Return what still runs on ``devices``, how it is collected, and how it is stopped."""
    names = ", ".join(devices)
    goes = "goes on there by itself" if len(devices) == 1 else "go on there by themselves"
    return (
        f"{why}; the lane{'s' if len(devices) > 1 else ''} on {names} {goes}",
        f"follow it to its end: farm attach {run}",
        f"stop it there: farm stop {run}",
    )


def _estimates(store: Store) -> Estimates:
    """Return what asks ``store`` how long steps and builds took; without an answer there is an estimate still."""
    from orchestrator.errors import StoreError
    from orchestrator.store.step_times import StepTimes

    @cache  # the block and the lines each ask, and a query for each of hundreds of devices takes its time
    def earlier(device: str, effort: str) -> StepTimes:
        with suppress(StoreError):
            return store.step_times(device, effort)
        return StepTimes(attempts_s={}, per_image_s={})

    def builds() -> Mapping[str, float]:
        with suppress(StoreError):
            return store.build_times()
        return {}

    return Estimates(earlier=earlier, builds=builds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A run that was shown as far as its events go."""

    run: str
    exit_status: int
    #: Devices that measure on their own.
    left: tuple[str, ...]


def follow(
    events: Generator[Event, None, None], store: Store, *, resumed: str | None = None, keeps_lanes: bool = False
) -> Followed:
    """Show ``events`` to their end; ``resumed`` is the run of an earlier call that they go on with.

    Ctrl-C stops the lanes on the devices, or with ``keeps_lanes`` leaves them, keeps what is stored and raises `KeyboardInterrupt`; a
    second one leaves at once.
    Raises `StoreError` with the way to go on.
    """
    from orchestrator.errors import StoreError
    from orchestrator.runs.measure import LanesLeft

    watched = _Watched(resumed, keeps_lanes=keeps_lanes)
    chosen = output()
    screen = chosen.console
    with Interrupts(watched.farewell):
        try:
            with Screen(chosen, estimates=_estimates(store), done_steps=store.done_steps) as live:
                try:
                    for event in events:
                        watched.note(event)
                        live.show(event)
                except KeyboardInterrupt as pressed:
                    if watched.at_work and not keeps_lanes:
                        screen.print(f"stopping the lanes on {', '.join(watched.at_work)}; Ctrl-C again leaves at once")
                    events.throw(pressed)  # ends in order what is under way; raises
        except KeyboardInterrupt as pressed:
            left = dict.fromkeys(pressed.devices) if isinstance(pressed, LanesLeft) else {}
            if watched.run is not None and left:
                why = "detached" if keeps_lanes else "stopped, but not everywhere"
                for line in still_running(watched.run, left, why):
                    screen.print(plain(line), soft_wrap=True)
            elif watched.run is not None:
                screen.print(watched.interrupted(watched.run), soft_wrap=True)
            raise
        except StoreError as error:
            if watched.run is None:
                raise
            raise StoreError(
                f"run {watched.run} stopped: {error.message}",
                hint="devices keep what they measured; once the database is free or back: "
                f"farm run --resume {watched.run} (farm db replay stores what waits, and no more)",
            ) from error
    assert watched.run is not None  # noqa: S101  a run begins with its own event
    return Followed(run=watched.run, exit_status=watched.status, left=watched.left)
