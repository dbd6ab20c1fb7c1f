"""A folder of images without labels: latency alone can be measured with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.datasets.file_names import shown, shown_name
from orchestrator.datasets.image_files import class_files
from orchestrator.datasets.labelled_files import LabelledFile, LabelledFiles
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.datasets.base import Task


class Unlabelled(LabelledFiles):
    """The dataset ``unlabelled``: the images in the folder ``root``, or one level deeper in its only folder with images.

    It has an evaluation part alone, and no classes. ``grey`` reads images in one channel; ``bits`` is how many bits the values
    of 16-bit images use.
    """

    compares_contents = False
    task: Task = "multi-label"

    def __init__(self, root: str, *, grey: bool = True, bits: int | None = None, name: str | None = None) -> None:
        super().__init__(Path(root), grey=grey, bits=bits)
        self.name = name or shown_name(self._root) or "unlabelled"
        self.classes = ()
        if not self._root.is_dir():
            raise DatasetError(f"{shown(self._root)}: no such folder", hint="name a folder of images")
        files = class_files(self._root)
        self._left_out = files.left_out
        images = [LabelledFile(path=path, findings=frozenset(), patient=str(path)) for path in files.images]
        self.divide([], images, self.shares(0.1, 0.05, 0), ())

    def _by_class(self, files: Sequence[LabelledFile]) -> dict[str, int]:
        del files
        return {}
