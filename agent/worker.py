"""A fresh process that does one step: measures a case once, scores images shard by shard, or times operators."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Optional, TypeVar

from agent import packing, wire
from agent.runtimes import find
from agent.workdir import Workdir

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.runtimes.base import Loaded, Runtime
    from agent.timing import Timings, Watching

T = TypeVar("T")

#: Copies of an input and an output that are timed; their median stands.
_COPIES = 11
#: The lane ends a worker in time; this ends one whose lane is gone, so that it does not hold the device for ever.
_SPARE = 1.1


class Unloadable(Exception):  # noqa: N818  a fact about artifact and runtime
    """The runtime can't take the artifact."""


def main(arguments: list[str]) -> int:
    """Do the step on standard input, print its answer as the last line: fields of its record, or ``error``.

    Each line before that has the fields of a `wire.ShardScored`.
    """
    workdir = Workdir(arguments[0])
    step = wire.from_json(wire.Step, json.load(sys.stdin))
    # C libraries print to descriptor 1 whatever Python thinks of it; from here on that is standard error.
    answers = os.dup(1)
    os.dup2(2, 1)
    _end_in_time(step)
    if step.memory_bytes is not None:  # private memory, since Linux 4.7; files that are only mapped do not count
        resource.setrlimit(resource.RLIMIT_DATA, (step.memory_bytes, step.memory_bytes))
    if step.environment is not None:
        sys.path.insert(0, workdir.environment(step.environment))
    with open(answers, "wb") as out:
        answer = _profile(workdir, step) if step.kind == "profile" else _compute(workdir, step, out)
        _print(out, answer)
    return 0


def _end_in_time(step: wire.Step) -> None:
    signal.setitimer(signal.ITIMER_REAL, step.timeout_s * _SPARE + 1.0)


def _print(out: BinaryIO, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer, allow_nan=False).encode() + b"\n")
    out.flush()


def _profile(workdir: Workdir, step: wire.Step) -> dict[str, Any]:
    """Return the fields of `ProfileDone` that only the worker knows; nothing but the standard library is imported."""
    from agent import profile

    return profile.profile(workdir.blob(step.artifact), step.runtime, step.threads)


def _compute(workdir: Workdir, step: wire.Step, out: BinaryIO) -> dict[str, Any]:
    from agent.scoring import Unscorable  # numpy may come from the environment
    from agent.shards import DamagedShard

    def emit(scored: dict[str, Any]) -> None:
        _print(out, scored)
        _end_in_time(step)

    try:
        return measure(workdir, step) if step.kind == "measure" else score(workdir, step, emit)
    except (Unscorable, DamagedShard) as error:
        return {"error": str(error)}
    except Unloadable as error:
        traceback.print_exc()
        return {"error": "%s can't load the artifact: %s" % (step.runtime, error), "unloadable": True}


