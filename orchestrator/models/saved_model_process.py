"""The process that reads the ends of a SavedModel: TensorFlow is not imported beside measurements."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from orchestrator.models import child, saved_model
from orchestrator.models.keras_config import Ends


def ends(folder: Path) -> Ends:
    """Return the ends of the SavedModel in ``folder``; raises `ModelError`."""
    plain = child.ask(__name__, {"folder": str(folder)}, str(folder))
    return Ends(inputs=tuple(tuple(shape) for shape in plain["inputs"]), columns=plain["columns"])


def _read(order: dict[str, Any]) -> dict[str, Any]:
    signed = saved_model.signature(Path(order["folder"]))
    outputs = [tensor.shape for tensor in signed.outputs.values()]
    columns = outputs[0][0] if len(outputs) == 1 and len(outputs[0]) == 1 else None
    return {"inputs": [tensor.shape for tensor in signed.inputs.values()], "columns": columns}


if __name__ == "__main__":
    sys.exit(child.answer(_read))
