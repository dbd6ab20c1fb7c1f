"""``farm results export``: results as files for other programs, a run as an archive for another farm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, console, errors_console, existing_store, project
from orchestrator.cli.results.filters import Devices, Models, Runtimes, Schemes, Since, Threads, Verdicts, filters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.cli.context import Project
    from orchestrator.reports.page.dossier import Dossier
    from orchestrator.store.rows import ResultRow
    from orchestrator.store.store import Store

EPILOG = """Examples:

\b
  farm results export -o results.csv
  farm results export --run latest --attempts -o attempts.parquet
  farm results export --run latest -o run.farm.zip"""

FORMATS = ("csv", "jsonl", "parquet", "archive", "litert", "google-benchmark", "pyperf")
#: What a file's name says about its format.
ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".zip": "archive"}
#: Forms of other benchmark programs.
_BENCHMARKS = frozenset({"litert", "google-benchmark", "pyperf"})
_TO_FILES = frozenset({"parquet", "archive"})


Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: standard output.")]
Form = Annotated[
    str | None,
    typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}. Default: what FILE ends with, else jsonl."),
]
Run = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Default: of every case, the result that counts.", autocompletion=candidates.run),
]
Attempts = Annotated[bool, typer.Option("--attempts", help="A row for each attempt.")]
Litert = Annotated[
    bool, typer.Option("--json-benchmark", help="As LiteRT's own benchmark tool writes it: --format litert.")
]
Mlflow = Annotated[
    str | None, typer.Option("--mlflow", metavar="URI", help="Log a run to MLflow: http://…, sqlite:///mlflow.db.")
]
Experiment = Annotated[str, typer.Option(metavar="NAME", help="Of MLflow.")]
Images = Annotated[
    bool, typer.Option("--images", help="Archive: with names, labels and patients' numbers of the images.")
]


def export(
    output: Output = None,
    form: Form = None,
    run: Run = None,
    devices: Devices = None,
    models: Models = None,
    schemes: Schemes = None,
    runtimes: Runtimes = None,
    threads: Threads = None,
    verdicts: Verdicts = None,
    since: Since = None,
    *,
    attempts: Attempts = False,
    json_benchmark: Litert = False,
    mlflow: Mlflow = None,
    experiment: Experiment = "farm",
    images: Images = False,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Export results as a table, or a run as an archive.

    CSV, JSON Lines, Parquet; an archive is what another farm imports.
    """
    options = {"devices": devices, "models": models, "schemes": schemes, "runtimes": runtimes, "threads": threads}
    options |= {"verdicts": verdicts, "since": since}
    if mlflow is not None:
        other = {
            "output": output,
            "format": form,
            "attempts": attempts or None,
            "json-benchmark": json_benchmark or None,
        }
        _refuse(options | other, "--mlflow")
        _mlflow(project(db, inventory), run or "latest", mlflow, experiment)
        return
    chosen = _format("litert" if json_benchmark else form, output)
    narrowed = filters(**options)
    with existing_store(db, inventory) as store:
        if chosen == "archive":
            _refuse(options | {"attempts": attempts or None}, "an archive")
            assert output is not None  # noqa: S101  `_format` asks for it
            _archive(store, run or "latest", output, images=images)
            return
        run_id = store.run(run).id if run else None
        rows = store.results(run=run_id, since=narrowed.since, **narrowed.of(store, run_id, inventory, db))
        if chosen in _BENCHMARKS:
            _benchmarks(store, rows, chosen, output)
        else:
            _table(store, rows, chosen, output, None if attempts else project(db, inventory).state / "blobs")


def _format(asked: str | None, output: Path | None) -> str:
    from orchestrator.errors import UnknownName, UsageError

    if asked is not None and asked not in FORMATS:
        raise UnknownName("format", asked, FORMATS)
    chosen = asked or ("jsonl" if output is None else ENDINGS.get(output.suffix.lower()))
    if chosen is None:
        raise UsageError(f"{output}: its name does not say which format", hint=f"--format {', '.join(FORMATS)}")
    if output is None and chosen in _TO_FILES:
        raise UsageError(
            f"{chosen} needs a file", hint="-o run.farm.zip" if chosen == "archive" else "-o results.parquet"
        )
    return chosen


