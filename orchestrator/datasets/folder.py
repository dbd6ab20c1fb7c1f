"""A folder of one's own images: ``root/{train,test}/CLASS/*.png``, or another ending that Pillow reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.datasets import dicom, nih_names
from orchestrator.datasets.file_names import shown, shown_name
from orchestrator.datasets.image_files import class_files
from orchestrator.datasets.labelled_files import REFUSE, LabelledFile, LabelledFiles
from orchestrator.datasets.nih_names import in_standard_order, is_no_finding
from orchestrator.datasets.same_content import all_alike
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.datasets.base import Task
    from orchestrator.domain.dataset import DatasetSummary

MULTI_LABEL: Task = "multi-label"
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z")
#: Of the pneumonia set, and of NIH's.
PATIENT = rf"person\d+|{nih_names.PATTERN}"
LAYOUT = (
    "root/train/CLASS/*.png and root/test/CLASS/*.png (or jpg, tif, bmp …; also one level deeper, in CLASS/images/)"
)


class Folder(LabelledFiles):
    """The dataset ``folder``.

    Two classes are binary: ``positive`` names the positive one (by default the last one, never ``No Finding``); more are one-of-n.
    ``classes`` gives their order, by default that of the alphabet, of NIH's findings NIH's. ``task: multi-label`` takes an image that is
    in several class folders for one image with several findings. ``patient`` is a regular expression that finds the patient in a
    file's name: what its first group matched, or all it matched; of a DICOM file it does not match, the patient is its ``PatientID``;
    other files are patients of their own. ``test/`` is the evaluation part; without ``train/`` there is no other. Of the
    patients of ``train/`` that are not also in ``test/``, ``validation`` and ``calibration`` are shares set aside for those
    parts, chosen by ``seed``. ``leaks`` says what becomes of patients and images that are in both: ``refuse`` a run, or ``leave-out`` what
    ``train/`` has of them. ``grey`` reads images in one channel, the right thing for radiographs. ``bits`` is how
    many bits the values of 16-bit images use.
    """

    labels_hint = (
        "an image with several findings: `task: multi-label` reads the folders that it is in as its findings; "
        "or list the images in a table, `kind: csv`"
    )

    def __init__(
        self,
        root: str,
        *,
        patient: str = PATIENT,
        positive: str | None = None,
        classes: list[str] | None = None,
        task: str | None = None,
        validation: float = 0.1,
        calibration: float = 0.05,
        grey: bool = True,
        bits: int | None = None,
        leaks: str = REFUSE,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(Path(root), grey=grey, bits=bits, leaks=leaks)
        self.name = name or shown_name(self._root) or "folder"
        shares = self.shares(validation, calibration, seed)
        if task not in (None, MULTI_LABEL):
            raise DatasetError(f"{self.name}: {no_such('task', str(task), (MULTI_LABEL,))}")
        try:
            self._pattern = re.compile(patient)
        except re.error as error:
            raise DatasetError(f"{self.name}: patient {patient!r} is not a regular expression: {error}") from error
        self._unmatched = 0
        several = task == MULTI_LABEL
        self._folders = self._sides()
        names = self._names(classes, several=several)
        self.classes = self._classes(names, positive, several=several)
        self.task = MULTI_LABEL if several else "binary" if len(self.classes) == 1 else "one-of-n"
        train, test = (self._labelled(side, several=several) for side in ("train", "test"))
        self.divide(train, test, shares, (patient, self.classes, *([task] if several else [])))

    def summary(self) -> DatasetSummary:
        """Return the images of each class and part, how patients were found, and what a few images are like."""
        return replace(super().summary(), pattern=self._pattern.pattern, unmatched=self._unmatched)

    def _sides(self) -> dict[str, dict[str, Path]]:
        """Return the class folders of each side; ``test/`` may be alone, with nothing beside it that may be its training side."""
        if (self._root / "train").exists() or not (self._root / "test").is_dir():
            return {"train": self._subfolders("train"), "test": self._subfolders("test")}
        test = self._subfolders("test")
        for entry in sorted(self._root.iterdir()):
            if entry.name != "test" and (
                entry.suffix.lower() in ARCHIVES or any((entry / name.name).is_dir() for name in test.values())
            ):
                raise DatasetError(
                    f"{shown(self._root / 'train')}: no such folder, and {shown_name(entry)} beside test/ may be it",
                    hint=self._where_instead()
                    if entry.is_file()
                    else f"call it train/, or move it out of {shown(self._root)}",
                )
        return {"train": {}, "test": test}

    def _names(self, classes: list[str] | None, *, several: bool) -> tuple[str, ...]:
        """Return the names of the class folders in their order, or in that of ``classes``."""
        train, test = self._folders["train"], self._folders["test"]
        odd = sorted(set(train) ^ set(test)) if train and not several else []
        if odd:
            raise DatasetError(
                f"{shown(self._root)}: train and test have different classes: {', '.join(odd)} is in one only"
            )
        there = tuple(sorted({**train, **test}))
        if len(there) < 2:
            raise DatasetError(
                f"{shown(self._root)}: at least two classes are needed, {'train' if train else 'test'}/ has {len(there)}",
                hint=LAYOUT,
            )
        if classes is None:
            return in_standard_order(there) or there
        for name in classes:
            if name not in there:
                raise DatasetError(f"{shown(self._root)}: {no_such('class', name, there)}")
        if len(set(classes)) < len(classes) or not classes:
            raise DatasetError(f"{self.name}: classes: each one once, at least one")
        left_out = sorted(set(there) - set(classes))
        if left_out and not several:
            raise DatasetError(
                f"{self.name}: classes: {', '.join(left_out)} is not among them", hint="name every class folder"
            )
        return tuple(classes)

    def _classes(self, names: tuple[str, ...], positive: str | None, *, several: bool) -> tuple[str, ...]:
        if positive is not None and positive not in names:
            raise DatasetError(f"{shown(self._root)}: {no_such('class', positive, names)}")
        if positive is not None and (several or len(names) > 2):
            raise DatasetError(f"{shown(self._root)}: `positive:` is for two classes, there are {len(names)}")
        findings = tuple(name for name in names if not is_no_finding(name))
        if several:
            return findings
        return names if len(names) > 2 else (positive or findings[-1],)

    def _subfolders(self, side: str) -> dict[str, Path]:
        folder = self._root / side
        if self._root.is_file():
            hint = "unpack it, then name the folder that holds train/ and test/"
            raise DatasetError(f"{shown(self._root)}: a file, expected a folder", hint=hint)
        if not folder.is_dir():
            missing = folder if self._root.is_dir() else self._root
            raise DatasetError(f"{shown(missing)}: no such folder", hint=self._where_instead())
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

    def _labelled(self, side: str, *, several: bool) -> tuple[LabelledFile, ...]:
        folders: dict[str, tuple[Path, ...]] = {}
        for label, folder in self._folders[side].items():
            files = class_files(folder)
            self._left_out += files.left_out
            folders[label] = files.images
        if several:
            return self._merged(folders)
        return tuple(
            LabelledFile(path=path, findings=frozenset({label}), patient=self._patient(path))
            for label, paths in folders.items()
            for path in paths
        )

    def _merged(self, folders: Mapping[str, tuple[Path, ...]]) -> tuple[LabelledFile, ...]:
        """Return each image once, with the folders that it is in as its findings; raises `DatasetError` where one name has two images."""
        places: dict[str, list[tuple[str, Path]]] = {}
        for label, paths in folders.items():
            for path in paths:
                places.setdefault(path.name, []).append((label, path))
        images = []
        for there in places.values():
            first = there[0][1]
            if len(there) > 1 and not all_alike([path for _, path in there]):
                raise DatasetError(
                    f"{shown(first)} and {shown(there[1][1])} have one name and are different images",
                    hint="with `task: multi-label`, an image has one name in all its folders and no other image has it; or list "
                    "the images in a table, `kind: csv`",
                )
            findings = frozenset(label for label, _ in there if not is_no_finding(label))
            if len(findings) not in (0, len(there)):
                raise DatasetError(
                    f"{shown(first)} and {shown(there[1][1])} are one image, with a finding and with none",
                    hint="remove it from one of the folders",
                )
            images.append(LabelledFile(path=first, findings=findings, patient=self._patient(first)))
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
