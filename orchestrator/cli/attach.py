"""``farm attach``: a run that goes on without a controller, followed to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.build_options import DEFAULT_TIMEOUT, BuildMemory, BuildTimeout, build_limits
from orchestrator.cli.context import Db, InventoryFile, Json, Wheelhouse, errors_console, project
from orchestrator.cli.run import resuming, show_results, show_run
from orchestrator.cli.run_options import PatienceOption
from orchestrator.cli.screen.output import output
from orchestrator.cli.waiting import replay_all

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

EPILOG = """Examples:

\b
  farm attach               the newest run
  farm attach release-2     Ctrl-C leaves it again; farm stop ends it"""


def attach(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Its id, a beginning of it, its name.", autocompletion=candidates.run),
    ] = "latest",
    patience: PatienceOption = 300.0,
    build_timeout: BuildTimeout = DEFAULT_TIMEOUT,
    build_memory: BuildMemory = "",
    wheelhouse: Wheelhouse = None,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Follow a detached run to its end, then show its results.

    What devices did meanwhile is stored and judged, what is left is measured. Ctrl-C detaches: lanes go on.
    """
    files = project(db, inventory)
    limits = build_limits(build_timeout, build_memory)
    farm = files.farm(patience_s=patience, wheelhouse=wheelhouse, build_limits=limits, keeps_lanes=True)
    with files.open_store(create=False) as store:
        replay_all(files, store, output().note)
        row = store.run(run)
        if is_over(row, store):
            errors_console().print(f"run {row.id} is over; its results:", soft_wrap=True)
            show_results(row.id, store, files, as_json=json)
            raise typer.Exit(row.exit_status or 0)
        events = resuming(farm, files, row.id)(store)
        raise typer.Exit(show_run(events, store, files, as_json=json, resumed=row.id, keeps_lanes=True)[1])


def is_over(row: RunRow, store: Store) -> bool:
    """Return whether a run has ended, on its devices too."""
    return row.ended_at is not None and all(lane.ended for lane in store.lanes(row.id))
