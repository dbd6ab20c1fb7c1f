"""Artifacts that a worker of a Dask cluster builds for a controller elsewhere."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.atomic_write import locked
from orchestrator.errors import FarmError
from orchestrator.models import build_processes
from orchestrator.models.blob_folder import BlobFolder
from orchestrator.runs.cluster.build_order import BuildOrder
from orchestrator.runs.cluster.orders import error_to_json
from orchestrator.runs.cluster.serving import receive, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.models.build_processes import Answer
    from orchestrator.runs.cluster.line import WorkerLine
    from orchestrator.runs.cluster.serving import Workplace

#: What builders print goes there, in the worker's own folder.
LOG = "build.log"


def carry_out(queue: str, task: str) -> None:
    """Build what the controller behind ``queue`` orders, in processes of their own; send each artifact as it is there.

    Refuses where what came out would be another artifact than the controller's own. Ends the builders where the controller goes.
    """
    serve(queue, task, _build)


def _build(line: WorkerLine, text: str, place: Workplace, is_wanted: Callable[[], bool]) -> None:
    order = BuildOrder.from_text(text)
    reason = order.refusal_of_tools()
    if reason is not None:
        line.send("refused", reason=reason)
        return
    with tempfile.TemporaryDirectory(dir=place.state, prefix="building-") as name:
        folder = Path(name)
        images = BlobFolder(folder / "images")
        try:
            _fetch(line, order, folder, BlobFolder(place.state / "blobs"))
            receive(line, order.images_sha256, images)
        except FarmError as error:
            line.send("failed", error=error_to_json(error))
            return
        reason = order.refusal(folder)
        if reason is not None:
            line.send("refused", reason=reason)
            return
        line.send("builds")
        sent = {**order.images, "path": str(images.path(order.images_sha256))}
        orders = [order.moved(each, folder, sent) for each in order.orders]
        for answer in build_processes.run_all(orders, order.limits, folder, place.state / LOG, is_wanted=is_wanted):
            _send(line, answer, place)
    line.send("over")


def _fetch(line: WorkerLine, order: BuildOrder, folder: Path, blobs: BlobFolder) -> None:
    """Get from the controller what this worker lacks of the model's files, each verified."""
    for file in order.files:
        with locked(blobs.root):
            if not blobs.is_whole(file.sha256):
                receive(line, file.sha256, blobs)
        path = folder / file.option / file.inside
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(blobs.path(file.sha256), path)


def _send(line: WorkerLine, answer: Answer, place: Workplace) -> None:
    """Send an artifact with its golden images, or why there is none."""
    plain = dict(answer.plain)
    if "error" in plain:
        plain["error"] = f"{plain['error']} (on worker {place.name})"
        line.send("answer", number=answer.number, seconds=answer.seconds, plain=plain, files=[])
        return
    golden = dict(plain["golden"])
    paths = [Path(plain.pop("path")), Path(golden.pop("path"))]
    plain["golden"] = golden
    files = [_described(path) for path in paths]
    line.send("answer", number=answer.number, seconds=answer.seconds, plain=plain, files=files)
    for path in paths:
        line.send_file(path)
        path.unlink()


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size_bytes": path.stat().st_size}
