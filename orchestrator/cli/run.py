"""``farm run``: parse, call `Farm`, show."""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import candidates
from orchestrator.cli.aliases import Aliased
from orchestrator.cli.build_options import DEFAULT_TIMEOUT, BuildMemory, BuildTimeout, build_limits
from orchestrator.cli.context import (
    Db,
    InventoryFile,
    Json,
    Wheelhouse,
    console,
    errors_console,
    project,
)
from orchestrator.cli.output import output
from orchestrator.cli.run_options import (
    AccuracyOption,
    CompareOption,
    DevicesOption,
    DryRunOption,
    EffortOption,
    ModelsOption,
    PatienceOption,
    RescoreOption,
    RuntimesOption,
    SchemesOption,
    SeedOption,
    ThreadsOption,
    ThroughputOption,
    TuneOption,
    counts,
    words,
)
from orchestrator.cli.terminal import plain
from orchestrator.cli.time_left import Estimates
from orchestrator.cli.waiting import replay_all

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from orchestrator.cli.context import Project
    from orchestrator.cli.time_left import Earlier
    from orchestrator.datasets.base import Datasets
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Plan
    from orchestrator.domain.suite import Suite
    from orchestrator.runs.farm import Farm
    from orchestrator.store.rows import RunRow
    from orchestrator.store.step_times import StepTimes
    from orchestrator.store.store import Store

#: The run that ``--resume`` alone goes on with.
LATEST = "latest"

EPILOG = """Examples:

\b
  farm run                                         the built-in suite on this machine
  farm run suite.yaml --devices pi5-a,tag:ward-3   your suite on some devices
  farm run --schemes float32,int8 --effort quick   a part of it, faster
  farm run --dry-run                               the plan and every skipped case
  farm run --resume                                finish what was interrupted last"""


ResumeOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="Go on with an interrupted run: an id, its beginning, its name, or latest (without RUN).",
        autocompletion=candidates.run,
    ),
]


class ResumeLatest(Aliased):
    """A command whose ``--resume`` without a run goes on with the latest one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args``, once what stands alone is completed."""
        follower = dict(pairwise([*args, "-"])).get("--resume", "")
        if follower.startswith("-"):
            position = args.index("--resume") + 1
            args = [*args[:position], LATEST, *args[position:]]
        return super().parse_args(ctx, args)


def run(
    suite: Annotated[
        Path | None, typer.Argument(metavar="SUITE", help="A suite.yaml (default: the built-in suite).")
    ] = None,
    devices: DevicesOption = "",
    models: ModelsOption = "",
    schemes: SchemesOption = "",
    runtimes: RuntimesOption = "",
    threads: ThreadsOption = "",
    throughput: ThroughputOption = "",
    effort: EffortOption = None,
    compare: CompareOption = False,
    tune: TuneOption = False,
    accuracy: AccuracyOption = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Time the operators of each case too, after its attempts.")
    ] = False,
    seed: SeedOption = None,
    dry_run: DryRunOption = False,
    resume: ResumeOption = None,
    patience: PatienceOption = 300.0,
    rescore: RescoreOption = False,
    build_timeout: BuildTimeout = DEFAULT_TIMEOUT,
    build_memory: BuildMemory = "",
    wheelhouse: Wheelhouse = None,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Measure every case of a suite on every device.

    Builds and pushes artifacts, measures them, checks their accuracy, stores and shows the results.
    """
    files = project(db, inventory)
    narrowing = {
        "devices": words(devices),
        "models": words(models),
        "schemes": words(schemes),
        "runtimes": words(runtimes),
        "threads": counts("--threads", threads),
        "throughput": counts("--throughput", throughput),
        "effort": effort,
        "compare": compare,
        "tune": tune,
        "accuracy": accuracy,
        "profile": profile,
        "seed": seed,
    }
    if resume is not None:
        _refuse_narrowing(suite, narrowing)
    limits = build_limits(build_timeout, build_memory)
    farm = files.farm(patience_s=patience, wheelhouse=wheelhouse, build_limits=limits, rescore=rescore)
    if resume is None:
        raise typer.Exit(carry_out(farm, files, _chosen(suite, narrowing), dry_run=dry_run, as_json=json))
    if dry_run:
        raise typer.Exit(_show_plan(*_planned_rest(farm, files, resume), as_json=json))
    with files.open_store(create=False) as store:
        replay_all(files, store, output().note)
        raise typer.Exit(_show_run(_resuming(farm, files, resume)(store), store, files, as_json=json)[1])


def carry_out(
    farm: Farm,
    files: Project,
    chosen: Suite,
    *,
    dry_run: bool,
    as_json: bool,
    below: Callable[[Store, str], None] | None = None,
) -> int:
    """Measure a suite and show its results, or only its plan with ``dry_run``; return the exit status.

    ``below`` is called with the store and the run's id once its results are shown.
    """
    if dry_run:
        return _show_plan(*_planned(farm, files, chosen), as_json=as_json)
    begin = _beginning(farm, files, chosen)
    with files.open_store() as store:
        replay_all(files, store, output().note)
        run, status = _show_run(begin(store), store, files, as_json=as_json)
        if below is not None:
            below(store, run)
        return status


def _beginning(farm: Farm, files: Project, chosen: Suite) -> Callable[[Store], Generator[Event, None, None]]:
    """Return what begins a run in a store; what is wrong with options or inputs is raised before the store is opened."""
    devices = files.select(chosen.devices)
    with wrong_inputs():
        return farm.prepare(chosen, devices)


@contextmanager
def wrong_inputs() -> Iterator[None]:
    """Raise what is wrong with models and images as a `UsageError`: nothing was built or stored yet."""
    from orchestrator.errors import DatasetError, ModelError, UsageError

    try:
        yield
    except (DatasetError, ModelError) as error:
        raise UsageError(error.message, hint=error.hint) from error


def _resuming(farm: Farm, files: Project, run: str) -> Callable[[Store], Generator[Event, None, None]]:
    def resume(store: Store) -> Generator[Event, None, None]:
        row = store.run(run)
        return farm.resume(row.id, _devices_of(_stored(row), files), store)

    return resume


def _chosen(suite: Path | None, narrowing: Mapping[str, Any]) -> Suite:
    from orchestrator.config import suite as suites

    return suites.narrow(suites.load(suite) if suite else suites.built_in(narrowing["models"]), **narrowing)


def _refuse_narrowing(suite: Path | None, narrowing: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a run that goes on would have to be another one."""
    from orchestrator.errors import UsageError

    if suite is not None or any(value not in (None, [], False) for value in narrowing.values()):
        raise UsageError("--resume takes no suite and no narrowing option: the run goes on as it was planned")


