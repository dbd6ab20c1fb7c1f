"""Find a plug-in by its name, importing its module on demand."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UnknownName, unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping

#: kind -> name -> "module:attribute". Built-ins win over entry points of the group ``farm.<kind>``.
BUILT_IN: dict[str, dict[str, str]] = {
    "dataset": {
        "phantom": "orchestrator.datasets.phantom:Phantom",
        "folder": "orchestrator.datasets.folder:Folder",
        "csv": "orchestrator.datasets.csv_table:CsvTable",
        "chestxray14": "orchestrator.datasets.chestxray14:ChestXray14",
    },
    "model": {
        "tiny-cxr": "orchestrator.models.tiny_cxr:TinyCxr",
        "keras": "orchestrator.models.keras_file:KerasFile",
    },
    "architecture": {
        "tiny-cxr": "orchestrator.models.architectures:tiny_cxr",
        "mobilenetv2": "orchestrator.models.architectures:mobilenetv2",
        "densenet121": "orchestrator.models.architectures:densenet121",
    },
    "scheme": {
        "float32": "orchestrator.models.schemes.float32:Float32",
        "dynamic": "orchestrator.models.schemes.dynamic:Dynamic",
        "float16": "orchestrator.models.schemes.float16:Float16",
        "int8": "orchestrator.models.schemes.int8:Int8",
        "keras": "orchestrator.models.schemes.keras:Keras",
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


def names(kind: str) -> tuple[str, ...]:
    """Return every name known for ``kind``, built-ins first."""
    built_in = BUILT_IN[kind]
    plugged = [point.name for point in entry_points(group=f"farm.{kind}") if point.name not in built_in]
    return (*built_in, *sorted(plugged))


def find(kind: str, name: str) -> Any:
    """Import and return the object called ``name``; raise `UnknownName` with the nearest name."""
    target = BUILT_IN[kind].get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
    for point in entry_points(group=f"farm.{kind}"):
        if point.name == name:
            return point.load()
    raise UnknownName(kind, name, names(kind))


#: Names for people of the types in annotations of options; other annotations are not checked.
_WORDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "bool": ("true or false", (bool,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "str": ("text", (str,)),
}


def misfit(plug_in: Any, options: Mapping[str, Any]) -> str | None:
    """Return a sentence for an option that is unknown, missing or of another type; ``None`` where all fit."""
    parameters = {
        name: parameter for name, parameter in inspect.signature(plug_in).parameters.items() if name != "preprocess"
    }
    for name, value in options.items():
        if name not in parameters:
            return unknown_key(name, parameters)
        annotation = parameters[name].annotation
        kind, _, optional = inspect.formatannotation(annotation).strip("'").partition(" | ")
        wanted, types = _WORDS.get(kind, ("", ()))
        if not types or (value is None and optional == "None"):
            continue
        # Python counts True as 1; `seed: true` is no 1
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return f"option {name!r} is {wanted}, not {value!r}"
    missing = [name for name, each in parameters.items() if each.default is each.empty and name not in options]
    return f"option {missing[0]!r} is missing" if missing else None
