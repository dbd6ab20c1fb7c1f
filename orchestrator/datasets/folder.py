"""A folder of one's own images: ``root/{train,test}/CLASS/*.png``, or another ending that Pillow reads."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.datasets.base import Images
from orchestrator.datasets.decoding import BITS, decode, sample, shown
from orchestrator.datasets.image_files import class_files, shown_name, spread
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from orchestrator.datasets.base import Part, Task
    from orchestrator.datasets.decoding import Sample

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z")
LAYOUT = (
    "root/train/CLASS/*.png and root/test/CLASS/*.png (or jpg, tif, bmp …; also one level deeper, in CLASS/images/)"
)
#: Images whose pixels are looked at before a run, to learn mode and range.
SAMPLED = 16


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
    parts, chosen by ``seed``. ``grey`` reads images in one channel, the right thing for radiographs. ``bits`` is how
    many bits the values of 16-bit images use.
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
        bits: int | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self._root = Path(root)
        self.name = name or shown_name(self._root) or "folder"
        self._grey, self._given_bits = grey, bits
        if seed < 0:
            raise DatasetError(f"{self.name}: seed {seed}: at least 0")
        if bits is not None and bits not in BITS:
            raise DatasetError(f"{self.name}: bits {bits}: {BITS[0]} to {BITS[-1]}")
        if not (0 < validation < 1 and 0 < calibration < 1 and validation + calibration < 1):
            raise DatasetError(
                f"{self.name}: validation {validation} and calibration {calibration} must be shares below 1"
            )
        try:
            self._pattern = re.compile(patient)
        except re.error as error:
            raise DatasetError(f"{self.name}: patient {patient!r} is no regular expression: {error}") from error
        self._left_out: Counter[str] = Counter()
        self._folders = {side: self._subfolders(side) for side in ("train", "test")}
        self.classes = self._classes(positive)
        self.task: Task = "binary" if len(self.classes) == 1 else "one-of-n"
        self._parts = self._divided(validation, calibration, seed)
        self._settings: tuple[object, ...] = (patient, self.classes, validation, calibration, grey, seed)
        if bits is not None:
            self._settings += (bits,)

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Decode and resize a part (bilinear, averaging where it shrinks); raises `DatasetError` naming a bad file.

        With ``limit``, images of every class are chosen, evenly spaced over its files; of ``calibration``, whose order
        is random, the first ones.
        """
        chosen = self._parts[part]
        if limit is not None and part == "calibration":
            chosen = chosen[:limit]
        elif limit is not None:
            chosen = tuple(chosen[row] for row in spread([image.label for image in chosen], limit))
        bits = self._bits
        pixels = np.empty((len(chosen), height, width, 1 if self._grey else 3), np.uint8)
        for number, image in enumerate(chosen):
            pixels[number] = decode(image.path, height=height, width=width, grey=self._grey, bits=bits)
        labels = np.array([[image.label == name for name in self.classes] for image in chosen], np.uint8)
        return Images(
            pixels=pixels,
            labels=labels.reshape(len(chosen), len(self.classes)),
            patients=tuple(image.patient for image in chosen),
        )

    def summary(self) -> DatasetSummary:
        """Return the images of each class and part, and what a few of them are like; raises `DatasetError`."""
        images = [image for part in self._parts.values() for image in part]
        self._check_bits()
        return DatasetSummary(
            name=self.name,
            synthetic=False,
            parts=tuple(
                PartSummary(part=part, images=len(images), by_class=Counter(image.label for image in images))
                for part, images in self._parts.items()
            ),
            patients=len({image.patient for image in images}),
            pattern=self._pattern.pattern,
            unmatched=sum(self._pattern.search(image.path.name) is None for image in images),
            left_out=dict(self._left_out.most_common()),
            sampled=self._sample.images,
            modes=self._sample.modes,
            pixel_range=(self._sample.low, self._sample.high),
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
                name = os.fsencode(image.path.relative_to(self._root).as_posix())
                digest.update(b"%s %s %d %d\n" % (part.encode(), name, facts.st_size, facts.st_mtime_ns))
        return digest.hexdigest()

    @cached_property
    def _sample(self) -> Sample:
        images = [image for part in self._parts.values() for image in part]
        return sample([images[row].path for row in spread([image.label for image in images], SAMPLED)])

    @cached_property
    def _bits(self) -> int | None:
        """Bits in use where the images have more than 8; refuses what would be dark because they use fewer than 16."""
        self._check_bits()
        return self._given_bits or (16 if self._sample.deepest is not None else None)

    def _check_bits(self) -> None:
        deepest = None if self._given_bits else self._sample.deepest
        if deepest is not None and deepest.bit_length() < BITS[-1]:
            used = max(deepest.bit_length(), BITS[0])
            raise DatasetError(
                f"{shown(self._root)}: 16-bit images whose values end at {deepest}, as {used} bits do; as 16 bits they "
                "would be nearly black",
                hint=f"add `bits: {used}` to the dataset (12 and 14 are usual), or `bits: 16` if black is right",
            )

    def _classes(self, positive: str | None) -> tuple[str, ...]:
        names = tuple(self._folders["train"])
        if names != tuple(self._folders["test"]):
            odd = sorted(set(names) ^ set(self._folders["test"]))
            raise DatasetError(
                f"{shown(self._root)}: train and test have different classes: {', '.join(odd)} is in one only"
            )
        if len(names) < 2:
            raise DatasetError(
                f"{shown(self._root)}: at least two classes are needed, train/ has {len(names)}", hint=LAYOUT
            )
        if positive is not None and positive not in names:
            raise DatasetError(f"{shown(self._root)}: {no_such('class', positive, names)}")
        if len(names) > 2:
            if positive is not None:
                raise DatasetError(f"{shown(self._root)}: `positive:` is for two classes, there are {len(names)}")
            return names
        return (positive or names[-1],)

    def _subfolders(self, side: str) -> dict[str, Path]:
        folder = self._root / side
        if not folder.is_dir():
            raise DatasetError(f"{shown(folder)}: no such folder", hint=self._where_instead())
        inside = sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")
        return {shown_name(entry): entry for entry in inside}

    def _where_instead(self) -> str:
        """Return what is there instead of ``train/`` and ``test/``: ChestX-ray14, an archive, one more folder around them."""
        inside = sorted(self._root.iterdir()) if self._root.is_dir() else []
        for entry in inside:
            if entry.name.startswith("Data_Entry_2017"):
                return (
                    f"this looks like ChestX-ray14 as it is published ({shown_name(entry)}: several findings an image); "
                    f"dataset kind `folder` reads {LAYOUT}: sort the images of the findings to compare into such folders"
                )
        for entry in inside:
            if (entry / "train").is_dir():
                return f"did you mean `root: {shown(entry)}`?"
            if entry.is_file() and entry.suffix.lower() in ARCHIVES:
                return f"unpack {shown(entry)} first, then name the folder that holds train/ and test/"
        return f"expected {LAYOUT}"

    def _divided(self, validation: float, calibration: float, seed: int) -> dict[Part, tuple[_Image, ...]]:
        """Divide the training side by patient; a patient who is in ``test/`` too is in no other part."""
        test, train = self._images("test"), self._images("train")
        tested = {image.patient for image in test}
        kept = tuple(image for image in train if image.patient not in tested)
        if len(kept) < len(train):
            self._left_out["of train/, whose patient is in test/ too"] = len(train) - len(kept)
        patients = sorted({image.patient for image in kept})
        order = np.random.default_rng(seed).permutation(len(patients))
        ends = [max(1, round(share * len(patients))) for share in (validation, calibration)]
        set_aside = {patients[number] for number in order[: ends[0]]}
        looked_at = {patients[number] for number in order[ends[0] : sum(ends)]}
        parts: dict[Part, tuple[_Image, ...]] = {
            "train": tuple(image for image in kept if image.patient not in set_aside | looked_at),
            "validation": tuple(image for image in kept if image.patient in set_aside),
            # shuffled: an order by class would calibrate on one class alone
            "calibration": _shuffled([image for image in kept if image.patient in looked_at], seed),
            "evaluation": test,
        }
        for part, images in parts.items():
            if not images:
                raise DatasetError(
                    f"{shown(self._root)}: no image is left for the {part} part", hint="it needs more patients"
                )
        return parts

    def _images(self, side: str) -> tuple[_Image, ...]:
        images = []
        for label, folder in self._folders[side].items():
            files = class_files(folder)
            self._left_out += files.left_out
            images += [_Image(path=path, label=label, patient=self._patient(path)) for path in files.images]
        return tuple(images)

    def _patient(self, path: Path) -> str:
        match = self._pattern.search(path.name)
        if match is None:
            # with its side and class: many sets number the files of every folder from 1
            return path.relative_to(self._root).as_posix()
        return match[1] if self._pattern.groups and match[1] else match[0]


def _shuffled(images: list[_Image], seed: int) -> tuple[_Image, ...]:
    order = np.random.default_rng(seed).permutation(len(images))
    return tuple(images[number] for number in order)
