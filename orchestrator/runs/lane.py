"""The lane of one device, run to its end whatever the network does."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.devices.remote.journal import JournalReader, was_stopped
from orchestrator.devices.remote.orders import longest_line_bytes, order_of
from orchestrator.devices.remote.push import push
from orchestrator.devices.remote.silence import SilenceLimit, lane_limit_s
from orchestrator.domain.event import (
    CaseSkipped,
    DamageMended,
    LaneEnded,
    LaneSkipped,
    LaneStarted,
    PreparationStarted,
)
from orchestrator.domain.plan import Scoring
from orchestrator.errors import AgentFailed, ConnectionLost, DeviceFailing, FarmError, NoAnswer, Overdue, Transient
from orchestrator.runs import retry
from orchestrator.runs.breaker import REFUSALS, Breaker, next_command, stopped_elsewhere, unmeasured
from orchestrator.runs.lane_progress import LaneProgress
from orchestrator.runs.link_failures import LinkFailures
from orchestrator.runs.push_events import BEFORE_ARRIVAL, push_events

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.devices.remote.orders import LaneInputs
    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.devices.remote.relay import Relay
    from orchestrator.domain.blob import Environment
    from orchestrator.domain.event import Cursor, Event
    from orchestrator.domain.plan import Lane, Step


class LaneRunner:
    """Runs the lane of one device: pushes what is missing, starts it, follows its journal.

    Made for one run, used by one thread.

    ``unfinished`` are lanes of an earlier controller with what we had read of them; ``done`` are ids of steps that
    need no doing. One that ``detaches`` reads what there is, starts what is left, then leaves. ``clock`` and ``sleep`` are in seconds;
    ``draw`` spreads waits.
    """

    def __init__(
        self,
        run: str,
        lane: Lane,
        client: AgentClient,
        inputs: LaneInputs,
        *,
        done: frozenset[str] = frozenset(),
        unfinished: tuple[Cursor, ...] = (),
        lanes_before: int = 0,
        patience_s: float = 300.0,
        limits: PushLimits | None = None,
        detaches: bool = False,
        relay: Relay | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.run, self.device = run, lane.device
        self._lane, self.client, self._inputs = lane, client, inputs
        self._progress = LaneProgress(lane.steps, inputs, done)
        self._unfinished = unfinished
        self._number = lanes_before
        self._patience_s = patience_s
        self._clock, self._sleep, self._draw = clock, sleep, draw
        self._limits, self._relay = limits, relay
        self._current: str | None = None
        self._arrived_bytes = 0  #: of what the device needs, when it was asked last
        #: Whether the device has room for all images that are still to be scored.
        self._has_all = True
        self._last_end = ""  #: why the last lane died
        self._cancelled = False
        self.breaker = Breaker(run, self.device, lane.steps, inputs)
        #: Whether `events` came to its end, and by which error.
        self.is_over = False
        self.failure: FarmError | None = None
        self._detaches = detaches
        #: Whether the device was left to work on its own.
        self.has_left = False

    def events(self) -> Generator[Event, None, None]:
        """Yield what happens until every step is done or the device is given up; a `FarmError` is an event.

        Closes the client at the end, unless the lane was cancelled: who cancels still needs it.
        """
        try:
            for cursor in self._unfinished:
                yield from self._follow(cursor.lane, cursor.offset, self._lane.steps, is_live=False)
            if not self.has_left:
                yield from self._do_the_rest()
        except FarmError as error:
            if not self._cancelled:
                self.failure = error
                yield from self._give_up(error)
        except Exception:
            if not self._cancelled:  # the connection may be closed under it then
                raise
        else:
            self.is_over = not (self._cancelled or self.has_left)
        finally:
            if not self._cancelled:
                self.client.close()

    def _give_up(self, error: FarmError) -> Iterator[Event]:
        """Yield what becomes of the lane; where a device is taken out, or another controller's, cases without an attempt are skipped."""
        is_failing = isinstance(error, DeviceFailing)
        if is_failing and self._current is not None:
            self.client.close()
            with suppress(FarmError):
                self.client.stop(self._current)
        yield LaneSkipped(run=self.run, device=self.device, reason=str(error))
        if isinstance(error, REFUSALS):
            for case in unmeasured(self._lane, self._inputs, self._progress.done):
                yield CaseSkipped(run=self.run, device=self.device, case=case, reason=str(error))
        self.is_over = True

    def cancel(self) -> str | None:
        """Try nothing anew from here on, and return the lane that is on its way on the device, to be stopped there.

        Called from another thread.
        """
        self._cancelled = True
        return self._current

    def _do_the_rest(self) -> Iterator[Event]:
        without_progress = 0
        most = self._progress.so_far()
        while left := self._progress.left():
            yield from self._patiently(partial(self._push, left))
            if not self._has_all:
                left = [step for step in left if isinstance(step, Scoring)]
            self._number += 1
            name = f"{self.run}-{self.device}-{self._number}"
            yield from self._patiently(partial(self._start, name, left))
            if self._detaches:
                self.has_left = True
                return
            yield from self._follow(name, 0, left)
            progress = self._progress.so_far()
            without_progress = 0 if progress > most else without_progress + 1
            most = max(most, progress)
            if self._cancelled:
                return
            if retry.after_lane_end(without_progress=without_progress) is retry.Next.GIVE_UP:
                raise DeviceFailing(
                    f"{self.device}: the lane ended {without_progress} times in a row without finishing a step{self._last_end}",
                    hint=next_command(self.run, self.device),
                )

    def _begins(self, what: str, size_bytes: int = 0) -> PreparationStarted:
        return PreparationStarted(run=self.run, device=self.device, what=what, size_bytes=size_bytes)

    def _push(self, steps: list[Step]) -> Iterator[Event]:
        yield self._begins("comparing what it has with what it needs")
        pushing = push(
            self.client,
            self._inputs.needed(steps),
            self._inputs.shards(steps, self._progress.scored),
            disk_limit_bytes=self._inputs.limits.disk_bytes,
            arrived=self._note_arrived,
            limits=self._limits,
            relay=self._relay,
        )
        self._has_all = yield from push_events(self.run, self.device, pushing)
        for environment in self._environments(steps):
            wheels = [(wheel.path.name, wheel.sha256) for wheel in environment.wheels]
            size = sum(wheel.path.stat().st_size for wheel in environment.wheels)
            names = " and ".join(name for name, each in self._inputs.environments.items() if each == environment)
            yield self._begins(f"unpacking {names}", size)
            self.client.ensure_environment(environment.name, wheels)
        for what in self.client.take_damaged():
            yield DamageMended(run=self.run, device=self.device, what=what)

    def _note_arrived(self, count: int) -> None:
        self._arrived_bytes = count

    def _environments(self, steps: list[Step]) -> list[Environment]:
        runtimes = dict.fromkeys(step.subject.runtime for step in steps)
        return [self._inputs.environments[name] for name in runtimes if name in self._inputs.environments]

    def _start(self, name: str, steps: list[Step]) -> Iterator[Event]:
        self._current = name
        order = order_of(self.run, name, steps, self._inputs, keep_shards=self._has_all)
        self.client.start(order)
        at_most_s, steps_count = round(lane_limit_s(order.steps, self._patience_s)), len(order.steps)
        yield LaneStarted(run=self.run, device=self.device, lane=name, steps=steps_count, at_most_s=at_most_s)

    def _end(self, record: object, *, is_live: bool) -> None:
        """Note the last record of a lane. Raises `LaneStopped` where another command did that while it was followed."""
        self._current = None
        if is_live and was_stopped(record) and not self._cancelled:
            raise stopped_elsewhere(self.run, self.device)

    def _follow(self, name: str, offset: int, steps: Sequence[Step], *, is_live: bool = True) -> Iterator[Event]:
        """Yield the lane's events to its end, or to the death of its process; those that there are, where the lane is left alone.

        ``steps`` are all that it may have been ordered. Of one that is not live, what there is comes first: it may be over for long.
        """
        self._current = name
        reader = JournalReader(self.run, self.device, name, self._lane.steps, self._inputs)
        line_bytes = longest_line_bytes(self._lane.steps, self._inputs)
        ordered = order_of(self.run, name, steps, self._inputs).steps
        silence = SilenceLimit(name, self.device, ordered, patience_s=self._patience_s, clock=self._clock)
        broken = self._link_failures(is_quiet=True)  # an attempt of many minutes says nothing on a link that is fine
        while True:
            try:
                silence.begin()
                for recorded in self.client.follow(
                    name, offset, line_bytes=line_bytes, check=silence.check, waits=is_live and not self._detaches
                ):
                    broken.forget()
                    offset = recorded.offset
                    event = reader.event(recorded)
                    silence.note(recorded.record)
                    self._progress.note(event)
                    if event is not None:
                        yield event
                    self.breaker.follow(event, recorded.record)
                    if isinstance(event, LaneEnded):
                        self._end(recorded.record, is_live=is_live)
                        return
                if not is_live:
                    is_live = True
                    continue
                if self._detaches:
                    self.has_left = True
                    return
                # The stream ended without a word: as good as a broken link.
                raise ConnectionLost(f"{self.device}: the journal of lane {name} stopped coming")
            except Overdue as error:
                yield self._stop_overdue(name, error)
                return
            except Transient as error:
                yield from self._wait(error, broken)
            except AgentFailed as error:
                yield self._gone(name, error)
                return

    def _gone(self, name: str, error: AgentFailed) -> LaneEnded:
        """Return the end of a lane that the device has no longer; raises ``error`` where it says something else."""
        if error.code not in self.client.GONE:
            raise error
        self._current = None
        self.client.close()  # the agent may be gone with it
        self._last_end = f"; {error.message.removeprefix(f'{self.device}: ')}"
        reason = f"{error.message}; doing the rest anew"
        return LaneEnded(run=self.run, device=self.device, lane=name, error=reason)

    def _stop_overdue(self, name: str, overdue: Overdue) -> LaneEnded:
        """Stop a lane that writes nothing more; return its end where the device has it no longer.

        Raises `NoAnswer`, which gives the device up.
        """
        self.client.close()
        hint = f"restart the device where it hangs, then: farm run --resume {self.run}"
        try:
            self.client.stop(name)
        except FarmError as error:
            if isinstance(error, AgentFailed) and error.code in self.client.GONE:
                return self._gone(name, error)
            raise NoAnswer(f"{overdue.message}; stopping it failed: {error.message}", hint=hint) from error
        self._current = None
        raise NoAnswer(f"{overdue.message}; it was stopped", hint=hint)

    def _patiently(self, act: Callable[[], Iterator[Event]]) -> Iterator[Event]:
        """Do ``act`` again after each broken link until patience is over; it must be safe to repeat.

        A try that found more bytes on the device than the one before is the first in its row.
        """
        broken, arrived_bytes = self._link_failures(), -1
        while True:
            try:
                for event in act():
                    if not isinstance(event, BEFORE_ARRIVAL):
                        broken.forget()
                    yield event
                    self.breaker.follow(event)
            except Transient as error:
                if self._arrived_bytes > arrived_bytes:
                    broken.forget()
                    arrived_bytes = self._arrived_bytes
                yield from self._wait(error, broken)
            else:
                return

    def _link_failures(self, *, is_quiet: bool = False) -> LinkFailures:
        return LinkFailures(
            self.run, self.device, self._patience_s, is_quiet=is_quiet, clock=self._clock, draw=self._draw
        )

    def _wait(self, error: Transient, broken: LinkFailures) -> Iterator[Event]:
        if self._cancelled:
            raise error
        yield (lost := broken.next(error, held_by_us=self._number > 1 or bool(self._unfinished)))
        self.client.close()
        self._sleep(lost.wait_s)
