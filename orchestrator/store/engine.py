"""A database engine that behaves the same on SQLite as on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL, ExceptionContext

#: How long a writer waits for another one, in milliseconds.
BUSY_TIMEOUT_MS = 30_000
#: How long a PostgreSQL server may take to answer a new connection; psycopg alone would wait for more than two minutes.
CONNECT_TIMEOUT_S = 10
EXAMPLES = "sqlite:///farm.db or postgresql+psycopg://user@machine/farm (the password in PGPASSWORD or ~/.pgpass)"
#: The one driver of each kind that farm brings along, whichever a URL names.
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def connect(text: str) -> Engine:
    """Return an engine that was seen to reach its database.

    Raises `StoreError`, as everything does that the engine is asked later; no message shows a password.
    """
    url = _parsed(text)
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url)
    else:
        engine = sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args=_timeout(url))
    try:
        with engine.connect():
            pass
    except (DBAPIError, sqlite3.Error) as error:  # the latter from our own PRAGMAs, where the file is no database
        engine.dispose()
        words = _words(url, error)
        raise StoreError(f"{shown(url)}: can't be opened: {words}", hint=f"--db {EXAMPLES}") from None
    sqlalchemy.event.listen(engine, "handle_error", _translate)
    return engine


def shown(url: URL) -> str:
    """Return the URL for people, without its password."""
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def _parsed(text: str) -> URL:
    system = text.partition("://")[0].partition("+")[0]
    if system not in DRIVERS or "://" not in text:
        raise StoreError(f"{system!r} is no database farm can use", hint=f"--db {EXAMPLES}")
    try:
        return sqlalchemy.make_url(text).set(drivername=DRIVERS[system])
    except (ArgumentError, ValueError):  # their words show the password
        raise StoreError(f"the {system} URL can't be read; is its port a number?", hint=f"--db {EXAMPLES}") from None


def _translate(context: ExceptionContext) -> None:
    """Raise a driver's error as ours; SQLAlchemy makes the driver's error its cause."""
    error = context.sqlalchemy_exception
    if isinstance(error, DBAPIError) and context.engine is not None and not context.is_pre_ping:
        url = context.engine.url
        raise StoreError(f"{shown(url)}: {_words(url, error)}") from error.orig


def _words(url: URL, error: Exception) -> str:
    """Return the first line of what the driver says, without the password."""
    words = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    for secret in (url.password, url.query.get("password")):
        words = words.replace(str(secret), "***") if secret else words
    return words


def _timeout(url: URL) -> dict[str, int]:
    """Return how long to wait for a server, unless URL or environment set it already."""
    is_set = "connect_timeout" in url.query or "PGCONNECT_TIMEOUT" in os.environ
    return {} if is_set else {"connect_timeout": CONNECT_TIMEOUT_S}


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
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @sqlalchemy.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins by reading could not be made to wait for another writer.
        immediate = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, once in its life.

    SQLite answers a switch at the same moment as another's with "locked" at once, whatever ``busy_timeout`` says:
    each of the two would wait for the other to read no more (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
