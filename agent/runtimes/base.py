"""What a runtime must offer: load an artifact, take an input, invoke, give the output."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

#: The size of a side that the artifact leaves free.
FREE = -1


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output: ``real = (stored - zero_point) * scale`` where it is quantized, else ``scale`` is 0."""

    #: With the batch; a side may be `FREE`.
    shape: tuple[int, ...]
    #: numpy's name for it: ``float32``, ``int8``.
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    def of_shape(self, shape: tuple[int, ...]) -> Tensor:
        """Return the same tensor with every side fixed."""
        return dataclasses.replace(self, shape=shape)


def outputs_to_read(outputs: Sequence[T], numbers: Sequence[int]) -> list[T]:
    """Return those of an artifact's ``outputs`` that ``numbers`` choose, without numbers its only one; raises `ValueError`."""
    if not numbers:
        if len(outputs) != 1:
            raise ValueError("the artifact has %d outputs; a classifier has one" % len(outputs))
        return list(outputs)
    if not all(0 <= number < len(outputs) for number in numbers):
        raise ValueError("the artifact has %d outputs, none with the number %d" % (len(outputs), max(numbers)))
    return [outputs[number] for number in numbers]


class Loaded(Protocol):
    """An artifact ready to run; ``input`` and ``output`` are ``None`` where the runtime computes nothing.

    One whose input has `FREE` sides also has a method ``fix(shape)``, which is called before all others.
    """

    @property
    def input(self) -> Optional[Tensor]: ...  # noqa: D102
    @property
    def output(self) -> Optional[Tensor]: ...  # noqa: D102

    #: The runtime's own bound method: nothing of ours is between the clock and the work.
    invoke: Callable[[], Any]

    def set_input(self, values: NDArray[Any]) -> None:
        """Copy ``values``, of the input's shape and dtype, into the input."""
        ...

    def get_output(self) -> NDArray[Any]:
        """Return a copy of the output."""
        ...

    def effective(self) -> dict[str, object]:
        """Return what is in force: ``delegate`` (or ``None``), ``nodes``, ``delegated_nodes``, as far as it is known.

        A runtime with a start-up of its own beside loading the artifact (a GPU's context) adds its time, ``context_ns``.
        """
        ...


class Runtime(Protocol):
    """The functions of a module in this folder."""

    #: The distribution that people install.
    PACKAGE: str
    # A runtime that takes no ``.tflite`` names the file of this folder to try it with: ``PROBE``.

    @staticmethod
    def prepare() -> None:
        """Import the package, which takes its own time and is timed by itself; `load` may be called without."""
        ...

    @staticmethod
    def load(path: str, threads: int) -> Loaded:
        """Load the artifact at ``path`` and allocate its tensors; whatever goes wrong is raised.

        A runtime that reads chosen outputs of several has a third argument, ``outputs``: their numbers, none where there is
        one. The catalogue knows which runtimes do.
        """
        ...

    @staticmethod
    def version() -> str:
        """Return the version of the package."""
        ...
