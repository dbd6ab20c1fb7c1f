"""``farm results accuracy``: a case finding by finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store
from orchestrator.cli.results.case import find_result, parse_case
from orchestrator.cli.results.plot import check_ending, write_picture

if TYPE_CHECKING:
    from orchestrator.domain.result import Scores
    from orchestrator.reports.charts.chart import Chart

EPILOG = """Examples:

\b
  farm results accuracy local/tiny-cxr/int8/litert/t1/b1
  farm results accuracy local/tiny-cxr/int8/litert/t1/b1 --finding Nodule --specificity 0.95
  farm results accuracy local/tiny-cxr/int8/litert/t1/b1 --margin 0.005 --json
  farm results accuracy local/tiny-cxr/int8/litert/t1/b1 -o roc.svg"""


def accuracy(
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="As farm results --json names it.", autocompletion=candidates.case)
    ],
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Default: the newest run that judged it.", autocompletion=candidates.run),
    ] = None,
    finding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose ROC curve to draw; default: the largest change.")
    ] = None,
    specificity: Annotated[float, typer.Option(min=0, max=1, help="At which sensitivity is given.")] = 0.9,
    sensitivity: Annotated[float, typer.Option(min=0, max=1, help="At which specificity is given.")] = 0.9,
    margin: Annotated[float, typer.Option(min=0, max=1, help="How much mean AUC may be lost.")] = 0.01,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Draw the ROC curves: .svg or .png; of --finding alone with it."
        ),
    ] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show a case finding by finding.

    AUC with intervals by patient, the paired change against float32, other figures, a ROC curve; -o draws all curves.
    """
    from orchestrator.analysis.accuracy import findings
    from orchestrator.analysis.accuracy.reader import AccuracyReader
    from orchestrator.errors import UnknownName
    from orchestrator.reports import accuracy as report

    wanted = parse_case(case)
    if output is not None:
        check_ending(output)
    with existing_store(db, inventory) as store:
        row = find_result(store, wanted, run)
        reader = AccuracyReader(store)
        of, auc = reader.scored(row.run, wanted), reader.estimates(row.run, wanted)
        if of is None or auc is None:
            raise _missing(case, store.scores(row.run, wanted))
        if finding is not None and finding not in of.images.classes:
            raise UnknownName("finding", finding, list(of.images.classes), hint=f"farm results accuracy {case}")
        baseline = reader.baseline(row.run, wanted)
        found = findings.accuracy(
            of,
            auc,
            reader.change(row.run, wanted),
            specificity=specificity,
            sensitivity=sensitivity,
            margin=margin,
        )
        shown = report.Shown(
            row=row,
            accuracy=found,
            of=of,
            baseline=reader.scored(row.run, baseline) if baseline else None,
            baseline_scheme=baseline.scheme if baseline else None,
            specificity=specificity,
            sensitivity=sensitivity,
        )
    if output is not None:
        _draw(output, report.picture(shown, finding), case)
    if json:
        typer.echo(report.as_json(shown))
    else:
        report.show(shown, console(), finding)


def _draw(output: Path, chart: Chart | None, case: str) -> None:
    from orchestrator.errors import UsageError

    if chart is None:
        raise UsageError(f"{case}: no curve to draw, labels are all alike", hint=f"farm results accuracy {case}")
    write_picture(output, chart)


def _missing(case: str, scores: Scores | None) -> Exception:
    from orchestrator.errors import UsageError

    if scores is None:
        return UsageError(f"{case} has no scores: its accuracy was never checked", hint="farm run --resume RUN")
    if scores.error is not None:
        return UsageError(f"{case} has no scores: scoring failed: {scores.error}", hint=f"farm results show {case}")
    return UsageError(
        f"{case} was scored by an older farm, which did not store the images",
        hint="measure it again: farm run; farm results show has its AUC by class",
    )
