"""What can be wrong with a dataset of image files although every file can be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.datasets.decoding import dimensions, sample
from orchestrator.datasets.image_files import spread
from orchestrator.datasets.labelled_files import LEAVE_OUT
from orchestrator.datasets.same_content import same_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.datasets.base import Part
    from orchestrator.datasets.decoding import Sample
    from orchestrator.datasets.labelled_files import LabelledFile, LabelledFiles

EVALUATION: Part = "evaluation"
#: Images of each part whose pixels are read.
LOOKED_AT = 32


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


def copies(
    files: Mapping[Part, Sequence[LabelledFile]], progress: Callable[[int], object] = lambda _: None
) -> tuple[Copies, ...]:
    """Return every content that more than one file has.

    ``progress`` is called with the number of files that were looked at since its last call. Raises `DatasetError`.
    """
    listed = [(part, file) for part, there in files.items() for file in there]
    found = [_copies(alike) for alike in same_content(listed, lambda each: each[1].path, progress)]
    return tuple(sorted(found, key=lambda each: (not each.leaks, each.paths)))


def sizes(files: Mapping[Part, Sequence[LabelledFile]]) -> Counter[tuple[int, int]]:
    """Return how many images are (width, height) pixels; reads the head of every file. Raises `DatasetError`."""
    return Counter(dimensions(file.path) for listed in files.values() for file in listed)


def views(files: Mapping[Part, Sequence[LabelledFile]]) -> dict[Part, Counter[str]]:
    """Return how many images of each part have each view position; nothing where no image has one."""
    counts = {part: Counter(file.view or "unknown" for file in listed) for part, listed in files.items()}
    return counts if any(file.view for listed in files.values() for file in listed) else {}


def pixel_ranges(files: Mapping[Part, Sequence[LabelledFile]]) -> dict[Part, Sample]:
    """Return the stored values of some images of each part, evenly spaced; raises `DatasetError` naming a bad file."""
    return {
        part: sample([listed[row].path for row in spread([0] * len(listed), LOOKED_AT)])
        for part, listed in files.items()
        if listed
    }


def on_both_sides(files: Mapping[Part, Sequence[LabelledFile]]) -> Iterator[str]:
    """Yield patients that are tested and also in another part; there is none unless a plug-in divides wrongly."""
    tested = {file.patient for file in files[EVALUATION]}
    others = {file.patient for part, listed in files.items() if part != EVALUATION for file in listed}
    yield from sorted(tested & others)


def shared_patients(dataset: LabelledFiles) -> tuple[str, ...]:
    """Return patients that are tested as well as trained on: in the source, or in the parts where those are left out."""
    return dataset.shared_patients if dataset.leaks != LEAVE_OUT else tuple(on_both_sides(dataset.files))


def _copies(alike: Sequence[tuple[Part, LabelledFile]]) -> Copies:
    return Copies(
        paths=tuple(file.path for _, file in alike),
        parts=tuple(dict.fromkeys(part for part, _ in alike)),
        same_labels=len({file.findings for _, file in alike}) == 1,
    )
