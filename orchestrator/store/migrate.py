"""Create or upgrade the schema: Alembic's migrations are the only author of tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

#: Any number, the same for every farm: two that open a new PostgreSQL database at once take turns.
ADVISORY_LOCK = 7_236_127


def folder() -> Path:
    """Return where the migrations are: inside the wheel, or at the top of a checkout."""
    inside = Path(__file__).parent / "migrations"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "migrations"


def newest() -> str:
    """Return the revision that this farm's code expects."""
    return str(_script().get_current_head())


def current(connection: Connection) -> str | None:
    """Return the database's revision, ``None`` where farm has no tables in it."""
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> str:
    """Bring the schema to `newest` and return that; two processes at once take turns.

    Raises `StoreError` where a newer farm has been at the database, or tables that are not ours have our names.
    """
    from alembic import command

    with engine.connect().execution_options(writes=True) as connection:
        _take_turns(connection)
        _refuse_newer(connection)
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            connection.commit()
        except StoreError as error:
            connection.rollback()
            raise StoreError(f"can't be upgraded, and is as it was: {error.message}") from error
    return newest()


def ensure(engine: Engine) -> None:
    """Create the schema in a new database; raise `StoreError` with the next command where it is old or too new."""
    with engine.connect() as connection:
        revision = current(connection)
        if revision == newest():
            return
        _refuse_newer(connection)
    if revision is None:
        upgrade(engine)
        return
    raise StoreError(
        f"the database has schema {revision}, this farm needs {newest()}", hint="back it up, then: farm db upgrade"
    )


def _refuse_newer(connection: Connection) -> None:
    revision = current(connection)
    known = {script.revision for script in _script().walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"the database has schema {revision}, which this farm does not know", hint="use the newer farm that made it"
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
