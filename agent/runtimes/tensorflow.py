"""The interpreter that TensorFlow bundles; nothing is brought along, the device must have TensorFlow."""

from __future__ import annotations

from agent.runtimes.interpreter import InterpreterLoaded

PACKAGE = "tensorflow"


def prepare() -> None:
    """Import the package, which takes seconds."""
    import tensorflow as tf  # noqa: F401


def load(path: str, threads: int) -> InterpreterLoaded:
    """Load an artifact into TensorFlow's interpreter, with its default delegate."""
    import tensorflow as tf

    return InterpreterLoaded(tf.lite.Interpreter(model_path=path, num_threads=threads))


def version() -> str:
    """Return the version of the package."""
    import tensorflow as tf

    return str(tf.__version__)
