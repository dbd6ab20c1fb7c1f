"""``farm results profile``: which operators take the time of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store
from orchestrator.cli.results.case import find_result, parse_case

if TYPE_CHECKING:
    from orchestrator.domain.case import Case
    from orchestrator.domain.profile import Profile
    from orchestrator.store.queries import Queries

EPILOG = """Examples:

\b
  farm results profile local/small-cxr/int8/litert/t1/b1
  farm results profile local/small-cxr/int8/litert/t1/b1 --against dynamic --all"""
FLOAT32 = "float32"


def profile_case(
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="As farm results --json names it.", autocompletion=candidates.case)
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="SCHEME", help="The scheme beside it (default: float32, where it has a profile)."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Default: the newest run that judged it.", autocompletion=candidates.run),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="A row for each operator, however little it takes.")] = False,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show which operators take the time of a case.

    Where each ran, in which types, what share it took, beside another scheme. Measure with: farm run --profile.
    """
    from dataclasses import replace

    from orchestrator.analysis.profile import side_by_side
    from orchestrator.reports import profile as report

    with existing_store(db, inventory) as store:
        chosen = parse_case(case, store)
        other = replace(chosen, scheme=against or FLOAT32)
        ours = _profile(store, chosen, run)
        theirs = _profile(store, other, run, required=against is not None) if other != chosen else None
    both = side_by_side(theirs, ours) if ours is not None and theirs is not None else None
    assert ours is not None  # noqa: S101  it is required
    if json:
        typer.echo(report.as_json(ours, both))
    elif both is not None:
        report.show_two(both, console(), every=every)
    else:
        report.show(ours, console(), every=every)


def _profile(store: Queries, case: Case, run: str | None, *, required: bool = True) -> Profile | None:
    """Return the profile of a case's result; raises `UsageError` where one is ``required`` and there is none."""
    from orchestrator.analysis.profile import how_to, newest
    from orchestrator.errors import UnknownName, UsageError

    try:
        row = find_result(store, case, run)
    except UnknownName:
        if required:
            raise
        return None
    found = newest(store, row)
    if found is not None and found.error is None:
        return found
    if not required:
        return None
    why = f"its profile failed: {found.error}" if found is not None else "its operators were not timed"
    raise UsageError(f"{case}: {why}", hint=how_to(row, unsupported=found is not None and found.unsupported))
