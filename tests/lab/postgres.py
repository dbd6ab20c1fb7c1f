"""A real PostgreSQL for tests: one server for the session, a fresh database for every test that asks."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: PostgreSQL refuses to run as root; this is the user its packages make.
USER = "postgres"
PASSWORD = "it's-a/test@farm%"  # noqa: S105  characters that a URL must escape
#: Tests want speed, and a machine that loses power loses them anyway.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server; its socket is its address."""

    folder: Path
    password: str = PASSWORD
    #: ``pg_ctl`` with what every use of it takes.
    control: tuple[str | Path, ...] = ()

    def start(self) -> None:
        """Start the server; it has stopped, or never ran."""
        settings = FAST | {"unix_socket_directories": str(self.folder), "listen_addresses": ""}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        _run(*self.control, "-l", self.folder / "log", "-o", options, "start", cwd=self.folder)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: everybody's connection ends, and new ones are refused."""
        _run(*self.control, "-m", mode, "stop", cwd=self.folder)

    def url(self, database: str, *, user: str = "farm", password: str | None = None) -> str:
        """Return a database URL as farm takes it."""
        import sqlalchemy

        url = sqlalchemy.URL.create(
            "postgresql+psycopg",
            username=user,
            password=self.password if password is None else password,
            database=database,
            query={"host": str(self.folder)},
        )
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        """Do something as the server's owner."""
        with psycopg.connect(
            host=str(self.folder), dbname="postgres", user="farm", password=self.password, autocommit=True
        ) as connection:
            connection.execute(statement)


def binaries() -> Path | None:
    """Return the folder of initdb and postgres; Debian keeps it outside everybody's PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def as_user(*command: str | Path) -> list[str]:
    """Return a command that PostgreSQL's programs accept to be run by."""
    words = [str(word) for word in command]
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *words] if os.geteuid() == 0 else words


@contextmanager
def serving(programs: Path, encoding: str | None = "UTF8") -> Iterator[Postgres]:
    """Serve for as long as the context lasts; nothing is left behind.

    Without an ``encoding`` it is what initdb makes of the locale C: SQL_ASCII.
    """
    # Short, because a socket's path may have 107 bytes, and outside pytest's folders, which only root may enter.
    folder = Path(tempfile.mkdtemp(prefix="farm-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o644)
        data = folder / "data"
        _run(
            *(programs / "initdb", "-D", data, "-U", "farm", "--locale=C", "--no-sync"),
            *(("-E", encoding) if encoding else ()),
            *("--auth=scram-sha-256", f"--pwfile={secret}"),
            cwd=folder,
        )
        server = Postgres(folder=folder, control=(programs / "pg_ctl", "-D", data, "-w", "-t", "60"))
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL server."""
    programs = binaries()
    if programs is None:
        missing = "no PostgreSQL server here: apt install postgresql, or put initdb and pg_ctl on PATH"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with serving(programs) as server:
        yield server


_numbers = itertools.count(1)


@pytest.fixture
def postgres_url(request, postgres) -> Iterator[str]:
    """The URL of a database that is still empty; of one with farm's tables where the test asks for `migrated_url`."""
    name = f"farm_{next(_numbers)}"
    filled = "migrated_url" in request.fixturenames
    template = f" TEMPLATE {request.getfixturevalue('migrated_postgres')}" if filled else ""
    postgres.execute(f"CREATE DATABASE {name}{template}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request, tmp_path) -> str:
    """The URL of a fresh database, of every kind farm can use."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    path = tmp_path / "farm.db"
    if "migrated_url" in request.fixturenames:
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_url(database_url) -> str:
    """The URL of a fresh database that has farm's tables: copied, because fourteen migrations take a while for each test."""
    return str(database_url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory) -> Path:
    """A file that the migrations made."""
    from orchestrator.store.store import Store

    path = tmp_path_factory.mktemp("migrated") / "farm.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres) -> str:
    """The name of a database that the migrations made."""
    from orchestrator.store.store import Store

    postgres.execute("CREATE DATABASE migrated")
    Store.open(postgres.url("migrated")).close()
    return "migrated"


def _run(*command: str | Path, cwd: Path) -> None:
    # A file, because a server that inherits a pipe never ends it.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            as_user(*command), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
        output.seek(0)
        assert done.returncode == 0, output.read()
