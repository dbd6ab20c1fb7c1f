"""``farm results compare`` asks whether one case is faster than another, or than it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store, project
from orchestrator.cli.results.case import find_result, parse_case
from orchestrator.cli.results.filters import Batch, Devices, Models, Runtimes, Schemes, Threads, filters, words_of

if TYPE_CHECKING:
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

EPILOG = """Examples:

\b
  farm results compare --by scheme
  farm results compare --by runtime --baseline litert==1.4.0 --run latest
  farm results compare local/m/float32/litert/t1/b1 local/m/int8/litert/t1/b1
  farm results compare --runs 20261023-080000-abcd latest
  farm results compare --runs release-1 latest --threshold 3% --verdict slower,cant-tell"""
#: As a command line names verdicts.
OUTCOMES = {
    "faster": "faster",
    "slower": "slower",
    "same": "no difference seen",
    "within": "within the threshold",
    "noise": "smaller than the noise floor",
    "cant-tell": "can't tell",
    "not-comparable": "not comparable",
}
Outcome = Annotated[str | None, typer.Option(metavar="A,B", help=f"Show only these outcomes: {', '.join(OUTCOMES)}.")]
Threshold = Annotated[
    str | None, typer.Option(metavar="3%", help="Only more than this is a difference: slower by more than 3 %.")
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Comparisons at most.")]
RunOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="The run of A and B (default: the newest of each) or of --by (latest).",
        autocompletion=candidates.run,
    ),
]
CHOICES = "say what to compare: two cases A B, --by DIMENSION, or --runs OLD NEW"


def compare(
    a: Annotated[
        str | None, typer.Argument(metavar="A", help="A case, CASE or CASE@RUN.", autocompletion=candidates.case)
    ] = None,
    b: Annotated[
        str | None,
        typer.Argument(metavar="B", help="The case that is compared with A.", autocompletion=candidates.case),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="DIMENSION", help="Cases that differ in this alone: runtime, scheme, threads, batch, device, model."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="VALUE", help="With --by: what the others are compared with.")
    ] = None,
    runs: Annotated[tuple[str, str] | None, typer.Option(metavar="OLD NEW", help="The same cases in two runs.")] = None,
    run: RunOption = None,
    devices: Devices = None,
    models: Models = None,
    schemes: Schemes = None,
    runtimes: Runtimes = None,
    threads: Threads = None,
    batch: Batch = None,
    verdict: Outcome = None,
    threshold: Threshold = None,
    limit: Limit = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Test whether cases differ.

    Ratio, interval, chance, and the device's noise.
    """
    from orchestrator.analysis import compare as analysis
    from orchestrator.errors import UsageError
    from orchestrator.reports import compare as report
    from orchestrator.reports import no_results

    _refuse_combinations(a, b, by, baseline, run, runs)
    narrowed = filters(devices=devices, models=models, schemes=schemes, runtimes=runtimes, threads=threads, batch=batch)
    outcomes, margin = _outcomes(verdict), _share(threshold)
    with existing_store(db, inventory) as store:
        wanted = _wanted(store, a, b, by, baseline, run, runs)
        chosen = narrowed.of(store, None, inventory, db)
        asked = [(a, b) for a, b in wanted if all(getattr(b, name) in values for name, values in chosen.items())]
        if not asked:
            raise UsageError(no_results.explain([b for _, b in wanted], chosen), hint="farm results list")
        labels = project(db, inventory).state / "blobs"
        found = analysis.compare(store, asked, labels, threshold=margin)
    found = tuple(pair for pair in found if outcomes is None or pair.verdict in outcomes)[:limit]
    if json:
        typer.echo(report.as_json(found))
    elif found:
        report.show(found, console())
    else:
        errors_console().print(f"none of {len(asked)} comparisons is {verdict}")


def _refuse_combinations(
    a: str | None, b: str | None, by: str | None, baseline: str | None, run: str | None, runs: tuple[str, str] | None
) -> None:
    from orchestrator.errors import UsageError

    if [a is not None, by is not None, runs is not None].count(True) != 1 or (a is None) != (b is None):
        raise UsageError(CHOICES, hint="farm results compare --help")
    if baseline is not None and by is None:
        raise UsageError("--baseline goes with --by", hint="farm results compare --help")
    if run is not None and runs is not None:
        raise UsageError("--runs names both runs, --run is one more", hint="farm results compare --help")


def _wanted(
    store: Queries,
    a: str | None,
    b: str | None,
    by: str | None,
    baseline: str | None,
    run: str | None,
    runs: tuple[str, str] | None,
) -> list[tuple[ResultRow, ResultRow]]:
    """Return the pairs that are asked for; raises `UsageError` for a result against itself."""
    from orchestrator.analysis import compare as analysis
    from orchestrator.errors import UsageError

    if a is not None and b is not None:
        wanted = [(_row(store, a, run), _row(store, b, run))]
    elif by is not None:
        wanted = analysis.by(store.results(run=store.run(run or "latest").id), by, baseline)
    else:
        old, new = (store.results(run=store.run(name).id) for name in runs or ())
        wanted = analysis.between(old, new)
    if any((one.case, one.run) == (other.case, other.run) for one, other in wanted):
        raise UsageError("a result is not compared with itself", hint="farm devices calibrate tells what noise is")
    return wanted


def _outcomes(text: str | None) -> frozenset[str] | None:
    """Return the verdicts of comparisons that a person wants to see; raises `UnknownName`."""
    from orchestrator.errors import UnknownName

    if text is None:
        return None
    words = words_of(text)
    for word in words:
        if word not in OUTCOMES:
            raise UnknownName("outcome", word, OUTCOMES)
    return frozenset(OUTCOMES[word] for word in words)


def _share(text: str | None) -> float:
    """Return a percentage as a share; raises `UsageError`."""
    from orchestrator.domain.units import parse_percent
    from orchestrator.errors import UsageError

    if text is None:
        return 0.0
    try:
        return parse_percent(text)
    except ValueError as error:
        raise UsageError(f"--threshold: {error}", hint="farm results compare --threshold 3%") from None


def _row(store: Queries, text: str, run: str | None) -> ResultRow:
    """Return the result of ``CASE`` or ``CASE@RUN``, else in ``run``, else the newest."""
    from orchestrator.domain.case import Case

    name, at, of_run = text.rpartition("@")
    try:
        case = Case.parse(text)  # a model's name may have an @
    except ValueError:
        case, run = (parse_case(name), of_run) if at else (parse_case(text), run)
    return find_result(store, case, run)
