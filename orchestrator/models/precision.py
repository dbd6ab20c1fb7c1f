"""A Keras model of mixed precision, computed in float32: TensorFlow's converter refuses half precision."""

from __future__ import annotations

from typing import Any

HALF = frozenset({"mixed_float16", "mixed_bfloat16", "float16", "bfloat16"})


def in_float32(model: Any) -> Any:
    """Return ``model`` as it is, or with the same weights under the float32 policy where a layer computes in half precision."""
    try:
        config = model.get_config()
    except NotImplementedError:  # a subclass of keras.Model without one
        return model
    changed = _changed(config)
    if changed == config:
        return model
    full = type(model).from_config(changed)
    full.set_weights(model.get_weights())
    return full


def _changed(value: Any) -> Any:
    """Return a configuration in which every half precision, by policy or by number type, is float32."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy" and value.get("config", {}).get("name") in HALF:
            return {**value, "config": {**value["config"], "name": "float32"}}
        return {
            key: "float32" if key == "dtype" and isinstance(inner, str) and inner in HALF else _changed(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_changed(inner) for inner in value)
    return value
