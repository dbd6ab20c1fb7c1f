"""A dataset of image files whose labels are known: what every kind of such a dataset shares."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.datasets import nih_names
from orchestrator.datasets.base import Images
from orchestrator.datasets.blocks import Listing
from orchestrator.datasets.decoding import BITS, decode_all, sample
from orchestrator.datasets.file_names import shown
from orchestrator.datasets.image_files import spread
from orchestrator.datasets.nih_names import NO_FINDING
from orchestrator.datasets.regular_file import stat_file
from orchestrator.datasets.same_content import same_content
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Part, Task
    from orchestrator.datasets.decoding import Sample

#: Images whose pixels are looked at before a run, to learn mode and range.
SAMPLED = 16
#: What becomes of patients and images that are tested as well as trained on: a run is refused, or training leaves them out.
REFUSE, LEAVE_OUT = "refuse", "leave-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFile:
    """An image file with what it shows."""

    path: Path
    #: Names of what it shows: one class of a folder, any number of findings.
    findings: frozenset[str]
    patient: str
    #: Its view position, such as ``PA``; empty where it is not known.
    view: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How the training side is divided: shares of its patients, chosen by a seed."""

    validation: float
    calibration: float
    seed: int


class LabelledFiles:
    """The base of such a dataset; a kind of it finds files, reads their labels and calls `divide`."""

    synthetic = False
    #: Whether the same image may be there under several names.
    compares_contents = True
    #: What to do where one image is there with different labels.
    labels_hint = "an image has one row, with all its labels"
    name: str
    classes: tuple[str, ...]
    task: Task

    def __init__(self, root: Path, *, grey: bool, bits: int | None, leaks: str = REFUSE) -> None:
        self._root, self._grey, self._given_bits, self.leaks = root, grey, bits, leaks
        #: Patients of the test side that the source has on the training side too.
        self.shared_patients: tuple[str, ...] = ()
        self._left_out: Counter[str] = Counter()
        self._parts: Mapping[Part, tuple[LabelledFile, ...]] = {}
        self._settings: tuple[object, ...] = ()
        if bits is not None and bits not in BITS:
            raise DatasetError(f"{shown(root)}: bits {bits}: {BITS[0]} to {BITS[-1]}")
        if leaks not in (REFUSE, LEAVE_OUT):
            raise DatasetError(f"{shown(root)}: {no_such('leaks', leaks, (REFUSE, LEAVE_OUT))}")

    def shares(self, validation: float, calibration: float, seed: int, *, test: float | None = None) -> Shares:
        """Return the shares; raises `DatasetError` for one that is not within 0 and 1, or a seed below 0."""
        if seed < 0:
            raise DatasetError(f"{self.name}: seed {seed}: at least 0")
        if not (0 < validation < 1 and 0 < calibration < 1 and validation + calibration < 1):
            raise DatasetError(
                f"{self.name}: validation {validation} and calibration {calibration} must be shares below 1"
            )
        if test is not None and not 0 < test < 1:
            raise DatasetError(f"{self.name}: test {test} must be a share below 1")
        return Shares(validation=validation, calibration=calibration, seed=seed)

    def divide(
        self, train: Sequence[LabelledFile], test: Sequence[LabelledFile], shares: Shares, settings: tuple[object, ...]
    ) -> None:
        """Divide the training side by patient; a patient who is in ``test`` too is in no other part.

        Without a training side there is an evaluation part alone. ``settings`` are what else decides the dataset, for `fingerprint`.
        Raises `DatasetError` where a part is empty.
        """
        kept = self._without_tested(train, test)
        patients = sorted({file.patient for file in kept})
        order = np.random.default_rng(shares.seed).permutation(len(patients))
        ends = [max(1, round(share * len(patients))) for share in (shares.validation, shares.calibration)]
        set_aside = {patients[number] for number in order[: ends[0]]}
        looked_at = {patients[number] for number in order[ends[0] : sum(ends)]}
        left = set(patients) - set_aside - looked_at
        self._parts = {
            "train": tuple(file for file in kept if file.patient in left),
            "validation": tuple(file for file in kept if file.patient in set_aside),
            # shuffled: an order by class would calibrate on one class alone
            "calibration": _shuffled([file for file in kept if file.patient in looked_at], shares.seed),
            "evaluation": tuple(test),
        }
        for part, files in self._parts.items():
            if not files and (train or part == "evaluation"):
                raise DatasetError(
                    f"{shown(self._root)}: no image is left for the {part} part", hint="it needs more patients"
                )
        self._settings = (*settings, shares.validation, shares.calibration, self._grey, shares.seed)
        if self._given_bits is not None:
            self._settings += (self._given_bits,)
        if self.leaks != REFUSE:
            self._settings += (self.leaks,)

    def _without_tested(self, train: Sequence[LabelledFile], test: Sequence[LabelledFile]) -> tuple[LabelledFile, ...]:
        """Return the training side without patients that are tested; without copies of test images where leaks are left out."""
        tested = {file.patient for file in test}
        kept = tuple(file for file in train if file.patient not in tested)
        self.shared_patients = tuple(sorted(tested & {file.patient for file in train}))
        if len(kept) < len(train):
            self._left_out["of the training side, whose patient is tested too"] = len(train) - len(kept)
        if self.leaks == LEAVE_OUT and self.compares_contents:
            both = same_content([*kept, *test], lambda file: file.path)
            there = {file.path for file in test}
            copies = {file.path for same in both if any(file.path in there for file in same) for file in same} - there
            if copies:
                self._left_out["of the training side, which is tested too"] = len(copies)
                return tuple(file for file in kept if file.path not in copies)
        return kept

    @property
    def files(self) -> Mapping[Part, tuple[LabelledFile, ...]]:
        """The files of each part."""
        return self._parts

    def known_patient(self, patient: str) -> tuple[str, str]:
        """Return who numbers a patient, and the number: equal in two datasets for the same patient alone.

        NIH's numbers are those of file names in every copy of its set, whatever a table calls its patients; others hold below one folder.
        """
        number = self._nih_numbers.get(patient)
        if number is not None:
            return nih_names.NIH_PATIENTS, number.lstrip("0")
        return os.path.realpath(self._root), patient

    @cached_property
    def _nih_numbers(self) -> Mapping[str, str | None]:
        """Patient -> NIH's number, ``None`` where not all files of the patient have the same one."""
        numbers: dict[str, str | None] = {}
        for file in self._files:
            number = nih_names.patient_of(file.path.name)
            numbers[file.patient] = number if numbers.get(file.patient, number) == number else None
        return numbers

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Decode and resize a part (bilinear, averaging where it shrinks); raises `DatasetError` naming a bad file.

        With ``limit``, images of every class are chosen, evenly spaced over its files; of ``calibration``, whose order
        is random, the first ones.
        """
        chosen = self._parts[part]
        if limit is not None and part == "calibration":
            chosen = chosen[:limit]
        elif limit is not None:
            chosen = tuple(chosen[row] for row in spread(_groups(chosen), limit))
        listing = self._listing_of(chosen)
        return Images(
            pixels=self._decoded(chosen, height, width),
            labels=listing.labels,
            patients=listing.patients,
            names=listing.names,
        )

    def listing(self, part: Part) -> Listing:
        """Return labels, patients and names of a part."""
        return self._listing_of(self._parts[part])

    def blocks(
        self, part: Part, rows: Sequence[int], *, height: int, width: int, images: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of some images, so many at a time; raises `DatasetError` naming a bad file."""
        files = self._parts[part]
        for start in range(0, len(rows), images):
            yield self._decoded([files[row] for row in rows[start : start + images]], height, width)

    def _decoded(self, files: Sequence[LabelledFile], height: int, width: int) -> NDArray[np.uint8]:
        paths = [file.path for file in files]
        return decode_all(paths, height=height, width=width, grey=self._grey, bits=self._bits)

    def _listing_of(self, files: Sequence[LabelledFile]) -> Listing:
        labels = np.array([[name in file.findings for name in self.classes] for file in files], np.uint8)
        return Listing(
            labels=labels.reshape(len(files), len(self.classes)),
            patients=tuple(file.patient for file in files),
            names=tuple(self._name_of(file) for file in files),
        )

    def _name_of(self, file: LabelledFile) -> str:
        return os.fsencode(os.path.relpath(file.path, self._root)).decode(errors="backslashreplace")

    def summary(self) -> DatasetSummary:
        """Return the images of each class and part, and what a few of them are like; raises `DatasetError`."""
        self._check_bits()
        return DatasetSummary(
            name=self.name,
            synthetic=False,
            parts=tuple(
                PartSummary(part=part, images=len(files), by_class=self._by_class(files))
                for part, files in self._parts.items()
            ),
            patients=len({file.patient for file in self._files}),
            left_out=dict(self._left_out.most_common()),
            sampled=self._sample.images,
            modes=self._sample.modes,
            pixel_range=(self._sample.low, self._sample.high),
        )

    def _by_class(self, files: Sequence[LabelledFile]) -> dict[str, int]:
        """Return how many files show each class, in the order of the columns, then what is no column."""
        counts = _counts(files)
        return {name: counts[name] for name in (*self.classes, *sorted(counts.keys() - set(self.classes)))}

    def fingerprint(self) -> str:
        """Hash the settings, and labels, patient, name, size and time of change of every image.

        Not their content: every run asks several times, and the whole of ChestX-ray14 is 42 GB. What calibration saw is
        in an artifact's recipe by its pixels.
        """
        digest = hashlib.sha256(repr(self._settings).encode())
        for part, files in sorted(self._parts.items()):
            for file in files:
                facts = stat_file(file.path)
                name = os.fsencode(os.path.relpath(file.path, self._root))
                digest.update(b"%s %s %d %d\n" % (part.encode(), name, facts.st_size, facts.st_mtime_ns))
                digest.update(repr((sorted(file.findings), file.patient)).encode(errors="surrogateescape"))
        return digest.hexdigest()

    @property
    def _files(self) -> tuple[LabelledFile, ...]:
        return tuple(file for files in self._parts.values() for file in files)

    @cached_property
    def _sample(self) -> Sample:
        return sample([self._files[row].path for row in spread(_groups(self._files), SAMPLED)])

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


def by_patient(files: Sequence[LabelledFile], share: float, seed: int) -> tuple[list[LabelledFile], list[LabelledFile]]:
    """Return (training side, test side): a ``share`` of the patients, drawn by ``seed``, is tested."""
    patients = sorted({file.patient for file in files})
    order = np.random.default_rng((seed, 1)).permutation(len(patients))
    tested = {patients[number] for number in order[: max(1, round(share * len(patients)))]}
    return [file for file in files if file.patient not in tested], [file for file in files if file.patient in tested]


def _groups(files: Sequence[LabelledFile]) -> list[str]:
    """Return for each file the rarest of its findings, so that a few files stand for all of them."""
    counts = _counts(files)
    return [min(sorted(file.findings), key=counts.__getitem__, default=NO_FINDING) for file in files]


def _counts(files: Sequence[LabelledFile]) -> Counter[str]:
    return Counter(name for file in files for name in (sorted(file.findings) or [NO_FINDING]))


def _shuffled(files: list[LabelledFile], seed: int) -> tuple[LabelledFile, ...]:
    order = np.random.default_rng(seed).permutation(len(files))
    return tuple(files[number] for number in order)
