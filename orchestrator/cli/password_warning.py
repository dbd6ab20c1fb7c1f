"""A warning about passwords on the command line, where every user of the machine reads them."""

from __future__ import annotations

import os


def warn_of_password(url: str | None) -> None:
    """Warn on standard error where the URL of a database with a password is a word of this command."""
    from orchestrator.cli.context import errors_console

    if url is None or url == os.environ.get("FARM_DB") or "://" not in url or not _has_password(url):
        return
    errors_console().print(
        "warning: other users of this machine can read the password in --db (ps shows it); "
        "put the URL into FARM_DB, or the password into PGPASSWORD or ~/.pgpass",
        style="yellow",
        soft_wrap=True,
    )


def _has_password(url: str) -> bool:
    """Check whether a URL has a password, without what it takes to read it whole."""
    rest = url.partition("://")[2]
    user, at, _ = rest.rpartition("@")
    return (bool(at) and ":" in user) or "password=" in rest.partition("?")[2]
