"""A ready file of the user's, measured as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from orchestrator.errors import ModelError
from orchestrator.models import model_file, scored_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

    from orchestrator.domain.model import Preprocess
    from orchestrator.models.graph_ends import End
    from orchestrator.models.scored_outputs import Chosen, Numbers

    #: (height, width, channels) of an image; ``None`` where the file leaves a side free.
    Image = tuple[int | None, int | None, int]


class Graph(Protocol):
    """What such a file states of itself."""

    @property
    def outputs(self) -> Sequence[End]: ...  # noqa: D102
    @property
    def output_names(self) -> Sequence[str]: ...  # noqa: D102


G = TypeVar("G", bound=Graph)


class ReadyFile(Generic[G]):
    """The base of such a kind of model, which reads the file's graph and finds the image among its inputs.

    ``output`` names the scores of several, ``preprocess`` states what the file expects of an image.
    """

    numbers: ClassVar[Numbers]

    def __init__(self, path: str, *, output: str | None = None, preprocess: Preprocess | None = None) -> None:
        self._path, self._output = Path(path), output
        if not self._path.is_file():
            raise ModelError(f"{path}: no such file", hint=model_file.RELATIVE)
        if preprocess is None:
            raise ModelError(
                f"{path}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {scale: …, mean: …, std: …}` to the model; size and channels are in the file",
            )
        self.preprocess = preprocess

    def sha256(self) -> str:
        """Hash the file; and which output is scored, where that is named."""
        digest = hashlib.sha256(self._content())
        if self._output is not None:
            digest.update(b"output " + self._output.encode())
        return digest.hexdigest()

    def check_ends(self) -> int | None:
        """Return how many scores an image gets, ``None`` where the file does not tell; raises `ModelError` where it can't be measured."""
        return self._chosen(self._graph()).columns

    def score_names(self) -> tuple[str, ...]:
        """Return what outputs of one score each are called, where the file has several; raises `ModelError`."""
        return self._chosen(self._graph()).names or ()

    def _content(self) -> bytes:
        """Return what the scores depend on."""
        return model_file.content(self._path)

    def _graph(self) -> G:
        """Return the graph of the file, its input checked; raises `ModelError`."""
        raise NotImplementedError

    def _check_image(self, image: Image) -> None:
        """Raise `ModelError` where the suite gives another size or other channels than ``image``."""
        how = self.preprocess
        given = how.height, how.width, how.channels
        if any(side not in (None, other) for side, other in zip(image, given, strict=True)):
            raise ModelError(
                f"{self._path}: it takes {image}, the suite's `preprocess:` gives {given}",
                hint="leave size and channels out: they are in the file",
            )

    def _chosen(self, graph: G) -> Chosen:
        return scored_outputs.chosen(graph.outputs, graph.output_names, str(self._path), self._output, self.numbers)
