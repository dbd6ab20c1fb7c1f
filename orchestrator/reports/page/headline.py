"""The answer of a run in a sentence, for a reader with no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import FLOAT32
from orchestrator.analysis.significance import FASTER
from orchestrator.domain.units import format_ns, format_ratio
from orchestrator.reports import answer
from orchestrator.reports.best import all_devices, fleet_sentence, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.best import Candidate, Choice, FleetChoice
    from orchestrator.analysis.table_rows import TableRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What stands above everything else."""

    text: str
    #: What that means against float32, in one sentence.
    lead: str
    #: Its evidence, one sentence for each model, device or fleet.
    sentences: tuple[str, ...]
    #: ``good``, ``warn`` where it was measured with warnings, ``none`` where nothing can be recommended.
    tone: str


def headline(
    choices: Sequence[Choice], fleet: Sequence[FleetChoice], rows: Sequence[TableRow], most: int = 3
) -> Headline:
    """Return what to deploy; at most ``most`` sentences of evidence, those on a whole fleet if there are any.

    ``rows`` are the results that ``choices`` are made of.
    """
    chosen = [choice.chosen for choice in choices if choice.chosen is not None]
    sentences = tuple(map(fleet_sentence, fleet) if fleet else map(sentence, choices))[:most]
    if not choices:
        lead = "The run has no latency of single invocations to choose by."
        return Headline(text="Throughput alone was measured", lead=lead, sentences=(), tone="none")
    open_ones = [why for choice in choices if (why := answer.undecided(choice, _of_choice(choice, rows)))]
    if len(open_ones) == len(choices):
        text = "These measurements can't decide what to deploy"
        return Headline(text=text, lead=f"{_together(choices, open_ones, most)}.", sentences=sentences, tone="none")
    if not chosen:
        lead = "Every result is refused by a limit or by its verdict; the reasons are below."
        if all(choice.is_unscored for choice in choices):
            by_time = list(answer.sentences(rows))[:most] or ["No AUC is known; the times are below"]
            lead = f"{'; '.join(by_time)}."
        return Headline(text="No variant can be recommended", lead=lead, sentences=sentences, tone="none")
    warned = len(chosen) < len(choices) or any(each.row.verdict != "VALID" for each in chosen)
    lead = _lead(chosen[0], rows) if len(choices) == 1 else _lead_of_several(choices)
    return Headline(text=_text(choices, fleet), lead=lead, sentences=sentences, tone="warn" if warned else "good")


def _together(choices: Sequence[Choice], reasons: Sequence[str], most: int) -> str:
    """Return the reason of each choice, at most ``most``, or once the one that all devices share."""
    devices = tuple(dict.fromkeys(choice.device for choice in choices))
    everywhere = f" on {all_devices(len(devices))}, "
    alike = {why.replace(f" on {choice.device}, ", everywhere) for choice, why in zip(choices, reasons, strict=True)}
    return alike.pop() if len(devices) > 1 and len(alike) == 1 else "; ".join(reasons[:most])


def _of_choice(choice: Choice, rows: Sequence[TableRow]) -> list[TableRow]:
    return [each for each in rows if (each.row.device, each.row.model) == (choice.device, choice.model)]


def _text(choices: Sequence[Choice], fleet: Sequence[FleetChoice]) -> str:
    schemes = {choice.chosen.row.scheme for choice in choices if choice.chosen is not None}
    devices = {choice.device for choice in choices}
    everywhere = all(choice.chosen is not None for choice in choices)
    if len(schemes) == 1 and everywhere:
        (scheme,) = schemes
        where = f"on {next(iter(devices))}" if len(devices) == 1 else f"on {all_devices(len(devices))}"
        return f"Keep {scheme} {where}" if scheme == FLOAT32 else f"Deploy {scheme} {where}"
    if len(fleet) == 1 and fleet[0].scheme is not None and len(choices) == len(fleet[0].each):
        return f"One artifact for {all_devices(len(devices))}: {fleet[0].scheme}"
    parts = [
        f"{choice.chosen.row.scheme} for {_of(choice, choices)}"
        if choice.chosen
        else f"nothing for {_of(choice, choices)}"
        for choice in choices
    ]
    return f"Deploy {', '.join(parts)}" if len(parts) <= 3 else f"{len(schemes)} schemes for {len(devices)} devices"


def _lead(chosen: Candidate, rows: Sequence[TableRow]) -> str:
    """Return the answer as below the tables of a terminal."""
    words = next(answer.sentences(rows), None)
    return f"{words}." if words else f"It takes {format_ns(chosen.p50_per_image_ns)} an image."


def _lead_of_several(choices: Sequence[Choice]) -> str:
    """Return how many devices gain how much."""
    pairs = [choice.chosen.against for choice in choices if choice.chosen and choice.chosen.against]
    faster = [pair.difference.speedup for pair in pairs if pair.verdict == FASTER and pair.difference]
    if not faster:
        return "Nowhere is the best variant shown to be faster than float32."
    ends = sorted({format_ratio(min(faster)), format_ratio(max(faster))})
    return f"The best of each is faster than float32 on {len(faster)} of {len(choices)}: {' to '.join(ends)}."


def _of(choice: Choice, choices: Sequence[Choice]) -> str:
    """Return what tells a choice from the others: its device, its model, or both."""
    one_model = len({each.model for each in choices}) == 1
    one_device = len({each.device for each in choices}) == 1
    return choice.device if one_model else choice.model if one_device else f"{choice.model} on {choice.device}"
