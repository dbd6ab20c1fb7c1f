"""Layers of an int8 artifact by their error, worst first."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.models.layer_errors import SUSPECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.models.layer_errors import LayerError


def as_json(layers: Sequence[LayerError]) -> str:
    """Return every layer, worst first."""
    return json.dumps([asdict(each) | {"suspect": each.suspect} for each in worst_first(layers)], indent=2)


def worst_first(layers: Sequence[LayerError]) -> list[LayerError]:
    """Return the layers by their error in steps of their scale."""
    return sorted(layers, key=lambda each: -each.rmse_by_scale)


def show(layers: Sequence[LayerError], console: Console, *, scheme: str, keeping: str | None, worst: int) -> None:
    """Print the ``worst`` layers, and the line of a suite that keeps those float that ``scheme`` does not suit.

    ``keeping`` is the scheme of that line, ``None`` where none leaves layers out.
    """
    ranked = worst_first(layers)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("layer", overflow="fold")
    table.add_column("operator", no_wrap=True)
    for name in ("error in steps", "largest error"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in ranked[:worst]:
        mark = " [yellow]suspect[/]" if each.suspect else ""
        table.add_row(
            escape(each.layer) + mark, each.operator, f"{each.rmse_by_scale:.2f}", f"{each.max_abs_error:.3g}"
        )
    console.print(table)
    suspects = [each for each in ranked if each.suspect]
    console.print(
        f"\n{len(suspects)} of {len(ranked)} quantized operators are suspect: their error is more than {SUSPECT} steps of their "
        "scale, where rounding alone gives 0.29.",
        soft_wrap=True,
    )
    if keeping is None:
        console.print(f"{scheme} keeps no layer in float32; measure float16 or dynamic beside it.", markup=False)
        return
    chosen = suspects or ranked[:1]
    names = ", ".join(json.dumps(each.layer, ensure_ascii=False) for each in chosen[:worst])
    console.print(
        f"To keep {'them' if suspects else 'the worst'} in float32, add to `schemes:` of the suite, and measure both:\n\n"
        f"  - {{kind: {keeping}, name: {scheme}-worst, float_layers: [{names}]}}",
        markup=False,
        soft_wrap=True,
    )
