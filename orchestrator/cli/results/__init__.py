"""``farm results``, ``farm runs`` and ``farm db``: ask the store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, home, open_store
from orchestrator.cli.results import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.cli.context import Home
    from orchestrator.domain.case import Case
    from orchestrator.store.rows import ResultRow, RunRow
    from orchestrator.store.store import Store

results = typer.Typer(
    name="results", rich_markup_mode=None, help="The newest result of every case; list and show say more."
)
database = typer.Typer(name="db", no_args_is_help=True, rich_markup_mode=None, help="The results database itself.")

results.command("compare", epilog=compare.EPILOG)(compare.compare)

LIST_EPILOG = """Examples:

\b
  farm results list --run latest
  farm results list --device pi5-a --scheme int8 --json"""
SHOW_EPILOG = "Example: farm results show local/tiny-cxr/int8/litert/t1/b1 --run latest"

BREAKEVEN_EPILOG = """Examples:

\b
  farm results breakeven --run latest
  farm results breakeven --runtime litert-gpu/float16 --against litert/int8"""


@results.callback(invoke_without_command=True, epilog="Example: farm results --json")
def newest(context: typer.Context, *, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Show the newest result of every case."""
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    with open_store(db, inventory) as store:
        rows = store.results()
    if json or rows:
        _show(rows, as_json=json)
    else:
        _show_nothing(rows, {})


