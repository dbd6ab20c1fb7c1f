"""What judging again changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.analysis.judge import Rejudged


def lines(outcomes: Sequence[Rejudged]) -> Iterator[str]:
    """Yield a line for each case that is another now, and one that counts them."""
    changed = [outcome for outcome in outcomes if outcome.changed]
    for outcome in changed:
        before, after = (", ".join(codes) or "no reason" for codes in _codes(outcome))
        verdicts = f"{outcome.before.verdict} → {outcome.after.verdict.value}"
        yield f"{outcome.before.case}: {verdicts} ({before} → {after})"
    cases = "case" if len(outcomes) == 1 else "cases"
    yield f"{len(outcomes)} {cases} judged by what is stored of them, {len(changed)} changed"


def as_json(outcomes: Sequence[Rejudged]) -> str:
    """Return a list of objects with ``case changed verdict_before verdict reasons_before reasons figures``."""
    return json.dumps(
        [
            {
                "case": outcome.before.case,
                "changed": outcome.changed,
                "verdict_before": outcome.before.verdict,
                "verdict": outcome.after.verdict.value,
                "reasons_before": _codes(outcome)[0],
                "reasons": _codes(outcome)[1],
                "figures": outcome.after.figures,
            }
            for outcome in outcomes
        ],
        indent=2,
    )


def _codes(outcome: Rejudged) -> tuple[list[str], list[str]]:
    return [reason["code"] for reason in outcome.before.reasons], [reason.code for reason in outcome.after.reasons]
