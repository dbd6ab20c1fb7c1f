"""A folder of one's own images: ``root/{train,test}/CLASS/*.png`` (or jpg, jpeg)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.datasets.base import Images
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from orchestrator.datasets.base import Part, Task

SUFFIXES = (".png", ".jpg", ".jpeg")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z")
LAYOUT = "root/train/CLASS/*.png and root/test/CLASS/*.png (or jpg, jpeg)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    path: Path
    label: str
    patient: str


class Folder:
    """The dataset ``folder``.

    Two classes are binary: ``positive`` names the positive one (by default the last in the alphabet); more are
    one-of-n. ``patient`` is a regular expression that finds the patient in a file's name: what its first group matched,
    or all it matched; files it does not match are patients of their own. ``test/`` is the evaluation part. Of the
    patients of ``train/`` that are not also in ``test/``, ``validation`` and ``calibration`` are shares set aside for those
    parts, chosen by ``seed``. ``grey`` reads images in one channel, the right thing for radiographs.
    """

    synthetic = False

    def __init__(
        self,
        root: str,
        *,
        patient: str = r"person\d+",
        positive: str | None = None,
        validation: float = 0.1,
        calibration: float = 0.05,
        grey: bool = True,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self._root = Path(root)
        self.name = name or self._root.name or "folder"
        self._grey = grey
        if seed < 0:
            raise DatasetError(f"{self.name}: seed {seed}: at least 0")
        if not (0 < validation < 1 and 0 < calibration < 1 and validation + calibration < 1):
            raise DatasetError(
                f"{self.name}: validation {validation} and calibration {calibration} must be shares below 1"
            )
        try:
            pattern = re.compile(patient)
        except re.error as error:
            raise DatasetError(f"{self.name}: patient {patient!r} is no regular expression: {error}") from error
        self.classes = self._classes(positive)
        self.task: Task = "binary" if len(self.classes) == 1 else "one-of-n"
        self._parts = self._divided(pattern, validation, calibration, seed)
        self._settings = (patient, self.classes, validation, calibration, grey, seed)

    def load(self, part: Part, *, height: int, width: int) -> Images:
        """Decode and resize a part (bilinear, averaging where it shrinks); raises `DatasetError` naming a bad file."""
        chosen = self._parts[part]
        channels = 1 if self._grey else 3
        pixels = np.empty((len(chosen), height, width, channels), np.uint8)
        for number, image in enumerate(chosen):
            pixels[number] = self._decoded(image.path, height, width)
        labels = np.array([[image.label == name for name in self.classes] for image in chosen], np.uint8)
        return Images(
            pixels=pixels,
            labels=labels.reshape(len(chosen), len(self.classes)),
            patients=tuple(image.patient for image in chosen),
        )

    def fingerprint(self) -> str:
        """Hash the settings, and name, size and time of change of every image.

        Not their content: every run asks several times, and the whole of ChestX-ray14 is 42 GB. What calibration saw is
        in an artifact's recipe by its pixels.
        """
        digest = hashlib.sha256(repr(self._settings).encode())
        for part, images in sorted(self._parts.items()):
            for image in images:
                facts = image.path.stat()
                name = image.path.relative_to(self._root).as_posix()
                digest.update(f"{part} {name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def _classes(self, positive: str | None) -> tuple[str, ...]:
        found = {side: self._subfolders(side) for side in ("train", "test")}
        if found["train"] != found["test"]:
            odd = sorted(set(found["train"]) ^ set(found["test"]))
            raise DatasetError(f"{self._root}: train and test have different classes: {', '.join(odd)} is in one only")
        names = found["train"]
        if len(names) < 2:
            raise DatasetError(f"{self._root}: at least two classes are needed, train/ has {len(names)}", hint=LAYOUT)
        if positive is not None and positive not in names:
            raise DatasetError(f"{self._root}: {no_such('class', positive, names)}")
        if len(names) > 2:
            if positive is not None:
                raise DatasetError(f"{self._root}: `positive:` is for two classes, there are {len(names)}")
            return names
        return (positive or names[-1],)

    def _subfolders(self, side: str) -> tuple[str, ...]:
        folder = self._root / side
        if not folder.is_dir():
            raise DatasetError(f"{folder}: no such folder", hint=self._where_instead())
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."))

    def _where_instead(self) -> str:
        """Say what is there instead of ``train/`` and ``test/``: an archive, or one more folder around them."""
        inside = sorted(self._root.iterdir()) if self._root.is_dir() else [self._root]
        for entry in inside:
            if (entry / "train").is_dir():
                return f"did you mean `root: {entry}`?"
            if entry.is_file() and entry.suffix.lower() in ARCHIVES:
                return f"unpack {entry} first, then name the folder that holds train/ and test/"
        return f"expected {LAYOUT}"

    def _divided(
        self, pattern: re.Pattern[str], validation: float, calibration: float, seed: int
    ) -> dict[Part, tuple[_Image, ...]]:
        """Divide the training side by patient; whoever is in ``test/`` too is in no other part."""
        test, train = self._images("test", pattern), self._images("train", pattern)
        tested = {image.patient for image in test}
        train = tuple(image for image in train if image.patient not in tested)
        patients = sorted({image.patient for image in train})
        order = np.random.default_rng(seed).permutation(len(patients))
        ends = [max(1, round(share * len(patients))) for share in (validation, calibration)]
        set_aside = {patients[number] for number in order[: ends[0]]}
        looked_at = {patients[number] for number in order[ends[0] : sum(ends)]}
        parts: dict[Part, tuple[_Image, ...]] = {
            "train": tuple(image for image in train if image.patient not in set_aside | looked_at),
            "validation": tuple(image for image in train if image.patient in set_aside),
            # shuffled: an order by class would calibrate on one class alone
            "calibration": _shuffled([image for image in train if image.patient in looked_at], seed),
            "evaluation": test,
        }
        for part, images in parts.items():
            if not images:
                raise DatasetError(f"{self._root}: no image is left for the {part} part", hint="it needs more patients")
        return parts

    def _images(self, side: str, pattern: re.Pattern[str]) -> tuple[_Image, ...]:
        found = []
        for label in self._subfolders(side):
            folder = self._root / side / label
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
            if not paths:
                raise DatasetError(f"{folder}: no image in it", hint=f"expected {', '.join(SUFFIXES)} files")
            found += [_Image(path=path, label=label, patient=_patient(path, pattern)) for path in paths]
        return tuple(found)

    def _decoded(self, path: Path, height: int, width: int) -> NDArray[np.uint8]:
        from PIL import Image

        try:
            with Image.open(path) as image:
                eight_bit = Image.fromarray(_high_byte(image)) if image.mode.startswith("I") else image
                shown = eight_bit.convert("L" if self._grey else "RGB").resize(
                    (width, height), Image.Resampling.BILINEAR
                )
                decoded: NDArray[np.uint8] = np.asarray(shown, np.uint8).reshape(height, width, -1)
                return decoded
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise DatasetError(f"{path}: can't be read as an image: {error}", hint="remove or replace it") from error


def _high_byte(image: Image.Image) -> NDArray[np.uint8]:
    """Return a 16-bit grey image in 8 bits, as Pillow does with 16-bit colour; its own ``convert`` clips to white."""
    shown: NDArray[np.uint8] = np.clip(np.asarray(image) >> 8, 0, 255).astype(np.uint8)
    return shown


def _patient(path: Path, pattern: re.Pattern[str]) -> str:
    match = pattern.search(path.name)
    if match is None:
        # with its side and class: many sets number the files of every folder from 1
        return "/".join(path.parts[-3:])
    return match[1] if pattern.groups and match[1] else match[0]


def _shuffled(images: list[_Image], seed: int) -> tuple[_Image, ...]:
    order = np.random.default_rng(seed).permutation(len(images))
    return tuple(images[number] for number in order)
