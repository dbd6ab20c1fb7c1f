"""The process that looks into a model's file."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.models import child
from orchestrator.models.inspection import ModelView, look_into

if TYPE_CHECKING:
    from collections.abc import Sequence


def inspect(path: Path, *, schemes: Sequence[str], size: int, output: str | None) -> ModelView:
    """Return `orchestrator.models.inspection.look_into` of a process of its own; raises `ModelError`."""
    order = {"path": str(path), "schemes": list(schemes), "size": size, "output": output}
    return ModelView.from_json(child.ask(__name__, order, str(path)))


def _look(order: dict[str, Any]) -> Any:
    return asdict(look_into(Path(order.pop("path")), **order))


if __name__ == "__main__":
    sys.exit(child.answer(_look))
