"""What to deploy, in a sentence with its evidence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.analysis.significance import FASTER, SLOWER
from orchestrator.domain.units import format_bytes, format_ns
from orchestrator.reports.case_table import LEAST_FOR_INTERVAL
from orchestrator.reports.difference_words import signed, time_words
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.analysis.best import Candidate, Choice, FleetChoice

#: Of a ratio of times that rounds to 1.
SAME_TIME = 1.005


def show(choices: Sequence[Choice], fleet: Sequence[FleetChoice], console: Console) -> None:
    """Print a sentence and a table for each device with each model, and one sentence for all devices."""
    for number, choice in enumerate(choices):
        if number:
            console.print()
        console.print(escape(sentence(choice)))
        console.print()
        print_whole(_table(choice), console)
    for each in fleet:
        console.print()
        console.print(escape(fleet_sentence(each)))


def sentence(choice: Choice) -> str:
    """Return the answer for one model on one device."""
    where = f"{choice.model} on {choice.device}"
    if choice.chosen is None:
        count = len(choice.candidates)
        text = f"{where}: nothing fits: {'the only result is' if count == 1 else f'all {count} results are'} refused"
        if choice.is_unscored:
            return f"{text}, since no image was scored; by time alone: farm results best --max-auc-drop any"
        return text
    row = choice.chosen.row
    words = [
        f"p50 {format_ns(choice.chosen.p50_per_image_ns)}{' an image' if row.batch > 1 else ''}{_interval(choice.chosen)}"
    ]
    words += [_against(choice.chosen)] if choice.chosen.against else []
    words += [format_bytes(row.size_bytes)] if row.size_bytes else []
    words += [_accuracy(choice.chosen)] if row.auc_mean is not None else []
    text = f"{where}: deploy {_name(choice.chosen)}: {', '.join(words)}"
    if choice.as_fast_as is not None:
        text += f"; {_name(choice.as_fast_as)} is not faster beyond doubt, and larger"
    if row.verdict == "WARN":
        codes = ", ".join(dict.fromkeys(reason["code"] for reason in row.reasons))
        text += f"; measured with warnings ({codes})"
    return text


def fleet_sentence(fleet: FleetChoice) -> str:
    """Return which artifact suits all devices, where it costs most, and what suits each device alone."""
    suits = (
        f"{'nothing' if candidate is None else _artifact(candidate.row.scheme, candidate.row.batch)} on {device}"
        for device, candidate in fleet.each.items()
    )
    alone = f"one each: {', '.join(suits)}"
    if fleet.scheme is None:
        text = f"{fleet.model}: no artifact fits {all_devices(len(fleet.each))}"
        return f"{text}; {alone}" if any(fleet.each.values()) else text
    everywhere = _artifact(fleet.scheme, fleet.batch or 1)
    text = f"{fleet.model}, one artifact for {all_devices(len(fleet.each))}: {everywhere}"
    device, worst = max(fleet.ratios.items(), key=lambda each: each[1])
    if worst <= SAME_TIME:
        return f"{text}, the best on each as well"
    return f"{text}, at most {worst:.2f}× the time of the best for each, on {device}; {alone}"


def all_devices(count: int) -> str:
    """Return ``both devices``, ``all 3 devices``."""
    return "both devices" if count == 2 else f"all {count} devices"


def as_json(choices: Sequence[Choice], fleet: Sequence[FleetChoice]) -> str:
    """Return ``choices`` and ``fleet``; docs/results.md explains the keys."""
    plain = {
        "choices": [_plain(choice) for choice in choices],
        "fleet": [
            {
                "model": each.model,
                "scheme": each.scheme,
                "batch": each.batch,
                "ratios": dict(each.ratios),
                "each": {device: chosen.row.case if chosen else None for device, chosen in each.each.items()},
                "sentence": fleet_sentence(each),
            }
            for each in fleet
        ],
    }
    return json.dumps(plain, indent=2)


def _plain(choice: Choice) -> dict[str, Any]:
    return {
        "device": choice.device,
        "model": choice.model,
        "best": choice.chosen.row.case if choice.chosen else None,
        "sentence": sentence(choice),
        "candidates": [
            {
                "case": each.row.case,
                "run": each.row.run,
                "on_front": each.on_front,
                "refusals": list(each.refusals),
                "p50_ns": each.row.p50_ns,
                "size_bytes": each.row.size_bytes,
                "auc_mean": each.row.auc_mean,
            }
            for each in choice.candidates
        ],
    }


def _table(choice: Choice) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("", overflow="fold", style="bold")
    for name in ("p50", "size", "AUC"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for each in choice.candidates:
        row = each.row
        if each.refusals:
            last = "; ".join(each.refusals)
        else:
            last = (
                "best"
                if each is choice.chosen or _same(each, choice)
                else ""
                if each.on_front
                else "beaten in everything"
            )
        table.add_row(
            escape(_name(each)),
            format_ns(each.p50_per_image_ns) if row.p50_ns else "-",
            format_bytes(row.size_bytes) if row.size_bytes else "-",
            f"{row.auc_mean:.4f}" if row.auc_mean is not None else "-",
            escape(last),
        )
    return table


def _same(each: Candidate, choice: Choice) -> bool:
    return choice.chosen is not None and each.row is choice.chosen.row


def _name(candidate: Candidate) -> str:
    row = candidate.row
    threads = f"{row.threads} thread{'s' if row.threads > 1 else ''}"
    return f"{row.scheme} ({row.runtime}, {threads}{f', batch {row.batch}' if row.batch > 1 else ''})"


def _artifact(scheme: str, batch: int) -> str:
    return scheme if batch == 1 else f"{scheme} (batch {batch})"


def _interval(candidate: Candidate) -> str:
    row = candidate.row
    if row.p50_low_ns is None or row.p50_high_ns is None:
        return ""
    what = "range " if row.attempts < LEAST_FOR_INTERVAL else ""
    return f" ({what}{format_ns(row.p50_low_ns / row.batch)} to {format_ns(row.p50_high_ns / row.batch)})"


def _against(candidate: Candidate) -> str:
    """Return how much faster than float32 it is, or that this is unknown."""
    assert candidate.against is not None  # noqa: S101  asked before
    words = time_words(candidate.against)
    return f"{words} than float32" if candidate.against.verdict in (FASTER, SLOWER) else f"against float32: {words}"


def _accuracy(candidate: Candidate) -> str:
    auc = candidate.against.auc if candidate.against else None
    text = f"mean AUC {candidate.row.auc_mean:.4f}"
    if auc is None:
        return text
    if not round(auc.difference, 4) and not round(auc.error, 4):
        return f"{text} as float32"
    low, high = auc.interval
    return f"{text} ({signed(auc.difference, 4)} against float32, {signed(low, 4)} to {signed(high, 4)})"
