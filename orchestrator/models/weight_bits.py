"""Weights of a float ``.tflite`` quantized by ai-edge-quantizer, rule by rule."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from orchestrator.errors import BuildError
from orchestrator.models import layer_names, tflite_operators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.models.layer_names import Layer

PACKAGE = "ai-edge-quantizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the weights of some operators are stored; of two rules for one operator the later one counts."""

    #: ``None`` leaves them float32.
    bits: int | None
    #: Whether kernels quantize activations and compute in integers; else weights become float again before they are used.
    integer: bool = False
    #: Operators as TensorFlow Lite's schema writes them; none are all that have quantized weights.
    operators: tuple[str, ...] = ()
    #: ``None``: in every layer.
    layers: tuple[Layer, ...] | None = None


def installed() -> str:
    """Return the version of ai-edge-quantizer, ``unknown`` where it is not there."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def missing() -> str | None:
    """Return how to get ai-edge-quantizer, ``None`` where it is installed."""
    if installed() != "unknown":
        return None
    return f"it needs {PACKAGE}, which is missing: {sys.executable} -m pip install {PACKAGE}"


def layers_of(content: bytes) -> tuple[Layer, ...]:
    """Return the layers of a ``.tflite`` in the order of its graph."""
    operators = tflite_operators.operators(content)
    return layer_names.named((each.name, each.outputs[0].name) for each in operators if each.outputs)


def quantize(content: bytes, rules: Sequence[Rule]) -> bytes:
    """Return a float ``.tflite`` with the weights that ``rules`` name quantized, symmetrically, with a scale for each channel.

    Raises `BuildError` where ai-edge-quantizer is not installed.
    """
    try:
        import ai_edge_quantizer.quantizer as library
    except ImportError as error:
        raise BuildError(
            f"no such scheme without {PACKAGE} ({error}); install it: {sys.executable} -m pip install {PACKAGE}"
        ) from error

    work = library.Quantizer(bytearray(content))
    for rule in rules:
        for pattern in [".*"] if rule.layers is None else [f"^{re.escape(each.tensor)};" for each in rule.layers]:
            for operator in rule.operators or ("*",):
                _add(work, rule, pattern, operator)
    return bytes(work.quantize(enable_progress_report=False, enable_progress_bar=False).quantized_model)


def _add(work: Any, rule: Rule, pattern: str, operator: str) -> None:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    name = TFLOperationName(operator)
    if rule.bits is None:
        work.update_quantization_recipe(pattern, name, algorithm_key=AlgorithmName.NO_QUANTIZE)
    elif rule.integer:
        work.add_dynamic_config(pattern, name, rule.bits)
    else:
        work.add_weight_only_config(pattern, name, rule.bits)
