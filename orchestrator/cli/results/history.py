"""``farm results history``: a case run by run."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store, project
from orchestrator.cli.results.case import find_result, parse_case

EPILOG = "Example: farm results history local/small-cxr/int8/litert/t1/b1 --last 10"


def history(
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="As farm results --json names it.", autocompletion=candidates.case)
    ],
    last: Annotated[int, typer.Option(min=1, max=1000, help="Runs at most.")] = 20,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show a case run by run, and where it got faster or slower."""
    from orchestrator.analysis import history as analysis
    from orchestrator.reports import history as report

    with existing_store(db, inventory) as store:
        wanted = parse_case(case, store)
        find_result(store, wanted, None)
        points = analysis.history(store, wanted, project(db, inventory).state / "blobs", last)
    if json:
        typer.echo(report.as_json(points))
    else:
        report.show(points, console())
