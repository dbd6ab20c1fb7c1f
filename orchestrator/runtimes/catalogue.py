"""Every runtime, one entry each: all that farm knows of one before a device is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The oldest Python that the agent runs on, and that wheels are brought for.
OLDEST_PYTHON = (3, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What executes an artifact on a device; the agent's module of this name (``agent/runtimes``) does it."""

    name: str
    #: Tables of ``runtimes/wheels`` whose wheels a device gets; with none, the device must have the runtime itself.
    wheels: tuple[str, ...] = ()
    #: The distribution whose version is the runtime's: what ``NAME==VERSION`` chooses; without one it is refused.
    versions_of: str | None = None
    #: The table of its older versions, which a device gets only where one is named.
    older: str | None = None
    #: The oldest version that has what the runtime needs.
    since: str = "0"
    #: Formats of the artifacts that it takes; the built-in model is built in the first one.
    takes: tuple[str, ...] = ("tflite",)
    #: ``False`` where it computes nothing: no accuracy, never chosen for a device.
    scores: bool = True
    #: ``False`` where it reads artifacts of one output alone.
    chooses_output: bool = True
    #: ``True`` where wheels are of no use without a Vulkan driver on the device.
    needs_vulkan: bool = False
    #: Where farm chooses the runtime of a device, the lowest rank that fits; ``None`` is used only where it is named.
    rank: int | None = None
    #: What must follow the name behind a colon, with an example; ``None`` where nothing may.
    argument: str | None = None


#: litert before tflite: it is maintained, and delegates int8 graphs to XNNPACK.
_ENTRIES = (
    Runtime(name="litert", wheels=("litert",), versions_of="ai-edge-litert", older="litert-older", rank=1),
    Runtime(name="litert-builtin", wheels=("litert",), versions_of="ai-edge-litert", older="litert-older"),
    Runtime(
        name="litert-compiled",
        wheels=("litert", "ml_dtypes"),
        versions_of="ai-edge-litert",
        older="litert-older",
        since="2.2.0",  # 2.1.2 has no CpuOptions
        chooses_output=False,
    ),
    Runtime(
        name="litert-gpu",
        wheels=("litert", "ml_dtypes"),
        versions_of="ai-edge-litert",
        older="litert-older",
        since="2.3.0",  # nothing older was tried on a GPU
        chooses_output=False,
        needs_vulkan=True,
    ),
    Runtime(
        name="delegate",
        wheels=("litert",),
        versions_of="ai-edge-litert",
        older="litert-older",
        argument="the path of its library: delegate:/usr/lib/libedgetpu.so.1",
    ),
    Runtime(name="tflite", wheels=("tflite",), versions_of="tflite-runtime", rank=2),
    Runtime(name="tensorflow", takes=("tflite", "keras")),
    Runtime(name="onnxruntime", wheels=("onnxruntime", "null"), versions_of="onnxruntime", takes=("onnx",)),
    Runtime(name="null", wheels=("null",), scores=False),
)
RUNTIMES: Mapping[str, Runtime] = {entry.name: entry for entry in _ENTRIES}

#: Runtimes that farm chooses among, best first.
BEST_FIRST = tuple(
    entry.name
    for entry in sorted(_ENTRIES, key=lambda entry: (entry.rank is None, entry.rank))
    if entry.rank is not None
)

#: Format -> scheme of ``.tflite`` artifacts -> the scheme that makes the same network in that format.
COUNTERPARTS: Mapping[str, Mapping[str, str]] = {"onnx": {"float32": "onnx", "int8": "onnx-int8"}}
#: Schemes that nothing was quantized in, one for each format whose artifacts are compared with each other.
BASELINES = ("float32", *(schemes["float32"] for schemes in COUNTERPARTS.values()))

#: Delegates by the names that runtimes report, as their makers write them.
DELEGATES: Mapping[str, str] = {"xnnpack": "XNNPACK"}


def find(runtime: str) -> Runtime | None:
    """Return the entry of ``runtime`` (``litert``, ``litert==1.4.0``), ``None`` for one that this farm does not know."""
    return RUNTIMES.get(re.split("==|:", runtime, maxsplit=1)[0])


def has_scores(runtime: str) -> bool:
    """Return whether ``runtime`` computes anything; one that this farm does not know does."""
    entry = find(runtime)
    return entry is None or entry.scores


def takers(artifact_format: str) -> tuple[str, ...]:
    """Return the runtimes that take artifacts of a format."""
    return tuple(entry.name for entry in _ENTRIES if artifact_format in entry.takes)


def scheme_for(runtime: str, scheme: str) -> str:
    """Return ``scheme`` (``float32`` or ``int8``) in the format that ``runtime`` takes."""
    entry = find(runtime)
    return COUNTERPARTS.get(entry.takes[0], {}).get(scheme, scheme) if entry else scheme
