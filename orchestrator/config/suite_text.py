"""A suite as the ``suite.yaml`` that says the same."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.domain.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess

#: Options that hold a path.
_PATHS = ("path", "root", "weights", "folder")
#: Keys of a suite that are written as they are where they are not the default.
_PLAIN = ("runtimes", "threads", "batches", "devices", "effort", "compare", "attempts", "tune", "profile", "seed")


def text(suite: Suite, folder: Path) -> str:
    """Return what `orchestrator.config.suite.load` reads as ``suite`` from a file in ``folder``; keys at their default are left out."""
    from ruamel.yaml import YAML

    plain: dict[str, Any] = {
        "models": [_model(model, folder) for model in suite.models],
        "dataset": _dataset(suite.dataset, folder),
    }
    if suite.calibration is not None:
        plain["calibration"] = _dataset(suite.calibration, folder)
    if suite.schemes:
        plain["schemes"] = [_scheme(suite, name) for name in suite.schemes]
    if suite.throughput is not None:
        plain["throughput"] = {
            "interpreters": list(suite.throughput.interpreters),
            "batches": list(suite.throughput.batches),
        }
    default = Suite(models=suite.models, dataset=suite.dataset)
    for key in (*_PLAIN, "accuracy", "compat"):
        value = getattr(suite, key)
        if value != getattr(default, key):
            plain[key] = list(value) if isinstance(value, tuple) else value
    yaml: Any = YAML(typ="safe")
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output, yaml.width = None, False, 200
    stream = io.StringIO()
    yaml.dump(plain, stream)
    return stream.getvalue()


def _model(model: ModelSpec, folder: Path) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": model.name}
    if "path" not in model.options or model.kind not in ("tflite", "onnx", "keras"):
        plain["kind"] = model.kind
    plain |= _options(model.options, folder)
    if model.preprocess is not None:
        plain["preprocess"] = _preprocess(model.preprocess)
    if model.classes is not None:
        plain["classes"] = list(model.classes)
    if model.absent != "refuse":
        plain["absent"] = model.absent
    return plain


def _preprocess(how: Preprocess) -> dict[str, Any]:
    return {
        "size": how.height if how.height == how.width else [how.height, how.width],
        "channels": how.channels,
        "scale": how.scale,
        "mean": _one_or_list(how.mean),
        "std": _one_or_list(how.std),
    }


def _one_or_list(values: Sequence[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else list(values)


def _dataset(spec: DatasetSpec, folder: Path) -> str | dict[str, Any]:
    return {"kind": spec.kind, **_options(spec.options, folder)} if spec.options else spec.kind


def _scheme(suite: Suite, name: str) -> str | dict[str, Any]:
    options = suite.scheme_options.get(name)
    return {"name": name, **options} if options else name


def _options(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return options with paths below ``folder`` relative to it."""
    return {key: _relative(value, folder) if key in _PATHS else value for key, value in options.items()}


def _relative(path: str, folder: Path) -> str:
    absolute = folder.absolute()
    if not Path(path).is_relative_to(absolute):
        return path
    inside = str(Path(path).relative_to(absolute))
    return path if inside[0] == "~" else inside  # a suite's ~ is a home
