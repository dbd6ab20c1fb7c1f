"""``farm results prune``: old runs deleted, or their samples alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, console, existing_store

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.store.pruning import Pruning

EPILOG = """Examples:

\b
  farm results prune --before 90d
  farm results prune --before 90d --keep 3 --samples --yes
  farm results prune --run 20261123-112514-c40d --yes

Nothing is deleted without --yes. Runs with a name stay unless --run names them."""
#: Runs that are listed one by one.
SHOWN = 20


def prune(
    run: Annotated[
        list[str] | None, typer.Option(metavar="RUN", help="Only this run; repeatable.", autocompletion=candidates.run)
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="AGE|DATE", help="Only runs that began before: 90d, 12h, 2026-08-01.")
    ] = None,
    keep: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Leave the newest N results of every case.")
    ] = None,
    *,
    samples: Annotated[
        bool, typer.Option("--samples", help="Delete latencies only; figures and verdicts stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only show what would go.")] = False,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Delete old runs, or only their samples.

    Shows first what would go, with its size.
    """
    from orchestrator.errors import UsageError
    from orchestrator.store import pruning

    if not run and before is None and keep is None:
        raise UsageError("nothing says what may go", hint="farm results prune --before 90d, --keep N or --run RUN")
    moment = None if before is None else _moment(before)
    with existing_store(db, inventory) as store:
        ids = [store.run(name).id for name in run or []]

        def planned(session: object) -> Pruning:
            return pruning.plan(session, runs=ids, before=moment, keep=keep, samples_only=samples)  # type: ignore[arg-type]

        if not yes:
            with store.reading() as session:
                found = planned(session)
            _show(found)
            if found.doomed:
                console().print("nothing is deleted; to delete it, add --yes")
            return
        with store.writing() as session:
            found = planned(session)
            _show(found)
            pruning.carry_out(session, found)
        if found.doomed:
            console().print("deleted", end="")
            console().print(store.reclaim(), markup=False)


def _show(found: Pruning) -> None:
    from orchestrator.domain.units import format_bytes

    for kept in found.kept[:SHOWN]:
        console().print(f"keeps    {kept.run}: {kept.why}", markup=False)
    if len(found.kept) > SHOWN:
        console().print(f"keeps    {len(found.kept) - SHOWN} more runs", markup=False)
    for each in found.doomed[:SHOWN]:
        name = f" ({each.name})" if each.name else ""
        console().print(
            f"deletes  {each.run}{name}, began {each.started_at:%Y-%m-%d}: {_counted(each.cases, 'case')}, "
            f"{_counted(each.attempts, 'attempt')}, {format_bytes(each.size_bytes)}",
            markup=False,
        )
    if len(found.doomed) > SHOWN:
        console().print(f"deletes  {len(found.doomed) - SHOWN} more runs", markup=False)
    what = "the samples of " if found.samples_only else ""
    line = f"{what}{_counted(len(found.doomed), 'run')}, {format_bytes(found.size_bytes)}"
    console().print(line if found.doomed else "nothing to delete", markup=False)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _moment(text: str) -> datetime:
    from orchestrator.cli.results.filters import parse_since
    from orchestrator.errors import UsageError

    try:
        return parse_since(text)
    except UsageError as error:
        raise UsageError(error.message.replace("--since", "--before", 1), hint=error.hint) from None
