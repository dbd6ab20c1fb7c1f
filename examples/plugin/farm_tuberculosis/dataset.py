"""The tuberculosis sets of Montgomery County and Shenzhen: the last digit of a file's name is its label."""

from pathlib import Path

from orchestrator.datasets.labelled_files import LabelledFile, LabelledFiles, by_patient
from orchestrator.errors import DatasetError


class Tuberculosis(LabelledFiles):
    """``root`` holds ``MCUCXR_0001_0.png``, ``CHNCXR_0327_1.png`` …, one image a patient; ``_1`` shows tuberculosis."""

    name, task, classes = "tuberculosis", "binary", ("Tuberculosis",)

    def __init__(self, root: str, *, test: float = 0.3, seed: int = 0) -> None:
        super().__init__(Path(root), grey=True, bits=None)
        files = [
            LabelledFile(path=path, findings=frozenset(self.classes if path.stem[-1] == "1" else ()), patient=path.stem)
            for path in sorted(Path(root).rglob("*CXR_*_[01].png"))
        ]
        if not files:
            raise DatasetError(
                f"{root}: no file is called like MCUCXR_0001_0.png", hint="`root:` is the folder of images"
            )
        train, tested = by_patient(files, test, seed)
        self.divide(train, tested, self.shares(0.1, 0.1, seed, test=test), ("tuberculosis", test))
