"""The lane of one device, run to its end whatever the network does."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.devices.remote.journal import JournalReader
from orchestrator.devices.remote.orders import longest_line_bytes, order_of
from orchestrator.devices.remote.push import Pushing, push
from orchestrator.devices.remote.silence import SilenceLimit
from orchestrator.domain.event import (
    AttemptEnded,
    BlobSent,
    DamageMended,
    LaneEnded,
    LaneSkipped,
    LaneStarted,
    LinkLost,
    PreparationStarted,
    Profiled,
    PushStarted,
    Scored,
    ScoringPaused,
    ShardScored,
)
from orchestrator.domain.plan import Scoring
from orchestrator.errors import AgentFailed, ConnectionLost, FarmError, NoAnswer, Overdue, Transient
from orchestrator.runs import retry as policy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.devices.remote.orders import LaneInputs
    from orchestrator.devices.remote.push import Pushed
    from orchestrator.domain.blob import Environment
    from orchestrator.domain.event import Cursor, Event
    from orchestrator.domain.plan import Lane, Step


class LaneRunner:
    """Runs the lane of one device: pushes what is missing, starts it, follows its journal.

    Made for one run, used by one thread.

    ``unfinished`` are lanes of an earlier controller with what we had read of them; ``done`` are ids of steps that
    need no doing. ``clock`` and ``sleep`` are in seconds.
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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.run, self.device = run, lane.device
        self._lane, self._client, self._inputs = lane, client, inputs
        self._done = set(done)
        self._unfinished = unfinished
        self._number = lanes_before
        self._patience_s = patience_s
        self._clock, self._sleep = clock, sleep
        self._current: str | None = None
        self._arrived_bytes = 0  #: of what the device needs, when it was asked last
        #: Scoring -> places of the shards that the device has scores of, as far as it has said so.
        self._scored: dict[str, set[int]] = {}
        #: Whether the device has room for all images that are still to be scored.
        self._has_all = True
        self._cancelled = False

    def events(self) -> Generator[Event, None, None]:
        """Yield what happens until every step is done or the device is given up; a `FarmError` is an event.

        Closes the client at the end, unless the lane was cancelled: who cancels still needs it.
        """
        try:
            for cursor in self._unfinished:
                yield from self._follow(cursor.lane, cursor.offset)
            yield from self._do_the_rest()
        except FarmError as error:
            if not self._cancelled:
                yield LaneSkipped(run=self.run, device=self.device, reason=str(error))
        except Exception:
            if not self._cancelled:  # the connection may be closed under it then
                raise
        finally:
            if not self._cancelled:
                self._client.close()

    def cancel(self) -> str | None:
        """Try nothing anew from here on, and return the lane that is on its way on the device, to be stopped there.

        Called from another thread.
        """
        self._cancelled = True
        return self._current

    def _left(self) -> list[Step]:
        return [
            step for step in self._lane.steps if step.id not in self._done and self._inputs.artifact(step) is not None
        ]

    def _do_the_rest(self) -> Iterator[Event]:
        without_progress = 0
        most = self._progress()
        while left := self._left():
            yield from self._patiently(partial(self._push, left))
            if not self._has_all:
                left = [step for step in left if isinstance(step, Scoring)]
            self._number += 1
            name = f"{self.run}-{self.device}-{self._number}"
            yield from self._patiently(partial(self._start, name, left))
            yield from self._follow(name, 0)
            progress = self._progress()
            without_progress = 0 if progress > most else without_progress + 1
            most = max(most, progress)
            if self._cancelled:
                return
            if policy.after_lane_end(without_progress=without_progress) is policy.Next.GIVE_UP:
                reason = f"{self.device}: the lane ended {without_progress} times without finishing a step"
                yield LaneSkipped(run=self.run, device=self.device, reason=reason)
                return

    def _progress(self) -> tuple[int, int]:
        """Return how many steps and how many shards are done: more of either is progress, shards that are lacked again are none."""
        return -len(self._left()), sum(map(len, self._scored.values()))

    def _begins(self, what: str, size_bytes: int = 0) -> PreparationStarted:
        return PreparationStarted(run=self.run, device=self.device, what=what, size_bytes=size_bytes)

    def _push(self, steps: list[Step]) -> Iterator[Event]:
        yield self._begins("comparing what it has with what it needs")
        pushing = push(
            self._client,
            self._inputs.needed(steps),
            self._inputs.shards(steps, self._scored),
            disk_limit_bytes=self._inputs.limits.disk_bytes,
            arrived=self._note_arrived,
        )
        self._has_all = yield from self._pushed(pushing)
        for environment in self._environments(steps):
            wheels = [(wheel.path.name, wheel.sha256) for wheel in environment.wheels]
            size = sum(wheel.path.stat().st_size for wheel in environment.wheels)
            names = " and ".join(name for name, each in self._inputs.environments.items() if each == environment)
            yield self._begins(f"unpacking {names}", size)
            self._client.ensure_environment(environment.name, wheels)
        for what in self._client.take_damaged():
            yield DamageMended(run=self.run, device=self.device, what=what)

    def _pushed(self, pushing: Generator[Pushing | Pushed, None, bool]) -> Generator[Event, None, bool]:
        """Yield as events what ``pushing`` yields; return what it returns."""
        while True:
            try:
                pushed = next(pushing)
            except StopIteration as end:
                return bool(end.value)
            if isinstance(pushed, Pushing):
                yield PushStarted(run=self.run, device=self.device, **asdict(pushed))
                continue
            if pushed.was_damaged:
                yield DamageMended(run=self.run, device=self.device, what=pushed.blob.what)
            yield BlobSent(
                run=self.run,
                device=self.device,
                what=pushed.blob.what,
                sha256=pushed.blob.sha256,
                size_bytes=pushed.blob.path.stat().st_size,
                sent_bytes=pushed.sent_bytes,
            )

    def _note_arrived(self, count: int) -> None:
        self._arrived_bytes = count

    def _environments(self, steps: list[Step]) -> list[Environment]:
        runtimes = dict.fromkeys(step.subject.runtime for step in steps)
        return [self._inputs.environments[name] for name in runtimes if name in self._inputs.environments]

    def _start(self, name: str, steps: list[Step]) -> Iterator[Event]:
        self._current = name
        self._client.start(order_of(self.run, name, steps, self._inputs, keep_shards=self._has_all))
        yield LaneStarted(run=self.run, device=self.device, lane=name)

    def _follow(self, name: str, offset: int) -> Iterator[Event]:
        """Yield the lane's events to its end, or to the death of its process."""
        self._current = name
        reader = JournalReader(self.run, self.device, name, self._lane.steps, self._inputs)
        line_bytes = longest_line_bytes(self._lane.steps, self._inputs)
        ordered = order_of(self.run, name, self._lane.steps, self._inputs).steps
        silence = SilenceLimit(name, self.device, ordered, patience_s=self._patience_s, clock=self._clock)
        failures, heard = 0, self._clock()
        while True:
            try:
                silence.begin()
                for recorded in self._client.follow(name, offset, line_bytes=line_bytes, check=silence.check):
                    failures, heard, offset = 0, self._clock(), recorded.offset
                    event = reader.event(recorded)
                    silence.note(recorded.record)
                    self._note(event)
                    if event is not None:
                        yield event
                    if isinstance(event, LaneEnded):
                        self._current = None
                        return
                # The stream ended without a word: as good as a broken link.
                failures, heard = failures + 1, heard if failures else self._clock()
                broken = ConnectionLost(f"{self.device}: the journal of lane {name} stopped coming")
                yield from self._wait(broken, failures, self._clock() - heard)
            except Overdue as error:
                yield self._stop_overdue(name, error)
                return
            except Transient as error:
                # Silence counts from here: an attempt of many minutes says nothing on a link that is fine.
                failures, heard = failures + 1, heard if failures else self._clock()
                yield from self._wait(error, failures, self._clock() - heard)
            except AgentFailed as error:
                if error.code not in self._client.GONE:
                    raise
                yield self._gone(name)
                return

    def _note(self, event: Event | None) -> None:
        if isinstance(event, AttemptEnded):
            self._done.add(event.measurement.attempt)
        elif isinstance(event, Scored):
            self._done.add(event.scores.scoring)
        elif isinstance(event, Profiled):
            self._done.add(event.profile.profile)
        elif isinstance(event, ShardScored):
            self._scored.setdefault(event.scoring, set()).add(event.place)
        elif isinstance(event, ScoringPaused):
            self._scored[event.scoring] = set(range(event.shards)) - set(event.absent)

    def _gone(self, name: str) -> LaneEnded:
        self._current = None
        self._client.close()  # the agent may be gone with it
        reason = f"{self.device}: the lane's process died there; doing the rest anew"
        return LaneEnded(run=self.run, device=self.device, lane=name, error=reason)

    def _stop_overdue(self, name: str, overdue: Overdue) -> LaneEnded:
        """Stop a lane that writes nothing more; return its end where the device has it no longer.

        Raises `NoAnswer`, which gives the device up.
        """
        self._client.close()
        hint = f"restart the device where it hangs, then: farm run --resume {self.run}"
        try:
            self._client.stop(name)
        except FarmError as error:
            if isinstance(error, AgentFailed) and error.code in self._client.GONE:
                return self._gone(name)
            raise NoAnswer(f"{overdue.message}; stopping it failed: {error.message}", hint=hint) from error
        self._current = None
        raise NoAnswer(f"{overdue.message}; it was stopped", hint=hint)

    def _patiently(self, act: Callable[[], Iterator[Event]]) -> Iterator[Event]:
        """Do ``act`` again after each broken link until patience is over; it must be safe to repeat.

        A try that found more bytes on the device than the one before is the first in its row.
        """
        failures, heard, arrived_bytes = 0, self._clock(), -1
        while True:
            try:
                for event in act():
                    if not isinstance(event, PushStarted | PreparationStarted):  # nothing has arrived by it
                        failures, heard = 0, self._clock()
                    yield event
            except Transient as error:
                if self._arrived_bytes > arrived_bytes:
                    failures, heard, arrived_bytes = 0, self._clock(), self._arrived_bytes
                failures += 1
                yield from self._wait(error, failures, self._clock() - heard)
            else:
                return

    def _wait(self, error: Transient, failures: int, silent_s: float) -> Iterator[Event]:
        if self._cancelled:
            raise error
        decision = policy.after_link_error(
            error,
            failures=failures,
            silent_s=silent_s,
            patience_s=self._patience_s,
            held_by_us=self._number > 1 or bool(self._unfinished),
        )
        if decision.next is policy.Next.GIVE_UP:
            raise error
        yield LinkLost(run=self.run, device=self.device, reason=str(error))
        self._client.close()
        self._sleep(decision.wait_s)
