"""``farm report``: a run as something to show."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, errors_console, existing_store, project

if TYPE_CHECKING:
    from orchestrator.cli.context import Project
    from orchestrator.reports.page.dossier import Dossier
    from orchestrator.store.queries import Queries

EPILOG = """Examples:

\b
  farm report                                  the latest run as report.html
  farm report latest -o ward-3.html --claims examples/study-claims.yaml
  farm report --format md                      Markdown on standard output
  farm report -o table.tex                     LaTeX, by the ending; csv likewise

The page is one file that loads nothing: it works offline, on a phone, on paper. It needs pip install 'edge-farm[report]'."""


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"
    LATEX = "latex"


#: What a file is written as where nothing else is asked for; a page by any other name.
_BY_ENDING = {".md": Format.MARKDOWN, ".csv": Format.CSV, ".tex": Format.LATEX}


def report(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="An id, its beginning, or latest.", autocompletion=candidates.run)
    ] = "latest",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: report.html; other formats are printed."),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="As what; default: by the ending of FILE, else html.")
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(metavar="CLAIMS.yaml", help="Answer these claims too: farm results check CLAIMS.yaml."),
    ] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Write a run as a report.

    One page with the answer, figures, charts, methods, and the data.
    """
    from orchestrator.reports.page import flat

    form = form or _BY_ENDING.get(output.suffix.lower() if output else "", Format.HTML)
    where = project(db, inventory)
    with existing_store(db, inventory) as store:
        dossier = gathered(store, where, run, claims)
    if form is Format.HTML:
        from orchestrator.reports.page.render import page

        path = output or Path("report.html")
        write(path, page(dossier))
        errors_console().print(f"wrote {path}", markup=False, soft_wrap=True)
        return
    make = {Format.MARKDOWN: flat.markdown, Format.CSV: flat.csv, Format.LATEX: flat.latex}[form]
    text = make(dossier)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write(output, text)


def gathered(store: Queries, where: Project, run: str, claims: Path | None = None) -> Dossier:
    """Return everything there is of a run, with the answers to the claims of a file."""
    from dataclasses import replace

    from orchestrator.analysis.claims import check
    from orchestrator.cli.results.answers import devices_of
    from orchestrator.config import claims as files
    from orchestrator.reports.page.dossier import gather

    written = files.load(claims) if claims else ()
    labels = where.state / "blobs"
    dossier = gather(store, run, labels)
    return replace(dossier, claims=tuple(check(store, written, dossier.rows, labels, devices_of(store, where))))


def write(path: Path, content: str | bytes) -> None:
    """Write a file that a person named; raises `UsageError` where that can't be."""
    from orchestrator.errors import UsageError

    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a file that can be written") from error
