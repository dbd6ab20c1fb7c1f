"""LiteRT on a graphics processor: its CompiledModel with the WebGPU accelerator, over the device's Vulkan driver.

Nothing here falls back to the CPU: only the GPU is asked for, and an artifact that it can't take whole is an error.
"""

from __future__ import annotations

import os
import pkgutil
import re
import time
from typing import Any

from agent.facts import vulkan
from agent.facts.system_files import Root, run_all
from agent.runtimes.captured_stderr import capture_stderr
from agent.runtimes.compiled import CompiledLoaded, prepare
from agent.runtimes.litert import PACKAGE, version

__all__ = ["DELEGATE", "PACKAGE", "load", "prepare", "version"]

DELEGATE = "webgpu"
#: What LiteRT 2.3 prints when it has chosen an adapter: the only place with its name.
_ADAPTER = re.compile(r"Selected adapter: (?P<name>.+?), arch=.*?, backend=(?P<backend>\w+), adapterType=(?P<type>.+)")
#: What it prints for each graph that goes to the GPU.
_ON_GPU = "Initializing WebGPU-based API from graph"
#: Lines of its log that are reasons: ``ERROR: [file:line] words``, ``E0000 00:00:… file:line] words``, and warnings
#: without a place, which come from TensorFlow Lite and Dawn. Those with one are of plug-ins for other accelerators.
_REASON = re.compile(
    r"^(?:ERROR: (?:\[\S+\] )?|E\d{4} [\d:.]+ +\d+ \S+\] |(?i:warning): (?!\[|Logging before))(?P<words>.+)$",
    re.MULTILINE,
)
#: What precedes the words of its exceptions.
_PLACE = re.compile(r"ERROR: \[\S+\]|└")
#: Invocations of a graph of one node whose median is what an invocation costs before anything is computed.
_LAUNCHES = 21


class NoGpu(RuntimeError):  # noqa: N818  a fact about device and artifact, not an error of ours
    """The artifact can't run on a graphics processor here; the message has LiteRT's own reasons."""


class OnGpu(CompiledLoaded):
    """An artifact on the GPU beside the graph of one node that started it."""

    def __init__(self, model: Any, path: str, near_empty: CompiledLoaded, fields: dict[str, object]) -> None:
        super().__init__(model, path)
        self._near_empty = near_empty
        self._fields = fields

    def effective(self) -> dict[str, object]:
        """Return the adapter, what its start took (``context_ns``) and what a launch does (``launch_ns``).

        ``reads_in_invoke``: a timed invocation holds the copy of the output; ``threads`` are the driver's matter.
        """
        return {
            "delegate": DELEGATE,
            "is_fully_accelerated": True,
            "reads_in_invoke": True,
            "threads": None,
            **self._fields,
            **_driver_of(str(self._fields.get("adapter"))),
            "launch_ns": _launch_ns(self._near_empty),
        }


def load(path: str, threads: int) -> OnGpu:
    """Start the GPU with a graph of one node, then compile the artifact for it; raises `NoGpu` with LiteRT's reasons.

    The context is there when the first graph is; what the artifact takes after it is compiling alone. ``threads`` means
    nothing to a GPU. Everything is computed in float32, so that scores can be compared with a CPU's.
    """
    del threads
    from ai_edge_litert.compiled_model import CompiledModel, Environment, GpuOptions, HardwareAccelerator, Options

    content = pkgutil.get_data("agent.runtimes", "probe.tflite")
    assert content is not None  # noqa: S101  it ships with this file
    options = Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=True))
    with capture_stderr() as heard:
        try:
            began = time.perf_counter_ns()
            environment = Environment.create()
            first = CompiledModel.from_buffer(content, environment=environment, options=options)
            context_ns = time.perf_counter_ns() - began
            started = heard()
            model = CompiledModel.from_file(path, environment=environment, options=options)
        except RuntimeError as error:
            raise NoGpu(_why(heard(), error)) from error
        fields = adapter(started)
        # Where LiteRT prints what we know, it must have printed this too; other words are no proof of anything.
        if not model.is_fully_accelerated() or (fields and _ON_GPU not in heard()[len(started) :]):
            raise NoGpu("LiteRT did not give the whole graph to the GPU; its log: %s" % _why(heard()))
    return OnGpu(model, path, CompiledLoaded(first, path), {"context_ns": context_ns, **fields})


def adapter(printed: str) -> dict[str, object]:
    """Return ``adapter adapter_type backend`` of what LiteRT printed; nothing where the name is missing."""
    match = _ADAPTER.search(printed)
    if match is None:
        return {}
    fields: dict[str, object] = {"adapter": match["name"], "backend": match["backend"].lower()}
    if "Unknown" not in match["type"]:
        fields["adapter_type"] = "software" if "CPU" in match["type"] else "hardware"
    return fields


def _why(printed: str, error: Exception | None = None) -> str:
    """Return LiteRT's reasons: the lines of its log that are some, each once, else the exception's words."""
    reasons = list(dict.fromkeys(match["words"].strip() for match in _REASON.finditer(printed)))
    if any("No adapters found" in reason for reason in reasons):
        reasons.append(
            "LiteRT found no Vulkan driver that it takes: `farm devices show NAME` lists the adapters there are"
        )
    words = " ".join(_PLACE.sub(" ", str(error or "")).split())
    if words and words not in reasons:
        reasons.append(words)
    return "; ".join(reasons) or "nothing"


def _driver_of(name: str) -> dict[str, object]:
    """Return ``adapter_driver``, the name of its Vulkan driver."""
    asking = vulkan.question(Root("/"), os.environ)
    if asking is None:
        return {}
    adapters = vulkan.parse(run_all({"vulkan": asking}, None).get("vulkan", ""))
    drivers = [each["driver"] for each in adapters if each.get("name") == name and "driver" in each]
    return {"adapter_driver": drivers[0]} if drivers else {}


def _launch_ns(near_empty: CompiledLoaded) -> int:
    """Return the median nanoseconds of invoking a graph of one node."""
    samples = []
    for _ in range(_LAUNCHES):
        began = time.perf_counter_ns()
        near_empty.invoke()
        samples.append(time.perf_counter_ns() - began)
    return sorted(samples)[_LAUNCHES // 2]
