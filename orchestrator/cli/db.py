"""``farm db``: the schema of the results database."""

from __future__ import annotations

import typer

from orchestrator.cli.context import Db, InventoryFile, console, project

app = typer.Typer(name="db", no_args_is_help=True, rich_markup_mode=None, help="The results database itself.")


@app.command("upgrade", epilog="Example: farm db upgrade --db sqlite:///old.db")
def upgrade(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Upgrade the database to the schema this farm needs.

    Back it up before.
    """
    from orchestrator.store import engine, migrate

    opened = engine.connect(project(db, inventory).db)
    try:
        console().print(f"schema {migrate.upgrade(opened)}")
    finally:
        opened.dispose()


@app.command("check", epilog="Example: farm db check")
def check(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Compare the database's schema with the one farm needs.

    Exit status 1 where they differ.
    """
    from orchestrator.store import engine, exceptions, migrate

    url = project(db, inventory).db
    opened = engine.connect(url, create=False)
    try:
        with opened.connect() as connection:
            revision = migrate.current(connection)
    finally:
        opened.dispose()
    name = exceptions.shown(engine.parse_url(url))
    console().print(f"{name}: schema {revision or 'none yet'}, this farm needs {migrate.NEWEST}", markup=False)
    if revision not in (None, migrate.NEWEST):
        raise typer.Exit(1)


@app.command("replay", epilog="Example: farm db replay")
def replay(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Store what happened in runs while the database was out of reach.

    Each event is stored exactly once, however often this is interrupted. A run whose devices were not judged goes on
    with: farm run --resume RUN.
    """
    from orchestrator.cli.waiting import replay_all

    files = project(db, inventory)
    with files.open_store() as store:
        if not replay_all(files, store, console()):
            console().print("no events wait for a database")
