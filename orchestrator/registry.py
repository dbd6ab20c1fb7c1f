"""Find a plug-in by its name, importing its module on demand."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from orchestrator.errors import FarmError, PluginError, UnknownName, brief

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_PAGE = "docs/plugins.md has what each kind must have"

#: kind -> name -> "module:attribute". Built-ins win over entry points of the group ``farm.<kind>``.
BUILT_IN: dict[str, dict[str, str]] = {
    "dataset": {
        "phantom": "orchestrator.datasets.phantom:Phantom",
        "folder": "orchestrator.datasets.folder:Folder",
        "csv": "orchestrator.datasets.csv_table:CsvTable",
        "unlabelled": "orchestrator.datasets.unlabelled:Unlabelled",
        "medmnist": "orchestrator.datasets.medmnist:MedMnist",
        "chestxray14": "orchestrator.datasets.chestxray14:ChestXray14",
    },
    "model": {
        "small-cxr": "orchestrator.models.shipped:SmallCxr",
        "tiny-cxr": "orchestrator.models.shipped:TinyCxr",
        "keras": "orchestrator.models.keras_file:KerasFile",
        "tflite": "orchestrator.models.tflite_file:TfliteFile",
        "onnx": "orchestrator.models.onnx_file:OnnxFile",
        "zoo": "orchestrator.models.zoo:Zoo",
        "python": "orchestrator.models.entry_point:EntryPoint",
    },
    "architecture": {
        "small-cxr": "orchestrator.models.architectures:small_cxr",
        "tiny-cxr": "orchestrator.models.architectures:tiny_cxr",
        "mobilenetv2": "orchestrator.models.architectures:mobilenetv2",
        "mobilenetv2-1.0": "orchestrator.models.architectures:mobilenetv2_full",
        "mobilenetv3large": "orchestrator.models.architectures:mobilenetv3_large",
        "efficientnetb0": "orchestrator.models.architectures:efficientnetb0",
        "resnet50": "orchestrator.models.architectures:resnet50",
        "densenet121": "orchestrator.models.architectures:densenet121",
    },
    "scheme": {
        "float32": "orchestrator.models.schemes.float32:Float32",
        "dynamic": "orchestrator.models.schemes.dynamic:Dynamic",
        "float16": "orchestrator.models.schemes.float16:Float16",
        "int8": "orchestrator.models.schemes.int8:Int8",
        "int8-io": "orchestrator.models.schemes.int8_io:Int8Io",
        "int16x8": "orchestrator.models.schemes.int16x8:Int16x8",
        "weights-int8": "orchestrator.models.schemes.weights_int8:WeightsInt8",
        "weights-int4": "orchestrator.models.schemes.weights_int4:WeightsInt4",
        "dynamic-int8": "orchestrator.models.schemes.dynamic_int8:DynamicInt8",
        "dynamic-int4": "orchestrator.models.schemes.dynamic_int4:DynamicInt4",
        "mixed-int4": "orchestrator.models.schemes.mixed_int4:MixedInt4",
        "keras": "orchestrator.models.schemes.keras:Keras",
        "as-is": "orchestrator.models.schemes.as_is:AsIs",
        "onnx": "orchestrator.models.schemes.onnx:Onnx",
        "onnx-int8": "orchestrator.models.schemes.onnx:OnnxInt8",
    },
    "transport": {
        "ssh": "orchestrator.transports.ssh:SshTransport",
        "local": "orchestrator.transports.local:LocalTransport",
    },
    "executor": {
        "threads": "orchestrator.runs.executors.threads:run_parallel",
    },
}


#: kind -> what a plug-in of it must have, for a message that names what is missing.
REQUIRED: dict[str, tuple[str, ...]] = {
    "dataset": ("load", "summary", "fingerprint"),
    "model": ("sha256", "load"),
    "scheme": ("name", "format", "takes", "needs_calibration", "tolerance", "plausible", "convert"),
    "transport": ("run", "stream", "dialogue", "close"),
}
#: kind -> what it must have once it is made.
REQUIRED_MADE: dict[str, tuple[str, ...]] = {
    "dataset": ("name", "classes", "task", "synthetic"),
    "model": ("preprocess", "formats"),
    "scheme": ("options",),
}


def names(kind: str) -> tuple[str, ...]:
    """Return every name known for ``kind``, built-ins first."""
    return (*BUILT_IN[kind], *sorted(_plugged(kind)))


def find(kind: str, name: str) -> Any:
    """Import and return the object called ``name``.

    Raises `UnknownName` with the nearest name, `PluginError` for a plug-in of a package that can't be used.
    """
    target = BUILT_IN[kind].get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
    points = _plugged(kind).get(name)
    if points is None:
        raise UnknownName(kind, name, names(kind))
    packages = sorted({_package(point) for point in points})
    if len(packages) > 1:
        words = f"{kind} {name} is in {len(packages)} packages: {', '.join(packages)}"
        raise PluginError(words, hint=f"pip uninstall {packages[-1].split()[0]}, or another of them")
    try:
        plug_in = points[0].load()
    except (Exception, SystemExit) as error:  # a package raises what it likes
        words = f"{label(kind, name)} can't be loaded: {type(error).__name__}: {brief(error)}"
        raise PluginError(words, hint=f"its entry point is {points[0].value}; pip install what is missing") from error
    _require(kind, name, plug_in, REQUIRED.get(kind, ()))
    if not callable(plug_in):
        raise PluginError(f"{label(kind, name)} is a {type(plug_in).__name__}, nothing that can be called", hint=_PAGE)
    return plug_in


def make(kind: str, name: str, /, **settings: Any) -> Any:
    """Find and call the object called ``name``; raises what `find` raises, and what farm's own objects do.

    What a plug-in of a package raises is a `PluginError`, but for errors of farm's and those of files (`OSError`).
    """
    plug_in = find(kind, name)
    if name in BUILT_IN[kind]:
        return plug_in(**settings)
    try:
        made = plug_in(**settings)
    except (FarmError, OSError):
        raise
    except Exception as error:  # a package raises what it likes
        words = f"{label(kind, name)} fails: {type(error).__name__}: {brief(error)}"
        raise PluginError(words, hint=f"{_where(error)}; {_PAGE}") from error
    _require(kind, name, made, REQUIRED_MADE.get(kind, ()))
    return made


def label(kind: str, name: str) -> str:
    """Return how a message calls a plug-in: ``dataset folder``, ``dataset tuberculosis (package farm-tuberculosis 0.1.0)``."""
    points = () if name in BUILT_IN[kind] else _plugged(kind).get(name, ())
    return f"{kind} {name}" + (f" (package {_package(points[0])})" if points else "")


def _plugged(kind: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of packages by name, without farm's own names."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=f"farm.{kind}"):
        if point.name not in BUILT_IN[kind]:
            found.setdefault(point.name, []).append(point)
    return found


def _package(point: EntryPoint) -> str:
    return "unknown" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _require(kind: str, name: str, plug_in: Any, wanted: tuple[str, ...]) -> None:
    missing = [each for each in wanted if not hasattr(plug_in, each)]
    if missing:
        raise PluginError(f"{label(kind, name)} lacks {', '.join(missing)}", hint=_PAGE)


def _where(error: Exception) -> str:
    """Return the file and line that raised ``error``."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
