"""``farm results``: mounts the commands that ask the store for measurements."""

from __future__ import annotations

import typer

from orchestrator.cli.context import Db, InventoryFile, Json
from orchestrator.cli.results import (
    accuracy,
    best,
    breakeven,
    check,
    compare,
    divergence,
    explain,
    export,
    gate,
    history,
    import_,
    plot,
    profile,
    prune,
    rejudge,
    show,
    sql,
)
from orchestrator.cli.results import list as listing
from orchestrator.cli.results.filters import filters
from orchestrator.cli.subcommands import refuse_options_before

app = typer.Typer(
    name="results", rich_markup_mode=None, help="Show of every case the result that counts; compare, explain."
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
app.command("explain", epilog=explain.EPILOG)(explain.explain)
app.command("profile", epilog=profile.EPILOG)(profile.profile_case)
app.command("accuracy", epilog=accuracy.EPILOG)(accuracy.accuracy)
app.command("sql", epilog=sql.EPILOG)(sql.sql)
app.command("divergence", epilog=divergence.EPILOG)(divergence.divergence)
app.command("export", epilog=export.EPILOG)(export.export)
app.command("import", epilog=import_.EPILOG)(import_.import_run)
app.command("prune", epilog=prune.EPILOG)(prune.prune)


@app.callback(invoke_without_command=True, epilog="Example: farm results --json")
def newest(context: typer.Context, *, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Show of every case the result that counts."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    listing.print_results(filters(), db=db, inventory=inventory, as_json=json)
