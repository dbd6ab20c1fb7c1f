"""Artifacts that a worker of a Dask cluster builds for a controller elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.atomic_write import locked
from orchestrator.errors import FarmError
from orchestrator.models import build_processes
from orchestrator.models.artifacts import ingredients, tool_versions
from orchestrator.models.blob_folder import BlobFolder
from orchestrator.runs.cluster.line import error_to_json
from orchestrator.runs.cluster.orders import BuildOrder, ModelFile, build_of, from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.models.build_processes import Answer, Order
    from orchestrator.runs.cluster.line import WorkerLine
    from orchestrator.runs.cluster.worker import Workplace

#: What builders print goes there, in the worker's own folder.
LOG = "build.log"


def build(line: WorkerLine, text: str, place: Workplace, is_wanted: Callable[[], bool]) -> None:
    """Build artifacts in processes of their own; send each as it is there.

    Refuses where what came out would be another artifact than the controller's own. Ends the builders where the controller goes.
    """
    order = from_text(text, BuildOrder)
    reason = refusal_of_tools(order)
    if reason is not None:
        line.send("refused", reason=reason)
        return
    with tempfile.TemporaryDirectory(dir=place.state, prefix="building-") as name:
        folder = Path(name)
        images = BlobFolder(folder / "images")
        try:
            _fetch(line, order, folder, BlobFolder(place.state / "blobs"))
            line.receive_file(order.images_sha256, images)
        except FarmError as error:
            line.send("failed", error=error_to_json(error))
            return
        reason = refusal(order, folder)
        if reason is not None:
            line.send("refused", reason=reason)
            return
        line.send("builds")
        sent = {**order.images, "path": str(images.path(order.images_sha256))}
        orders = [moved(each, order.files, folder, sent) for each in order.orders]
        for answer in build_processes.run_all(orders, order.limits, folder, place.state / LOG, is_wanted=is_wanted):
            _send(line, answer, place)
    line.send("over")


def _fetch(line: WorkerLine, order: BuildOrder, folder: Path, blobs: BlobFolder) -> None:
    """Get from the controller what this worker lacks of the model's files, each verified."""
    for file in order.files:
        with locked(blobs.root):
            if not blobs.is_whole(file.sha256):
                line.receive_file(file.sha256, blobs)
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


def refusal_of_tools(order: BuildOrder) -> str | None:
    """Return why this machine would build other artifacts, whatever the model; ``None`` where it would not."""
    if platform.machine() != order.machine:
        return f"it is a {platform.machine()} machine, the controller is a {order.machine}"
    for wanted in order.ingredients:
        for tool, here in tool_versions().items():
            if wanted.get(tool, here) != here:
                return _other(tool, here, wanted[tool])
    return None


def refusal(order: BuildOrder, folder: Path) -> str | None:
    """Return why artifacts built here from the files in ``folder`` would be others; ``None`` where they are the same."""
    for each, wanted in zip(order.orders, order.ingredients, strict=True):
        try:
            here = json.loads(json.dumps(ingredients(build_of(moved(each, order.files, folder).plain))))
        except FarmError as error:
            return str(error)
        for name in sorted({*wanted, *here}):
            if here.get(name) != wanted.get(name):
                return _other(name, here.get(name), wanted.get(name))
    return None


def moved(order: Order, files: Sequence[ModelFile], folder: Path, images: Mapping[str, Any] | None = None) -> Order:
    """Return an order whose model has its files in ``folder``, with ``images`` as `SentImages` takes them."""
    model = dict(order.plain["model"])
    options = dict(model["options"])
    for file in files:
        options[file.option] = str(folder / file.option / file.inside.parts[0])
    return replace(order, plain={**order.plain, "model": {**model, "options": options}, "sent_images": images})


def _other(what: str, here: object, wanted: object) -> str:
    if here in (None, "unknown"):
        return f"it has no {what}; the controller has {wanted}"
    return f"its {what} is {here}, the controller's is {wanted}"
