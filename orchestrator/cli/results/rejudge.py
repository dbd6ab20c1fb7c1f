"""``farm results judge``: a stored run judged anew."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store

EPILOG = "Example: farm results judge --run 20261123-112514-c40d"


def rejudge(
    run: Annotated[
        str,
        typer.Option(
            metavar="RUN", help="A run: its id, its beginning, its name, or latest.", autocompletion=candidates.run
        ),
    ] = "latest",
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Judge a stored run by today's rules, and show what changed."""
    from rich.markup import escape

    from orchestrator.analysis import judge
    from orchestrator.reports import rejudged

    with existing_store(db, inventory) as store:
        outcomes = list(judge.rejudge(store, run))
    if json:
        typer.echo(rejudged.as_json(outcomes))
        return
    for line in rejudged.lines(outcomes):
        console().print(escape(line), soft_wrap=True)
