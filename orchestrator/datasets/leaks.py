"""Refuses images whose labels contradict each other, or that are tested as well as trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.datasets.check import copies, shared_patients
from orchestrator.datasets.file_names import shown
from orchestrator.datasets.labelled_files import LabelledFiles
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.datasets.base import Dataset
    from orchestrator.datasets.check import Copies

#: Examples in a message.
NAMED = 3
HINT = (
    "divide the images anew, by patient; or `leaks: leave-out` in the dataset (`farm bench FILE --leaks leave-out`) where the model was trained without those "
    "of the training side: farm leaves them out of it"
)


def refuse_contradictions(dataset: Dataset) -> None:
    """Raise `DatasetError` where one image is there with different labels, by its content."""
    if not isinstance(dataset, LabelledFiles) or not dataset.compares_contents:
        return
    odd = [each for each in copies(dataset.files) if not each.same_labels]
    if odd:
        raise DatasetError(
            f"dataset {dataset.name}: {_images(len(odd))} there with different labels: {_named(odd)}",
            hint=dataset.labels_hint,
        )


def refuse_leaks(dataset: Dataset) -> None:
    """Raise `DatasetError` where a patient or an image is tested that is on the training side too, in its source.

    What ``leaks: leave-out`` takes from the training side is no leak.
    """
    if not isinstance(dataset, LabelledFiles):
        return
    shared = shared_patients(dataset)
    if shared:
        more = ", …" if len(shared) > NAMED else ""
        raise DatasetError(
            f"dataset {dataset.name}: {len(shared)} patient{'s are' if len(shared) > 1 else ' is'} tested as well as trained on: "
            f"{', '.join(shared[:NAMED])}{more}",
            hint=HINT,
        )
    leaks = [each for each in copies(dataset.files) if each.leaks] if dataset.compares_contents else []
    if leaks:
        raise DatasetError(
            f"dataset {dataset.name}: {_images(len(leaks))} tested as well as trained on: {_named(leaks)}", hint=HINT
        )


def _images(count: int) -> str:
    return f"{count} images are" if count > 1 else "1 image is"


def _named(found: Sequence[Copies]) -> str:
    pairs = "; ".join(" = ".join(shown(path) for path in each.paths[:2]) for each in found[:NAMED])
    return f"{pairs}{'; …' if len(found) > NAMED else ''}"
