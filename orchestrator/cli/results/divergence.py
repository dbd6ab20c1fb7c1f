"""``farm results divergence``: how far devices are from each other."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store
from orchestrator.cli.results.filters import Devices, Models, Run, Runtimes, Schemes, Since, filters, warn_of_unknown

EPILOG = """Examples:

\b
  farm results divergence
  farm results divergence --run latest --scheme int8 --worst 10"""


def divergence(
    run: Run = None,
    devices: Devices = None,
    models: Models = None,
    schemes: Schemes = None,
    runtimes: Runtimes = None,
    since: Since = None,
    worst: Annotated[int, typer.Option(min=0, max=1000, help="Images to name for each artifact.")] = 5,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show how far devices are from each other.

    For each artifact: its scores on all devices and runtimes, and the worst images by name.
    """
    from orchestrator.analysis.accuracy.divergence import divergences
    from orchestrator.reports import divergence as report
    from orchestrator.reports import no_results

    narrowed = filters(devices=devices, models=models, schemes=schemes, runtimes=runtimes, since=since)
    with existing_store(db, inventory) as store:
        run_id = store.run(run).id if run else None
        chosen = narrowed.of(store, run_id, inventory, db)
        rows = store.results(run=run_id, since=narrowed.since, **chosen)
        warn_of_unknown(store, run_id, chosen, store.run(run) if run else None)
        found = divergences(store, rows, worst)
        why = "none of these results has scores whose images are stored; measure with farm run, then ask again"
        if not rows:
            why = no_results.explain(store.results(run=run_id), chosen, store.run(run) if run else None)
    if json:
        typer.echo(report.as_json(found))
    elif found:
        report.show(found, console())
    else:
        errors_console().print(why, markup=False, soft_wrap=True)
