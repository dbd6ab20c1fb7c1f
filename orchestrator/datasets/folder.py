"""A folder of one's own images: ``root/{train,test}/CLASS/*.png``, or another ending that Pillow reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.datasets import dicom, nih_names
from orchestrator.datasets.file_names import shown, shown_name
from orchestrator.datasets.image_files import class_files
from orchestrator.datasets.labelled_files import LabelledFile, LabelledFiles
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from orchestrator.domain.dataset import DatasetSummary

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z")
#: Of the pneumonia set, and of NIH's.
PATIENT = rf"person\d+|{nih_names.PATTERN}"
LAYOUT = (
    "root/train/CLASS/*.png and root/test/CLASS/*.png (or jpg, tif, bmp …; also one level deeper, in CLASS/images/)"
)


class Folder(LabelledFiles):
    """The dataset ``folder``.

    Two classes are binary: ``positive`` names the positive one (by default the last in the alphabet); more are
    one-of-n. ``patient`` is a regular expression that finds the patient in a file's name: what its first group matched,
    or all it matched; of a DICOM file it does not match, the patient is its ``PatientID``; other files are patients of their own. ``test/`` is the evaluation part. Of the
    patients of ``train/`` that are not also in ``test/``, ``validation`` and ``calibration`` are shares set aside for those
    parts, chosen by ``seed``. ``grey`` reads images in one channel, the right thing for radiographs. ``bits`` is how
    many bits the values of 16-bit images use.
    """

    def __init__(
        self,
        root: str,
        *,
        patient: str = PATIENT,
        positive: str | None = None,
        validation: float = 0.1,
        calibration: float = 0.05,
        grey: bool = True,
        bits: int | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(Path(root), grey=grey, bits=bits)
        self.name = name or shown_name(self._root) or "folder"
        shares = self._shares(validation, calibration, seed)
        try:
            self._pattern = re.compile(patient)
        except re.error as error:
            raise DatasetError(f"{self.name}: patient {patient!r} is not a regular expression: {error}") from error
        self._unmatched = 0
        self._folders = {side: self._subfolders(side) for side in ("train", "test")}
        self.classes = self._classes(positive)
        self.task = "binary" if len(self.classes) == 1 else "one-of-n"
        self._fill(self._labelled("train"), self._labelled("test"), shares, (patient, self.classes))

    def summary(self) -> DatasetSummary:
        """Return the images of each class and part, how patients were found, and what a few images are like."""
        return replace(super().summary(), pattern=self._pattern.pattern, unmatched=self._unmatched)

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
                    f"this is ChestX-ray14 as it is distributed ({shown_name(entry)}, several findings an image): "
                    "say `kind: chestxray14`"
                )
        for entry in inside:
            if (entry / "train").is_dir():
                return f"did you mean `root: {shown(entry)}`?"
            if entry.is_file() and entry.suffix.lower() in ARCHIVES:
                return f"unpack {shown(entry)} first, then name the folder that holds train/ and test/"
        return f"expected {LAYOUT}"

    def _labelled(self, side: str) -> tuple[LabelledFile, ...]:
        images: list[LabelledFile] = []
        for label, folder in self._folders[side].items():
            files = class_files(folder)
            self._left_out += files.left_out
            images += [
                LabelledFile(path=path, findings=frozenset({label}), patient=self._patient(path))
                for path in files.images
            ]
        return tuple(images)

    def _patient(self, path: Path) -> str:
        match = self._pattern.search(path.name)
        in_file = dicom.patient(path) if match is None and dicom.is_dicom(path) else None
        if in_file is not None:
            return in_file
        if match is None:
            self._unmatched += 1
            # with its side and class: many sets number the files of every folder from 1
            return path.relative_to(self._root).as_posix()
        return match[1] if self._pattern.groups and match[1] else match[0]
