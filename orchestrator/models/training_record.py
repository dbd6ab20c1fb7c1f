"""What a model was trained on, in a file beside it: `MODEL.training.json`."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.datasets.labelled_files import LabelledFiles
from orchestrator.datasets.likeness import BITS, likenesses, recognised
from orchestrator.errors import DatasetError, ModelError, brief

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset, Images
    from orchestrator.domain.model import ModelSpec

FORMAT = 1
ENDING = ".training.json"
#: Test images that are looked at, of every class, before anything is built.
LOOKED_AT = 400
#: Height and width that they are read at.
SIDE = 64
#: ChestX-ray14's 86,524 images for training take 5 MB.
LARGEST_BYTES = 1 << 28
#: Names in a message.
NAMED = 3
#: Options of a model that name its file.
FILES = ("path", "weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """The images that a model has seen: those it was fitted to, and those that chose its best epoch.

    Neither patients nor images can be read from it: both are hashes.
    """

    #: The dataset's name and `Dataset.fingerprint`.
    dataset: str
    fingerprint: str
    classes: tuple[str, ...]
    images: int
    #: Hashes of patients: `orchestrator.datasets.labelled_files.LabelledFiles.known_patient`.
    patients: frozenset[str]
    #: `orchestrator.datasets.likeness.likenesses` of every image, uint8 [images, 32].
    likenesses: NDArray[np.uint8]

    @classmethod
    def of(cls, dataset: Dataset, parts: Iterable[Images]) -> TrainingRecord:
        """Return the record of training on ``parts``, which may come in blocks."""
        hashes, patients = [np.zeros((0, BITS // 8), np.uint8)], set[str]()
        for images in parts:
            hashes.append(likenesses(images.pixels))
            patients |= _hashed(dataset, images.patients)
        every = np.concatenate(hashes)
        return cls(
            dataset=dataset.name,
            fingerprint=dataset.fingerprint(),
            classes=tuple(dataset.classes),
            images=len(every),
            patients=frozenset(patients),
            likenesses=every,
        )

    def write(self, model: Path) -> Path:
        """Write it beside ``model``, whole or not at all, and return where."""
        path = _beside(model)
        plain = {
            "format": FORMAT,
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "classes": self.classes,
            "images": self.images,
            "patients": sorted(self.patients),
            "likenesses": base64.b64encode(self.likenesses.tobytes()).decode(),
        }
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(plain), encoding="utf-8")
        unfinished.replace(path)
        return path

    @classmethod
    def beside(cls, model: Path) -> TrainingRecord | None:
        """Return the record of a model's file, ``None`` where it has none; raises `ModelError` where it is damaged."""
        path = _beside(model)
        try:
            return cls._from_json(json.loads(_content(path)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise ModelError(
                f"{path}: can't be read as a record of training: {brief(error)}",
                hint="copy it anew from where the model was trained, or remove it",
            ) from error

    @classmethod
    def _from_json(cls, plain: Any) -> TrainingRecord:
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']}, this version of farm reads {FORMAT}")
        packed = base64.b64decode(plain["likenesses"], validate=True)
        return cls(
            dataset=str(plain["dataset"]),
            fingerprint=str(plain["fingerprint"]),
            classes=tuple(map(str, plain["classes"])),
            images=int(plain["images"]),
            patients=frozenset(map(str, plain["patients"])),
            likenesses=np.frombuffer(packed, np.uint8).reshape(int(plain["images"]), BITS // 8),
        )


def record_of(model: ModelSpec) -> TrainingRecord | None:
    """Return what a model of a suite was trained on, ``None`` where that is not recorded; raises `ModelError`."""
    files = [str(model.options[option]) for option in FILES if option in model.options]
    return TrainingRecord.beside(Path(files[0])) if files else None


def refuse_seen(model: str, record: TrainingRecord, dataset: Dataset) -> None:
    """Raise `DatasetError` where the model was trained on patients or images that ``dataset`` tests.

    All test patients are looked up where files name them, and a few hundred test images, whatever their size and name.
    """
    if isinstance(dataset, LabelledFiles):
        tested = list(dict.fromkeys(file.patient for file in dataset.files["evaluation"]))
        shared = [patient for patient in tested if _hash(dataset, patient) in record.patients]
        if shared:
            what = f"{len(shared):,} of the {len(tested):,} test patients of {dataset.name}"
            raise _seen(model, record, dataset, what, shared)
    images = dataset.load("evaluation", height=SIDE, width=SIDE, limit=LOOKED_AT)
    again = recognised(likenesses(images.pixels), record.likenesses).nonzero()[0]
    if len(again):
        names = [images.names[place] for place in again] if images.names else []
        what = f"{len(again)} of {len(images.pixels)} test images of {dataset.name} that were looked at"
        raise _seen(model, record, dataset, what, names)


def _seen(model: str, record: TrainingRecord, dataset: Dataset, what: str, names: Sequence[str]) -> DatasetError:
    named = f": {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''}" if names else ""
    chest = {name for name in (record.dataset, dataset.name) if name.startswith("chestmnist")}
    split = "; the split of ChestMNIST is not the official one of ChestX-ray14" if len(chest) == 1 else ""
    return DatasetError(
        f"model {model} was trained (on {record.dataset}) on {what}{named}{split}",
        hint="test it on images that its training left out: the same dataset with the same split and seed; or "
        "`accuracy: none` for its latency alone",
    )


def _hashed(dataset: Dataset, patients: Iterable[str]) -> set[str]:
    """Return hashes of patients; none where nothing says who numbers them."""
    return {_hash(dataset, patient) for patient in set(patients)} if isinstance(dataset, LabelledFiles) else set()


def _hash(dataset: LabelledFiles, patient: str) -> str:
    return hashlib.sha256(repr(dataset.known_patient(patient)).encode()).hexdigest()[:16]


def _content(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise ValueError("it is no file")
    with path.open("rb") as file:
        return file.read(LARGEST_BYTES)


def _beside(model: Path) -> Path:
    model = model if model.name else model.absolute()
    return model.parent / (model.name + ENDING)
