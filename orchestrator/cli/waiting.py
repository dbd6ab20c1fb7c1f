"""Events that wait in files for the project's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.terminal import plain

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.cli.context import Project
    from orchestrator.store.store import Store


def replay_all(files: Project, store: Store, screen: Console) -> int:
    """Store what waits for ``store`` in files of the project, report it on ``screen``, and return how many files wait.

    Raises `StoreError`; what is not stored yet stays where it is.
    """
    from orchestrator.runs.farm import SPOOL
    from orchestrator.store import spool

    waiting = spool.waiting(files.state / SPOOL)
    for file in waiting:
        if file.database != store.name:
            where = f"events of run {file.run} wait for another database, {plain(file.database)}"
            screen.print(f"{where}: farm db replay --db URL", soft_wrap=True)
            continue
        count = file.replay(store)
        if count is None:
            screen.print(f"run {file.run} is under way: it stores what waits itself", soft_wrap=True)
            continue
        screen.print(
            f"{count} events of run {file.run} are stored that waited in {plain(str(file.path))}", soft_wrap=True
        )
        if store.run(file.run).ended_at is None:
            screen.print(f"      the run has not ended: farm run --resume {file.run}", soft_wrap=True)
    return len(waiting)