@results.command("list", epilog=LIST_EPILOG)
def list_results(
    run: Annotated[str | None, typer.Option(metavar="RUN", help="A run: its id, its beginning, or latest.")] = None,
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
    named = device if device and re.fullmatch(r"[\w.-]+", device) and device != "all" else None
    filters = {"device": named, "model": model, "scheme": scheme, "runtime": runtime, "threads": threads}
    with open_store(db, inventory) as store:
        of_run = store.run(run) if run else None
        chosen = of_run.id if of_run else None
        rows = store.results(run=chosen, **filters)
        if device and not named:
            wanted = _selected(device, rows, store, home(db, inventory))
            rows = [row for row in rows if row.device in wanted]
        if json or rows:
            _show(rows, as_json=json)
        else:
            _show_nothing(store.results(run=chosen), filters, of_run)
        if chosen and not json:
            _show_skips(store.skips(chosen), filters)


def _selected(words: str, rows: Sequence[ResultRow], store: Store, files: Home) -> frozenset[str]:
    """Return the names that selectors mean, of the inventory's devices and of those that are only left in results."""
    from orchestrator.config.inventory import Inventory
    from orchestrator.config.selectors import select
    from orchestrator.domain.device import Device

    devices = Inventory.load(files.inventory).devices
    gone = sorted({row.device for row in rows} - {device.name for device in devices})
    known = {row.name: row.facts for row in store.devices()}
    every = (*devices, *(Device(name=name) for name in gone))
    return frozenset(device.name for device in select(every, words.split(","), known))


@results.command("show", epilog=SHOW_EPILOG)
def show_case(
    case: Annotated[str, typer.Argument(metavar="CASE", help="DEVICE/MODEL/SCHEME/RUNTIME/tTHREADS/bBATCH.")],
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Default: the newest run that judged it.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show one case in full: every attempt, a histogram, what explains them, facts, recipe, reasons."""
    from dataclasses import asdict, replace

    from orchestrator.domain.case import Case
    from orchestrator.errors import UnknownName, UsageError
    from orchestrator.reports import case_detail as show

    try:
        chosen = Case.parse(case)
    except ValueError as error:
        raise UsageError(str(error), hint="farm results --json lists cases under the key `case`") from None
    with open_store(db, inventory) as store:
        of_run = store.run(run).id if run else None
        rows = store.results(run=of_run, **asdict(chosen))
        if not rows:
            known = [row.case for row in store.results(run=of_run)]
            raise UnknownName("case with a result", case, known, hint="farm results" if known else "farm run")
        (row,) = rows
        everything = (
            row,
            store.measurements(row.run, chosen),
            store.scores(row.run, chosen),
            store.facts(row.run, row.device),
            store.artifact(row.artifact) if row.artifact else None,
        )
        if json:
            typer.echo(show.as_json(*everything))
        else:
            of_float32 = store.measurements(row.run, replace(chosen, scheme="float32"))
            show.show(*everything, console(), of_float32=of_float32)


@results.command("judge", epilog="Example: farm results judge --run 20261123-112514-c40d")
def judge_again(
    run: Annotated[str, typer.Option(metavar="RUN", help="A run: its id, its beginning, or latest.")] = "latest",
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Judge a run again by today's rules, from what is stored of it, and say what changed."""
    from rich.markup import escape

    from orchestrator.analysis import judge as judging
    from orchestrator.reports import rejudged as judgements

    with open_store(db, inventory) as store:
        found = list(judging.judge_again(store, run))
    if json:
        typer.echo(judgements.as_json(found))
        return
    for line in judgements.lines(found):
        console().print(escape(line), soft_wrap=True)


@results.command("breakeven", epilog=BREAKEVEN_EPILOG)
def break_even(
    runtime: Annotated[str, typer.Option(metavar="RUNTIME[/SCHEME]", help="What starts slowly.")] = "litert-gpu",
    against: Annotated[str, typer.Option(metavar="RUNTIME[/SCHEME]", help="What it is compared with.")] = "litert",
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Default: the newest result of every case.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show after how many images a slow start has paid, and where time goes."""
    from orchestrator.domain.case import Case
    from orchestrator.reports import breakeven

    with open_store(db, inventory) as store:
        rows = store.results(run=store.run(run).id if run else None)
        found = list(
            breakeven.pairs(rows, lambda row: store.measurements(row.run, Case.parse(row.case)), runtime, against)
        )
    if json:
        typer.echo(breakeven.as_json(found))
    elif found:
        breakeven.show(found, console())
    else:
        names = ", ".join(sorted({row.runtime for row in rows})) or "none"
        errors_console().print(
            f"no device has results of both {runtime} and {against} with the same model, threads and batch size; "
            f"runtimes with results: {names}; measure more with farm run --runtimes",
            soft_wrap=True,
            markup=False,
        )


def runs(*, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """List every run, newest first."""
    from dataclasses import asdict

    with open_store(db, inventory) as store:
        found = store.runs()
    if json:
        import json as encoder

        typer.echo(encoder.dumps([asdict(row) for row in found], indent=2, default=lambda moment: moment.isoformat()))
        return
    if not found:
        errors_console().print("no runs yet; start with: farm run")
        return
    from orchestrator.reports import runs as report

    report.show(found, console())


@database.command("upgrade", epilog="Example: farm db upgrade --db sqlite:///old.db")
def upgrade(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Bring the database to the schema this farm needs; back it up before."""
    from orchestrator.store import engine, migrate

    opened = engine.connect(home(db, inventory).db)
    try:
        console().print(f"schema {migrate.upgrade(opened)}")
    finally:
        opened.dispose()


@database.command("check", epilog="Example: farm db check")
def check(*, db: Db = None, inventory: InventoryFile = None) -> None:
    """Say which schema the database has and which this farm needs; exit status 1 where they differ."""
    from orchestrator.store import engine, migrate

    opened = engine.connect(home(db, inventory).db)
    try:
        with opened.connect() as connection:
            revision = migrate.current(connection)
    finally:
        opened.dispose()
    console().print(f"{engine.shown(opened.url)}: schema {revision or 'none yet'}, this farm needs {migrate.newest()}")
    if revision not in (None, migrate.newest()):
        raise typer.Exit(1)


def _refuse_options_before(context: typer.Context) -> None:
    """Refuse ``farm results --db URL list``: the option would be another command's, and not heard."""
    from orchestrator.errors import UsageError

    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if source is not None and source.name == "COMMANDLINE":
            name, command = option.opts[0], f"farm results {context.invoked_subcommand}"
            raise UsageError(
                f"{name} is in front of {context.invoked_subcommand}", hint=f"say it behind: {command} {name}"
            )


def _show_skips(skips: Sequence[tuple[Case, str]], filters: Mapping[str, str | int | None]) -> None:
    from rich.markup import escape

    chosen = {name: value for name, value in filters.items() if value is not None}
    for case, reason in skips:
        if any(getattr(case, name) != value for name, value in chosen.items()):
            continue
        console().print(f"[yellow]skipped[/]  {escape(str(case))}: {escape(reason)}", soft_wrap=True)


def _show_nothing(
    known: Sequence[ResultRow], filters: Mapping[str, str | int | None], run: RunRow | None = None
) -> None:
    from rich.markup import escape

    from orchestrator.reports import no_results as empty

    errors_console().print(escape(empty.words(known, filters, run)), soft_wrap=True)


def _show(rows: Sequence[ResultRow], *, as_json: bool) -> None:
    if as_json:
        from orchestrator.reports import json as json_report

        typer.echo(json_report.render(rows))
        return
    from orchestrator.reports import case_table as table

    table.show(rows, console())
