"""Rows of a table of labels, each with its line."""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING

from orchestrator.datasets.file_names import shown
from orchestrator.datasets.regular_file import stat_file
from orchestrator.errors import DatasetError, brief, no_such

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: ChestX-ray14's 112,120 rows take 8 MB; as text and as cells it is in memory several times.
LARGEST_BYTES = 256 << 20


def read_rows(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells of ``columns`` then of ``optional``) without blanks around cells; a column that is not there is empty.

    The table has a header and is UTF-8, with or without a byte order mark, with any ends of lines; commas separate its columns, or
    semicolons or tabs where the header has no comma. Raises `DatasetError` with file and
    line: for a column of ``columns`` that is not there, for one that is there twice, for a row with more cells than the header, for
    bytes that are no text.
    """
    where = shown(path)
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]))
    try:
        header = [name.strip() for name in next(reader, [])]
        places = [_place(where, header, name) for name in columns]
        places += [_place(where, header, name) if name in header else len(header) for name in optional]
        for row in reader:
            if any(map(str.strip, row[len(header) :])):
                raise DatasetError(
                    f"{where}:{reader.line_num}: more cells than the {len(header)} columns of the header",
                    hint="put a cell that holds a comma into double quotes",
                )
            if row:
                yield (
                    reader.line_num,
                    [row[place].strip() if place < min(len(row), len(header)) else "" for place in places],
                )
    except csv.Error as error:
        raise DatasetError(
            f"{where}:{reader.line_num}: can't be read: {brief(error)}", hint="save it as CSV"
        ) from error


def _delimiter(header: str) -> str:
    """Return what separates columns: spreadsheets write semicolons where a comma is the decimal point."""
    return next((each for each in (",", ";", "\t") if each in header), ",")


def _place(where: str, header: Sequence[str], name: str) -> int:
    if name not in header:
        raise DatasetError(f"{where}:1: {no_such('column', name, header)}")
    if header.count(name) > 1:
        raise DatasetError(f"{where}:1: {header.count(name)} columns are called {name!r}")
    return header.index(name)


def read_text(path: Path) -> str:
    """Return a text file in UTF-8 without its byte order mark; raises `DatasetError` with the line of the first bytes that are none."""
    where = shown(path)
    if stat_file(path).st_size > LARGEST_BYTES:
        raise DatasetError(f"{where}: larger than {LARGEST_BYTES >> 20} MiB", hint="is it a table of labels?")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{where}: can't be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        line = content.count(b"\n", 0, start) + 1
        raise DatasetError(
            f"{where}:{line}: can't be read: not UTF-8 at byte {start}", hint="save it in UTF-8"
        ) from error
