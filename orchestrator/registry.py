"""Find a plug-in by its name, importing its module on demand."""

from __future__ import annotations

import importlib
from typing import Any

from orchestrator.errors import UnknownName

#: kind -> name -> "module:attribute". Built-ins win over entry points of the group ``farm.<kind>``.
BUILT_IN: dict[str, dict[str, str]] = {
    "dataset": {
        "phantom": "orchestrator.datasets.phantom:Phantom",
        "folder": "orchestrator.datasets.folder:Folder",
        "csv": "orchestrator.datasets.csv_table:CsvTable",
        "medmnist": "orchestrator.datasets.medmnist:MedMnist",
        "chestxray14": "orchestrator.datasets.chestxray14:ChestXray14",
    },
    "model": {
        "tiny-cxr": "orchestrator.models.tiny_cxr:TinyCxr",
        "keras": "orchestrator.models.keras_file:KerasFile",
        "tflite": "orchestrator.models.tflite_file:TfliteFile",
        "zoo": "orchestrator.models.zoo:Zoo",
    },
    "architecture": {
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
        "int16x8": "orchestrator.models.schemes.int16x8:Int16x8",
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


def names(kind: str) -> tuple[str, ...]:
    """Return every name known for ``kind``, built-ins first."""
    from importlib.metadata import entry_points

    built_in = BUILT_IN[kind]
    plugged = [point.name for point in entry_points(group=f"farm.{kind}") if point.name not in built_in]
    return (*built_in, *sorted(plugged))


def find(kind: str, name: str) -> Any:
    """Import and return the object called ``name``; raise `UnknownName` with the nearest name."""
    target = BUILT_IN[kind].get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
    from importlib.metadata import entry_points

    for point in entry_points(group=f"farm.{kind}"):
        if point.name == name:
            return point.load()
    raise UnknownName(kind, name, names(kind))
