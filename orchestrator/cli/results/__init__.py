"""``farm results``: mounts the commands that ask the store for measurements."""

from __future__ import annotations

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, existing_store
from orchestrator.cli.results import (
    accuracy,
    best,
    breakeven,
    check,
    compare,
    export,
    gate,
    history,
    import_,
    plot,
    prune,
    rejudge,
    show,
)
from orchestrator.cli.results import list as listing
from orchestrator.cli.results.list import print_rows, print_why_empty
from orchestrator.cli.subcommands import refuse_options_before

app = typer.Typer(
    name="results", rich_markup_mode=None, help="The newest result of every case; list and show say more."
)
app.command("list", epilog=listing.EPILOG)(listing.list_results)
app.command("history", epilog=history.EPILOG)(history.history)
app.command("show", epilog=show.EPILOG)(show.show_case)
app.command("judge", epilog=rejudge.EPILOG)(rejudge.rejudge)
app.command("best", epilog=best.EPILOG)(best.best)
app.command("breakeven", epilog=breakeven.EPILOG)(breakeven.break_even)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("gate", epilog=gate.EPILOG)(gate.gate)
app.command("plot", epilog=plot.EPILOG)(plot.plot)
app.command("compare", epilog=compare.EPILOG)(compare.compare)
app.command("accuracy", epilog=accuracy.EPILOG)(accuracy.accuracy)
app.command("export", epilog=export.EPILOG)(export.export)
app.command("import", epilog=import_.EPILOG)(import_.import_run)
app.command("prune", epilog=prune.EPILOG)(prune.prune)


@app.callback(invoke_without_command=True, epilog="Example: farm results --json")
def newest(context: typer.Context, *, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Show the newest result of every case."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    with existing_store(db, inventory) as store:
        rows = store.results()
    if json or rows:
        print_rows(rows, as_json=json)
    else:
        print_why_empty(rows, {})
