"""A warning about passwords on the command line, where every user of the machine reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def warn_of_password(words: Sequence[str]) -> None:
    """Warn on standard error where the URL of a database with a password is among the words of a command."""
    if not any(_has_password(word.partition("=")[2] if word.startswith("--db=") else word) for word in words):
        return
    from orchestrator.cli.context import errors_console

    errors_console().print(
        "warning: other users of this machine can read the password in --db (ps shows it); "
        "put the URL into FARM_DB, or the password into PGPASSWORD or ~/.pgpass",
        style="yellow",
        soft_wrap=True,
    )


def _has_password(word: str) -> bool:
    """Check whether a word is a URL of PostgreSQL's with a password, without what it takes to read it whole."""
    system, _, rest = word.partition("://")
    user, at, _ = rest.rpartition("@")
    return system.startswith("postgresql") and ((bool(at) and ":" in user) or "password=" in rest.partition("?")[2])
