"""What is claimed of a run that is no worse than a baseline run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.claim import Claim

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much worse a case may be: shares of time and of size, a difference of mean AUC."""

    slower: float = 0.05
    larger: float = 0.05
    auc_drop: float = 0.01


def no_worse(baseline: RunRow, bounds: Bounds, devices: tuple[str, ...] | None = None) -> tuple[Claim, ...]:
    """Return the claims; ``5 % slower`` takes 1.05 times as long. ``devices`` are selectors, ``None`` for all."""
    name = baseline.name or baseline.id
    claims = (
        (f"no case is more than {bounds.slower * 100:g} % slower than in {name}", "speedup", 1 / (1 + bounds.slower)),
        (
            f"no file is more than {bounds.larger * 100:g} % larger than in {name}",
            "size_ratio",
            1 / (1 + bounds.larger),
        ),
        (f"no case loses more than {bounds.auc_drop:g} of mean AUC against {name}", "auc_change", -bounds.auc_drop),
    )
    return tuple(
        Claim(
            text=text,
            figure=figure,
            at_least=least,
            at_most=None,
            about={},
            devices=devices,
            against={"run": baseline.id},
            every=True,
        )
        for text, figure, least in claims
    )
