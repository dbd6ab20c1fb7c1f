"""``farm results accuracy``: a case finding by finding."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store
from orchestrator.cli.results.case import find_result, parse_case
from orchestrator.cli.results.plot import check_ending, write_picture

if TYPE_CHECKING:
    from orchestrator.domain.case import Case
    from orchestrator.reports import accuracy as report
    from orchestrator.reports.charts.chart import Chart
    from orchestrator.store.queries import Queries

EPILOG = """Examples:

\b
  farm results accuracy local/small-cxr/int8/litert/t1/b1
  farm results accuracy local/small-cxr/int8/litert/t1/b1 --finding Nodule --specificity 0.95
  farm results accuracy local/small-cxr/int8/litert/t1/b1 --margin 0.005 --json
  farm results accuracy local/small-cxr/int8/litert/t1/b1 -o roc.svg"""


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
    from orchestrator.reports import accuracy as report

    if output is not None:
        check_ending(output, "farm results accuracy")
    shown = _shown(db, inventory, case, run, specificity=specificity, sensitivity=sensitivity, margin=margin)
    if finding is not None and finding not in shown.of.images.classes:
        from orchestrator.errors import UnknownName

        raise UnknownName(
            "finding", finding, list(shown.of.images.classes), hint=f"farm results accuracy {shlex.quote(str(case))}"
        )
    if output is not None:
        _draw(output, report.picture(shown, finding), case)
    if json:
        typer.echo(report.as_json(shown))
    else:
        report.show(shown, console(), finding)


def _shown(
    db: str | None, inventory: Path | None, text: str, run: str | None, *, margin: float, **shares: float
) -> report.Shown:
    """Return what the store has of the case ``text``; ``shares`` are those at which sensitivity and specificity are given."""
    from orchestrator.analysis.accuracy import findings
    from orchestrator.analysis.accuracy.reader import AccuracyReader
    from orchestrator.reports import accuracy as report

    with existing_store(db, inventory) as store:
        case = parse_case(text, store)
        row = find_result(store, case, run)
        reader = AccuracyReader(store)
        of, auc = reader.scored(row.run, case), reader.estimates(row.run, case)
        if of is None or auc is None:
            raise _missing(store, row.run, case)
        baseline = reader.baseline(row.run, case)
        return report.Shown(
            row=row,
            accuracy=findings.accuracy(of, auc, reader.change(row.run, case), margin=margin, **shares),
            of=of,
            baseline=reader.scored(row.run, baseline) if baseline else None,
            baseline_scheme=baseline.scheme if baseline else None,
            baseline_auc=reader.estimates(row.run, baseline) if baseline else None,
            auc=auc,
            **shares,
        )


def _draw(output: Path, chart: Chart | None, case: str) -> None:
    from orchestrator.errors import UsageError

    if chart is None:
        raise UsageError(
            f"{case}: no curve to draw, labels are all alike", hint=f"farm results accuracy {shlex.quote(str(case))}"
        )
    write_picture(output, chart)


def _missing(store: Queries, run: str, case: Case) -> Exception:
    from orchestrator.errors import UsageError

    scores = store.scores(run, case)
    if scores is None and store.run(run).suite.get("accuracy") == "none":
        return UsageError(
            f"{case} has no scores: its run measured latency alone",
            hint="farm run --accuracy all, with a trained model",
        )
    if scores is None:
        return UsageError(f"{case} has no scores: its accuracy was never checked", hint="farm run --resume RUN")
    if scores.error is not None:
        return UsageError(
            f"{case} has no scores: scoring failed: {scores.error}", hint=f"farm results show {shlex.quote(str(case))}"
        )
    return UsageError(
        f"{case} was scored by an older farm, which did not store the images",
        hint="measure it again: farm run; farm results show has its AUC by class",
    )
