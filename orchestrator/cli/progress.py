"""The live screen of `farm run`, on standard error.

It moves only when something happens. A spinner would be work of ours beside the measurement on the device `local`.
"""

from __future__ import annotations

from functools import singledispatchmethod
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from orchestrator.cli.terminal import plain
from orchestrator.cli.time_left import TimeLeft
from orchestrator.devices.health import tuning
from orchestrator.devices.tuning_text import sentences
from orchestrator.domain import event as happened
from orchestrator.domain.plan import Attempt, Profiling, Scoring
from orchestrator.domain.tuning import Tuning
from orchestrator.domain.units import format_bytes, format_ns, format_seconds
from orchestrator.reports import case_table, dataset

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Step


class Screen:
    """Shows events; a progress bar for each device on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("[bold]{task.fields[device]}"),
            BarColumn(bar_width=24 if console.width >= 80 else 8),
            MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=5)),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.description}", style="dim"),
            console=console,
            transient=True,
            auto_refresh=False,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        #: By device, what is known of how long it still takes.
        self._times: dict[str | None, TimeLeft] = {}
        #: By device, the bytes that were pushed, and all that are on their way.
        self._pushes: dict[str | None, tuple[int, int]] = {}
        self._building: TaskID | None = None
        #: Models and why they can't be built, once for all their artifacts.
        self._failures: set[tuple[str, str]] = set()
        #: Models whose scores were called doubtful, once for all their artifacts.
        self._doubted: set[str] = set()
        #: Devices that do nothing and why, once for all their cases.
        self._left_out: set[tuple[str | None, str]] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Show what happened."""
        self._show(event)
        self._progress.refresh()

    @singledispatchmethod
    def _show(self, event: Event) -> None:
        pass

    @_show.register
    def _(self, event: happened.RunStarted) -> None:
        self._say(f"run [bold]{event.run}[/]  dataset {plain(event.dataset)}, effort {event.effort}, seed {event.seed}")

    @_show.register
    def _(self, event: happened.DatasetRead) -> None:
        for line in dataset.lines(event.summary):
            self._say(f"[bold]dataset[/]  {plain(line)}")

    @_show.register
    def _(self, event: happened.RunResumed) -> None:
        self._say(f"run [bold]{event.run}[/] goes on")

    @_show.register
    def _(self, event: happened.DeviceProbed) -> None:
        facts = event.facts
        memory = facts.get("memory_bytes")
        words = [
            facts.get("board") or facts.get("cpu_model") or facts.get("machine"),
            f"{facts['cores']} cores" if facts.get("cores") else None,
            f"CPU quota {quota:g}" if isinstance(quota := facts.get("quota_cpus"), int | float) else None,
            format_bytes(memory) if memory else None,
            f"Python {facts['python']}" if isinstance(facts.get("python"), str) else None,
        ]
        self._say(f"[bold]{event.entry.name}[/]  {plain(', '.join(str(word) for word in words if word))}")
        for _, advice in tuning(facts):
            self._say(f"[bold]{event.entry.name}[/]  {plain(advice)}")

    @_show.register
    def _(self, event: happened.LaneSkipped) -> None:
        self._left_out.add((event.device, event.reason))
        self._say(f"[red]{event.device}  skipped:[/] {plain(event.reason)}")

    @_show.register
    def _(self, event: happened.LaneCrashed) -> None:
        self._say(f"[red]{event.device}  stopped by a bug in farm:[/] {plain(event.reason)}")
        if event.report is not None:
            self._say(f"      the other devices go on; please report {plain(event.report)}")

    @_show.register
    def _(self, event: happened.CaseSkipped) -> None:
        if (event.device, event.reason) not in self._left_out:
            self._say(f"[yellow]{plain(str(event.case))}  skipped:[/] {plain(event.reason)}")

    @_show.register
    def _(self, event: happened.Planned) -> None:
        for device in self._tasks.keys() - {lane.device for lane in event.plan.lanes}:
            self._progress.update(self._tasks[device], visible=False)
        for lane in event.plan.lanes:
            self._times[lane.device] = TimeLeft(lane, event.plan.effort)
            if lane.device in self._tasks:  # planned anew without what its runtime has no kernels for
                self._progress.update(self._tasks[lane.device], total=len(lane.steps))
            else:
                self._tasks[lane.device] = self._progress.add_task(
                    "waiting for artifacts", total=len(lane.steps), device=lane.device, left=""
                )

    @_show.register
    def _(self, event: happened.BuildStarted) -> None:
        if event.total:
            self._say(f"building {event.total} artifact{'s' if event.total > 1 else ''} (TensorFlow takes a moment)")
            self._building = self._progress.add_task("building", total=event.total, device="build", left="")

    @_show.register
    def _(self, event: happened.ArtifactReady) -> None:
        doubt = event.artifact.checks.get("doubt")
        if doubt is not None and event.artifact.model not in self._doubted:
            self._doubted.add(event.artifact.model)
            self._say(f"[yellow]{plain(event.artifact.model)}  doubtful:[/] {plain(doubt)}")
        if not event.reused:
            artifact = event.artifact
            self._say(
                f"built {plain(artifact.model)} {artifact.scheme}, {format_bytes(artifact.size_bytes)}, "
                f"in {format_seconds(event.seconds)}"
            )
            self._advance_build()

    @_show.register
    def _(self, event: happened.BuildFailed) -> None:
        repeated = (event.model, event.error) in self._failures
        self._failures.add((event.model, event.error))
        why = "for the same reason" if repeated else event.error
        self._say(f"[red]{plain(event.model)} {event.scheme} cannot be built:[/] {plain(why)}")
        self._advance_build()

    def _advance_build(self) -> None:
        if self._building is not None:
            self._progress.advance(self._building)
            task = self._progress.tasks[self._building]
            if task.finished:
                self._progress.update(self._building, visible=False)

    @_show.register
    def _(self, event: happened.PushStarted) -> None:
        self._pushes[event.device] = (0, event.total_bytes)
        if event.image_bytes and (event.later_bytes or not self._console.is_terminal):
            later = f"; {format_bytes(event.later_bytes)} more when these are scored" if event.later_bytes else ""
            self._say(
                f"[bold]{event.device}[/]  pushing {format_bytes(event.total_bytes)}, "
                f"{format_bytes(event.image_bytes)} of it images{later}"
            )

    @_show.register
    def _(self, event: happened.BlobSent) -> None:
        before, total = self._pushes.get(event.device, (0, 0))
        sent = before + event.sent_bytes
        self._pushes[event.device] = sent, total
        share = f" ({format_bytes(sent)} of {format_bytes(total)})" if total > event.sent_bytes else ""
        self._describe(event.device, f"pushed {event.what}, {format_bytes(event.sent_bytes)}{share}")
        if not self._console.is_terminal:
            self._say(f"{event.device}  pushed {plain(event.what)}, {format_bytes(event.sent_bytes)}{share}")

    @_show.register
    def _(self, event: happened.DamageMended) -> None:
        self._say(
            f"[bold yellow]{event.device}[/]  {plain(event.what)} had changed on its disk since it arrived, and was installed anew; "
            "a card that does this again is dying"
        )

    @_show.register
    def _(self, event: happened.LaneStarted) -> None:
        self._say(f"[bold]{event.device}[/]  lane started (detached)")
        if event.device in self._times:
            self._times[event.device].begin(event.at)

    @_show.register
    def _(self, event: happened.DeviceTuned) -> None:
        for sentence in sentences(Tuning.from_json(event.answer)):
            self._say(f"[bold]{event.device}[/]  {plain(sentence)}")

    @_show.register
    def _(self, event: happened.ScoringStarted) -> None:
        self._describe(event.device, f"scoring {event.model} {event.scheme} {event.runtime}")

    @_show.register
    def _(self, event: happened.ShardScored) -> None:
        if event.shards > 1:
            what = f"{event.model} {event.scheme} {event.runtime}"
            self._describe(event.device, f"scoring {what}, {event.place + 1} of {event.shards}")

    @_show.register
    def _(self, event: happened.Scored) -> None:
        scores = event.scores
        if scores.error is not None:
            what = f"{scores.model} {scores.scheme} {scores.runtime}"
            self._say(f"[red]{event.device}  scoring {plain(what)} failed:[/] {plain(_last_line(scores.error))}")
        self._step(event, Scoring)

    @_show.register
    def _(self, event: happened.ProfileStarted) -> None:
        case = event.case
        self._describe(event.device, f"profiling {case.model} {case.scheme} {case.runtime}")

    @_show.register
    def _(self, event: happened.Profiled) -> None:
        profile = event.profile
        if profile.error is not None:
            how = "not possible" if profile.unsupported else "failed"
            self._say(f"[yellow]{plain(str(profile.case))}  profile {how}:[/] {plain(_last_line(profile.error))}")
        self._step(event, Profiling)

    @_show.register
    def _(self, event: happened.AttemptStarted) -> None:
        case = event.case
        self._describe(event.device, f"attempt {event.number}: {case.model} {case.scheme} {case.runtime}")

    @_show.register
    def _(self, event: happened.AttemptEnded) -> None:
        measurement = event.measurement
        case = measurement.case
        if measurement.error is not None:
            self._say(f"[red]{plain(str(case))}  attempt failed:[/] {plain(_last_line(measurement.error))}")
        elif not self._console.is_terminal and measurement.latency_ns:
            middle = sorted(measurement.per_invocation_ns)[len(measurement.latency_ns) // 2]
            self._say(f"{case}  attempt {measurement.number}: {format_ns(float(middle))}")
        self._step(event, Attempt)

    @_show.register
    def _(self, event: happened.LinkLost) -> None:
        self._say(
            f"[yellow]{event.device}  link lost, the lane goes on there; reconnecting:[/] {plain(_last_line(event.reason))}"
        )

    @_show.register
    def _(self, event: happened.DatabaseLost) -> None:
        self._say(f"[yellow]database lost, measuring goes on:[/] {plain(event.reason)}")
        self._say(f"      what happens waits in {plain(event.file)}")

    @_show.register
    def _(self, event: happened.DatabaseBack) -> None:
        self._say(f"database back: {event.events} events that waited are stored")

    @_show.register
    def _(self, event: happened.LaneEnded) -> None:
        if event.error is not None:
            self._say(f"[yellow]{event.device}  lane ended early:[/] {plain(event.error)}")

    @_show.register
    def _(self, event: happened.DeviceFinished) -> None:
        if event.device in self._tasks:
            self._progress.update(self._tasks[event.device], description="finished", left="")

    @_show.register
    def _(self, event: happened.CaseJudged) -> None:
        if len(self._tasks) > 1:  # of one device alone, the table follows at once
            result = event.result
            colour = case_table.COLOURS[result.verdict.value]
            middle = "" if result.p50_ns is None or result.case.interpreters else f", p50 {format_ns(result.p50_ns)}"
            auc = "" if result.auc_mean is None else f", AUC {result.auc_mean:.4f}"
            self._say(f"{plain(str(result.case))}  [{colour}]{result.verdict.value}[/]{middle}{auc}")

    def _say(self, markup: str) -> None:
        self._progress.console.print(markup, soft_wrap=True)

    def _describe(self, device: str | None, text: str) -> None:
        if device in self._tasks:
            self._progress.update(self._tasks[device], description=plain(text))

    def _step(self, event: Event, kind: type[Step]) -> None:
        if event.device in self._tasks:
            time = self._times[event.device]
            time.end(kind, event.at)
            self._progress.update(self._tasks[event.device], advance=1, left=time.words())


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
