"""``farm results list``: the results of one run, or the newest of every case, narrowed by filters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store, project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.cli.context import Project
    from orchestrator.domain.case import Case
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow, RunRow

EPILOG = """Examples:

\b
  farm results list --run latest
  farm results list --device pi5-a --scheme int8 --json"""


def list_results(
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="A run: its id, its beginning, its name, or latest.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these devices: names, pi5-*, tag:x, arch:x, !name.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Only this scheme.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Only this runtime.")] = None,
    threads: Annotated[int | None, typer.Option(help="Only this number of threads.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show results of one run, or the newest of every case, narrowed."""
    name = device if device and re.fullmatch(r"[\w.-]+", device) and device != "all" else None
    filters: dict[str, Any] = {"device": name, "model": model, "scheme": scheme, "runtime": runtime, "threads": threads}
    with existing_store(db, inventory) as store:
        of_run = store.run(run) if run else None
        run_id = of_run.id if of_run else None
        rows = store.results(run=run_id, **filters)
        if device and not name:
            selected = selected_devices(device, rows, store, project(db, inventory))
            rows = [row for row in rows if row.device in selected]
        if json or rows:
            print_rows(rows, as_json=json)
        else:
            print_why_empty(store.results(run=run_id), filters, of_run)
        if run_id and not json:
            _print_skips(store.skips(run_id), filters)


def print_rows(rows: Sequence[ResultRow], *, as_json: bool) -> None:
    """Print results as a table, or as JSON."""
    if as_json:
        from orchestrator.reports import json as json_report

        typer.echo(json_report.render(rows))
        return
    from orchestrator.reports import case_table

    case_table.show(rows, console())


def print_why_empty(
    rows: Sequence[ResultRow], filters: Mapping[str, str | int | None], run: RunRow | None = None
) -> None:
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


def _print_skips(skips: Sequence[tuple[Case, str]], filters: Mapping[str, str | int | None]) -> None:
    from rich.markup import escape

    chosen = {name: value for name, value in filters.items() if value is not None}
    for case, reason in skips:
        if any(getattr(case, name) != value for name, value in chosen.items()):
            continue
        console().print(f"[yellow]skipped[/]  {escape(str(case))}: {escape(reason)}", soft_wrap=True)
