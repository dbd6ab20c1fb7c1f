"""What happened in a run, in lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import singledispatchmethod
from typing import TYPE_CHECKING

from orchestrator.cli.screen.terminal import plain
from orchestrator.devices.health import tuning
from orchestrator.devices.tuning_text import sentences
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.tuning import Tuning
from orchestrator.domain.units import format_bytes, format_ns, format_seconds
from orchestrator.reports import case_table, dataset

if TYPE_CHECKING:
    from orchestrator.cli.screen.board import Board, Row
    from orchestrator.domain.event import Event

#: A device without a live block says how far it is after each of so many parts of its steps.
PARTS = 10
#: Why a lane ended that a person stopped.
STOPPED = "stopped"


class Kind(Enum):
    """What a line is for."""

    #: Something went wrong; printed always.
    PROBLEM = auto()
    #: Lasting: printed above a live block too.
    NEWS = auto()
    #: What a live block shows; printed where there is none.
    PROGRESS = auto()
    #: Printed where the person wants everything.
    DETAIL = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with rich's markup in it; what devices or files sent is escaped."""

    kind: Kind
    markup: str


class EventLines:
    """Puts events into lines; what was printed once for a reason is not printed again for it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        #: Models and why they can't be built, once for all their artifacts.
        self._failures: set[tuple[str, str]] = set()
        #: Models whose scores were called doubtful, once for all their artifacts.
        self._doubted: set[str] = set()
        #: Devices that do nothing and why, once for all their cases.
        self._left_out: set[tuple[str | None, str]] = set()
        #: Devices and why their links broke, once for all tries.
        self._link_losses: set[tuple[str | None, str]] = set()
        #: Whether the run scores images.
        self._is_scored = True
        #: What was estimated before, once for plans that are made anew.
        self._estimated: set[str] = set()

    @singledispatchmethod
    def of(self, event: Event) -> Iterator[Line]:  # noqa: ARG002  an event without a line
        """Yield the lines of an event that the board has followed."""
        yield from ()

    @of.register
    def _(self, event: run_event.RunStarted) -> Iterator[Line]:
        self._is_scored = event.suite.get("accuracy") != "none"
        yield _news(
            f"run [bold]{event.run}[/]  dataset {plain(event.dataset)}, effort {event.effort}, seed {event.seed}"
        )

    @of.register
    def _(self, event: run_event.DatasetRead) -> Iterator[Line]:
        for line in dataset.lines(event.summary, limit=event.limit, is_scored=self._is_scored):
            yield _news(f"[bold]dataset[/]  {plain(line)}")

    @of.register
    def _(self, event: run_event.RunResumed) -> Iterator[Line]:
        yield _news(f"run [bold]{event.run}[/] goes on")

    @of.register
    def _(self, event: happened.PreparationStarted) -> Iterator[Line]:
        size = f", {format_bytes(event.size_bytes)}" if event.size_bytes else ""
        yield _progress(f"{event.device}  {plain(event.what)}{size}")

    @of.register
    def _(self, event: happened.DeviceProbed) -> Iterator[Line]:
        facts = event.facts
        memory = facts.get("memory_bytes")
        words = [
            facts.get("board") or facts.get("cpu_model") or facts.get("machine"),
            f"{facts['cores']} cores" if facts.get("cores") else None,
            f"CPU quota {quota:g}" if isinstance(quota := facts.get("quota_cpus"), int | float) else None,
            format_bytes(memory) if memory else None,
            f"Python {facts['python']}" if isinstance(facts.get("python"), str) else None,
        ]
        yield _news(f"[bold]{event.entry.name}[/]  {plain(', '.join(str(word) for word in words if word))}")
        for _, advice in tuning(facts):
            yield _news(f"[bold]{event.entry.name}[/]  {plain(advice)}")

    @of.register
    def _(self, event: happened.LaneSkipped) -> Iterator[Line]:
        self._left_out.add((event.device, event.reason))
        reason = event.reason.removeprefix(f"{event.device}: ")
        yield _problem(f"[red]{event.device}  skipped:[/] {plain(reason)}")

    @of.register
    def _(self, event: happened.LaneCrashed) -> Iterator[Line]:
        yield _problem(f"[red]{event.device}  stopped by a bug in farm:[/] {plain(event.reason)}")
        if event.report is not None:
            yield _problem(f"      the other devices go on; please report {plain(event.report)}")

    @of.register
    def _(self, event: happened.DeviceTakenOut) -> Iterator[Line]:
        if not any(device == event.device and event.reason in reason for device, reason in self._left_out):
            yield _problem(f"[red]{event.device}  failed:[/] {plain(event.reason)}")
        yield _problem(
            f"[red]{event.device}  is out of the next runs:[/] farm devices check {event.device} brings it back"
        )

    @of.register
    def _(self, event: happened.CaseSkipped) -> Iterator[Line]:
        if (event.device, event.reason) not in self._left_out:
            yield _problem(f"[yellow]{plain(str(event.case))}  skipped:[/] {plain(event.reason)}")

    @of.register
    def _(self, event: run_event.Planned) -> Iterator[Line]:
        plan = event.plan.without(self._board.already_done)
        for lane in plan.lanes:
            words = self._board.estimates.words(lane, plan.effort)
            if words not in self._estimated:
                yield _news(plain(words))
            self._estimated.add(words)

    @of.register
    def _(self, event: run_event.BuildStarted) -> Iterator[Line]:
        if event.total:
            models = {case.model for row in self._board.rows.values() for case in row.cases}
            yield _news(plain(self._board.estimates.build_words(event.total, models)))

    @of.register
    def _(self, event: run_event.BuildsPlaced) -> Iterator[Line]:
        yield _progress(plain(event.what))

    @of.register
    def _(self, event: run_event.ArtifactReady) -> Iterator[Line]:
        artifact = event.artifact
        doubt = artifact.checks.get("doubt")
        if doubt is not None and artifact.model not in self._doubted:
            self._doubted.add(artifact.model)
            yield _problem(f"[yellow]{plain(artifact.model)}  doubtful:[/] {plain(doubt)}")
        if not event.reused:
            size = format_bytes(artifact.size_bytes)
            yield _progress(
                f"built {plain(artifact.model)} {artifact.scheme}, {size}, in {format_seconds(event.seconds)}"
            )

    @of.register
    def _(self, event: run_event.BuildFailed) -> Iterator[Line]:
        is_repeated = (event.model, event.error) in self._failures
        self._failures.add((event.model, event.error))
        why = "for the same reason" if is_repeated else event.error
        yield _problem(f"[red]{plain(event.model)} {event.scheme} cannot be built:[/] {plain(why)}")

    @of.register
    def _(self, event: happened.PushStarted) -> Iterator[Line]:
        images = f", {format_bytes(event.image_bytes)} of it images" if event.image_bytes else ""
        later = f"; {format_bytes(event.later_bytes)} more when these are scored" if event.later_bytes else ""
        line = f"[bold]{event.device}[/]  receives {format_bytes(event.total_bytes)}{images}{later}"
        yield _news(line) if later else _progress(line)

    @of.register
    def _(self, event: happened.BlobSent) -> Iterator[Line]:
        yield _detail(f"{event.device}  received {plain(event.what)}, {format_bytes(event.sent_bytes)}")

    @of.register
    def _(self, event: happened.RelayRefused) -> Iterator[Line]:
        yield _problem(
            f"[yellow]{event.gate}[/]  does not pass files on to the devices behind it, which are sent their own: {plain(event.reason)}"
        )

    @of.register
    def _(self, event: happened.DamageMended) -> Iterator[Line]:
        yield _problem(
            f"[bold yellow]{event.device}[/]  {plain(event.what)} had changed on its disk since it arrived, and was installed anew; "
            "a card that does this again is dying"
        )

    @of.register
    def _(self, event: happened.LaneStarted) -> Iterator[Line]:
        steps = f"{event.steps} step{'' if event.steps == 1 else 's'}"
        limit = f": {steps}; given up if it takes {format_seconds(event.at_most_s)}" if event.at_most_s else ""
        yield _progress(f"[bold]{event.device}[/]  lane started{limit}")

    @of.register
    def _(self, event: happened.DeviceTuned) -> Iterator[Line]:
        for sentence in sentences(Tuning.from_json(event.answer)):
            yield _news(f"[bold]{event.device}[/]  {plain(sentence)}")

    @of.register
    def _(self, event: happened.Scored) -> Iterator[Line]:
        scores = event.scores
        what = f"{event.device}  scoring {plain(f'{scores.model} {scores.scheme} {scores.runtime}')}"
        if scores.error is not None:
            yield _problem(f"[red]{what} failed:[/] {plain(_last_line(scores.error))}")
        else:
            yield _detail(f"{what}: {scores.shape[0]} images in {format_seconds(scores.wall_ns / 1e9)}")

    @of.register
    def _(self, event: happened.Profiled) -> Iterator[Line]:
        profile = event.profile
        if profile.error is not None:
            how = "not possible" if profile.unsupported else "failed"
            why = plain(_last_line(profile.error))
            yield _problem(f"[yellow]{plain(str(profile.case))}  profile {how}:[/] {why}")

    @of.register
    def _(self, event: happened.AttemptEnded) -> Iterator[Line]:
        measurement = event.measurement
        case = plain(str(measurement.case))
        middle = measurement.quantile_ns(0.5)
        row = self._board.row(event)
        if measurement.error is not None:
            yield _problem(f"[red]{case}  attempt failed:[/] {plain(_last_line(measurement.error))}")
        elif middle is not None:
            yield _detail(f"{case}  attempt {measurement.number}: {format_ns(middle)}")
        if row is not None and row.steps:
            if len(self._board.rows) == 1 and measurement.number == row.planned[measurement.case]:
                yield from _of_a_case(row)
            elif row.done * PARTS // row.steps > (row.done - 1) * PARTS // row.steps:
                words = ", ".join((f"{row.done} of {row.steps} steps done", *row.summary()))
                yield _progress(f"{plain(row.device)}  {plain(words)}")

    @of.register
    def _(self, event: happened.LinkLost) -> Iterator[Line]:
        again = f"again in {format_seconds(event.wait_s)} ({event.failures} of {event.most})"
        kind = _problem if (event.device, event.reason) not in self._link_losses else _detail
        self._link_losses.add((event.device, event.reason))
        why = plain(_last_line(event.reason).removeprefix(f"{event.device}: "))
        yield kind(f"[yellow]{event.device}  link lost, its lane goes on there; {again}:[/] {why}")

    @of.register
    def _(self, event: run_event.DatabaseLost) -> Iterator[Line]:
        yield _problem(f"[yellow]database lost, measuring goes on:[/] {plain(event.reason)}")
        yield _problem(f"      what happens waits in {plain(event.file)}")

    @of.register
    def _(self, event: run_event.DatabaseBack) -> Iterator[Line]:
        yield _problem(f"database back: {event.events} events that waited are stored")

    @of.register
    def _(self, event: happened.LaneEnded) -> Iterator[Line]:
        if event.error == STOPPED:
            yield _news(f"{event.device}  its lane was stopped before its end; what it measured is stored")
        elif event.error is not None:
            yield _problem(f"[yellow]{event.device}  lane ended early:[/] {plain(event.error)}")

    @of.register
    def _(self, event: happened.CaseJudged) -> Iterator[Line]:
        if len(self._board.rows) > 1:  # of one device alone, the table follows at once
            result = event.result
            colour = case_table.COLOURS[result.verdict.value]
            middle = "" if result.p50_ns is None or result.case.interpreters else f", p50 {format_ns(result.p50_ns)}"
            auc = "" if result.auc_mean is None else f", AUC {result.auc_mean:.4f}"
            yield _news(f"{plain(str(result.case))}  [{colour}]{result.verdict.value}[/]{middle}{auc}")


def _of_a_case(row: Row) -> Iterator[Line]:
    """Yield what is known of the case that a device has just finished; its verdict comes with all the others."""
    medians_ns = sorted(row.medians_ns.get(row.case, ())) if row.case else []
    if medians_ns:
        middle = format_ns(medians_ns[len(medians_ns) // 2])
        spread = f", attempts {_range(medians_ns)}" if len(medians_ns) > 1 else ""
        yield _news(plain(f"{row.case}  measured: p50 about {middle}{spread}; {row.so_far()}"))


def _range(medians_ns: list[float]) -> str:
    return f"{format_ns(medians_ns[0])} to {format_ns(medians_ns[-1])}"


def _problem(markup: str) -> Line:
    return Line(kind=Kind.PROBLEM, markup=markup)


def _news(markup: str) -> Line:
    return Line(kind=Kind.NEWS, markup=markup)


def _progress(markup: str) -> Line:
    return Line(kind=Kind.PROGRESS, markup=markup)


def _detail(markup: str) -> Line:
    return Line(kind=Kind.DETAIL, markup=markup)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
