"""``farm results gate`` asks whether a run got worse than a baseline run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, existing_store, project
from orchestrator.cli.results.answers import EXIT_STATUS, devices_of, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.gate import Bounds

EPILOG = f"""Examples:

\b
  farm runs name latest release-2                        the baseline, once
  farm results gate --baseline release-2                 later, after another farm run
  farm results gate --baseline release-2 --slower 10% --junit gate.xml
  farm results gate --baseline release-2 --claims claims.yaml

{EXIT_STATUS}"""
#: The bounds unless the user gives others, as they are written.
SLOWER, LARGER, AUC_DROP = "5%", "5%", "0.01"


def gate(
    baseline: Annotated[
        str,
        typer.Option(metavar="RUN", help="What is compared with: its name, or its id.", autocompletion=candidates.run),
    ],
    run: Annotated[
        str, typer.Option(metavar="RUN", help="What is in question.", autocompletion=candidates.run)
    ] = "latest",
    devices: Annotated[
        str | None, typer.Option(metavar="SELECTORS", help="Only these devices, such as pi5 or tag:pi.")
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="These claims instead; one of two results that has no `against` is against the baseline.",
        ),
    ] = None,
    slower: Annotated[str | None, typer.Option(metavar=SLOWER, help="How much slower a case may be.")] = None,
    larger: Annotated[str | None, typer.Option(metavar=LARGER, help="How much larger a file may be.")] = None,
    max_auc_drop: Annotated[
        str | None, typer.Option(metavar=AUC_DROP, help="How much of its mean AUC a case may lose.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary as Markdown.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Check that a run is no worse than a baseline run.

    Times, files, accuracy; a case of the baseline that the run lacks is not enough evidence.
    """
    from orchestrator.analysis import claims as analysis
    from orchestrator.analysis.gate import no_worse
    from orchestrator.config import claims as files
    from orchestrator.errors import UsageError

    if claims is not None and (slower, larger, max_auc_drop) != (None, None, None):
        raise UsageError("--claims has its own bounds", hint="leave --slower, --larger and --max-auc-drop out")
    if claims is not None and devices is not None:
        raise UsageError("--claims has its own devices", hint="leave --devices out")
    words = None if devices is None else tuple(devices.split(","))
    where = project(db, inventory)
    bounds = _bounds(slower, larger, max_auc_drop)
    with existing_store(db, inventory) as store:
        before, after = store.run(baseline), store.run(run)
        if before.id == after.id:
            raise UsageError(
                f"run {after.id} is the baseline itself",
                hint=f"farm run, then: farm results gate --baseline {baseline}",
            )
        written = no_worse(before, bounds, words) if claims is None else files.load(claims, {"run": before.id})
        rows = store.results(run=after.id)
        answered = tuple(analysis.check(store, written, rows, where.state / "blobs", devices_of(store, where)))
    if not json:
        console().print(f"run {after.name or after.id} against {before.name or before.id}\n", soft_wrap=True)
    finish(answered, title="farm results gate", markdown=markdown, junit=junit, as_json=json)


def _bounds(slower: str | None, larger: str | None, auc_drop: str | None) -> Bounds:
    from orchestrator.analysis.gate import Bounds
    from orchestrator.domain.units import parse_percent
    from orchestrator.errors import UsageError

    def read(option: str, text: str, parse: Callable[[str], float]) -> float:
        try:
            value = parse(text)
        except ValueError as error:
            raise UsageError(f"{option}: {error}", hint="farm results gate --help") from None
        if not 0 <= value < float("inf"):
            raise UsageError(f"{option} {text}: must be 0 or more", hint="farm results gate --help")
        return value

    def drop(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number such as {AUC_DROP}") from None

    return Bounds(
        slower=read("--slower", slower or SLOWER, parse_percent),
        larger=read("--larger", larger or LARGER, parse_percent),
        auc_drop=read("--max-auc-drop", auc_drop or AUC_DROP, drop),
    )
