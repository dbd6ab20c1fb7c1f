"""Why a result differs from float32, in sentences that name their evidence."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.markup import escape

from orchestrator.reports.difference_words import auc_change_words, time_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from orchestrator.analysis.explain import Explanation

#: Of a line; a narrower terminal wraps it once more.
WIDTH = 78


def show(explained: Explanation, console: Console) -> None:
    """Print what differs, then a sentence for each thing that evidence says of it, then what is not known."""
    pair = explained.pair
    console.print(f"[bold]{escape(pair.b.case)}[/] against {pair.a.scheme}, run {escape(pair.b.run)}", soft_wrap=True)
    for line in headline(explained):
        console.print(escape(line), soft_wrap=True)
    console.print()
    for finding in explained.findings:
        _item(f"{finding.sentence} [{finding.evidence}]", console)
    if explained.missing:
        console.print("\n[bold]not known[/]")
    for gap in explained.missing:
        _item(gap.what, console)
        console.print(f"    {escape(gap.command)}", soft_wrap=True)


def headline(explained: Explanation) -> Iterator[str]:
    """Yield how time and accuracy differ, with what speaks against comparing them."""
    pair = explained.pair
    yield f"{pair.compared}: {time_words(pair)}"
    if pair.auc_change is not None:
        yield f"AUC change: {auc_change_words(pair)}"
    for blocker in pair.blockers:
        yield f"not comparable: {blocker}"


def as_json(explained: Explanation) -> str:
    """Return ``case run against headline findings missing``; docs/profile.md explains them."""
    pair = explained.pair
    found = pair.difference
    return json.dumps(
        {
            "case": pair.b.case,
            "run": pair.b.run,
            "against": pair.a.case,
            "verdict": pair.verdict,
            "speedup": found.speedup if found else None,
            "auc_change": pair.auc_change,
            "headline": list(headline(explained)),
            "findings": [asdict(finding) for finding in explained.findings],
            "missing": [asdict(gap) for gap in explained.missing],
        },
        indent=2,
    )


def _item(text: str, console: Console) -> None:
    for line in wrap(text, WIDTH, initial_indent="  • ", subsequent_indent="    ", break_long_words=False):
        console.print(escape(line), soft_wrap=True)
