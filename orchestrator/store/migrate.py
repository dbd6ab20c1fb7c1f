"""The schema of a database: only Alembic's migrations make tables that last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StoreError
from orchestrator.store import exceptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

#: The revision that this farm's code expects: the newest in migrations/, here so that a query need not import Alembic.
NEWEST = "0015"
#: Any number, the same for every farm: two that open a new PostgreSQL database at once take turns.
ADVISORY_LOCK = 7_236_127
#: In place of a revision while `orchestrator.store.copying` fills the database.
COPYING = "copying"


def folder() -> Path:
    """Return where the migrations are: inside the wheel, or at the top of a checkout."""
    inside = Path(__file__).parent / "migrations"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "migrations"


def current(connection: Connection) -> str | None:
    """Return the database's revision, ``None`` where farm has no tables in it."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def stamp(connection: Connection, revision: str) -> None:
    """Write which revision the database has."""
    from sqlalchemy import text

    connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def upgrade(engine: Engine, *, before: Callable[[str], None] = lambda _: None) -> str:
    """Bring the schema to `NEWEST` and return that; two processes at once take turns.

    ``before`` gets the revision of an old database before anything is changed, while other processes wait. Raises `StoreError` where a newer farm has been at the database, or another program.
    """
    from alembic import command

    with engine.connect().execution_options(writes=True) as connection:
        _take_turns(connection)
        revision = current(connection)
        if revision == NEWEST:  # another process had its turn first: others wait for this one
            return NEWEST
        refuse_foreign(connection)
        if revision is not None:
            before(str(revision))
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            connection.commit()
        except StoreError as error:
            connection.rollback()
            raise StoreError(f"the database is not upgraded, and is as it was: {error.message}") from error
    return NEWEST


def ensure(engine: Engine, *, create: bool = True) -> bool:
    """Create the schema in a new database; return whether the database has it, as it has without ``create`` only if it had.

    Raises `StoreError` with the next command where the schema is old, too new, or another program's.
    """
    with engine.connect() as connection:
        revision = current(connection)
        if revision == NEWEST:
            return True
        refuse_foreign(connection)
    if revision is None:
        if create:
            upgrade(engine)
        return create
    raise StoreError(
        f"{exceptions.shown(engine.url)}: the database has schema {revision}, this farm needs {NEWEST}",
        hint="back it up, then: farm db upgrade",
    )


def refuse_foreign(connection: Connection) -> None:
    """Raise `StoreError` where the tables are those of a newer farm or of another program."""
    from sqlalchemy import inspect

    revision, tables = current(connection), set(inspect(connection).get_table_names())
    if revision is None:
        # A PostgreSQL database may be shared, and extensions have tables; a file is one program's.
        if tables - {"alembic_version"} and connection.dialect.name == "sqlite":
            raise _foreign(connection, tables)
        return
    if revision == COPYING:
        raise StoreError(
            f"{exceptions.shown(connection.engine.url)}: a copy into this database is not finished",
            hint="repeat the farm db copy that began it",
        )
    if revision in {script.revision for script in _script().walk_revisions()}:
        return
    if "run_cases" not in tables:
        raise _foreign(connection, tables)
    raise StoreError(
        f"{exceptions.shown(connection.engine.url)}: the database has schema {revision}, which this farm does not know",
        hint="use the newer farm that made it",
    )


def _foreign(connection: Connection, tables: set[str], most: int = 3) -> StoreError:
    names = sorted(tables - {"alembic_version"})
    kind = "table" if len(names) == 1 else "tables"
    what = f"the {kind} {', '.join(names[:most])}{' …' if len(names) > most else ''}" if names else "its own schema"
    return StoreError(
        f"{exceptions.shown(connection.engine.url)}: the database is another program's: it has {what}",
        hint="name another database: --db",
    )


def _take_turns(connection: Connection) -> None:
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
    # SQLite: `writes=True` began with BEGIN IMMEDIATE


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    return config


def _script() -> Any:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())
