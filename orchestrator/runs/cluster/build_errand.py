"""The builds of one model, done by one worker."""

from __future__ import annotations

import json
import platform
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.datasets import sent_images
from orchestrator.datasets.calibration import calibration_pixels
from orchestrator.domain.model import DatasetSpec
from orchestrator.models.artifacts import CALIBRATION_IMAGES, CONSIDERED_IMAGES, ingredients
from orchestrator.models.base import make_model
from orchestrator.models.build_processes import Answer
from orchestrator.models.schemes.base import make_scheme
from orchestrator.models.shipped import file_sha256
from orchestrator.runs.cluster.line import error_from_json
from orchestrator.runs.cluster.orders import FILES, BuildOrder, ModelFile, build_of, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.datasets.base import Datasets
    from orchestrator.models.blob_folder import BlobFolder
    from orchestrator.models.build_processes import BuildLimits, Order
    from orchestrator.runs.cluster.errand import Errand

#: A worker that sends nothing for so long beyond twice a build's time limit is given up.
SILENCE_S = 120.0


class WorkerLostError(Exception):
    """A worker left in the middle of builds, which go on elsewhere."""


class WorkerUnfitError(Exception):
    """A worker would build other artifacts than the controller, which another one builds."""


class Sent:
    """What goes to workers with the builds of one model: its files, and images of the dataset, which are few."""

    def __init__(self, orders: Sequence[Order], datasets: Datasets, blobs: BlobFolder) -> None:
        """Read the model's files and decode the images; raises `ModelError` or `DatasetError`."""
        plain = orders[0].plain
        builds = [build_of(order.plain) for order in orders]
        paths = list(files_of(plain["model"]))
        self._files = tuple(
            ModelFile(option=option, inside=inside, sha256=file_sha256(path)) for option, inside, path in paths
        )
        self._paths = {file.sha256: path for file, (_, _, path) in zip(self._files, paths, strict=True)}
        checking = datasets.of(DatasetSpec(**plain["dataset"]))
        elsewhere = plain["calibration"]
        calibrating = datasets.of(DatasetSpec(**elsewhere)) if elsewhere else checking
        how = make_model(builds[0].model).preprocess
        size = {"height": how.height, "width": how.width}
        pixels = (
            calibration_pixels(calibrating, **size, limit=CALIBRATION_IMAGES)
            if any(make_scheme(build.scheme, build.options).needs_calibration for build in builds)
            else None
        )
        with blobs.unfinished() as file:
            sent_images.write(file, checking.load("evaluation", **size, limit=CONSIDERED_IMAGES), pixels)
        self._images_sha256 = blobs.keep_file(Path(file.name))
        self._paths[self._images_sha256] = blobs.path(self._images_sha256)
        self._images = sent_images.described(checking)

    def order(self, orders: Sequence[Order], limits: BuildLimits) -> str:
        """Return the order for some builds of the model; raises `ModelError` where it is gone."""
        every = [ingredients(build_of(order.plain)) for order in orders]
        order = BuildOrder(
            orders=tuple(orders),
            limits=limits,
            files=self._files,
            images_sha256=self._images_sha256,
            images=self._images,
            ingredients=tuple(json.loads(json.dumps(each)) for each in every),
            machine=platform.machine(),
        )
        return to_text(order)

    def path(self, sha256: str) -> Path:
        """Return where a file is; raises `WorkerUnfitError` for one that is not among those."""
        try:
            return self._paths[sha256]
        except KeyError:
            raise WorkerUnfitError("it asks for a file that its builds do not need") from None


def answers(
    errand: Errand, sent: Sent, text: str, wanted: frozenset[int], folder: Path, *, timeout_s: float
) -> Iterator[Answer]:
    """Yield what a worker answers to the order ``text`` of builds ``wanted``, by number; artifacts come to ``folder``, each verified.

    ``timeout_s`` is the time limit of one build. Raises `WorkerLostError` or `WorkerUnfitError` where some are left.
    """
    left = set(wanted)
    worker = errand.worker.name
    with closing(errand.messages(lambda: text, silence_s=2 * timeout_s + SILENCE_S)) as messages:
        for message in messages:
            kind = message["kind"]
            if kind == "want":
                errand.send(sent.path(message["sha256"]))
            elif kind == "refused":
                raise WorkerUnfitError(str(message["reason"]))
            elif kind == "failed":
                raise WorkerUnfitError(str(error_from_json(message["error"])))
            elif kind == "answer":
                number = message["number"]
                if number not in left:
                    raise WorkerUnfitError("it answers what it was not asked")
                answer = _received(errand, message, folder)
                left.discard(number)
                yield answer
            elif kind == "over":
                break
    if left:
        raise WorkerLostError(f"worker {worker} is lost")


def _received(errand: Errand, message: Mapping[str, Any], folder: Path) -> Answer:
    plain = dict(message["plain"])
    if message["files"]:
        paths = [folder / f"{message['number']}{ending}" for ending in (".artifact", ".npy")]
        for path, file in zip(paths, message["files"], strict=True):
            errand.receive(path, int(file["size_bytes"]), str(file["sha256"]))
        plain = {**plain, "path": str(paths[0]), "golden": {**plain["golden"], "path": str(paths[1])}}
    return Answer(number=message["number"], seconds=float(message["seconds"]), plain=plain)


def files_of(model: Mapping[str, Any]) -> Iterator[tuple[str, Path, Path]]:
    """Yield the files that a model is read from: the option that names it, its place from there, its path."""
    for option in FILES:
        value = model["options"].get(option)
        if value:
            path = Path(str(value))
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    yield option, file.relative_to(path.parent), file
