"""How far devices are from each other: a table for each artifact, the worst images by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.analysis.accuracy.divergence import Divergence, WorstImage


def show(found: Sequence[Divergence], console: Console) -> None:
    """Print each artifact with its devices, then the images on which they are farthest apart."""
    alone = [each for each in found if len(each.sides) == 1]
    if found and len(alone) == len(found):
        kinds = "the artifact" if len(found) == 1 else f"each of {len(found)} artifacts"
        console.print(f"one device with one runtime scored {kinds}: there is no other to differ from\n", soft_wrap=True)
    for number, each in enumerate(found):
        if number:
            console.print()
        batch = f" batch {each.batch}" if each.batch > 1 else ""
        console.print(
            f"[bold]{escape(each.model)} {escape(each.scheme)}[/]{batch}, artifact {each.artifact[:12]}, "
            f"{each.images:,} images of {escape(each.dataset)}",
            soft_wrap=True,
        )
        print_whole(_table(each), console)
        if each.worst:
            console.print()
        for image in each.worst:
            console.print(escape(_sentence(image)), soft_wrap=True)
        if len(each.sides) == 1 and len(alone) < len(found):
            console.print("[dim]one device with one runtime scored these images: there is no other to differ from[/]")
        elif not each.worst and len(each.sides) > 1:
            console.print("all answer the same, to the last bit")


def as_json(found: Sequence[Divergence]) -> str:
    """Return a list of objects; docs/accuracy.md explains the keys."""
    return json.dumps([asdict(each) for each in found], indent=2)


def _table(each: Divergence) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("device, runtime", style="bold", overflow="fold")
    for name in ("largest", "mean", "farthest from", "by", "controller"):
        table.add_column(name, justify="left" if name == "farthest from" else "right", no_wrap=True)
    for side in each.sides:
        table.add_row(
            escape(side.name),
            _number(side.largest),
            _number(side.mean),
            escape(side.farthest or "-"),
            _number(side.apart),
            _number(side.controller_largest),
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _sentence(image: WorstImage) -> str:
    shows = "shows it" if image.positive else "does not show it"
    return (
        f"{image.image}: {image.finding} {image.low:.4f} on {image.low_side}, {image.high:.4f} on {image.high_side} "
        f"({image.high - image.low:.2g} apart; it {shows})"
    )
