"""``farm runs``: the runs in the store with the names that people give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import (
    Db,
    InventoryFile,
    Json,
    console,
    errors_console,
    existing_store,
    has_no_database,
)
from orchestrator.cli.subcommands import refuse_options_before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.store.rows import RunRow

app = typer.Typer(
    name="runs",
    rich_markup_mode=None,
    help="Every run, newest first; name or unname one.",
)

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Its id, a beginning of it, its name, or latest.", autocompletion=candidates.run
    ),
]


@app.callback(invoke_without_command=True, epilog="Example: farm runs --json")
def runs(context: typer.Context, *, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """List every run, newest first."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    rows: Sequence[RunRow] = ()
    if not has_no_database(db, inventory):
        with existing_store(db, inventory) as store:
            rows = store.runs()
    if json:
        import json as encoder
        from dataclasses import asdict

        typer.echo(encoder.dumps([asdict(row) for row in rows], indent=2, default=lambda moment: moment.isoformat()))
        return
    if not rows:
        errors_console().print("no runs yet; start with: farm run")
        return
    from orchestrator.reports import runs as report

    report.show(rows, console())


@app.command("name", epilog="Example: farm runs name latest release-2")
def name_run(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A letter first, then letters, digits, . _ -")],
    *,
    move: Annotated[bool, typer.Option("--move", help="Take the name from the run that has it.")] = False,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Give a run a name, usable wherever a run is expected."""
    from orchestrator.domain.run_name import validated

    validated(name)
    with existing_store(db, inventory) as store:
        row = store.run(run)
        store.name_run(row.id, name, take=move)
    before = f" (before: {row.name})" if row.name not in (None, name) else ""
    console().print(f"run {row.id} is now called {name}{before}", markup=False)


@app.command("unname", epilog="Example: farm runs unname release-2")
def unname_run(run: Run, *, db: Db = None, inventory: InventoryFile = None) -> None:
    """Take a run's name away; its results stay."""
    with existing_store(db, inventory) as store:
        row = store.run(run)
        if row.name is None:
            console().print(f"run {row.id} has no name", markup=False)
            return
        store.unname_run(row.id)
    console().print(f"run {row.id} is no longer called {row.name}", markup=False)
