"""The process that looks into a model's file: a crash stays in it, as does what TensorFlow prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import FarmError, ModelError, brief
from orchestrator.models.inspection import ModelView, look_into

if TYPE_CHECKING:
    from collections.abc import Sequence


def inspect(path: Path, *, schemes: Sequence[str], size: int, output: str | None) -> ModelView:
    """Return `orchestrator.models.inspection.look_into` of a process of its own; raises `ModelError`."""
    order = {"path": str(path), "schemes": list(schemes), "size": size, "output": output}
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.models.inspection_process"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"},
        check=False,
    )
    if done.returncode < 0:
        words = f"{path}: it crashes the process that looks into it (signal {-done.returncode})"
        raise ModelError(words, hint="copy it again, or convert the model again")
    if done.returncode:
        last = brief(Exception((done.stderr.strip().splitlines() or ["no words"])[-1]))
        raise ModelError(f"{path}: the process that looks into it ended with status {done.returncode}: {last}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ModelError(answer["error"], hint=answer["hint"])
    return ModelView.from_json(answer)


def main() -> int:
    """Look into what standard input names."""
    order = json.load(sys.stdin)
    # TensorFlow prints to descriptor 1 whatever Python thinks of it; from here on that is standard error.
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        view = look_into(Path(order.pop("path")), **order)
    except FarmError as error:
        answer = {"error": error.message, "hint": error.hint}
    else:
        answer = asdict(view)
    with os.fdopen(ours, "w") as answers:
        json.dump(answer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
