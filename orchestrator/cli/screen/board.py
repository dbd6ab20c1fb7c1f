"""The live block of a run: a row for each device."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from orchestrator.cli.screen.terminal import plain
from orchestrator.cli.screen.time_left import Estimates, TimeLeft
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.plan import Attempt, Profiling, Scoring
from orchestrator.domain.units import format_bytes, format_ns, format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import RenderableType

    from orchestrator.domain.case import Case
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Lane, Step
    from orchestrator.domain.result import Measurement

    #: Given a run that goes on, returns its steps that need no doing.
    DoneSteps = Callable[[str], frozenset[str]]

#: Their widths, at least and at most: they don't jump whenever something happens.
COLUMNS: dict[str, tuple[int, int | None]] = {
    "device": (6, 24),
    "doing": (28, 36),
    "done": (4, 4),
    "case": (6, 8),
    "attempt": (7, 8),
    "temp": (5, 6),
    "last p50": (8, 8),
    "left": (15, 20),
    "so far": (0, None),
}
#: From so many columns on, a device takes one line instead of two.
WIDE = 110


@dataclass(slots=True, kw_only=True)
class Row:
    """How far one device is."""

    device: str
    phase: str = "waits"
    facts: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0
    done: int = 0
    cases: tuple[Case, ...] = ()
    #: Attempts that each case has.
    planned: Counter[Case] = field(default_factory=Counter)
    #: The case and the attempt that are under way, or were last.
    case: Case | None = None
    attempt: int = 0
    #: Medians of the attempts of each case, in ns.
    medians_ns: dict[Case, list[float]] = field(default_factory=dict)
    last_p50_ns: float | None = None
    temperature_c: float | None = None
    failed: int = 0
    #: Codes of warnings that attempts alone give, in order of first appearance.
    codes: dict[str, None] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    time: TimeLeft | None = None
    is_over: bool = False

    def place(self) -> str:
        """Return which case of how many it is."""
        return f"{self.cases.index(self.case) + 1} of {len(self.cases)}" if self.case in self.cases else ""

    def attempts(self) -> str:
        """Return which attempt of how many it is."""
        return f"{self.attempt} of {self.planned[self.case]}" if self.case and self.case in self.planned else ""

    def left(self) -> str:
        """Return the time left."""
        return self.time.words() if self.time and not self.is_over else ""

    def so_far(self) -> str:
        """Return what the verdicts are, or, before these are known, what speaks against VALID."""
        if self.verdicts:
            return ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items())
        words = [f"{self.failed} failed"] if self.failed else []
        if self.codes:
            words.append(f"WARN so far: {', '.join(list(self.codes)[:2])}")
        return ", ".join(words) or ("no warning so far" if self.last_p50_ns is not None else "")

    def summary(self) -> Iterator[str]:
        """Yield last median, time left, temperature and verdict so far, as far as they are known."""
        if self.last_p50_ns is not None:
            yield f"p50 {format_ns(self.last_p50_ns)}"
        if self.left():
            yield self.left()
        if self.temperature_c is not None:
            yield f"{self.temperature_c:.0f} °C"
        if self.so_far():
            yield self.so_far()


class Board:
    """Rows of a run's devices; it follows the run's events."""

    def __init__(self, *, estimates: Estimates | None = None, done_steps: DoneSteps | None = None) -> None:
        self.rows: dict[str, Row] = {}
        self.estimates = estimates or Estimates()
        #: Steps of the run that need no doing.
        self.already_done: frozenset[str] = frozenset()
        self._done_steps = done_steps
        #: The most images that the suite scores, ``None`` for all.
        self._most_images: int | None = None
        #: Artifacts that are built, and those to build.
        self.built, self.to_build = 0, 0
        #: By device, the bytes that were sent, and all that are on their way.
        self._pushes: dict[str, tuple[int, int]] = {}
        self._is_smoke = False

    def row(self, event: Event) -> Row | None:
        """Return the row of the device that ``event`` is about."""
        return None if event.device is None else self.rows.setdefault(event.device, Row(device=event.device))

    @singledispatchmethod
    def follow(self, event: Event) -> None:
        """Take notice of what happened."""

    @follow.register
    def _(self, event: run_event.RunStarted) -> None:
        for name in event.suite.get("devices") or ():
            self.rows.setdefault(str(name), Row(device=str(name)))
        accuracy = event.suite.get("accuracy")
        self._most_images = accuracy if isinstance(accuracy, int) else None

    @follow.register
    def _(self, event: run_event.RunResumed) -> None:
        if self._done_steps is not None:
            self.already_done = self._done_steps(event.run)

    @follow.register
    def _(self, event: run_event.DatasetRead) -> None:
        images = sum(part.images for part in event.summary.parts if part.part == "evaluation")
        self.estimates = replace(self.estimates, images=min(images, self._most_images or images))

    @follow.register
    def _(self, event: happened.PreparationStarted) -> None:
        size = f", {format_bytes(event.size_bytes)}" if event.size_bytes else ""
        self._begin(event, f"{event.what}{size}")

    @follow.register
    def _(self, event: happened.DeviceProbed) -> None:
        row = self._begin(event, "waits for the plan")
        row.facts = event.facts

    @follow.register
    def _(self, event: happened.LaneSkipped) -> None:
        self._begin(event, "lost" if self._row(event).done else "skipped").is_over = True

    @follow.register
    def _(self, event: run_event.Planned) -> None:
        plan = event.plan.without(self.already_done)
        self._is_smoke = plan.effort.name == "smoke"
        for lane in plan.lanes:
            row = self.rows.setdefault(lane.device, Row(device=lane.device))
            row.phase, row.steps, row.cases = "waits for artifacts", len(lane.steps), lane.cases
            row.planned = _planned(lane)
            row.time = TimeLeft(lane, plan.effort, self.estimates)
        working = {lane.device for lane in plan.lanes}
        for row in self.rows.values():
            if row.device in event.plan.devices - working and not row.is_over:
                row.phase, row.is_over = "nothing to do", True

    @follow.register
    def _(self, event: run_event.BuildStarted) -> None:
        self.built, self.to_build = 0, event.total

    @follow.register
    def _(self, event: run_event.ArtifactReady) -> None:
        self.built += not event.reused

    @follow.register
    def _(self, _event: run_event.BuildFailed) -> None:
        self.built += 1

    @follow.register
    def _(self, event: happened.PushStarted) -> None:
        row = self._begin(event, f"receives {format_bytes(event.total_bytes)}")
        self._pushes[row.device] = 0, event.total_bytes

    @follow.register
    def _(self, event: happened.BlobSent) -> None:
        row = self._row(event)
        before, total = self._pushes.get(row.device, (0, 0))
        self._pushes[row.device] = sent, total = before + event.sent_bytes, max(total, before + event.sent_bytes)
        row.phase = f"received {event.what}, {format_bytes(sent)} of {format_bytes(total)}"

    @follow.register
    def _(self, event: happened.LaneStarted) -> None:
        limit = f", {format_seconds(event.at_most_s)} at most" if event.at_most_s else ""
        row = self._begin(event, f"works on its own{limit}")
        if row.time is not None:
            row.time.begin(event.at)

    @follow.register
    def _(self, event: happened.ScoringStarted) -> None:
        self._begin(event, f"scores {event.model} {event.scheme}")

    @follow.register
    def _(self, event: happened.ShardScored) -> None:
        if event.shards > 1:
            self._begin(event, f"scores {event.model} {event.scheme}, part {event.place + 1} of {event.shards}")

    @follow.register
    def _(self, event: happened.Scored) -> None:
        self._row(event).failed += event.scores.error is not None
        self._end(event, Scoring)

    @follow.register
    def _(self, event: happened.ProfileStarted) -> None:
        self._begin(event, f"times operators of {event.case.model} {event.case.scheme}")

    @follow.register
    def _(self, event: happened.Profiled) -> None:
        self._end(event, Profiling)

    @follow.register
    def _(self, event: happened.AttemptStarted) -> None:
        row = self._begin(event, f"measures {event.case.model} {event.case.scheme}")
        row.case, row.attempt = event.case, event.number

    @follow.register
    def _(self, event: happened.AttemptEnded) -> None:
        row, measurement = self._row(event), event.measurement
        row.case, row.attempt = measurement.case, measurement.number
        row.failed += measurement.error is not None
        if measurement.latency_ns and (middle := measurement.quantile_ns(0.5)) is not None:
            row.last_p50_ns = middle
            row.medians_ns.setdefault(measurement.case, []).append(middle)
        for reading in measurement.readings[-1:]:
            row.temperature_c = reading.get("temperature_c", row.temperature_c)
        if measurement.error is None:
            row.codes |= dict.fromkeys((*(["smoke"] if self._is_smoke else ()), *_codes(measurement, row.facts)))
        self._end(event, Attempt)

    @follow.register
    def _(self, event: happened.LinkLost) -> None:
        wait = format_seconds(event.wait_s)
        self._begin(event, f"link lost, again in {wait} ({event.failures} of {event.most})")

    @follow.register
    def _(self, event: happened.DeviceFinished) -> None:
        row = self._row(event)
        row.phase, row.is_over = row.phase if row.is_over else "finished", True

    @follow.register
    def _(self, event: happened.CaseJudged) -> None:
        row = self.rows.get(event.result.case.device)
        if row is not None:
            row.verdicts[event.result.verdict.value] += 1

    def _row(self, event: Event) -> Row:
        row = self.row(event)
        assert row is not None  # noqa: S101  these events are of a device
        return row

    def _begin(self, event: Event, phase: str) -> Row:
        row = self._row(event)
        row.phase = phase
        return row

    def _end(self, event: Event, kind: type[Step]) -> None:
        row = self._row(event)
        row.done += 1
        if row.time is not None:
            row.time.end(kind, event.at)

    def render(self, width: int, height: int) -> RenderableType:
        """Return the block for a terminal of ``width`` columns and ``height`` lines; the devices that work come first."""
        from rich.console import Group
        from rich.table import Table

        rows = sorted(self.rows.values(), key=lambda row: row.is_over)
        room = max(1, (height - 4) // (1 if width >= WIDE else 2))
        shown, hidden = rows[:room], rows[room:]
        parts: list[RenderableType] = []
        if self.built < self.to_build:
            parts.append(f"[bold]build[/]  {self.built} of {self.to_build} artifacts; some take minutes")
        if width >= WIDE:
            table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
            for name, (least, most) in COLUMNS.items():
                table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=least, max_width=most)
            for row in shown:
                table.add_row(*_cells(row))
            parts += [table] if shown else []
        else:
            for row in shown:
                parts += _two_lines(row)
        if hidden:
            over = sum(row.is_over for row in hidden)
            parts.append(f"[dim]… and {len(hidden)} more devices, {over} of them finished[/]")
        return Group(*parts)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"[bold]{plain(row.device)}[/]",
        plain(row.phase),
        _share(row),
        row.place(),
        row.attempts(),
        "" if row.temperature_c is None else f"{row.temperature_c:.0f} °C",
        "" if row.last_p50_ns is None else format_ns(row.last_p50_ns),
        row.left(),
        row.so_far(),
    )


def _two_lines(row: Row) -> Iterator[RenderableType]:
    where = [f"case {row.place()}"] if row.place() else []
    where += [f"attempt {row.attempts()}"] if row.attempts() else []
    first = f"[bold]{plain(row.device)}[/]  {plain(row.phase)}{''.join(f', {each}' for each in where)}"
    for line in (first, f"  {', '.join(filter(None, (_share(row), *row.summary())))}"):
        yield _line(line)


def _line(markup: str) -> RenderableType:
    from rich.text import Text

    text = Text.from_markup(markup, overflow="ellipsis")
    text.no_wrap = True
    return text


def _share(row: Row) -> str:
    return f"{row.done / row.steps:.0%}" if row.steps else ""


def _planned(lane: Lane) -> Counter[Case]:
    return Counter(step.case for step in lane.steps if isinstance(step, Attempt))


def _codes(measurement: Measurement, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the codes of what one attempt alone has against VALID."""
    from orchestrator.analysis.verdicts.attempts import of_the_latency
    from orchestrator.analysis.verdicts.device import of_the_device

    for reasons in (of_the_device([measurement], facts, None), of_the_latency([measurement])):
        yield from (reason.code for reason in reasons)
