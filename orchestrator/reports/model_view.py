"""What a model's file holds, as a table or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.domain.units import format_bytes

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.models.graph_ends import End
    from orchestrator.models.inspection import ArtifactView, ModelView


def as_json(view: ModelView) -> str:
    """Return every field; ``nodes`` and ``delegated`` of an artifact are the sums over its operators."""
    plain = asdict(view)
    for each, artifact in zip(plain["artifacts"], view.artifacts, strict=True):
        each["nodes"], each["delegated"] = _sums(artifact)
    return json.dumps(plain, indent=2)


def show(view: ModelView, console: Console) -> None:
    """Print ends and parameters, then a row for each artifact."""
    parameters = f": {view.parameters:,} parameters" if view.parameters else ""  # a SavedModel does not tell
    console.print(f"{view.path}{parameters}", markup=False, soft_wrap=True)
    for what, ends in (("input", view.inputs), ("output", view.outputs)):
        for end in ends:
            console.print(f"  {what}  {_end(end)}", markup=False, soft_wrap=True)
    for step in view.preprocessing:
        console.print(f"  holds   {step}", markup=False, soft_wrap=True)
    if view.preprocessing:
        console.print(
            "          the model prepares pixels itself: `preprocess: {scale: 1}` in a suite, not a second time",
            markup=False,
            soft_wrap=True,
        )
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for name in ("artifact", "size", "MACs", "nodes", "XNNPACK", "operators"):
        table.add_column(
            name, justify="left" if name in ("artifact", "operators") else "right", no_wrap=name == "artifact"
        )
    for artifact in view.artifacts:
        nodes, delegated = _sums(artifact)
        if artifact.error is not None:
            table.add_row(escape(artifact.scheme), "-", "-", "-", "-", f"[red]{escape(artifact.error)}[/]")
            continue
        listed = ", ".join(
            f"{one.name} {one.nodes}" + ("" if one.delegated in (None, one.nodes) else f" ({one.delegated} taken)")
            for one in artifact.operators
        )
        size = format_bytes(artifact.size_bytes or 0)
        macs = "-" if artifact.macs is None else _count(artifact.macs)
        taken = "-" if delegated is None else str(delegated)
        table.add_row(escape(artifact.scheme), size, macs, str(nodes), taken, escape(listed))
    console.print()
    console.print(table)
    _show_notes(view, console)


def _show_notes(view: ModelView, console: Console) -> None:
    """Print what the columns are, then a line for each runtime of each artifact."""
    console.print()
    if any(_sums(artifact)[1] is not None for artifact in view.artifacts):
        console.print("XNNPACK: nodes that LiteRT's default delegate takes on this machine", markup=False)
    console.print("MACs: multiply-accumulates of one image, of convolutions and products of matrices", markup=False)
    for artifact in view.artifacts:
        for each in artifact.runtimes:
            takes = f"{each.delegate} takes {each.delegated} nodes" if each.delegate else "no delegate; its own kernels"
            console.print(
                f"{artifact.scheme}  {each.runtime} {each.version}: {takes if each.error is None else each.error}",
                markup=False,
                soft_wrap=True,
            )


def _count(number: int) -> str:
    """Return ``number`` with three digits and a unit: 12.3 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _sums(artifact: ArtifactView) -> tuple[int, int | None]:
    """Return the nodes, and those that the delegate takes, ``None`` in a runtime without delegates."""
    taken = [one.delegated for one in artifact.operators if one.delegated is not None]
    without = bool(artifact.operators) and not taken
    return sum(one.nodes for one in artifact.operators), None if without else sum(taken)


def _end(end: End) -> str:
    sides = " × ".join("free" if side is None else str(side) for side in end.shape)
    scale = f", scale {end.scale:.6g}, zero point {end.zero_point}" if end.scale else ""
    return f"{end.name}  {sides}  {end.dtype}{scale}"
