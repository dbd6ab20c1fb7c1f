"""TensorFlow Lite as it was until 2023, by its package ``tflite-runtime``: 32-bit ARM, Python up to 3.11, numpy below 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.runtimes.interpreter import InterpreterLoaded

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = "tflite-runtime"


def prepare() -> None:
    """Import the package."""
    import tflite_runtime.interpreter  # noqa: F401


def load(path: str, threads: int, outputs: Sequence[int] = ()) -> InterpreterLoaded:
    """Load an artifact into TensorFlow Lite's interpreter, with its default delegate."""
    from tflite_runtime.interpreter import Interpreter

    return InterpreterLoaded(Interpreter(model_path=path, num_threads=threads), outputs)


def version() -> str:
    """Return the version of the package."""
    import tflite_runtime

    return str(tflite_runtime.__version__)
