"""What a check of a dataset found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.datasets.check import LOOKED_AT
from orchestrator.datasets.file_names import shown
from orchestrator.datasets.leaks import HINT
from orchestrator.reports.dataset import lines
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from orchestrator.datasets.base import Part
    from orchestrator.datasets.check import Copies
    from orchestrator.datasets.decoding import Sample
    from orchestrator.domain.dataset import DatasetSummary

#: Examples that a line names.
NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Everything that was found."""

    summary: DatasetSummary
    #: (width, height) in pixels -> images; empty where the images are not files.
    sizes: Mapping[tuple[int, int], int]
    #: Part -> view position -> images; empty where none is known.
    views: Mapping[Part, Mapping[str, int]]
    #: Part -> what some of its images hold.
    pixels: Mapping[Part, Sample]
    copies: tuple[Copies, ...]
    on_both_sides: tuple[str, ...]
    #: What to do about an image with different labels.
    labels_hint: str = ""


def show(found: Checked, console: Console) -> None:
    """Print a table of parts and classes, then what there is to know, what is wrong last."""
    print_whole(_table(found.summary), console)
    console.print()
    for line in list(lines(found.summary))[1:]:
        console.print(escape(line), soft_wrap=True)
    for line in _about(found):
        console.print(escape(line), soft_wrap=True)
    wrong = list(_wrong(found))
    for line in wrong:
        console.print(f"[red]{escape(line)}[/]", soft_wrap=True)
    if not wrong:
        console.print("no patient and no image is tested as well as trained on" if found.sizes else "")


def as_json(found: Checked) -> str:
    """Return one object; docs/datasets.md explains the keys."""
    plain = {
        "summary": found.summary.to_json(),
        "sizes": [{"width": w, "height": h, "images": count} for (w, h), count in found.sizes.items()],
        "views": {part: dict(counts) for part, counts in found.views.items()},
        "pixels": {
            part: {"low": each.low, "high": each.high, "modes": list(each.modes), "images": each.images}
            for part, each in found.pixels.items()
        },
        "copies": [
            {
                "paths": [shown(path) for path in each.paths],
                "parts": list(each.parts),
                "same_labels": each.same_labels,
                "leaks": each.leaks,
            }
            for each in found.copies
        ],
        "on_both_sides": list(found.on_both_sides),
    }
    return json.dumps(plain, indent=2)


def _table(summary: DatasetSummary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("", style="bold", overflow="fold")
    for part in summary.parts:
        table.add_column(part.part, justify="right", no_wrap=True)
    table.add_row("images", *(f"{part.images:,}" for part in summary.parts))
    for name in dict.fromkeys(name for part in summary.parts for name in part.by_class):
        table.add_row(escape(name), *(_share(part.by_class.get(name, 0), part.images) for part in summary.parts))
    return table


def _share(count: int, images: int) -> str:
    return f"{count:,} ({count / images:.1%})" if images else "0"


def _about(found: Checked) -> Iterator[str]:
    if found.sizes:
        widths, heights = zip(*found.sizes, strict=True)
        if len(found.sizes) == 1:
            yield f"every image is {widths[0]} × {heights[0]} pixels"
        else:
            yield (
                f"images are {min(widths)} to {max(widths)} pixels wide and {min(heights)} to {max(heights)} high, "
                f"in {len(found.sizes)} sizes"
            )
    if found.pixels:
        ranges = ", ".join(f"{part} {each.low}..{each.high}" for part, each in found.pixels.items())
        yield f"pixels of up to {LOOKED_AT} images a part: {ranges}"
    for side, counts in found.views.items():
        images = sum(counts.values())
        yield f"views of {side}: " + ", ".join(
            f"{view} {_share(count, images)}" for view, count in sorted(counts.items())
        )
    for part in found.summary.parts:
        rare = [name for name, count in part.by_class.items() if count == 1]
        if part.part == "evaluation" and rare:
            yield f"a single test image shows {', '.join(rare)}: such an AUC has no interval"
    harmless = [each for each in found.copies if not each.leaks and each.same_labels]
    if harmless:
        yield f"{_are(len(harmless), 'image')} there more than once on one side, such as {shown(harmless[0].paths[0])}"


def _wrong(found: Checked) -> Iterator[str]:
    if found.on_both_sides:
        named = _some(found.on_both_sides)
        yield f"{_are(len(found.on_both_sides), 'patient')} tested as well as trained on: {named}"
    leaks = [each for each in found.copies if each.leaks]
    if leaks:
        named = _pairs(leaks)
        yield f"{_are(len(leaks), 'image')} tested as well as trained on, under two names: {named}"
    if found.on_both_sides or leaks:
        yield f"  {HINT}"
    odd = [each for each in found.copies if not each.same_labels]
    if odd:
        yield f"{_are(len(odd), 'image')} there with different labels: {_pairs(odd)}"
        if found.labels_hint:
            yield f"  {found.labels_hint}"


def _pairs(found: Sequence[Copies]) -> str:
    return _some([" = ".join(shown(path) for path in each.paths[:2]) for each in found], "; ")


def _some(words: Sequence[str], between: str = ", ") -> str:
    return between.join([*words[:NAMED], *(["…"] if len(words) > NAMED else [])])


def _are(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"
