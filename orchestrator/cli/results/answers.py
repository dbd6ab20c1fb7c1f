"""Answers to claims, printed or written, with the exit status that they mean."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.context import console
from orchestrator.cli.results.list import selected_devices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from orchestrator.analysis.claims import Answered
    from orchestrator.cli.context import Project
    from orchestrator.domain.claim import Claim
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

EXIT_STATUS = (
    """Exit status 0: all hold; 1: one is refuted; 3: none is refuted, but for some there is not enough evidence."""
)
#: Of a claim for which there is not enough evidence, where none is refuted.
NOT_ENOUGH = 3


def finish(
    answered: Sequence[Answered], *, title: str, markdown: Path | None, junit: Path | None, as_json: bool
) -> None:
    """Print and write the answers; raises `typer.Exit` unless all claims hold."""
    from orchestrator.analysis.claims import Answer
    from orchestrator.reports import claims as report

    for path, text in ((markdown, report.markdown(answered, title)), (junit, report.junit(answered, title))):
        if path is not None:
            _write(path, text)
    if as_json:
        typer.echo(report.as_json(answered))
    else:
        report.show(answered, console())
    answers = {each.answer for each in answered}
    if Answer.REFUTED in answers:
        raise typer.Exit(1)
    if Answer.OPEN in answers:
        raise typer.Exit(NOT_ENOUGH)


def devices_of(store: Queries, where: Project) -> Callable[[Claim, Sequence[ResultRow]], Iterable[str]]:
    """Return what names the devices that a claim is about: a fleet may lack some of them."""
    from orchestrator.errors import UsageError

    def names(claim: Claim, rows: Sequence[ResultRow]) -> set[str]:
        if claim.devices is None:
            return {row.device for row in rows}
        without = [word for word in claim.devices if word.startswith("!")]
        found: set[str] = set()
        for word in [word for word in claim.devices if word not in without] or ["all"]:
            with contextlib.suppress(UsageError):
                found |= selected_devices(",".join([word, *without]), rows, store, where)
        return found

    return names


def _write(path: Path, text: str) -> None:
    """Write a page without characters that a terminal obeys or XML forbids."""
    from orchestrator.errors import UsageError, printable

    try:
        path.write_text(printable(text), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a file that can be written") from error
