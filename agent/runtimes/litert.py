"""LiteRT, by its package ``ai-edge-litert``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.runtimes.interpreter import InterpreterLoaded

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = "ai-edge-litert"


def prepare() -> None:
    """Import the package."""
    import ai_edge_litert.interpreter  # noqa: F401


def load(path: str, threads: int, outputs: Sequence[int] = ()) -> InterpreterLoaded:
    """Load an artifact into LiteRT's interpreter, with its default delegate (XNNPACK where it has one)."""
    from ai_edge_litert.interpreter import Interpreter

    return InterpreterLoaded(Interpreter(model_path=path, num_threads=threads), outputs)


def version() -> str:
    """Return the version of the package."""
    import ai_edge_litert

    return str(ai_edge_litert.__version__)
