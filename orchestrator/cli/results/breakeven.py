"""``farm results breakeven``: after how many images a slow start has paid."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store
from orchestrator.cli.results.filters import Batch, Devices, Models, Since, Threads, filters

EPILOG = """Examples:

\b
  farm results breakeven --run latest
  farm results breakeven --runtime litert-gpu/float16 --against litert/int8"""


def break_even(
    runtime: Annotated[str, typer.Option(metavar="RUNTIME[/SCHEME]", help="What starts slowly.")] = "litert-gpu",
    against: Annotated[str, typer.Option(metavar="RUNTIME[/SCHEME]", help="What it is compared with.")] = "litert",
    devices: Devices = None,
    models: Models = None,
    threads: Threads = None,
    batch: Batch = None,
    since: Since = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Default: the result of every case that counts.", autocompletion=candidates.run
        ),
    ] = None,
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

    narrowed = filters(devices=devices, models=models, threads=threads, batch=batch, since=since)
    with existing_store(db, inventory) as store:
        run_id = store.run(run).id if run else None
        rows = store.results(run=run_id, since=narrowed.since, **narrowed.of(store, run_id, inventory, db))
        found = list(pairs(rows, lambda row: store.measurements(row.run, Case.parse(row.case)), runtime, against))
    if json:
        typer.echo(breakeven.as_json(found))
    elif found:
        breakeven.show(found, console())
    else:
        names = ", ".join(sorted({row.runtime for row in rows})) or "none"
        errors_console().print(
            f"no device has results of both {runtime} and {against} with the same model, threads and batch size; "
            f"runtimes with results: {names}; measure more with farm run --runtimes A,B",
            soft_wrap=True,
            markup=False,
        )
