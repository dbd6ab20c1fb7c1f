"""NIH ChestX-ray14 as it is distributed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.datasets.file_names import shown
from orchestrator.datasets.label_table import read_rows, read_text
from orchestrator.datasets.labelled_files import REFUSE, LabelledFile, LabelledFiles, by_patient
from orchestrator.datasets.nih_names import FINDINGS, NO_FINDING, patient_of, same_patient
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Columns of the label file that are read.
IMAGE, LABELS, PATIENT, VIEW = "Image Index", "Finding Labels", "Patient ID", "View Position"
TRAIN_LIST, TEST_LIST = "train_val_list.txt", "test_list.txt"
OFFICIAL, BY_PATIENT = "official", "patient"
#: Missing images that a message names.
NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    line: int
    image: str
    findings: frozenset[str]
    patient: str
    #: ``PA``, ``AP``, or nothing.
    view: str


class ChestXray14(LabelledFiles):
    """The dataset ``chestxray14``: ``root`` holds ``Data_Entry_2017*.csv``, the two lists, ``images/`` or ``images_001/`` and on.

    ``split`` is ``official`` (``train_val_list.txt`` and ``test_list.txt``) or ``patient``: a share ``test`` of the patients,
    drawn by ``seed``. ``findings`` are the columns, in the order of the model's outputs. ``missing: skip`` leaves out images that the
    label file names but the folder lacks. ``validation``, ``calibration``, ``grey``, ``bits``, ``leaks``: as for ``folder``.
    """

    task = "multi-label"
    compares_contents = False  # an image has one name in it, and a row of its own

    def __init__(
        self,
        root: str,
        *,
        split: str = OFFICIAL,
        findings: list[str] | None = None,
        missing: str = "refuse",
        test: float = 0.2,
        validation: float = 0.1,
        calibration: float = 0.05,
        grey: bool = True,
        bits: int | None = None,
        leaks: str = REFUSE,
        seed: int = 0,
        name: str = "chestxray14",
    ) -> None:
        super().__init__(Path(root), grey=grey, bits=bits, leaks=leaks)
        self.name = name
        self.classes = self._columns(findings)
        for option, value, choices in (
            ("split", split, (OFFICIAL, BY_PATIENT)),
            ("missing", missing, ("refuse", "skip")),
        ):
            if value not in choices:
                raise DatasetError(
                    f"{name}: {no_such(option, value, choices)}", hint=f"{option}: {' or '.join(choices)}"
                )
        shares = self.shares(validation, calibration, seed, test=test)
        files = self._labelled(skip=missing == "skip")
        train, tested = self._official(files) if split == OFFICIAL else by_patient(files, test, seed)
        self.divide(train, tested, shares, (split, self.classes, test if split == BY_PATIENT else None))

    def _columns(self, findings: list[str] | None) -> tuple[str, ...]:
        chosen = tuple(findings or FINDINGS)
        for finding in chosen:
            if finding not in FINDINGS:
                raise DatasetError(f"{self.name}: {no_such('finding', finding, FINDINGS)}")
        if len(set(chosen)) < len(chosen):
            raise DatasetError(f"{self.name}: findings: the same one twice")
        return chosen

    def _labelled(self, *, skip: bool) -> list[LabelledFile]:
        """Return the images of the label file that are here, in its order."""
        paths = self._paths()
        files, lost = [], []
        for row in self._rows():
            path = paths.get(row.image)
            if path is None:
                lost.append(row.image)
            else:
                files.append(LabelledFile(path=Path(path), findings=row.findings, patient=row.patient, view=row.view))
        if not files:
            raise DatasetError(
                f"{shown(self._root)}: none of the {len(lost)} images of the label file is here",
                hint="unpack images_001.tar.gz to images_012.tar.gz into that folder",
            )
        if lost and not skip:
            raise DatasetError(
                f"{shown(self._root)}: {len(lost)} of {len(lost) + len(files)} images are missing: "
                f"{', '.join(lost[:NAMED])}{', …' if len(lost) > NAMED else ''}",
                hint="unpack the archives they are in, or add `missing: skip` to the dataset",
            )
        if lost:
            self._left_out["in the label file, not in the folder"] = len(lost)
        return files

    def _paths(self) -> dict[str, str]:
        """Return every PNG below ``images/``, ``images_NNN/`` and ``images_NNN/images/`` by its name."""
        if not self._root.is_dir():
            raise DatasetError(f"{shown(self._root)}: no such folder")
        found: dict[str, str] = {}
        for folder in sorted(self._root.glob("images*")):
            for inside in (folder, folder / "images"):
                if inside.is_dir():
                    with os.scandir(inside) as entries:
                        found.update(
                            (entry.name, entry.path) for entry in entries if entry.name.lower().endswith(".png")
                        )
        return found

    def _table(self) -> Path:
        tables = sorted(self._root.glob("Data_Entry_2017*.csv"))
        if not tables:
            raise DatasetError(
                f"{shown(self._root)}: no Data_Entry_2017*.csv in it", hint="copy the label file of the dataset there"
            )
        if len(tables) > 1:
            names = ", ".join(table.name for table in tables)
            raise DatasetError(f"{shown(self._root)}: more than one label file: {names}", hint="keep one of them there")
        return tables[0]

    def _rows(self) -> Iterator[_Row]:
        """Yield what the label file says of each image once; raises `DatasetError` with file and line."""
        table = self._table()
        known = {*FINDINGS, NO_FINDING}
        first: dict[str, _Row] = {}
        for line, (image, labels, patient, view) in read_rows(table, (IMAGE, LABELS, PATIENT), (VIEW,)):
            where = f"{shown(table)}:{line}"
            findings = frozenset(labels.split("|"))
            if not findings <= known:
                raise DatasetError(f"{where}: {no_such('finding', min(findings - known), known)}")
            if NO_FINDING in findings and len(findings) > 1:
                raise DatasetError(f"{where}: {NO_FINDING!r} beside {min(findings - {NO_FINDING})!r}")
            named = patient_of(image)
            if not patient or (named is not None and not same_patient(named, patient)):
                raise DatasetError(
                    f"{where}: {image} is of patient {named}, the row has {patient!r}",
                    hint="a comma too many or too few in that row?",
                )
            row = _Row(line=line, image=image, findings=findings - {NO_FINDING}, patient=patient, view=view)
            before = first.setdefault(image, row)
            if before is row:
                yield row
            elif (before.findings, before.patient) != (row.findings, row.patient):
                raise DatasetError(f"{where}: {image} has two rows that differ: this one and line {before.line}")
            else:
                self._left_out["rows that repeat another row"] += 1

    def _official(self, files: Sequence[LabelledFile]) -> tuple[list[LabelledFile], list[LabelledFile]]:
        sides = [self._listed(TRAIN_LIST), self._listed(TEST_LIST)]
        if both := sides[0] & sides[1]:
            raise DatasetError(f"{shown(self._root)}: {min(both)} is in {TRAIN_LIST} as well as in {TEST_LIST}")
        train, test = ([file for file in files if file.path.name in side] for side in sides)
        if unlisted := len(files) - len(train) - len(test):
            self._left_out["in neither list of the official split"] = unlisted
        if not test:
            raise DatasetError(
                f"{shown(self._root)}: no image of {TEST_LIST} is here", hint="`split: patient` needs no lists"
            )
        return train, test

    def _listed(self, name: str) -> frozenset[str]:
        path = self._root / name
        if not path.exists():
            raise DatasetError(
                f"{shown(path)}: No such file", hint=f"copy {name} of the dataset there, or say `split: patient`"
            )
        return frozenset(read_text(path).split())
