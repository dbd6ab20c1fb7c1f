"""Files of the same content, found by reading as little as possible."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.datasets.file_names import shown
from orchestrator.datasets.regular_file import stat_file
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

#: Bytes at the beginning, in the middle and at the end that are compared before files are read whole.
PIECE = 4096


def same_content(
    files: Iterable[T], path_of: Callable[[T], Path], progress: Callable[[int], object] = lambda _: None
) -> Iterator[tuple[T, ...]]:
    """Yield all files of each content that more than one has; raises `DatasetError` naming a file that can't be read.

    Files of another size are not opened, links to one file not read. ``progress`` gets how many files were looked at since its last
    call.
    """
    by_size = _grouped(files, lambda file: stat_file(path_of(file)).st_size)
    for alike in by_size:
        if len(alike) > 1:
            for likely in _grouped(alike, lambda file: _pieces(path_of(file))):
                if len(likely) > 1:
                    yield from (same for same in _grouped(likely, _whole(path_of)) if len(same) > 1)
        progress(len(alike))


def all_alike(paths: Sequence[Path]) -> bool:
    """Check whether all files have the same content; raises `DatasetError` naming a file that can't be read."""
    first, *others = paths
    facts = stat_file(first)
    for path in others:
        there = stat_file(path)
        if (there.st_dev, there.st_ino) == (facts.st_dev, facts.st_ino):
            continue
        if there.st_size != facts.st_size or _pieces(path) != _pieces(first):
            return False
        digest = _whole(lambda path: path)
        if digest(path) != digest(first):
            return False
    return True


def _grouped(files: Iterable[T], key: Callable[[T], Hashable]) -> list[tuple[T, ...]]:
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for file in files:
        groups[key(file)].append(file)
    return [tuple(group) for group in groups.values()]


def _pieces(path: Path) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            read = [file.read(PIECE)]
            for start in (size // 2, size - PIECE):
                if start > PIECE:
                    file.seek(start)
                    read.append(file.read(PIECE))
    except OSError as error:
        raise _unreadable(path, error) from error
    return hashlib.sha256(b"".join(read)).digest()


def _whole(path_of: Callable[[T], Path]) -> Callable[[T], bytes]:
    """Return what hashes a whole file; another link to a file is not read again."""
    known: dict[tuple[int, int], bytes] = {}

    def digest(file: T) -> bytes:
        path = path_of(file)
        facts = stat_file(path)
        place = facts.st_dev, facts.st_ino
        if place not in known:
            try:
                with path.open("rb") as opened:
                    known[place] = hashlib.file_digest(opened, "sha256").digest()
            except OSError as error:
                raise _unreadable(path, error) from error
        return known[place]

    return digest


def _unreadable(path: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{shown(path)}: {error.strerror}", hint="was it moved during the run?")
