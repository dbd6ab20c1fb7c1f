"""TensorFlow, which the device must have: its bundled interpreter, or a Keras model as it is."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Callable

from agent.runtimes.base import Tensor
from agent.runtimes.interpreter import InterpreterLoaded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


PACKAGE = "tensorflow"
#: A ``.keras`` file is a zip; a ``.tflite`` begins otherwise.
_ZIP = b"PK"


class KerasLoaded:
    """A Keras model with a fixed batch, compiled into one function, as `agent.runtimes.base.Loaded`."""

    def __init__(self, model: Any) -> None:
        import tensorflow as tf

        shape = tuple(int(size) for size in model.inputs[0].shape)
        out = tuple(int(size) for size in model.outputs[0].shape)
        self.input: Tensor | None = Tensor(shape=shape, dtype="float32")
        self.output: Tensor | None = Tensor(shape=out, dtype="float32")
        function = tf.function(lambda image: model(image, training=False))
        self._run = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
        self._tf, self._image = tf, tf.zeros(shape)
        self._scores: Any = None
        self.invoke: Callable[[], Any] = self._invoke

    def _invoke(self) -> None:
        """Run; on a CPU TensorFlow is done when it returns."""
        self._scores = self._run(self._image)

    def set_input(self, values: NDArray[Any]) -> None:
        """Copy ``values`` into a tensor."""
        self._image = self._tf.constant(values)

    def get_output(self) -> NDArray[Any]:
        """Return a copy of what the last invocation computed."""
        return self._scores.numpy()  # type: ignore[no-any-return]  # it has no types

    def effective(self) -> dict[str, object]:
        """Return that no delegate took anything; the threads of TensorFlow's pools are unknown."""
        return {"delegate": None, "threads": None}


def prepare() -> None:
    """Import the package, which takes seconds."""
    import tensorflow as tf  # noqa: F401


def load(path: str, threads: int, outputs: Sequence[int] = ()) -> InterpreterLoaded | KerasLoaded:
    """Load a ``.tflite`` into TensorFlow's interpreter with its default delegate, or a ``.keras`` file as it is."""
    import tensorflow as tf

    with open(path, "rb") as artifact:
        is_keras = artifact.read(len(_ZIP)) == _ZIP
    if not is_keras:
        return InterpreterLoaded(tf.lite.Interpreter(model_path=path, num_threads=threads), outputs)
    pools = tf.config.threading
    if pools.get_intra_op_parallelism_threads() != threads:  # refused once something was computed
        pools.set_intra_op_parallelism_threads(threads)
        pools.set_inter_op_parallelism_threads(1)
    return load_keras(path)


def load_keras(path: str) -> KerasLoaded:
    """Load a ``.keras`` file; Keras's safe mode executes nothing that it brings along."""
    import keras

    with tempfile.TemporaryDirectory() as folder:
        named = os.path.join(folder, "model.keras")  # Keras goes by the name
        os.symlink(os.path.abspath(path), named)
        return KerasLoaded(keras.saving.load_model(named, compile=False, safe_mode=True))


def version() -> str:
    """Return the version of the package."""
    import tensorflow as tf

    return str(tf.__version__)
