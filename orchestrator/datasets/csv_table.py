"""Images that a table lists: a row for each, in any CSV file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.datasets.file_names import shown, shown_name
from orchestrator.datasets.label_table import read_rows
from orchestrator.datasets.labelled_files import REFUSE, LabelledFile, LabelledFiles, by_patient
from orchestrator.datasets.nih_names import patient_of
from orchestrator.errors import DatasetError, no_such

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What a cell of a label column may say.
POSITIVE, NEGATIVE = frozenset({"1", "1.0", "true", "yes"}), frozenset({"", "0", "0.0", "false", "no"})
#: What programs write where there is no word.
MISSING = frozenset({"", "nan", "na", "n/a", "null"})
#: CheXpert's and MIMIC-CXR's mark for what a report leaves open.
UNCERTAIN = frozenset({"-1", "-1.0"})
#: More are no classes, but words of a text.
MOST_CLASSES = 1000
#: Of a file name in a message.
LONGEST_NAME = 200
#: What the split column may say, in lower case.
TRAINING, TESTING = (
    frozenset({"train", "training", "val", "valid", "validation", "dev"}),
    frozenset({"test", "testing"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    line: int
    cells: dict[str, str]


class CsvTable(LabelledFiles):
    """The dataset ``csv``: ``path`` is a table with a header, ``image`` its column of file names below ``root``.

    ``labels`` is a list of columns with 0 and 1, or one column: of words with ``separator`` between them, or of one word an image.
    ``patient``, ``split`` and ``view`` (the view position) are columns; without a patient column every image is a patient of its own, unless it has a name of NIH's,
    which begins with the patient; without a split column, a share ``test`` of the patients is tested. ``uncertain`` says what -1 is:
    ``positive``, ``negative`` or ``refuse``. ``findings`` are the classes of word labels, in the order of the model's outputs.
    """

    def __init__(
        self,
        path: str,
        *,
        labels: str | list[str],
        image: str = "image",
        root: str | None = None,
        patient: str | None = None,
        split: str | None = None,
        view: str | None = None,
        separator: str | None = None,
        findings: list[str] | None = None,
        positive: str | None = None,
        uncertain: str = "refuse",
        test: float = 0.2,
        validation: float = 0.1,
        calibration: float = 0.05,
        grey: bool = True,
        bits: int | None = None,
        leaks: str = REFUSE,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self._table = Path(path)
        super().__init__(Path(root) if root else self._table.parent, grey=grey, bits=bits, leaks=leaks)
        self.name = name or shown_name(self._table.with_suffix("")) or "csv"
        if uncertain not in ("refuse", "positive", "negative"):
            raise DatasetError(f"{self.name}: {no_such('uncertain', uncertain, ('refuse', 'positive', 'negative'))}")
        if separator == "":
            raise DatasetError(
                f"{self.name}: `separator:` is empty",
                hint="leave it out where a cell holds one word, else name it: '|'",
            )
        shares = self.shares(validation, calibration, seed, test=test)
        columns = [labels] if isinstance(labels, str) else labels
        rows = self._rows([image, *columns, *(each for each in (patient, split, view) if each)])
        if isinstance(labels, list):
            shown_in = [self._marked(row, labels, uncertain) for row in rows]
            self._name_classes(labels, None)
        elif separator is None and all(row.cells[labels].lower() in POSITIVE | NEGATIVE | UNCERTAIN for row in rows):
            shown_in = [self._marked(row, [labels], uncertain) for row in rows]
            self._name_classes([labels], None)
        else:
            shown_in = [self._worded(row, labels, separator) for row in rows]
            self._name_words(shown_in, findings, positive, several=separator is not None)
        files = [
            LabelledFile(
                path=self._image(row, image),
                findings=found,
                patient=row.cells[patient] if patient else _patient_of(row.cells[image]),
                view=row.cells[view] if view else "",
            )
            for row, found in zip(rows, shown_in, strict=True)
        ]
        rows, files = self._each_once(rows, files, split)
        sides = self._by_column(rows, files, split) if split else by_patient(files, test, seed)
        self.divide(*sides, shares, (columns, self.classes, split, None if split else test, uncertain))

    def _rows(self, columns: Sequence[str]) -> list[_Row]:
        """Return the table's rows with the cells of ``columns``; raises `DatasetError` with file and line."""
        names = list(dict.fromkeys(columns))
        rows = [
            _Row(line=line, cells=dict(zip(names, cells, strict=True))) for line, cells in read_rows(self._table, names)
        ]
        if not rows:
            raise DatasetError(f"{shown(self._table)}: no row below the header")
        return rows

    def _image(self, row: _Row, column: str) -> Path:
        cell = row.cells[column]
        path = self._root / cell
        try:
            is_there = bool(cell) and path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            is_there = False
        if not is_there:
            name = shown(path) if len(cell) <= LONGEST_NAME else f"{cell[:LONGEST_NAME]!r}…"
            raise DatasetError(
                f"{shown(self._table)}:{row.line}: no image {name}", hint="`root:` names the folder of the images"
            )
        return path

    def _each_once(
        self, rows: Sequence[_Row], files: Sequence[LabelledFile], split: str | None
    ) -> tuple[list[_Row], list[LabelledFile]]:
        """Return rows and files without those that repeat an earlier row; raises `DatasetError` where one contradicts it."""
        first: dict[Path, tuple[_Row, LabelledFile]] = {}
        for row, file in zip(rows, files, strict=True):
            before, same = first.setdefault(file.path, (row, file))
            side = row.cells[split] == before.cells[split] if split else True
            if same != file or not side:
                raise DatasetError(
                    f"{shown(self._table)}:{row.line}: {shown(file.path)} is in line {before.line} too, with other labels, "
                    "patient or split",
                    hint="an image has one row: with several findings, in one cell (`separator:`) or in a column for each",
                )
        if repeated := len(files) - len(first):
            self._left_out["rows that repeat another row"] = repeated
        return [row for row, _ in first.values()], [file for _, file in first.values()]

    def _worded(self, row: _Row, column: str, separator: str | None) -> frozenset[str]:
        """Return the words of a cell; raises `DatasetError` where one word is expected and there is none."""
        cell = row.cells[column]
        if separator is None and cell.lower() in MISSING:
            raise DatasetError(
                f"{shown(self._table)}:{row.line}: {column} is {cell!r}, expected a label",
                hint="remove rows without a label, or give them one",
            )
        parts = [cell] if separator is None else cell.split(separator)
        return frozenset(part.strip() for part in parts if part.strip())

    def _marked(self, row: _Row, columns: Sequence[str], uncertain: str) -> frozenset[str]:
        """Return the columns whose cell says 1."""
        found = set()
        for name in columns:
            cell = row.cells[name].lower()
            if cell in UNCERTAIN and uncertain == "refuse":
                raise DatasetError(
                    f"{shown(self._table)}:{row.line}: {name} is uncertain ({row.cells[name]})",
                    hint="say `uncertain: positive` or `uncertain: negative`",
                )
            if cell not in POSITIVE | NEGATIVE | UNCERTAIN:
                raise DatasetError(f"{shown(self._table)}:{row.line}: {name} is {row.cells[name]!r}, expected 0 or 1")
            if cell in POSITIVE or (cell in UNCERTAIN and uncertain == "positive"):
                found.add(name)
        return frozenset(found)

    def _name_classes(self, classes: Iterable[str], positive: str | None) -> None:
        self.classes = (positive,) if positive else tuple(classes)
        if len(set(self.classes)) < len(self.classes) or not self.classes:
            raise DatasetError(f"{self.name}: labels: each column once, at least one")
        self.task = "binary" if len(self.classes) == 1 else "multi-label"

    def _name_words(
        self, words: Sequence[frozenset[str]], findings: list[str] | None, positive: str | None, *, several: bool
    ) -> None:
        """Name the classes of word labels: those of ``findings``, else all words by the alphabet."""
        there = sorted(set().union(*words))
        if not there:
            raise DatasetError(f"{shown(self._table)}: no row has a label", hint="is that the column of labels?")
        if len(findings or there) > MOST_CLASSES:
            raise DatasetError(
                f"{shown(self._table)}: {len(there):,} different labels, such as {there[0][:40]!r}",
                hint="is that the column of labels? `findings:` names the classes, of many words those that count",
            )
        for wanted in [*(findings or ()), *([positive] if positive else ())]:
            if wanted not in there:
                raise DatasetError(f"{self.name}: {no_such('label', wanted, there)}")
        if positive is not None and (several or len(there) != 2):
            raise DatasetError(
                f"{self.name}: `positive:` is for two classes of one word an image, there are {len(there)}"
            )
        if not several and len(there) == 2:
            self._name_classes((), positive or there[-1])
            return
        self._name_classes(findings or there, None)
        if not several:
            self.task = "one-of-n"

    def _by_column(
        self, rows: Sequence[_Row], files: Sequence[LabelledFile], column: str
    ) -> tuple[list[LabelledFile], list[LabelledFile]]:
        train: list[LabelledFile] = []
        test: list[LabelledFile] = []
        for row, file in zip(rows, files, strict=True):
            side = row.cells[column].lower()
            if side not in TRAINING | TESTING:
                raise DatasetError(
                    f"{shown(self._table)}:{row.line}: {column} is {row.cells[column]!r}, expected train or test"
                )
            (test if side in TESTING else train).append(file)
        return train, test


def _patient_of(cell: str) -> str:
    path = Path(cell)
    return patient_of(path.name) or str(path)
