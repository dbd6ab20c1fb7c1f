"""Artifacts that were written as files, as a table or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.domain.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from orchestrator.models.artifact_files import ArtifactFile
    from orchestrator.models.artifacts import Failed


def as_json(folder: Path, files: Sequence[ArtifactFile], failed: Sequence[Failed]) -> str:
    """Return where each artifact is with what it is, and why others are missing."""
    plain: dict[str, Any] = {
        "folder": str(folder),
        "artifacts": [
            {
                "path": str(file.path),
                "recipe": str(file.recipe),
                "new": file.is_new,
                **{key: getattr(file.artifact, key) for key in ("model", "scheme", "batch", "sha256", "size_bytes")},
                "checks": dict(file.artifact.checks),
            }
            for file in files
        ],
        "failed": [
            {
                "model": each.build.model.name,
                "scheme": each.build.scheme,
                "batch": each.build.batch,
                "error": each.error,
            }
            for each in failed
        ],
    }
    return json.dumps(plain, indent=2)


def show(folder: Path, files: Sequence[ArtifactFile], failed: Sequence[Failed], console: Console) -> None:
    """Print a row for each artifact, then where they are."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for name in ("model", "scheme", "size", "off by", "sha256", "file"):
        table.add_column(name, justify="right" if name in ("size", "off by") else "left", no_wrap=name != "file")
    for file in files:
        of = file.artifact
        difference = of.checks.get("max_abs_difference")
        table.add_row(
            escape(of.model),
            escape(of.scheme),
            format_bytes(of.size_bytes),
            "-" if difference is None else f"{difference:.2g}",
            of.sha256[:12],
            escape(file.path.name) + ("" if file.is_new else " (unchanged)"),
        )
    for each in failed:
        reason = f"[red]{escape(each.error.splitlines()[0])}[/]"
        table.add_row(escape(each.build.model.name), escape(each.build.scheme), "-", "-", "-", reason)
    console.print(table)
    if files:
        console.print(
            f"\n{folder}: each with its recipe, a .json beside it; off by: the largest difference of a checked score from the model's own",
            markup=False,
            soft_wrap=True,
        )
