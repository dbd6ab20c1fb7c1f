"""A run on the screen, to its end or to Ctrl-C."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.cli.interrupts import Interrupts
from orchestrator.cli.output import output
from orchestrator.cli.progress import Screen
from orchestrator.cli.terminal import plain
from orchestrator.domain import event as happened

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from orchestrator.cli.time_left import Earlier
    from orchestrator.domain.event import Event
    from orchestrator.store.store import Store


class _Watched:
    """What is known of a run in case it is interrupted."""

    def __init__(self) -> None:
        self.run: str | None = None
        self.status = 3
        #: Devices that work on their own now.
        self.at_work: dict[str, None] = {}
        self.done = 0

    def note(self, event: Event) -> None:
        """Take notice of an event."""
        self.run = event.run
        if isinstance(event, happened.RunEnded):
            self.status = event.exit_status
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
            return f"farm: left; nothing runs on devices. Go on with: farm run --resume {self.run}\n"
        return "".join(f"farm: {line}\n" for line in still_running(self.run, self.at_work, "was left at once"))


def still_running(run: str, devices: Mapping[str, object], why: str) -> tuple[str, ...]:
    """Return what still runs on ``devices``, how it is collected, and how it is stopped."""
    names = ", ".join(devices)
    goes = "goes on there by itself" if len(devices) == 1 else "go on there by themselves"
    return (
        f"{why}; the lane{'s' if len(devices) > 1 else ''} on {names} {goes}",
        f"collect what is measured, and go on: farm run --resume {run}",
        f"stop it there: farm runs stop {run}",
    )


def _earlier(store: Store) -> Earlier:
    """Return what asks ``store`` how long steps took; without an answer there is an estimate still."""
    from orchestrator.errors import StoreError
    from orchestrator.store.step_times import StepTimes

    def earlier(device: str, effort: str) -> StepTimes:
        with suppress(StoreError):
            return store.step_times(device, effort)
        return StepTimes(attempts_s={}, per_image_s={})

    return earlier


def follow(events: Generator[Event, None, None], store: Store) -> tuple[str, int]:
    """Show ``events`` to their end; return the id of the run and its exit status.

    Ctrl-C stops the lanes on the devices, keeps what is stored and raises `KeyboardInterrupt`; a second one leaves at once.
    Raises `StoreError` with the way to go on.
    """
    from orchestrator.errors import StoreError
    from orchestrator.runs.measure import LanesLeft

    watched = _Watched()
    chosen = output()
    screen = chosen.console
    with Interrupts(watched.farewell):
        try:
            with Screen(chosen, earlier=_earlier(store), done_steps=store.done_steps) as live:
                try:
                    for event in events:
                        watched.note(event)
                        live.show(event)
                except KeyboardInterrupt as pressed:
                    if watched.at_work:
                        screen.print(f"stopping the lanes on {', '.join(watched.at_work)}; Ctrl-C again leaves at once")
                    events.throw(pressed)  # ends in order what is under way; raises
        except KeyboardInterrupt as pressed:
            left = dict.fromkeys(pressed.devices) if isinstance(pressed, LanesLeft) else {}
            if watched.run is not None and left:
                for line in still_running(watched.run, left, "stopped, but not everywhere"):
                    screen.print(plain(line), soft_wrap=True)
            elif watched.run is not None:
                what = (
                    f"{watched.done} attempts of this call are stored"
                    if watched.done
                    else "what was measured is stored"
                )
                screen.print(f"stopped; {what}. Go on with: farm run --resume {watched.run}", soft_wrap=True)
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
    return watched.run, watched.status
