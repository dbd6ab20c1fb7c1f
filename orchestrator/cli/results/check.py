"""``farm results check`` asks whether claims about results hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, existing_store, project
from orchestrator.cli.results.answers import EXIT_STATUS, devices_of, finish

EPILOG = f"""Examples:

\b
  farm results check examples/study-claims.yaml
  farm results check claims.yaml --run latest --markdown summary.md --junit claims.xml

{EXIT_STATUS}"""


def check(
    claims: Annotated[Path, typer.Argument(metavar="CLAIMS.yaml", help="What is claimed.")],
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Default: of every case, the result that counts.", autocompletion=candidates.run
        ),
    ] = None,
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
    from orchestrator.config import claims as files

    written = files.load(claims)
    where = project(db, inventory)
    with existing_store(db, inventory) as store:
        rows = store.results(run=store.run(run).id if run else None)
        answered = tuple(analysis.check(store, written, rows, where.state / "blobs", devices_of(store, where)))
    finish(answered, title="farm results check", markdown=markdown, junit=junit, as_json=json)
