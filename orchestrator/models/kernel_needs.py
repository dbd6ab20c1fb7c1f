"""Which release of TensorFlow Lite a ``.tflite`` file needs, by its operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from orchestrator.models import tflite_operators
from orchestrator.runtimes import kernel_releases

if TYPE_CHECKING:
    from orchestrator.models.tflite_operators import Operand, Operator

#: Operator with float input and output and int4 weights -> the first release that computes it right. No version of an
#: operator says so; TensorFlow 2.15.1 to 2.18.1, tflite-runtime 2.14.0 and LiteRT 1.1.2 were tried with ai-edge-quantizer's
#: files: older ones load them and answer nonsense.
_INT4 = {"CONV_2D": "2.19", "DEPTHWISE_CONV_2D": "2.19", "FULLY_CONNECTED": "2.17"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a file asks of a runtime's kernels."""

    #: As a sentence names it: ``FULLY_CONNECTED version 12``.
    what: str
    release: Version

    def __str__(self) -> str:
        """Return it as a sentence, without its end."""
        return f"{self.what} needs TensorFlow Lite {self.release}"


def newest(content: bytes) -> Need | None:
    """Return what of a file needs the newest runtime; ``None`` where TensorFlow Lite 2.0 would do, and for a damaged file."""
    try:
        operators = tflite_operators.operators(content)
    except Exception:  # noqa: BLE001  a flatbuffer that points outside itself raises anything; loading it says what is wrong
        return None
    needs = [need for operator in operators for need in _needs(operator)]
    return max(needs, key=lambda need: need.release, default=None)


def _needs(operator: Operator) -> list[Need]:
    # converters other than TensorFlow's own leave the version of the float operator, and old runtimes then answer nonsense
    version = max(operator.version, _true_version(operator))
    needs = []
    release = kernel_releases.first_with(operator.name, version)
    if release is not None:
        needs.append(Need(what=f"{operator.name} version {version}", release=release))
    if operator.name in _INT4 and _computes_with(operator, "int4"):
        needs.append(Need(what=f"{operator.name} with int4 weights", release=Version(_INT4[operator.name])))
    return needs


def _true_version(operator: Operator) -> int:
    """Return the version that TensorFlow's converter would give an operator with quantized weights (``op_version.cc``)."""
    first = operator.inputs[0] if operator.inputs else None
    if first is None:
        return 1
    if operator.name == "DEQUANTIZE":
        return {"int8": 5 if first.scales > 1 else 2, "int4": 6, "int2": 7, "float16": 3, "int16": 3}.get(
            first.dtype, 1
        )
    if not _computes_with(operator, "int8"):
        return 1
    per_channel = _weights(operator).scales > 1
    by_operator = {"CONV_2D": (2, 5), "DEPTHWISE_CONV_2D": (4, 6), "FULLY_CONNECTED": (3, 12)}
    return by_operator.get(operator.name, (1, 1))[per_channel]


def _computes_with(operator: Operator, dtype: str) -> bool:
    """Check whether float activations meet weights of ``dtype``: the kernel quantizes the activations itself."""
    if len(operator.inputs) < 2 or operator.inputs[0] is None or operator.inputs[1] is None:
        return False
    return operator.inputs[0].dtype == "float32" and operator.inputs[1].dtype == dtype


def _weights(operator: Operator) -> Operand:
    weights = operator.inputs[1]
    assert weights is not None  # noqa: S101  `_computes_with` has looked
    return weights
