"""Arithmetic between layers in an ``.h5`` file of Keras 3, which Keras itself reads back as layers of the same name.

``x + 3.0`` is saved as ``Add`` with a number beside the tensor: Keras's layer ``Add`` takes no number (MobileNetV3 has it).
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: What Keras says where a layer is given a number.
REFUSAL = "Only input tensors may be passed as positional arguments"


def by_name() -> dict[str, Any]:
    """Return what a file calls these operations -> how each is made of its configuration, for ``custom_objects``."""
    import keras

    operations: dict[str, Callable[[Any, Any], Any]] = {
        "Add": operator.add,
        "Subtract": operator.sub,
        "Multiply": operator.mul,
        "Maximum": keras.ops.maximum,
        "Minimum": keras.ops.minimum,
    }
    return {name: _class(name, compute) for name, compute in operations.items()}


def _class(name: str, compute: Callable[[Any, Any], Any]) -> Any:
    import keras

    class Arithmetic(keras.Operation):  # type: ignore[misc]  # Keras has no types
        """An operation of two values, or of a list of tensors as the layer of its name."""

        def __init__(self, name: str | None = None, **_: Any) -> None:
            super().__init__(name=name)

        def call(self, first: Any, second: Any = None) -> Any:
            values = list(first) if isinstance(first, list | tuple) else [first]
            return reduce(compute, values if second is None else [*values, second])

    Arithmetic.__name__ = name
    return Arithmetic