def _refuse(options: dict[str, Any], what: str) -> None:
    from orchestrator.errors import UsageError

    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"--{given[0]} does not go with {what}: it is for a run as a whole", hint="leave it out")


def _archive(store: Store, run: str, output: Path, *, images: bool) -> None:
    from orchestrator.domain.units import format_bytes
    from orchestrator.exchange.pack import pack

    packed = pack(store, run, output, images=images)
    if not packed.ended:
        errors_console().print(
            f"warning: run {packed.run} has not ended; the archive is of what is stored", markup=False
        )
    console().print(
        f"run {packed.run}: {packed.path}, {format_bytes(packed.size_bytes)}\nsha256 {packed.sha256}", markup=False
    )


def _mlflow(where: Project, run: str, uri: str, experiment: str) -> None:
    import os

    from orchestrator.analysis.table_rows import table_rows
    from orchestrator.cli.report import gathered
    from orchestrator.exchange import tables
    from orchestrator.exchange.mlflow_log import log
    from orchestrator.reports.page import flat

    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported: nothing leaves but to the URI
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # it tries for minutes
    with where.open_store(create=False) as store:
        row = store.run(run)
        rows = store.results(run=row.id)
        compared = table_rows(store, rows, where.state / "blobs")
        dossier = gathered(store, where, row.id)
        files = {
            "report.md": flat.markdown(dossier),
            "results.jsonl": "".join(tables.to_json_lines(tables.of_results(compared))),
        }
        files |= _page(dossier)
        done = log(uri, row, rows, files, experiment=experiment)
    words = "logged" if done.new else "is there already; nothing changed:"
    console().print(
        f"run {row.id} {words} {done.cases} cases, experiment {done.experiment}, MLflow's run {done.run_id}",
        markup=False,
    )


def _page(dossier: Dossier) -> dict[str, str]:
    """Return the report as a page, nothing where what draws it is not installed."""
    from orchestrator.errors import UsageError
    from orchestrator.reports.page.render import page

    try:
        return {"report.html": page(dossier)}
    except UsageError as error:
        errors_console().print(f"without report.html: {error.message}", markup=False)
        return {}


def _table(store: Store, rows: Sequence[ResultRow], chosen: str, output: Path | None, labels: Path | None) -> None:
    """Write results, compared by the images' ``labels``, or attempts where these are ``None``."""
    from orchestrator.analysis.table_rows import table_rows
    from orchestrator.exchange import tables

    table = tables.of_attempts(rows, store) if labels is None else tables.of_results(table_rows(store, rows, labels))
    if chosen == "parquet" and output is not None:
        tables.to_parquet(table, output)
    else:
        _write((tables.to_csv if chosen == "csv" else tables.to_json_lines)(table), output)
    if not rows:
        errors_console().print("no results to export: farm results says why", markup=False)
    elif output is not None:
        console().print(f"{len(rows)} results: {output}", markup=False)


def _benchmarks(store: Store, rows: Sequence[ResultRow], chosen: str, output: Path | None) -> None:
    from orchestrator.exchange import benchmark_json

    cases = benchmark_json.timed_cases(rows, store)
    _write([benchmark_json.WRITERS[chosen](cases)], output)
    if len(cases) < len(rows):
        errors_console().print(f"{len(rows) - len(cases)} results without latencies are left out", markup=False)


def _write(lines: Iterable[str], output: Path | None) -> None:
    from orchestrator.exchange.files import replacing

    if output is None:
        for line in lines:
            typer.echo(line, nl=False)
        return
    with replacing(output) as file:
        file.writelines(line.encode() for line in lines)
