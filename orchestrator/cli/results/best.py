"""``farm results best`` asks which variant to deploy on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store, project
from orchestrator.cli.results.filters import Batch, Devices, Models, Runtimes, Schemes, Since, Threads, filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.best import Limits

EPILOG = """Examples:

\b
  farm results best --devices pi5,tag:ward-3 --schemes int8,float16
  farm results best --max-auc-drop 0.005 --max-p90 200ms --max-size 10MB
  farm results best --run latest --json

Exit status 1: for some model on some device nothing fits."""


def best(
    devices: Devices = None,
    models: Models = None,
    schemes: Schemes = None,
    runtimes: Runtimes = None,
    threads: Threads = None,
    batch: Batch = None,
    since: Since = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Default: the result of every case that counts.", autocompletion=candidates.run
        ),
    ] = None,
    max_auc_drop: Annotated[
        str, typer.Option(metavar="0.01|any", help="Mean AUC it may lose of float32; any ignores accuracy.")
    ] = "0.01",
    max_p50: Annotated[str | None, typer.Option(metavar="100ms", help="Median latency at most.")] = None,
    max_p90: Annotated[str | None, typer.Option(metavar="200ms", help="90th percentile at most.")] = None,
    max_size: Annotated[str | None, typer.Option(metavar="10MB", help="File at most.")] = None,
    max_memory: Annotated[str | None, typer.Option(metavar="500MB", help="Peak memory at most.")] = None,
    max_energy: Annotated[str | None, typer.Option(metavar="5mJ", help="Energy of an inference at most.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Say which variant to deploy, within limits, with the evidence."""
    from orchestrator.analysis import best as analysis
    from orchestrator.analysis.table_rows import table_rows
    from orchestrator.errors import UsageError
    from orchestrator.reports import best as report
    from orchestrator.reports import no_results

    narrowed = filters(
        devices=devices, models=models, schemes=schemes, runtimes=runtimes, threads=threads, batch=batch, since=since
    )
    limits = _limits(max_auc_drop, max_p50, max_p90, max_size, max_memory, max_energy)
    with existing_store(db, inventory) as store:
        run_id = store.run(run).id if run else None
        chosen = narrowed.of(store, run_id, inventory, db)
        rows = store.results(run=run_id, since=narrowed.since, **chosen)
        if not rows:
            stored = store.results(run=run_id)
            reason = no_results.explain(stored, chosen, store.run(run) if run else None)
            raise UsageError(reason, hint="farm results list" if stored else None)
        shown = table_rows(store, rows, project(db, inventory).state / "blobs")
        against = {each.row.case: each.against for each in shown if each.against is not None}
    choices = analysis.choose(rows, against, limits)
    fleet = analysis.for_fleet(choices)
    if json:
        typer.echo(report.as_json(choices, fleet))
    else:
        report.show(choices, fleet, console())
    if any(choice.chosen is None for choice in choices):
        raise typer.Exit(1)


def _limits(
    auc_drop: str, p50: str | None, p90: str | None, size: str | None, memory: str | None, energy: str | None
) -> Limits:
    from orchestrator.analysis.best import Limits
    from orchestrator.domain.units import NS_PER_S, parse_bytes, parse_joules, parse_seconds
    from orchestrator.errors import UsageError

    def read(option: str, text: str | None, parse: Callable[[str], float]) -> float | None:
        if text is None:
            return None
        try:
            value = parse(text)
        except ValueError as error:
            raise UsageError(f"{option}: {error}", hint="farm results best --help") from None
        if not 0 <= value < float("inf"):
            raise UsageError(f"{option} {text}: must be 0 or more", hint="farm results best --help")
        return value

    def seconds(text: str) -> float:
        return parse_seconds(text) * NS_PER_S

    def drop(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number such as 0.01, nor any") from None

    return Limits(
        auc_drop=None if auc_drop == "any" else read("--max-auc-drop", auc_drop, drop),
        p50_ns=read("--max-p50", p50, seconds),
        p90_ns=read("--max-p90", p90, seconds),
        size_bytes=read("--max-size", size, parse_bytes),
        memory_bytes=read("--max-memory", memory, parse_bytes),
        energy_j=read("--max-energy", energy, parse_joules),
    )
