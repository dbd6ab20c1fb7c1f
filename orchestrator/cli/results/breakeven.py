"""``farm results breakeven``: after how many images a slow start has paid."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store

EPILOG = """Examples:

\b
  farm results breakeven --run latest
  farm results breakeven --runtime litert-gpu/float16 --against litert/int8"""


def break_even(
    runtime: Annotated[str, typer.Option(metavar="RUNTIME[/SCHEME]", help="What starts slowly.")] = "litert-gpu",
    against: Annotated[str, typer.Option(metavar="RUNTIME[/SCHEME]", help="What it is compared with.")] = "litert",
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Default: the newest result of every case.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show after how many images a slow start has paid off.

    Below the answer: where the time goes.
    """
    from orchestrator.analysis.breakeven import pairs
    from orchestrator.domain.case import Case
    from orchestrator.reports import breakeven

    with existing_store(db, inventory) as store:
        rows = store.results(run=store.run(run).id if run else None)
        found = list(pairs(rows, lambda row: store.measurements(row.run, Case.parse(row.case)), runtime, against))
    if json:
        typer.echo(breakeven.as_json(found))
    elif found:
        breakeven.show(found, console())
    else:
        names = ", ".join(sorted({row.runtime for row in rows})) or "none"
        errors_console().print(
            f"no device has results of both {runtime} and {against} with the same model, threads and batch size; "
            f"runtimes with results: {names}; measure more with farm run --runtimes",
            soft_wrap=True,
            markup=False,
        )
