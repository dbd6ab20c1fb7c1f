"""A database URL to an engine that behaves the same on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

#: How long a writer waits for another one, in milliseconds.
BUSY_TIMEOUT_MS = 30_000
EXAMPLES = "sqlite:///farm.db or postgresql+psycopg://user@machine/farm (the password in PGPASSWORD or ~/.pgpass)"


def connect(text: str) -> Engine:
    """Return an engine that was seen to reach its database; raises `StoreError`, never showing a password."""
    url = _parsed(text)
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else sqlalchemy.create_engine(url, pool_pre_ping=True)
    try:
        with engine.connect():
            pass
    except DBAPIError as error:
        words = str(error.orig).strip().splitlines()[0]
        raise StoreError(f"{shown(url)}: can't be opened: {_without(url, words)}", hint=f"--db {EXAMPLES}") from None
    return engine


def shown(url: URL) -> str:
    """Return the URL for people, without its password."""
    return url.render_as_string(hide_password=True)


def _parsed(text: str) -> URL:
    try:
        url = sqlalchemy.make_url(text)
        system = url.get_backend_name()
        if system == "postgresql" and url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError):
        scheme = text.partition(":")[0] if ":" in text else text
        raise StoreError(f"{scheme!r} is no database farm can use", hint=f"--db {EXAMPLES}") from None
    if system not in ("sqlite", "postgresql"):
        raise StoreError(f"{system!r} is no database farm can use", hint=f"--db {EXAMPLES}")
    return url


def _sqlite(url: URL) -> Engine:
    path = Path(url.database) if url.database and url.database != ":memory:" else None
    if path is not None and not path.absolute().parent.is_dir():
        raise StoreError(f"{path}: there is no folder {path.absolute().parent}")
    if path is not None and path.is_dir():
        raise StoreError(f"{path}: is a folder, not a database")
    engine = sqlalchemy.create_engine(url)

    @sqlalchemy.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @sqlalchemy.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins by reading could not be made to wait for another writer.
        immediate = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _without(url: URL, words: str) -> str:
    return words.replace(str(url.password), "***") if url.password else words
