"""A fresh process that does one step: measure one case once, or score every image."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Optional

from agent import wire
from agent.runtimes import find
from agent.workdir import Workdir

if TYPE_CHECKING:
    from agent.runtimes.base import Loaded

#: The lane ends a worker in time; this ends one whose lane is gone, so that it does not hold the device for ever.
_SPARE = 1.1


def main(arguments: list[str]) -> int:
    """Do the step on standard input, print its answer as one line: fields of its record, or ``error``."""
    workdir = Workdir(arguments[0])
    step = wire.from_json(wire.Step, json.load(sys.stdin))
    # C libraries print to descriptor 1 whatever Python thinks of it; from here on that is standard error.
    answers = os.dup(1)
    os.dup2(2, 1)
    signal.setitimer(signal.ITIMER_REAL, step.timeout_s * _SPARE + 1.0)
    if step.memory_bytes is not None:  # private memory, since Linux 4.7; files that are only mapped do not count
        resource.setrlimit(resource.RLIMIT_DATA, (step.memory_bytes, step.memory_bytes))
    if step.environment is not None:
        sys.path.insert(0, workdir.environment(step.environment))
    from agent.predict import Unscorable  # numpy may come from the environment

    try:
        answer = measure(workdir, step) if step.kind == "measure" else score(workdir, step)
    except Unscorable as error:
        answer = {"error": str(error)}
    with open(answers, "wb") as out:
        out.write(json.dumps(answer, allow_nan=False).encode() + b"\n")
    return 0


def measure(workdir: Workdir, step: wire.Step) -> dict[str, Any]:
    """Return the fields of `AttemptDone` that only the worker knows.

    The golden images come last, when threads and memory are read too: the first invocation is measured as such, and
    nothing but it comes before the warm-up.
    """
    import numpy as np

    from agent import measure as stopwatch
    from agent import predict
    from agent.sensors import Sensors

    runtime = find(step.runtime)
    pixels = np.load(workdir.blob(step.pixels), mmap_mode="r", allow_pickle=False)
    threads_before = _threads()
    began = time.perf_counter_ns()
    loaded = runtime.load(workdir.blob(step.artifact), step.threads)
    load_ns = time.perf_counter_ns() - began
    predict.feed(loaded, pixels, step.preprocess, step.batch)
    timings = stopwatch.time_invocations(
        loaded.invoke,
        Sensors.of_this_device(),
        min_invocations=step.min_invocations,
        min_seconds=step.min_seconds,
        warmup_max_s=step.warmup_max_s,
    )
    effective = {**loaded.effective(), "warmed_up": timings.warmed_up}
    threads_after = _threads()
    if threads_before is not None and threads_after is not None:
        effective["threads"] = 1 + threads_after - threads_before
    peak_rss_bytes = _peak_rss_bytes()
    return {
        "load_ns": load_ns,
        "first_ns": timings.first_ns,
        "warmup_ns": wire.pack_ints(timings.warmup_ns),
        "latency_ns": wire.pack_ints(timings.latency_ns),
        "peak_rss_bytes": peak_rss_bytes,
        "readings": timings.readings,
        "requested": {
            "threads": step.threads,
            "delegate": None,
            **({} if step.start_below_c is None else {"start_below_c": step.start_below_c}),
        },
        "effective": effective,
        "versions": {
            "python": "%d.%d.%d" % sys.version_info[:3],
            "numpy": np.__version__,
            runtime.PACKAGE: runtime.version(),
        },
        **_golden(workdir, step, loaded),
    }


def _golden(workdir: Workdir, step: wire.Step, loaded: Loaded) -> dict[str, Any]:
    """Score the golden images with the interpreter that was timed; what they should be, only the controller knows."""
    import numpy as np

    from agent import predict

    if step.golden is None or loaded.output is None:
        return {}
    pixels = np.load(workdir.blob(step.golden), allow_pickle=False)
    columns = math.prod(loaded.output.shape) // step.batch
    try:
        found = predict.scores(loaded, pixels, step.preprocess, batch=step.batch, classes=columns)
    except predict.Unscorable as error:
        raise predict.Unscorable("of the golden images, %s" % error) from error
    return {"golden_scores": wire.pack_bytes(found.astype("<f4").tobytes()), "golden_shape": found.shape}


def score(workdir: Workdir, step: wire.Step) -> dict[str, Any]:
    """Return the fields of `ScoringDone` that only the worker knows."""
    import numpy as np

    from agent import predict
    from agent.auc import auc_per_class

    pixels = np.load(workdir.blob(step.pixels), mmap_mode="r", allow_pickle=False)
    labels = np.load(workdir.blob(step.labels), allow_pickle=False)
    if len(labels) != len(pixels):
        raise predict.Unscorable("there are %d images and %d rows of labels" % (len(pixels), len(labels)))
    loaded = find(step.runtime).load(workdir.blob(step.artifact), step.threads)
    found = predict.scores(loaded, pixels, step.preprocess, batch=step.batch, classes=labels.shape[1])
    return {
        "scores": wire.pack_bytes(found.astype("<f4").tobytes()),
        "shape": found.shape,
        "auc": auc_per_class(labels, found),
    }


def _threads() -> Optional[int]:
    """Return how many threads this process has; what a runtime adds to them is its effective thread count, less one."""
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:  # macOS
        return None


def _peak_rss_bytes() -> int:
    """Return the most memory this process ever had in RAM.

    Linux counts what it was before ``exec`` too: the lane's process, which is smaller than any worker.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
