"""A runtime that does nothing: what it takes is our own overhead on this very device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.runtimes.base import Tensor

PACKAGE = "null"


class NullLoaded:
    """Nothing, as `agent.runtimes.base.Loaded`."""

    input: Tensor | None = None
    output: Tensor | None = None

    def invoke(self) -> None:
        """Do nothing."""

    def set_input(self, values: NDArray[Any]) -> None:
        """Do nothing."""

    def get_output(self) -> NDArray[Any]:
        """Raise `ValueError`: nothing was computed."""
        raise ValueError("the null runtime computes nothing")

    def effective(self) -> dict[str, object]:
        """Return that there is no delegate."""
        return {"delegate": None, "nodes": 0, "delegated_nodes": 0}


def prepare() -> None:
    """Import nothing."""


def load(path: str, threads: int) -> NullLoaded:
    """Return nothing to run, whatever the artifact is."""
    del path, threads
    return NullLoaded()


def version() -> str:
    """Return a version that never changes."""
    return "1"
