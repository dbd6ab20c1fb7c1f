"""``farm run``: parse, call `Farm`, show."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from orchestrator.cli import candidates
from orchestrator.cli.build_options import DEFAULT_TIMEOUT, BuildMemory, BuildTimeout, build_limits
from orchestrator.cli.cluster_options import THREADS, ExecutorOption, SchedulerOption, cluster_of
from orchestrator.cli.context import (
    Db,
    InventoryFile,
    Json,
    Wheelhouse,
    console,
    project,
)
from orchestrator.cli.dry_run import devices_of, planned, planned_rest, show_plan, stored_suite, wrong_inputs
from orchestrator.cli.push_options import SITE_PUSHES, PushLimit, SitePushes, push_limits
from orchestrator.cli.run_options import (
    AccuracyOption,
    CompareOption,
    DetachOption,
    DevicesOption,
    DryRunOption,
    EffortOption,
    ModelsOption,
    PatienceOption,
    ProfileOption,
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
from orchestrator.cli.screen.output import output
from orchestrator.cli.waiting import replay_all

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from orchestrator.cli.context import Project
    from orchestrator.domain.event import Event
    from orchestrator.domain.suite import Suite
    from orchestrator.runs.farm import Farm
    from orchestrator.store.store import Store

#: The run that ``--resume`` alone goes on with.
LATEST = "latest"

EPILOG = """Examples:

\b
  farm run                                         the built-in suite on this machine
  farm run suite.yaml --devices pi5-a,tag:ward-3   your suite on some devices
  farm run --schemes float32,int8 --effort quick   a part of it, faster
  farm run --dry-run                               the plan and every skipped case
  farm run --detach                                start it, and leave: farm attach
  farm run --resume                                finish what was interrupted last"""


SuiteArgument = Annotated[
    Path | None, typer.Argument(metavar="SUITE", help="A suite.yaml (default: the built-in suite).")
]
ResumeOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="Go on with an interrupted run: an id, its beginning, its name, or latest (without RUN).",
        autocompletion=candidates.run,
    ),
]


class ResumeLatest(TyperCommand):
    """A command whose ``--resume`` without a run goes on with the latest one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args``, once what stands alone is completed."""
        follower = dict(pairwise([*args, "-"])).get("--resume", "")
        if follower.startswith("-"):
            position = args.index("--resume") + 1
            args = [*args[:position], LATEST, *args[position:]]
        return super().parse_args(ctx, args)


def run(
    suite: SuiteArgument = None,
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
    profile: ProfileOption = False,
    seed: SeedOption = None,
    dry_run: DryRunOption = False,
    resume: ResumeOption = None,
    detach: DetachOption = False,
    patience: PatienceOption = 300.0,
    rescore: RescoreOption = False,
    push_limit: PushLimit = "",
    site_pushes: SitePushes = SITE_PUSHES,
    executor: ExecutorOption = THREADS,
    scheduler: SchedulerOption = "",
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
        **{name: counts(f"--{name}", text) for name, text in (("threads", threads), ("throughput", throughput))},
        "effort": effort,
        "compare": compare,
        "tune": tune,
        "accuracy": accuracy,
        "profile": profile,
        "seed": seed,
    }
    with cluster_of(executor, scheduler) as cluster:
        farm = files.farm(
            patience_s=patience,
            wheelhouse=wheelhouse,
            build_limits=build_limits(build_timeout, build_memory),
            rescore=rescore,
            push_limits=push_limits(push_limit, site_pushes),
            detaches=detach,
            cluster=cluster,
        )
        if resume is None:
            raise typer.Exit(carry_out(farm, files, _chosen(suite, narrowing), dry_run=dry_run, as_json=json))
        raise typer.Exit(_go_on(farm, files, resume, suite, narrowing, dry_run=dry_run, as_json=json))


def _go_on(
    farm: Farm,
    files: Project,
    resume: str,
    suite: Path | None,
    narrowing: Mapping[str, Any],
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    _refuse_narrowing(suite, narrowing)
    if dry_run:
        return show_plan(*planned_rest(farm, files, resume), as_json=as_json)
    with files.open_store(create=False) as store:
        replay_all(files, store, output().note)
        return show_run(resuming(farm, files, resume)(store), store, files, as_json=as_json, resumed=resume)[1]


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
        return show_plan(*planned(farm, files, chosen), as_json=as_json)
    begin = _beginning(farm, files, chosen)
    with files.open_store() as store:
        replay_all(files, store, output().note)
        run, status = show_run(begin(store), store, files, as_json=as_json)
        if below is not None:
            below(store, run)
        return status


def _beginning(farm: Farm, files: Project, chosen: Suite) -> Callable[[Store], Generator[Event, None, None]]:
    """Return what begins a run in a store; what is wrong with options or inputs is raised before the store is opened."""
    devices = files.select(chosen.devices)
    with wrong_inputs():
        return farm.prepare(chosen, devices)


def resuming(farm: Farm, files: Project, run: str) -> Callable[[Store], Generator[Event, None, None]]:
    """Return what goes on with a run in a store."""

    def resume(store: Store) -> Generator[Event, None, None]:
        row = store.run(run)
        return farm.resume(row.id, devices_of(stored_suite(row), files), store)

    return resume


def _chosen(suite: Path | None, narrowing: Mapping[str, Any]) -> Suite:
    from orchestrator.config import suite as suites

    return suites.narrow(suites.load(suite) if suite else suites.built_in(narrowing["models"]), **narrowing)


def _refuse_narrowing(suite: Path | None, narrowing: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a run that goes on would have to be another one."""
    from orchestrator.errors import UsageError

    if suite is not None or any(value not in (None, [], False) for value in narrowing.values()):
        raise UsageError("--resume takes no suite and no narrowing option: the run goes on as it was planned")


def show_run(
    events: Generator[Event, None, None],
    store: Store,
    files: Project,
    *,
    as_json: bool,
    resumed: str | None = None,
    keeps_lanes: bool = False,
) -> tuple[str, int]:
    """Show a run, then its results, or what goes on without us; return its id and its exit status."""
    from orchestrator.cli.screen.live_run import follow

    followed = follow(events, store, resumed=resumed, keeps_lanes=keeps_lanes)
    if followed.left:
        show_detached(followed.run, followed.left, store, as_json=as_json)
    else:
        show_results(followed.run, store, files, as_json=as_json)
    return followed.run, followed.exit_status


def show_detached(run: str, devices: Sequence[str], store: Store, *, as_json: bool) -> None:
    """Show what goes on without us, the devices that do not, and the next commands."""
    from orchestrator.reports import run_end

    events = store.events(run)
    lost = dict(run_end.lost_devices(events))
    if as_json:
        import json

        typer.echo(json.dumps({"run": run, "devices": list(devices), "lost": lost}, indent=2))
        return
    out = console()
    out.print(f"run {run} goes on by itself on {', '.join(devices)}", soft_wrap=True, markup=False)
    out.print(f"\nFollow it to its end:  farm attach {run}", soft_wrap=True)
    out.print("Collect what is done:  farm collect", soft_wrap=True)
    out.print(f"Stop it:               farm stop {run}", soft_wrap=True)
    if lost:
        out.print()
        run_end.show_lost(run, events, out)


def show_results(run: str, store: Store, files: Project, *, as_json: bool) -> None:
    """Show the results of a run."""
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
        out.print(f"\nMore:          farm results show {shlex.quote(rows[0].case)}", soft_wrap=True)
    if {row.device for row in rows} <= {"local"} and len(files.select(None, unlock=False)) == 1:
        out.print("A real device: farm devices add pi5 --address pi@192.168.1.20", soft_wrap=True)
