"""The answer of a run in a sentence, for a reader with no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import FLOAT32
from orchestrator.reports.best import fleet_sentence, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.best import Choice, FleetChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What stands above everything else."""

    text: str
    #: Its evidence, one sentence for each model, device or fleet.
    sentences: tuple[str, ...]
    #: ``good``, ``warn`` where it was measured with warnings, ``none`` where nothing can be recommended.
    tone: str


def headline(choices: Sequence[Choice], fleet: Sequence[FleetChoice], most: int = 3) -> Headline:
    """Return what to deploy; at most ``most`` sentences of evidence, the fleet's first."""
    chosen = [choice.chosen for choice in choices if choice.chosen is not None]
    sentences = (*map(fleet_sentence, fleet), *map(sentence, choices))[:most]
    if not chosen:
        return Headline(text="No variant can be recommended", sentences=sentences, tone="none")
    warned = len(chosen) < len(choices) or any(each.row.verdict != "VALID" for each in chosen)
    return Headline(text=_text(choices, fleet), sentences=sentences, tone="warn" if warned else "good")


def _text(choices: Sequence[Choice], fleet: Sequence[FleetChoice]) -> str:
    schemes = {choice.chosen.row.scheme for choice in choices if choice.chosen is not None}
    devices = {choice.device for choice in choices}
    everywhere = all(choice.chosen is not None for choice in choices)
    if len(schemes) == 1 and everywhere:
        (scheme,) = schemes
        where = f"on {next(iter(devices))}" if len(devices) == 1 else f"on all {len(devices)} devices"
        return f"Keep {scheme} {where}" if scheme == FLOAT32 else f"Deploy {scheme} {where}"
    if len(fleet) == 1 and len(choices) == len(fleet[0].ratios):
        return f"One artifact for all {len(devices)} devices: {fleet[0].scheme}"
    parts = [
        f"{choice.chosen.row.scheme} for {_of(choice, choices)}"
        if choice.chosen
        else f"nothing for {_of(choice, choices)}"
        for choice in choices
    ]
    return f"Deploy {', '.join(parts)}" if len(parts) <= 3 else f"{len(schemes)} schemes for {len(devices)} devices"


def _of(choice: Choice, choices: Sequence[Choice]) -> str:
    """Return what tells a choice from the others: its device, its model, or both."""
    one_model = len({each.model for each in choices}) == 1
    one_device = len({each.device for each in choices}) == 1
    return choice.device if one_model else choice.model if one_device else f"{choice.model} on {choice.device}"
