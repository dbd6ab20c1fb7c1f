"""Lanes read from devices into the store, with a table of what came of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.context import console
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.devices.remote.origin import Origin
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.errors import FarmError
    from orchestrator.runs.collect import LaneToRead
    from orchestrator.runs.farm import Farm
    from orchestrator.store.store import Store

WHOLE, RUNS, ELSEWHERE, FAILED, FOLLOWED = "whole", "still runs", "of another store", "failed", "followed"
_COLOURS = {WHOLE: "green", RUNS: "yellow", ELSEWHERE: "yellow", FAILED: "red", FOLLOWED: "yellow"}


@dataclass(slots=True, kw_only=True)
class Collected:
    """What came of a device's lanes of one run."""

    device: str
    run: str
    lanes: int
    #: `WHOLE` where the store has all of them, to their ends.
    state: str = RUNS
    #: Attempts, scorings, profiles that were read.
    counts: Counter[str] = field(default_factory=Counter)
    #: Why the state is no better.
    why: str = ""
    #: Who started the run, where that was another controller: ``user@machine``.
    holder: str = ""
    #: Datasets without whose labels its scores were left out.
    unlabelled: list[str] = field(default_factory=list)

    def note(self, event: Event) -> None:
        """Take notice of an event of the device."""
        from orchestrator.domain import event as happened

        kinds = {happened.AttemptEnded: "attempt", happened.Scored: "scoring", happened.Profiled: "profile"}
        kind = kinds.get(type(event))
        if kind is not None:
            self.counts[kind] += 1
        elif isinstance(event, happened.DeviceFinished):
            self.state = WHOLE
        elif isinstance(event, happened.LaneEnded) and event.error is not None:
            self.why = event.error
        elif isinstance(event, happened.LaneSkipped):
            self.state, self.why = FAILED, event.reason

    @property
    def what(self) -> str:
        """What was read, in words."""
        return (
            ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in self.counts.items()) or "nothing"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        counts = {f"{kind}s": self.counts[kind] for kind in ("attempt", "scoring", "profile")}
        return {
            "device": self.device,
            "run": self.run,
            "lanes": self.lanes,
            **counts,
            "state": self.state,
            "why": self.why,
            "started_by": self.holder or None,
            "labels_missing": self.unlabelled,
        }


def read_lanes(
    farm: Farm,
    store: Store,
    run: str,
    lanes: Sequence[LaneToRead],
    *,
    waits: bool,
    origins: Mapping[str, Origin] | None = None,
) -> list[Collected]:
    """Read ``lanes`` of a run, then judge; return what came of each device. What a run refuses becomes the state of its devices.

    ``origins`` is what each device keeps of a run that another controller started.
    """
    from orchestrator.errors import DatasetError, FarmError, ModelError

    counted = Counter(lane.device.name for lane in lanes)
    rows = {name: Collected(device=name, run=run, lanes=count) for name, count in counted.items()}
    for name in rows:
        output().note(f"{name}  reading run {run}")
    try:
        for event in farm.collect(run, lanes, store, waits=waits, origins=origins):
            if event.device in rows:
                rows[event.device].note(event)
    except (DatasetError, ModelError) as error:
        _fail(rows, error)
    except FarmError as error:
        if not rows:
            raise
        _fail(rows, error)
    return list(rows.values())


def followed(device: Device, run: str, lanes: int) -> Collected:
    """Return what is shown of a device's lanes of a run that another command stores."""
    return Collected(device=device.name, run=run, lanes=lanes, state=FOLLOWED, why="another farm command stores it")


def _fail(rows: Mapping[str, Collected], error: FarmError) -> None:
    for row in rows.values():
        row.state, row.why = FAILED, str(error)


def elsewhere(rows: Sequence[Collected]) -> Iterator[str]:
    """Yield a line for each device and reason with runs of other databases; a device of several users may have hundreds."""
    runs: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.state == ELSEWHERE:
            runs.setdefault((row.device, row.why), []).append(row.run)
    for (device, why), names in runs.items():
        ids = sorted(names)
        which = f"run {ids[0]}" if len(ids) == 1 else f"{len(ids)} runs ({ids[0]} … {ids[-1]})"
        yield f"[yellow]{plain(device)}[/]  also has {plain(which)} of other databases: {plain(' '.join(why.split()))}"


def _unscored(rows: Sequence[Collected]) -> Iterator[str]:
    """Yield a line for each dataset without whose labels scores were left out."""
    for run, dataset in dict.fromkeys((row.run, dataset) for row in rows for dataset in row.unlabelled):
        yield (
            f"[yellow]Scores of run {plain(run)} are not stored:[/] they need the labels of {plain(dataset)}, which this project does not have. "
            "Run a suite that scores these images here (farm run SUITE), then: farm collect"
        )


def show_collected(rows: Sequence[Collected], store: Store, *, as_json: bool) -> None:
    """Show what came of the devices' lanes, and the next commands."""
    if as_json:
        import json

        typer.echo(json.dumps([row.to_json() for row in rows], indent=2, ensure_ascii=False))
        return
    from orchestrator.cli.devices.format import table
    from orchestrator.reports.whole_table import print_whole

    out = console()
    here = [row for row in rows if row.state != ELSEWHERE]
    shown = table("device", "run", "collected", "lanes", "", narrow=("device", "run"))
    for row in here:
        why = f": {plain(' '.join(row.why.split()))}" if row.why else ""
        shown.add_row(row.device, row.run, row.what, str(row.lanes), f"[{_COLOURS[row.state]}]{row.state}[/]{why}")
    if here:
        print_whole(shown, out)
    for line in (*elsewhere(rows), *_unscored(here)):
        out.print(line, soft_wrap=True)
    for run in dict.fromkeys(row.run for row in here if row.state != FOLLOWED):
        holders = {row.holder for row in here if row.run == run} - {""}
        if holders:
            out.print(f"Run {run} was started by {plain(min(holders))}: it goes on there", soft_wrap=True)
        elif store.run(run).ended_at is None:
            out.print(f"Go on:    farm run --resume {run}", soft_wrap=True)
        if store.results(run=run):
            out.print(f"Results:  farm results list --run {run}", soft_wrap=True)
