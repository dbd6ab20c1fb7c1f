"""What can be wrong with a dataset of image files although every file can be read."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.datasets.decoding import dimensions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.datasets.base import Part
    from orchestrator.datasets.labelled_files import LabelledFile

EVALUATION: Part = "evaluation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Files with the same content."""

    paths: tuple[Path, ...]
    #: Parts they are in, each once.
    parts: tuple[str, ...]
    #: Whether all are labelled alike.
    same_labels: bool

    @property
    def leaks(self) -> bool:
        """Whether the model may have seen in training what it is tested on."""
        return EVALUATION in self.parts and len(self.parts) > 1


def copies(files: Mapping[Part, Sequence[LabelledFile]], progress: Callable[[int], None]) -> tuple[Copies, ...]:
    """Return every content that more than one file has; only files of equal size are read.

    ``progress`` is called with the number of files that were looked at since its last call.
    """
    by_size: dict[int, list[tuple[Part, LabelledFile]]] = defaultdict(list)
    for part, listed in files.items():
        for file in listed:
            by_size[file.path.stat().st_size].append((part, file))
    found = []
    for alike in by_size.values():
        if len(alike) > 1:
            by_content: dict[bytes, list[tuple[Part, LabelledFile]]] = defaultdict(list)
            for part, file in alike:
                with file.path.open("rb") as opened:
                    by_content[hashlib.file_digest(opened, "sha256").digest()].append((part, file))
            found += [_copies(each) for each in by_content.values() if len(each) > 1]
        progress(len(alike))
    return tuple(sorted(found, key=lambda each: (not each.leaks, each.paths)))


def sizes(files: Mapping[Part, Sequence[LabelledFile]]) -> Counter[tuple[int, int]]:
    """Return how many images are (width, height) pixels; reads the head of every file. Raises `DatasetError`."""
    return Counter(dimensions(file.path) for listed in files.values() for file in listed)


def on_both_sides(files: Mapping[Part, Sequence[LabelledFile]]) -> Iterator[str]:
    """Yield patients that are tested and also in another part; there is none unless a plug-in divides wrongly."""
    tested = {file.patient for file in files[EVALUATION]}
    others = {file.patient for part, listed in files.items() if part != EVALUATION for file in listed}
    yield from sorted(tested & others)


def _copies(alike: Sequence[tuple[Part, LabelledFile]]) -> Copies:
    return Copies(
        paths=tuple(file.path for _, file in alike),
        parts=tuple(dict.fromkeys(part for part, _ in alike)),
        same_labels=len({file.findings for _, file in alike}) == 1,
    )
