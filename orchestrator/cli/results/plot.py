"""``farm results plot``: pictures alone, without a page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, errors_console, existing_store, project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.cli.context import Project
    from orchestrator.reports.charts.chart import Chart
    from orchestrator.store.queries import Queries

EPILOG = """Examples:

\b
  farm results plot pareto -o pareto.svg
  farm results plot ecdf --run latest --device pi5 -o ecdf.png
  farm results plot history --case local/small-cxr/int8/litert/t1/b1 -o history.svg

A kind with several pictures (one for each device, model or setting) writes x-1.svg, x-2.svg. It needs pip install 'edge-farm[report]'."""


#: Of a picture.
ENDINGS = (".svg", ".png")


class Kind(StrEnum):
    """What is drawn."""

    PARETO = "pareto"
    ECDF = "ecdf"
    HEATMAP = "heatmap"
    FOREST = "forest"
    ACCURACY = "accuracy"
    ROC = "roc"
    COURSE = "course"
    START = "start"
    BREAKEVEN = "breakeven"
    OPERATORS = "operators"
    HISTORY = "history"


def plot(
    kind: Annotated[Kind, typer.Argument(help="What to draw.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A file that ends in .svg or .png.")],
    run: Annotated[
        str, typer.Option(metavar="RUN", help="An id, its beginning, or latest.", autocompletion=candidates.run)
    ] = "latest",
    device: Annotated[str | None, typer.Option(metavar="NAME", help="Only pictures of this device.")] = None,
    case: Annotated[
        str | None, typer.Option(metavar="CASE", help="Of history: which case.", autocompletion=candidates.case)
    ] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Draw one kind of chart as SVG or PNG."""
    from orchestrator.errors import UsageError

    check_ending(output)
    if (kind is Kind.HISTORY) != (case is not None):
        message = "history needs --case CASE" if case is None else f"--case belongs to history, not to {kind}"
        raise UsageError(message, hint="farm results plot --help")
    where = project(db, inventory)
    with existing_store(db, inventory) as store:
        charts = _history(store, where, case) if case else _of_run(store, where, run, kind)
    if device is not None:
        charts = [chart for chart in charts if chart.device == device]
    if not charts:
        raise UsageError(
            f"nothing to draw as {kind}{f' of {device}' if device else ''}",
            hint="farm results list --run RUN shows what there is",
        )
    for number, chart in enumerate(charts, 1):
        path = output if len(charts) == 1 else output.with_stem(f"{output.stem}-{number}")
        write_picture(path, chart)


def check_ending(path: Path, command: str = "farm results plot") -> None:
    """Raise `UsageError` for a file that can be no picture by its name."""
    from orchestrator.errors import UsageError

    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: a picture ends in .svg or .png", hint=f"{command} --help")


def write_picture(path: Path, chart: Chart) -> None:
    """Draw ``chart`` into a file; raises `UsageError` where that can't be."""
    from orchestrator.cli.report import write
    from orchestrator.reports.charts import draw

    write(path, draw.svg(chart) if path.suffix.lower() == ".svg" else draw.png(chart))
    errors_console().print(f"wrote {path}: {chart.title}", markup=False, soft_wrap=True)
    if chart.note:
        errors_console().print(chart.note, markup=False, soft_wrap=True)


def _of_run(store: Queries, where: Project, run: str, kind: Kind) -> Sequence[Chart]:
    from orchestrator.cli.report import gathered
    from orchestrator.reports.page.pictures import charts

    return charts(gathered(store, where, run)).get(kind, ())


def _history(store: Queries, where: Project, case: str) -> Sequence[Chart]:
    from orchestrator.analysis.history import history
    from orchestrator.cli.results.case import find_result, parse_case
    from orchestrator.reports.charts import history as charts

    wanted = parse_case(case, store)
    find_result(store, wanted, None)
    chart = charts.history(history(store, wanted, where.state / "blobs", 50))
    return [chart] if chart else []