def _stored(row: RunRow) -> Suite:
    from orchestrator.domain.suite import Suite

    return Suite.from_json(row.suite)


def _planned(farm: Farm, files: Project, chosen: Suite) -> tuple[Plan, Estimates]:
    """Return what a new run would do, with what is known of how long that takes."""
    from orchestrator.datasets.base import Datasets

    devices = files.select(chosen.devices)
    with wrong_inputs():
        datasets = Datasets()
        images = _show_inputs(chosen, datasets)
    return farm.plan(chosen, devices, datasets=datasets), Estimates(earlier=_earlier(files), images=images)


def _planned_rest(farm: Farm, files: Project, resume: str) -> tuple[Plan, Estimates]:
    """Return what going on with a run would do, with what is known of how long that takes. Raises `UnknownName` where there is no such run."""
    with files.open_store(create=False) as store:
        row = store.run(resume)
        done = store.done_steps(row.id)
    stored = _stored(row)
    plan = farm.plan(stored, _devices_of(stored, files), run=row.id, done=done)
    return plan, Estimates(earlier=_earlier(files), images=stored.scored_images)


def _earlier(files: Project) -> Earlier:
    def earlier(device: str, effort: str) -> StepTimes:
        with files.open_store(create=False) as store:
            return store.step_times(device, effort)

    return earlier


def _show_inputs(suite: Suite, datasets: Datasets) -> int:
    """Show what the dataset holds, and return how many images are scored. Raises `DatasetError` or `ModelError` where a run would refuse it."""
    from orchestrator.models import preflight
    from orchestrator.reports import dataset

    images = datasets.of(suite.dataset)
    preflight.check(suite, images)
    summary = images.summary()
    for line in dataset.lines(summary, limit=suite.scored_images):
        output().note(f"[bold]dataset[/]  {plain(line)}")
    evaluated = sum(part.images for part in summary.parts if part.part == "evaluation")
    return min(evaluated, suite.scored_images or evaluated)


def _devices_of(stored: Suite, files: Project) -> tuple[Device, ...]:
    """Return the devices of a run that goes on; those that were removed meanwhile are named and left out."""
    from orchestrator.config.inventory import Inventory
    from orchestrator.errors import UnknownName

    present = {device.name for device in Inventory.load(files.inventory).devices}
    removed = [word for word in stored.devices if re.fullmatch(r"[\w.-]+", word) and word not in {"all", *present}]
    for name in removed:
        errors_console().print(f"[yellow]{name}[/]  left out: no longer in {files.inventory}", soft_wrap=True)
    left = [word for word in stored.devices if word not in removed]
    if not left:
        raise UnknownName("device", removed[0], present)
    return files.select(left)


def _show_run(events: Generator[Event, None, None], store: Store, files: Project, *, as_json: bool) -> tuple[str, int]:
    """Show a run and its results; return its id and its exit status."""
    from orchestrator.cli.live_run import follow

    run, status = follow(events, store)
    _show_results(run, store, files, as_json=as_json)
    return run, status


def _show_results(run: str, store: Store, files: Project, *, as_json: bool) -> None:
    from orchestrator.cli.results.list import print_rows
    from orchestrator.reports import run_end

    rows = store.results(run=run)
    if not as_json:
        run_end.show(store.run(run), store.skips(run), store.events(run), console())
    print_rows(store, rows, files, as_json=as_json)
    if as_json:
        return
    out = console()
    if rows:
        out.print(f"\nMore:          farm results show {rows[0].case}", soft_wrap=True)
    if {row.device for row in rows} <= {"local"} and len(files.select(None, unlock=False)) == 1:
        out.print("A real device: farm devices add pi5 --address pi@192.168.1.20", soft_wrap=True)


def _show_plan(plan: Plan, estimates: Estimates, *, as_json: bool) -> int:
    """Show what would be done; return the exit status: 3 where every case is skipped."""
    from orchestrator.reports import plan as report
    from orchestrator.reports import skips

    status = 3 if plan.skips and not plan.lanes else 0
    if as_json:
        typer.echo(report.as_json(plan))
        return status
    out = console()
    if not plan.lanes and not plan.skips:
        out.print("nothing is left to do")
    for lane in plan.lanes:
        out.print(f"[bold]{lane.device}[/]  {report.summary(lane, plan)}")
        out.print(f"[bold]{lane.device}[/]  {plain(estimates.words(lane, plan.effort))}", soft_wrap=True)
        out.print(f"[bold]{lane.device}[/]  {report.transfer(plan.transfers[lane.device])}", soft_wrap=True)
        for line in report.lines(lane):
            out.print(line, soft_wrap=True)
    for line in skips.lines((skip.case, skip.reason) for skip in plan.skips):
        out.print(f"[yellow]skipped[/]  {plain(line)}", soft_wrap=True)
    return status
