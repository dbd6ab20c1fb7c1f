"""``farm results check`` asks whether claims about results hold."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store, project
from orchestrator.cli.results.list import selected_devices

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.cli.context import Project
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

EPILOG = """Examples:

\b
  farm results check examples/study-claims.yaml
  farm results check claims.yaml --run latest --markdown summary.md --junit claims.xml

Exit status 0: all hold; 1: one is refuted; 3: none is refuted, but for some there is not enough evidence."""
#: Of a claim for which there is not enough evidence, where none is refuted.
NOT_ENOUGH = 3


def check(
    claims: Annotated[Path, typer.Argument(metavar="CLAIMS.yaml", help="What is claimed.")],
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Default: the newest result of every case.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary as Markdown.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Check claims about results.

    Each holds, is refuted, or lacks evidence.
    """
    from orchestrator.analysis import claims as analysis
    from orchestrator.analysis.claims import Answer
    from orchestrator.config import claims as files
    from orchestrator.domain.claim import Claim
    from orchestrator.reports import claims as report

    written = files.load(claims)
    where = project(db, inventory)
    with existing_store(db, inventory) as store:
        rows = store.results(run=store.run(run).id if run else None)

        def on(claim: Claim) -> Iterable[str]:
            return [row.device for row in rows] if claim.devices is None else _names(claim.devices, rows, store, where)

        answered = tuple(analysis.check(store, written, rows, where.state / "blobs", on))
    for path, text in ((markdown, report.markdown(answered)), (junit, report.junit(answered))):
        if path is not None:
            _write(path, text)
    if json:
        typer.echo(report.as_json(answered))
    else:
        report.show(answered, console())
    answers = {each.answer for each in answered}
    if Answer.REFUTED in answers:
        raise typer.Exit(1)
    if Answer.OPEN in answers:
        raise typer.Exit(NOT_ENOUGH)


def _names(words: Sequence[str], rows: Sequence[ResultRow], store: Queries, where: Project) -> set[str]:
    """Return the devices that some of ``words`` match: a fleet may lack those that a claim is about."""
    from orchestrator.errors import UsageError

    without = [word for word in words if word.startswith("!")]
    found: set[str] = set()
    for word in [word for word in words if word not in without] or ["all"]:
        with contextlib.suppress(UsageError):
            found |= selected_devices(",".join([word, *without]), rows, store, where)
    return found


def _write(path: Path, text: str) -> None:
    """Write a page without characters that a terminal obeys or XML forbids."""
    from orchestrator.errors import UsageError, printable

    try:
        path.write_text(printable(text), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a file that can be written") from error
