"""``farm runs``: every run in the store."""

from __future__ import annotations

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store


def runs(*, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """List every run, newest first."""
    with existing_store(db, inventory) as store:
        rows = store.runs()
    if json:
        import json as encoder
        from dataclasses import asdict

        typer.echo(encoder.dumps([asdict(row) for row in rows], indent=2, default=lambda moment: moment.isoformat()))
        return
    if not rows:
        errors_console().print("no runs yet; start with: farm run")
        return
    from orchestrator.reports import runs as report

    report.show(rows, console())
