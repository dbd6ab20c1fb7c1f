"""The networks of float32 or int8-io as ONNX: made of those very ``.tflite`` files, for runtime ``onnxruntime``."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from agent.runtimes import litert
from agent.runtimes.onnxruntime import QUANTIZATION
from orchestrator.errors import BuildError
from orchestrator.models.schemes.float32 import Float32
from orchestrator.models.schemes.int8_io import Int8Io

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.models.base import Source
    from orchestrator.models.schemes.base import Calibration

#: The newest that tf2onnx 1.17 knows (``tf2onnx.constants.OPSET_TO_IR_VERSION``).
OPSET = 18


def _tf2onnx() -> str:
    try:
        return version("tf2onnx")
    except PackageNotFoundError:
        return "unknown"


#: What converts, beside TensorFlow.
_CONVERTER: Mapping[str, Any] = {"tf2onnx": _tf2onnx(), "opset": OPSET}


class Onnx(Float32):
    """No quantization."""

    name = "onnx"
    format = "onnx"
    options = _CONVERTER

    @staticmethod
    def missing() -> str | None:
        """Return how to get tf2onnx and ONNX Runtime, ``None`` where both are installed."""
        return missing()

    def convert(self, source: Source, batch: int, calibration: Calibration, path: Path) -> None:
        """Convert to ``.tflite`` first, then that file to ONNX."""
        super().convert(source, batch, calibration, path)
        rewrite(path)


class OnnxInt8(Int8Io):
    """The weights, scales and zero points of int8-io, as pairs of ``QuantizeLinear`` and ``DequantizeLinear`` that a runtime fuses."""

    name = "onnx-int8"
    format = "onnx"
    options: Mapping[str, Any] = {**Int8Io.options, **_CONVERTER}

    @staticmethod
    def missing() -> str | None:
        """Return how to get tf2onnx and ONNX Runtime, ``None`` where both are installed."""
        return missing()

    def convert(self, source: Source, batch: int, calibration: Calibration, path: Path) -> None:
        """Convert to ``.tflite`` first, then that file to ONNX."""
        super().convert(source, batch, calibration, path)
        rewrite(path)


def missing() -> str | None:
    """Return how to get what converts to ONNX, ``None`` where it is installed."""
    lacking = [name for name in ("tf2onnx", "onnxruntime") if find_spec(name) is None]
    if not lacking:
        return None
    return f"it needs {' and '.join(lacking)}, missing here: {sys.executable} -m pip install {' '.join(lacking)}"


def rewrite(path: Path) -> None:
    """Replace the ``.tflite`` at ``path`` by the same network as ``.onnx``; raises `BuildError` where that takes more packages.

    ONNX has no place for the scale and zero point of an input or output; they go into a property of the file.
    """
    try:
        import onnxruntime  # noqa: F401  what comes out is checked by it
        import tf2onnx.convert
    except ImportError as error:
        raise BuildError(
            f"no ONNX without tf2onnx and onnxruntime ({error}); install them: "
            f"{sys.executable} -m pip install tf2onnx onnxruntime"
        ) from error

    quantization = _quantization(path)
    model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    # what tf2onnx does not know stays in the graph under TFLite's name, and no runtime loads it
    unknown = sorted(
        {node.op_type.removeprefix("TFL_") for node in model.graph.node if node.op_type.startswith("TFL_")}
    )
    if unknown:
        raise BuildError(
            f"tf2onnx does not convert TFLite's {', '.join(unknown)} to ONNX",
            hint="measure this model with float32 and int8 instead of onnx and onnx-int8",
        )
    model.metadata_props.add(key=QUANTIZATION, value=json.dumps(quantization))
    path.write_bytes(model.SerializeToString())


def _quantization(path: Path) -> dict[str, dict[str, float]]:
    loaded = litert.load(str(path), 1)
    ends = {"input": loaded.input, "output": loaded.output}
    return {name: {"scale": end.scale, "zero_point": end.zero_point} for name, end in ends.items()}
