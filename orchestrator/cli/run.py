"""``farm run``: parse, call `Farm`, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import (
    Db,
    InventoryFile,
    Json,
    Wheelhouse,
    console,
    errors_console,
    home,
    known_devices,
    unlock_keys,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.cli.context import Home
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Plan
    from orchestrator.domain.suite import Suite
    from orchestrator.runs.farm import Farm
    from orchestrator.store.store import Store

EPILOG = """Examples:

\b
  farm run                                         the built-in suite on this machine
  farm run suite.yaml --devices pi5-a,tag:ward-3   your suite on some devices
  farm run --schemes float32,int8 --effort quick   a part of it, faster
  farm run --dry-run                               the plan and every skipped case
  farm run --resume latest                         finish what was interrupted"""


Devices = Annotated[
    str,
    typer.Option(
        metavar="A,B", help="Devices: names, pi5-*, tag:x, arch:x, !name.", show_default="what the suite says"
    ),
]
ThroughputOption = Annotated[
    str, typer.Option(metavar="1,2", help="Measure images per second too, with so many interpreters side by side.")
]
EffortOption = Annotated[
    str | None, typer.Option(help="How long to measure: smoke, quick, standard, mobile, mlperf, sustained.")
]


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def run(
    suite: Annotated[
        Path | None, typer.Argument(metavar="[SUITE]", help="A suite.yaml (default: the built-in suite).")
    ] = None,
    devices: Devices = "",
    models: Annotated[str, typer.Option(metavar="A,B", help="Only these models of the suite.")] = "",
    schemes: Annotated[str, typer.Option(metavar="A,B", help="Schemes: float32, dynamic, float16, int8.")] = "",
    runtimes: Annotated[str, typer.Option(metavar="A,B", help="Runtimes, such as litert, tflite, litert==1.4.0.")] = "",
    threads: Annotated[str, typer.Option(metavar="1,4", help="Threads of the runtime.")] = "",
    throughput: ThroughputOption = "",
    effort: EffortOption = None,
    compare: Annotated[bool, typer.Option("--compare", help="Make enough attempts to compare cases (7).")] = False,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Set the governor to performance meanwhile, where you may: farm devices tune."),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the order of attempts.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and what is skipped, and stop.")] = False,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with an interrupted run: an id, its beginning, or latest.")
    ] = None,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long a device may be out of reach before it is given up.")
    ] = 300.0,
    wheelhouse: Wheelhouse = None,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Build, push, measure, check accuracy, store and show: every case of a suite on every device."""
    from orchestrator.runs.farm import Farm

    place = home(db, inventory)
    farm = Farm(place.inventory, place.state, connector=place.connector, patience_s=patience, wheelhouse=wheelhouse)
    narrowing = {
        "devices": _words(devices),
        "models": _words(models),
        "schemes": _words(schemes),
        "runtimes": _words(runtimes),
        "threads": _counts("--threads", threads),
        "throughput": _counts("--throughput", throughput),
        "effort": effort,
        "compare": compare,
        "tune": tune,
        "seed": seed,
    }
    chosen = _chosen(suite, narrowing, resumed=resume is not None)
    facts = _prepared(farm, chosen.devices, place)
    if dry_run:
        _show_plan(farm.plan(chosen, facts), as_json=json)
        return
    from orchestrator.store.store import Store

    with Store.open(place.db) as store:
        events = farm.resume(resume, store) if resume is not None else farm.run(chosen, store)
        status = _show_run(events, store, as_json=json)
    raise typer.Exit(status)


def _chosen(suite: Path | None, narrowing: Mapping[str, Any], *, resumed: bool) -> Suite:
    from orchestrator.config import suite as suites
    from orchestrator.errors import UsageError

    if resumed and (suite is not None or any(value not in (None, [], False) for value in narrowing.values())):
        raise UsageError(
            "--resume goes on with the run as it was planned; leave the suite and the narrowing options out"
        )
    return suites.narrow(suites.load(suite) if suite else suites.built_in(), **narrowing)


def _prepared(farm: Farm, devices: Sequence[str], place: Home) -> dict[str, Mapping[str, Any]]:
    """Unlock the keys that reaching the selected devices takes; return what selectors ask of devices, if they do."""
    from orchestrator.config.selectors import needs_facts, select

    known = known_devices(place) if needs_facts(devices) else {}
    facts = {name: row.facts for name, row in known.items()}
    unlock_keys(place, select(farm.inventory.devices, devices, facts))
    return facts


def _counts(option: str, text: str) -> list[int]:
    from orchestrator.errors import UsageError

    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        raise UsageError(f"{option} {text}: whole numbers, separated by commas") from None


def _show_run(events: Iterator[Event], store: Store, *, as_json: bool) -> int:
    from orchestrator.cli.progress import Screen
    from orchestrator.domain.event import RunEnded

    status, run = 3, None
    screen = errors_console()
    try:
        with Screen(screen) as live:
            for event in events:
                run = event.run
                live.show(event)
                if isinstance(event, RunEnded):
                    status = event.exit_status
    except KeyboardInterrupt:
        if run is not None:
            screen.print(f"stopped; what was measured is stored. Go on with: farm run --resume {run}", soft_wrap=True)
        raise
    assert run is not None  # noqa: S101  a run begins with its own event
    _show_results(run, store, as_json=as_json)
    return status


def _show_results(run: str, store: Store, *, as_json: bool) -> None:
    from orchestrator.reports import case_table as table
    from orchestrator.reports import json as json_report

    rows = store.results(run=run)
    if as_json:
        typer.echo(json_report.render(rows))
        return
    out = console()
    table.show(rows, out)
    if rows:
        out.print(f"\nMore:          farm results show {rows[0].case}", soft_wrap=True)
    out.print("A real device: farm devices add pi5 --address pi@192.168.1.20", soft_wrap=True)


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    from rich.markup import escape

    from orchestrator.domain.plan import Attempt

    if as_json:
        import json

        lanes = {
            lane.device: [
                f"{step.case} attempt {step.number}"
                if isinstance(step, Attempt)
                else f"score {step.model} {step.scheme}"
                for step in lane.steps
            ]
            for lane in plan.lanes
        }
        skips = [{"case": str(skip.case), "reason": skip.reason} for skip in plan.skips]
        typer.echo(
            json.dumps({"effort": plan.effort.name, "seed": plan.seed, "lanes": lanes, "skips": skips}, indent=2)
        )
        return
    out = console()
    for lane in plan.lanes:
        steps = sum(isinstance(step, Attempt) for step in lane.steps)
        least = plan.effort.seconds * len(lane.cases)
        out.print(
            f"[bold]{lane.device}[/]  {len(lane.cases)} cases, {steps} attempts, "
            f"{len(lane.steps) - steps} scorings, at least {least:.0f} s of timed inference"
        )
        for number, step in enumerate(lane.steps, 1):
            what = (
                f"attempt {step.number}  {step.case}"
                if isinstance(step, Attempt)
                else f"scores     {step.device}/{step.model}/{step.scheme}/{step.runtime}"
            )
            out.print(f"  {number:3}  {what}", soft_wrap=True)
    for skip in plan.skips:
        out.print(f"[yellow]skipped[/]  {skip.case}: {escape(skip.reason)}", soft_wrap=True)
