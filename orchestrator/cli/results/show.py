"""``farm results show``: one case in full."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store, project
from orchestrator.cli.results.case import find_result, parse_case

EPILOG = "Example: farm results show local/small-cxr/int8/litert/t1/b1 --run latest"


def show_case(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE", help="DEVICE/MODEL/SCHEME/RUNTIME/tTHREADS/bBATCH.", autocompletion=candidates.case
        ),
    ],
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Default: the newest run that judged it.", autocompletion=candidates.run),
    ] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show one case in full.

    Every attempt, a histogram, what explains them, facts, recipe, reasons.
    """
    from dataclasses import replace

    from orchestrator.analysis.table_rows import table_rows
    from orchestrator.reports import case_detail

    with existing_store(db, inventory) as store:
        chosen = parse_case(case, store)
        row = find_result(store, chosen, run)
        everything = (
            row,
            store.measurements(row.run, chosen),
            store.scores(row.run, chosen),
            store.facts(row.run, row.device),
            store.artifact(row.artifact, row.run, chosen) if row.artifact else None,
        )
        (shown,) = table_rows(store, [row], project(db, inventory).state / "blobs")
        if json:
            typer.echo(case_detail.as_json(*everything, against=shown.against))
        else:
            of_float32 = store.measurements(row.run, replace(chosen, scheme="float32"))
            case_detail.show(*everything, console(), of_float32=of_float32, against=shown.against)
