"""``farm results list``: the results of one run, or the newest of every case, narrowed by filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import (
    Db,
    InventoryFile,
    Json,
    console,
    errors_console,
    existing_store,
    has_no_database,
    project,
)
from orchestrator.cli.results.filters import (
    Batch,
    Devices,
    Filters,
    Models,
    Run,
    Runtimes,
    Schemes,
    Since,
    Threads,
    Verdicts,
    filters,
    warn_of_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.cli.context import Project
    from orchestrator.domain.case import Case
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow, RunRow

EPILOG = """Examples:

\b
  farm results list --run latest
  farm results list --devices pi5-a --schemes int8,float16 --json
  farm results list --since 7d --verdict VALID,WARN --sort p50 --limit 10"""
#: Results on a terminal, unless --limit asks for more.
PAGE = 60

Sort = Annotated[
    str,
    typer.Option(
        metavar="ORDER",
        help="case, size, p50, p90, p99, speed, throughput, auc, change, memory, energy or newest; -p50 is the other way round.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Results at most.", show_default=f"{PAGE} on a terminal, else all"),
]


def list_results(
    run: Run = None,
    devices: Devices = None,
    models: Models = None,
    schemes: Schemes = None,
    runtimes: Runtimes = None,
    threads: Threads = None,
    batch: Batch = None,
    verdicts: Verdicts = None,
    since: Since = None,
    sort: Sort = "case",
    limit: Limit = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show results of one run, or the newest of every case, narrowed."""
    narrowed = filters(
        devices=devices,
        models=models,
        schemes=schemes,
        runtimes=runtimes,
        threads=threads,
        batch=batch,
        verdicts=verdicts,
        since=since,
    )
    print_results(narrowed, run=run, sort=sort, limit=limit, db=db, inventory=inventory, as_json=json)


def print_results(
    narrowed: Filters,
    *,
    run: str | None = None,
    sort: str = "case",
    limit: int | None = None,
    db: str | None,
    inventory: Path | None,
    as_json: bool,
) -> None:
    """Print what is asked for, a page of it on a terminal, or why there is nothing."""
    if run is None and not narrowed.is_narrow and has_no_database(db, inventory):
        print_nothing(as_json=as_json)
        return
    page = limit or (PAGE if console().is_terminal and not as_json else None)
    with existing_store(db, inventory) as store:
        of_run = store.run(run) if run else None
        run_id = of_run.id if of_run else None
        chosen = narrowed.of(store, run_id, inventory, db)
        rows = store.results(run=run_id, since=narrowed.since, sort=sort, limit=page, **chosen)
        warn_of_unknown(store, run_id, chosen, of_run)
        if as_json or rows:
            print_rows(store, rows, project(db, inventory), as_json=as_json)
        else:
            existing = store.results(run=run_id)
            unfinished = next(iter(store.runs()), None) if run is None and not existing else None
            print_why_empty(existing, chosen, of_run or unfinished)
        if page is not None and len(rows) == page and not as_json:
            _print_more(page, store.count_results(run=run_id, since=narrowed.since, **chosen))
        if run_id and not as_json:
            _print_skips(store.skips(run_id), chosen)


def print_rows(store: Queries, rows: Sequence[ResultRow], files: Project, *, as_json: bool) -> None:
    """Print results as tables with the answer below, or as JSON."""
    from orchestrator.analysis.table_rows import table_rows

    shown = table_rows(store, rows, files.state / "blobs")
    if as_json:
        from orchestrator.reports import json as json_report

        typer.echo(json_report.render(shown))
        return
    from orchestrator.reports import answer, case_table, device_matrix

    out = console()
    device_matrix.show(shown, out)
    case_table.show(shown, out)
    answer.show(shown, out)


def print_nothing(*, as_json: bool) -> None:
    """Print what there is where no database is."""
    if as_json:
        typer.echo("[]")
    else:
        print_why_empty((), {})


def print_why_empty(rows: Sequence[ResultRow], filters: Mapping[str, Any], run: RunRow | None = None) -> None:
    """Print on standard error why ``filters`` leave none of the ``rows``."""
    from rich.markup import escape

    from orchestrator.reports import no_results

    errors_console().print(escape(no_results.explain(rows, filters, run)), soft_wrap=True)


def selected_devices(words: str, rows: Sequence[ResultRow], store: Queries, files: Project) -> frozenset[str]:
    """Return the names that match the selectors: of the inventory's devices, and of those that only results still have."""
    from orchestrator.config.inventory import Inventory
    from orchestrator.config.selectors import select
    from orchestrator.domain.device import Device

    devices = Inventory.load(files.inventory).devices
    gone = sorted({row.device for row in rows} - {device.name for device in devices})
    facts = {row.name: row.facts for row in store.devices()}
    every = (*devices, *(Device(name=name) for name in gone))
    return frozenset(device.name for device in select(every, words.split(","), facts))


def _print_more(page: int, count: int) -> None:
    """Print on standard error that a page is not all, and how to ask for less or for more."""
    if count > page:
        text = f"{page} of {count:,} results; narrow them (--run latest, --devices, --schemes, --since 7d) or see all: --limit {count}"
        errors_console().print(text, soft_wrap=True)


def _print_skips(skips: Sequence[tuple[Case, str]], chosen: Mapping[str, Any]) -> None:
    from rich.markup import escape

    from orchestrator.reports.skips import lines

    named = {name: values for name, values in chosen.items() if name != "verdict"}
    asked = [skip for skip in skips if all(getattr(skip[0], name) in values for name, values in named.items())]
    for line in lines(asked):
        console().print(f"[yellow]skipped[/]  {escape(line)}", soft_wrap=True)
