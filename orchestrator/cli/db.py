"""``farm db``: the results database itself."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, console, errors_console, project
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

app = typer.Typer(name="db", no_args_is_help=True, rich_markup_mode=None, help="The results database itself.")
#: Sentences about a damaged database that are shown.
SHOWN = 50


@app.command("upgrade", epilog="Example: farm db upgrade --db sqlite:///old.db")
def upgrade(
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    backup: Annotated[bool, typer.Option(help="Copy a file of SQLite's first, into a file beside it.")] = True,
) -> None:
    """Upgrade the database to the schema this farm needs.

    A file of SQLite's is copied first; back a PostgreSQL database up before: farm db backup.
    """
    from orchestrator.store import backup as backups
    from orchestrator.store import migrate
    from orchestrator.store.store import Store

    with _opened(project(db, inventory).db, create=True) as engine:
        older: list[str] = []

        def keep(revision: str) -> None:
            older.append(revision)
            path = backups.before_upgrade(engine, revision) if backup else None
            if path is not None:
                console().print(f"schema {revision}, backed up in {plain(str(path))}", soft_wrap=True)

        console().print(f"schema {migrate.upgrade(engine, before=keep)}")
        if older:
            Store(engine).reclaim()  # pages that are free now may still hold what an upgrade removed


@app.command("current", epilog="Example: farm db current")
def current(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Compare the database's schema with the one farm needs.

    Exit status 1 where they differ.
    """
    _show_schema(project(db, inventory).db)


@app.command("check", epilog="Example: farm db check")
def check(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Check that the database is sound.

    That is its schema, file, references, values, lengths, figures.
    Exit status 1 where it is not. Reads everything: a large database takes a while.
    """
    from orchestrator.store import integrity

    url = project(db, inventory).db
    if not _show_schema(url):
        return
    with _opened(url) as engine:
        findings = integrity.findings(engine)
        shown = list(itertools.islice(findings, SHOWN))
        more = sum(1 for _ in findings)
    for sentence in shown:
        console().print(plain(sentence), soft_wrap=True)
    if more:
        console().print(f"{more} more")
    if shown:
        errors_console().print("restore a backup, or correct the rows with SQL; farm results judge makes figures anew")
        raise typer.Exit(1)
    console().print("sound")


@app.command("backup", epilog="Example: farm db backup before-the-study.db")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of SQLite's that does not exist yet.")],
    *,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Copy the database into one file.

    Others may go on to write to it meanwhile.
    Of a PostgreSQL database it is a copy as a file of SQLite's; farm db copy brings it back into an empty one.
    """
    from orchestrator.store import backup as backups
    from orchestrator.store import migrate

    with _opened(project(db, inventory).db) as engine:
        with engine.connect() as connection:
            migrate.refuse_foreign(connection)
        backups.backup(engine, file)
    console().print(f"backed up in {plain(str(file))}", soft_wrap=True)


@app.command("copy", epilog="Example: farm db copy postgresql+psycopg://farm@machine/farm")
def copy(
    target: Annotated[str, typer.Argument(metavar="URL", help="An empty database, or one that a copy was begun in.")],
    *,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Copy the database into another one.

    Both may be SQLite or PostgreSQL; they are compared table by table. A copy that was interrupted goes on; a target with other content is refused.
    """
    from orchestrator.store import copying

    screen = errors_console()
    with _opened(project(db, inventory).db) as source, _opened(target, create=True) as other:
        copied = copying.copy(source, other, lambda table: screen.print(f"copying {table}"))
    out = console()
    for each in copied:
        out.print(f"{each.table:<14}{each.digest.rows:>10} rows  sha256 {each.digest.sha256[:16]}")
    out.print("the same in both databases")


@app.command("replay", epilog="Example: farm db replay")
def replay(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Store what waits since the database was away.

    Each event is stored exactly once, however often this is interrupted. A run whose devices were not judged goes on
    with: farm run --resume RUN.
    """
    from orchestrator.cli.waiting import replay_all

    files = project(db, inventory)
    with files.open_store(create=False) as store:
        if not replay_all(files, store, partial(console().print, soft_wrap=True)):
            console().print("no events wait for a database")


@contextmanager
def _opened(url: str, *, create: bool = False) -> Iterator[Engine]:
    """Yield an engine; raises `StoreError`, also where there is no file and ``create`` is not set."""
    from orchestrator.errors import StoreError
    from orchestrator.store import engine as engines

    engine = engines.connect(url, create=create)
    try:
        if not create and engine.url.database is None and engines.parse_url(url).database:
            raise StoreError(
                f"{engines.name_of(engines.parse_url(url))}: there is no such file", hint="name another: --db"
            )
        yield engine
    finally:
        engine.dispose()


def _show_schema(url: str) -> bool:
    """Show which schema a database has; return whether it has one. Exit status 1 where it is not the one farm needs."""
    from orchestrator.store import engine as engines
    from orchestrator.store import exceptions, migrate

    engine = engines.connect(url, create=False)
    try:
        with engine.connect() as connection:
            revision = migrate.current(connection)
            name = exceptions.shown(engines.parse_url(url))
            schema = f"schema {revision or 'none yet'}, this farm needs {migrate.NEWEST}"
            console().print(f"{name}: {schema}", markup=False)
            migrate.refuse_foreign(connection)
    finally:
        engine.dispose()
    if revision not in (None, migrate.NEWEST):
        errors_console().print("farm db upgrade brings it up to date")
        raise typer.Exit(1)
    return revision is not None
