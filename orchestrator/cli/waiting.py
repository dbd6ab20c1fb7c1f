"""Events that wait in files for the project's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.cli.context import Project
    from orchestrator.store.store import Store


def replay_all(files: Project, store: Store, say: Callable[[str], None]) -> int:
    """Store what waits for ``store`` in files of the project, report it line by line by ``say``, and return how many files wait.

    Raises `StoreError`; what is not stored yet stays where it is.
    """
    from orchestrator.runs.farm import SPOOL
    from orchestrator.store import spool

    waiting = spool.waiting(files.state / SPOOL)
    for file in waiting:
        if file.database != store.name:
            where = f"events of run {file.run} wait for another database, {plain(file.database)}"
            say(f"{where}: farm db replay --db URL")
            continue
        count = file.replay(store)
        if count is None:
            say(f"run {file.run} is under way: it stores what waits itself")
            continue
        say(f"{count} events of run {file.run} are stored that waited in {plain(str(file.path))}")
        if store.run(file.run).ended_at is None:
            say(f"      the run has not ended: farm run --resume {file.run}")
    return len(waiting)
