"""Stored databases of every schema; ``python -m tests.lab.databases`` makes those of today's."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg
import sqlalchemy

#: ``0006.sqlite.sql`` and ``0006.postgresql.sql``: what the farm of that schema stored of every kind of event.
FOLDER = Path(__file__).parents[1] / "data" / "databases"


def stored() -> list[str]:
    """Return the schemas of which there is a database."""
    return sorted({path.name.partition(".")[0] for path in FOLDER.glob("*.sql")})


def restore(revision: str, url: str) -> None:
    """Fill the empty database at ``url`` with what the farm of a schema stored."""
    address = sqlalchemy.make_url(url)
    script = (FOLDER / f"{revision}.{address.get_backend_name()}.sql").read_text()
    if address.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(address.database or "")) as connection:
            connection.executescript(script)
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(script.encode())


def main() -> None:
    """Write the databases of today's schema."""
    from orchestrator.store import migrate
    from orchestrator.store.store import Store
    from tests.lab.postgres import binaries, serving
    from tests.lab.telling import everything_that_can_happen

    programs = binaries()
    assert programs is not None, "no PostgreSQL server here"
    with tempfile.TemporaryDirectory() as folder, serving(programs) as server:
        urls = f"sqlite:///{folder}/farm.db", server.url("postgres")
        for url in urls:
            with Store.open(url) as store:
                for event in everything_that_can_happen():
                    store.record(event)
                store.name_run("run-1", "release-1")
        with closing(sqlite3.connect(f"{folder}/farm.db")) as connection:
            _write(migrate.NEWEST, "sqlite", "\n".join(connection.iterdump()))
        dumped = subprocess.run(
            [programs / "pg_dump", "--inserts", "--no-owner", "-h", server.folder, "-U", "farm", "postgres"],
            env=os.environ | {"PGPASSWORD": server.password},
            capture_output=True,
            text=True,
            check=True,
        )
        _write(migrate.NEWEST, "postgresql", dumped.stdout)


def _write(revision: str, system: str, script: str) -> None:
    # comments name the server's version; a line with a backslash is for psql
    lines = [line for line in script.splitlines() if line and not line.startswith(("--", "\\"))]
    (FOLDER / f"{revision}.{system}.sql").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
