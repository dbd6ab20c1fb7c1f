"""The images that quantization looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.datasets.base import make_dataset
from orchestrator.datasets.file_names import shown
from orchestrator.datasets.labelled_files import LabelledFiles
from orchestrator.datasets.same_content import same_content
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset, Part
    from orchestrator.domain.model import DatasetSpec

#: What to write in a suite.
HINT = "`calibration: {kind: folder, root: …}` in the suite names images for it"


def calibration_pixels(dataset: Dataset, *, height: int, width: int, limit: int) -> NDArray[np.uint8]:
    """Return uint8 [n, height, width, channels]: the calibration part, of a dataset with a test part alone that one.

    Raises `DatasetError`.
    """
    return dataset.load(_part(dataset), height=height, width=width, limit=limit).pixels


def lacking(dataset: Dataset) -> str | None:
    """Return why schemes with calibration can't be built on ``dataset``, ``None`` where they can."""
    images = {part.part: part.images for part in dataset.summary().parts}
    if images.get("calibration", 1):
        return None
    return f"no calibration images: {dataset.name} has a test part alone; {HINT}"


def refuse_tested(elsewhere: DatasetSpec, dataset: Dataset) -> None:
    """Raise `DatasetError` where images of the dataset that a suite names for calibration are tested."""
    calibrating = make_dataset(elsewhere)
    if not isinstance(calibrating, LabelledFiles) or not isinstance(dataset, LabelledFiles):
        return
    looked_at = {file.path for file in calibrating.files[_part(calibrating)]}
    tested = {file.path for file in dataset.files["evaluation"]}
    for same in same_content(sorted(looked_at | tested), lambda path: path):
        both = [path for path in same if path in tested], [path for path in same if path in looked_at]
        if all(both):
            raise _tested(calibrating, shown(both[1][0]))
    if looked_at & tested:
        raise _tested(calibrating, shown(min(looked_at & tested)))


def _tested(calibrating: Dataset, name: str) -> DatasetError:
    return DatasetError(
        f"calibration: {name} of {calibrating.name} is tested too", hint="name images that are not tested"
    )


def _part(dataset: Dataset) -> Part:
    return "evaluation" if lacking(dataset) is not None else "calibration"
