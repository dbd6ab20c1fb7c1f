"""What judging again changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.analysis.judge import Judgement


def lines(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Yield a line for each case that is another now, and one that counts them."""
    changed = [judgement for judgement in judgements if judgement.changed]
    for judgement in changed:
        before, after = (", ".join(codes) or "no reason" for codes in _codes(judgement))
        verdicts = f"{judgement.before.verdict} → {judgement.after.verdict.value}"
        yield f"{judgement.before.case}: {verdicts} ({before} → {after})"
    cases = "case" if len(judgements) == 1 else "cases"
    yield f"{len(judgements)} {cases} judged by what is stored of them, {len(changed)} changed"


def as_json(judgements: Sequence[Judgement]) -> str:
    """Return a list of objects with ``case changed verdict_before verdict reasons_before reasons figures``."""
    return json.dumps(
        [
            {
                "case": judgement.before.case,
                "changed": judgement.changed,
                "verdict_before": judgement.before.verdict,
                "verdict": judgement.after.verdict.value,
                "reasons_before": _codes(judgement)[0],
                "reasons": _codes(judgement)[1],
                "figures": judgement.after.figures,
            }
            for judgement in judgements
        ],
        indent=2,
    )


def _codes(judgement: Judgement) -> tuple[list[str], list[str]]:
    return [reason["code"] for reason in judgement.before.reasons], [reason.code for reason in judgement.after.reasons]
