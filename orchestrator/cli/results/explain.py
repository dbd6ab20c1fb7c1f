"""``farm results explain``: why a case is faster, slower or less accurate than float32."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store, project
from orchestrator.cli.results.case import find_result, parse_case

EPILOG = "Example: farm results explain local/small-cxr/int8/litert/t1/b1"


def explain(
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="As farm results --json names it.", autocompletion=candidates.case)
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
    """Explain why a case is faster or slower than float32.

    Or less accurate: from stored evidence alone, which each sentence names, and commands that find out the rest.
    """
    from orchestrator.analysis import explain as analysis
    from orchestrator.reports import explain as report

    with existing_store(db, inventory) as store:
        row = find_result(store, parse_case(case, store), run)
        explained = analysis.explain(store, row, project(db, inventory).state / "blobs")
    if json:
        typer.echo(report.as_json(explained))
    else:
        report.show(explained, console())