def measure(workdir: Workdir, step: wire.Step) -> dict[str, Any]:
    """Return the fields of `AttemptDone` that only the worker knows.

    The golden images come last, when threads and memory are read too: the first invocation is measured as such, and
    nothing but it comes before the warm-up.
    """
    import numpy as np

    from agent import scoring, shards

    runtime = find(step.runtime)
    sensors = _sensors(step)
    idle_power_w = sensors.idle_power_w()
    import_ns, _ = _timed(runtime.prepare)
    pixels = shards.unpack(workdir.blob(step.shards[0].sha256), most=step.batch)
    threads_before = _threads()
    load_ns, loaded = _timed(lambda: _load(runtime, workdir, step))
    more = [_load(runtime, workdir, step) for _ in range(1, step.interpreters)]
    for each in (loaded, *more):
        scoring.feed(each, pixels, step.preprocess, step.batch)
    timings = _time(step, [each.invoke for each in (loaded, *more)], sensors)
    if idle_power_w is not None:
        timings.readings[0]["idle_power_w"] = idle_power_w
    if step.start_temperature_c is not None:
        timings.readings[0]["start_temperature_c"] = step.start_temperature_c
    effective = {**loaded.effective(), "warmed_up": timings.warmed_up}
    threads_after = _threads()
    if "threads" not in effective and threads_before is not None and threads_after is not None:
        # Each interpreter works with the thread that invokes it and with those that it made.
        effective.setdefault("threads", 1 + (threads_after - threads_before) // (1 + len(more)))
    peak_rss_bytes = _peak_rss_bytes()
    around = _around_an_invocation(step, loaded, pixels)
    return {
        "import_ns": import_ns,
        "context_ns": effective.pop("context_ns", None),
        "load_ns": load_ns,
        "first_ns": timings.first_ns,
        "warmup_ns": packing.pack_ints(timings.warmup_ns),
        "latency_ns": packing.pack_ints(timings.latency_ns),
        "invocations_per_sample": timings.invocations_per_sample,
        "span_ns": timings.span_ns,
        **around,
        "clock_ns": timings.clock_ns,
        "loop_ns": timings.loop_ns,
        "peak_rss_bytes": peak_rss_bytes,
        "readings": timings.readings,
        "requested": {
            "threads": step.threads,
            "delegate": getattr(runtime, "DELEGATE", None),
            **({"interpreters": step.interpreters} if step.interpreters else {}),
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


def _load(runtime: Runtime, workdir: Workdir, step: wire.Step) -> Loaded:
    """Load the artifact; raises `Unloadable` with the runtime's message where it can't take it."""
    try:
        if step.outputs:
            return runtime.load(workdir.blob(step.artifact), step.threads, step.outputs)  # type: ignore[call-arg]  # see `Runtime.load`
        return runtime.load(workdir.blob(step.artifact), step.threads)
    except (MemoryError, OSError):
        raise  # that may be otherwise the next time
    except Exception as error:
        raise Unloadable("%s: %s" % (type(error).__name__, error)) from error


def _sensors(step: wire.Step) -> Watching:
    from agent.sensors import Sensors
    from agent.timing import Unwatched

    return Sensors.of_this_device() if step.watch else Unwatched()


def _time(step: wire.Step, invokes: list[Callable[[], Any]], sensors: Watching) -> Timings:
    from agent import timing
    from agent.throughput import time_throughput

    limits: dict[str, Any] = {
        "min_invocations": step.min_invocations,
        "min_seconds": step.min_seconds,
        "warmup_max_s": step.warmup_max_s,
        "max_seconds": step.max_seconds,
    }
    if step.interpreters:
        return time_throughput(invokes, sensors, **limits)
    return timing.time_invocations(invokes[0], sensors, **limits)


def _around_an_invocation(step: wire.Step, loaded: Loaded, pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """Return the nanoseconds of preparing an input, each time; medians of copying one into the runtime and an output out of it."""
    import numpy as np

    from agent import scoring

    if loaded.input is None or loaded.output is None:
        return {}
    values = np.zeros(loaded.input.shape, loaded.input.dtype)
    feeding = [_timed(lambda: loaded.set_input(values))[0] for _ in range(_COPIES)]
    reading = [_timed(loaded.get_output)[0] for _ in range(_COPIES)]
    preparing = [
        _timed(lambda: scoring.prepared(loaded, pixels, step.preprocess, step.batch))[0] for _ in range(_COPIES)
    ]
    return {"feed_ns": int(np.median(feeding)), "read_ns": int(np.median(reading)), "preparations_ns": preparing}


def _timed(act: Callable[[], T]) -> tuple[int, T]:
    began = time.perf_counter_ns()
    made = act()
    return time.perf_counter_ns() - began, made


def _golden(workdir: Workdir, step: wire.Step, loaded: Loaded) -> dict[str, Any]:
    """Score the golden images with the interpreter that was timed; their expected scores are with the controller."""
    import numpy as np

    from agent import scoring

    if step.golden is None or loaded.output is None:
        return {}
    pixels = np.load(workdir.blob(step.golden), allow_pickle=False)
    columns = math.prod(loaded.output.shape) // step.batch
    try:
        scores = scoring.scores(loaded, pixels, step.preprocess, batch=step.batch, classes=columns)
    except scoring.Unscorable as error:
        raise scoring.Unscorable("of the golden images, %s" % error) from error
    return {"golden_scores": packing.pack_bytes(scores.astype("<f4").tobytes()), "golden_shape": scores.shape}


def score(workdir: Workdir, step: wire.Step, emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Score the shards that are here, one in memory at a time; return the fields of `ScoringDone` that only the worker knows.

    ``emit`` gets the fields of a `ShardScored` as soon as there are any. Shards that an earlier lane scored are emitted when
    all are scored.
    """
    import numpy as np

    from agent import scoring, shards
    from agent.auc import auc_per_class
    from agent.kept_scores import kept_scores

    labels = np.load(workdir.blob(step.labels), allow_pickle=False)
    images = sum(shard.images for shard in step.shards)
    if len(labels) != images:
        raise scoring.Unscorable("there are %d images and %d rows of labels" % (images, len(labels)))
    kept = kept_scores(workdir, step)
    left = [place for place in range(len(step.shards)) if place not in kept]
    here = [place for place in left if os.path.exists(workdir.blob(step.shards[place].sha256))]
    absent = [place for place in left if place not in here]
    blocks = {place: _scores_of(record) for place, record in kept.items()}
    chosen = {"batch": step.batch, "classes": labels.shape[1], "columns": step.columns}
    loaded = None
    for place in here:
        loaded = loaded or _load(find(step.runtime), workdir, step)
        pixels = shards.unpack(workdir.blob(step.shards[place].sha256))
        blocks[place] = scoring.scores(loaded, pixels, step.preprocess, **chosen)
        emit(
            {
                "shard": place,
                "scores": packing.pack_bytes(blocks[place].astype("<f4").tobytes()),
                "shape": blocks[place].shape,
            }
        )
    if absent:
        return {"absent": absent}
    for place, record in kept.items():
        emit({"shard": place, "scores": record.scores, "shape": record.shape, "run": record.run})
    scores = np.concatenate([blocks[place] for place in range(len(step.shards))])
    return {"auc": auc_per_class(labels, scores)}


def _scores_of(record: wire.ShardScored) -> NDArray[np.float32]:
    import numpy as np

    return np.frombuffer(packing.unpack_bytes(record.scores), "<f4").reshape(record.shape)


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
