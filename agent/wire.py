"""The contract of controller with agent: commands, lane requests, journal records.

Python 3.9 and later; both ends import this very file: the agent travels as a zip under its own sha256. `agent.__main__` lists the commands. An answer is the **last line** of standard
output, one JSON object, because login shells may print before it. A refusal is exit status `REFUSED` with ``{"error": code, "message": sentence, …}`` as that line. `follow` ends with status
0 after the lane's `LaneDone`, and with `REFUSED` and the code ``lane-died`` on standard error where the lane's process is gone without one. A journal is a file of lines, each ``CRC32
JSON``; a line that is torn or does not match its CRC ends it.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import Any

from agent import dataclass_json

#: Raised whenever a field changes its meaning; both ends ship together, so this only guards old journals.
VERSION = 2
REFUSED = 3  # exit status of a command the agent refused
#: The line that `follow` and `collect` print before the first journal line: all before it is a login shell's noise.
JOURNAL_MARK = b"farm-journal"

# Codes of refusals.
BUSY = "busy"  # start: another lane holds the device; "holder" names it
UNKNOWN_LANE = "unknown-lane"  # follow, collect, stop
LANE_DIED = "lane-died"  # follow
BLOB_BROKEN = "blob-broken"  # receive: another hash or size, thrown away; or the link ended early, kept to resume
BLOB_MISSING = "blob-missing"  # start, environment: push first
NO_SPACE = "no-space"
UNFIT = "unfit"  # environment, probe: this Python can't do it
BAD_REQUEST = "bad-request"  # a malformed request, name or offset
STOPPED = "stopped"  # the error of a `LaneDone` where a command stopped the lane
NOT_STARTED = "the worker could not be started"  # so begins the error of a step for which the device has no process


@dataclasses.dataclass(frozen=True)
class ProbeRequest:
    """Which runtimes to try, in which environments (sha256 names; ``None``: what this Python has by itself)."""

    runtimes: tuple[str, ...] = ()
    environment: str | None = None


@dataclasses.dataclass(frozen=True)
class Wheel:
    """A wheel that was pushed as a blob."""

    filename: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class EnvironmentRequest:
    """Unpack these wheels side by side into a directory named ``environment``."""

    environment: str
    wheels: tuple[Wheel, ...]


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """``x = (pixel * scale - mean) / std`` as float32; grey pixels are repeated over ``channels``."""

    height: int
    width: int
    channels: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Shard:
    """Some of the evaluation images, in their order: a blob of `agent.shards`."""

    sha256: str
    images: int


@dataclasses.dataclass(frozen=True)
class Step:
    """One worker process: ``kind`` is ``measure`` (time a case once), ``score`` (score images) or ``profile`` (operators)."""

    id: str
    kind: str
    #: Its name for people, in the journal and in messages.
    label: str
    #: sha256 of the ``.tflite`` blob.
    artifact: str
    runtime: str
    #: Directory of unpacked wheels to run in, or ``None`` for the device's own packages.
    environment: str | None
    threads: int
    batch: int
    #: The images: all of them for ``score``, whose blobs may be absent; the first shard for ``measure``.
    shards: tuple[Shard, ...]
    #: sha256 of the uint8 label ``.npy`` blob.
    labels: str
    preprocess: Preprocess
    #: Of the whole step; of ``score``, of each shard.
    timeout_s: float
    min_invocations: int = 0  # of ``measure`` only; both minima must be reached
    min_seconds: float = 0.0
    warmup_max_s: float = 30.0
    #: Timing ends after this long even where invocations are missing.
    max_seconds: float | None = None
    #: Single-stream latency where 0, else throughput: so many interpreters work side by side.
    interpreters: int = 0
    #: Read sensors while measuring; off only to find out what it costs.
    watch: bool = True
    #: The most that the worker may take, ``None`` for no limit.
    memory_bytes: int | None = None
    #: Wait for less than this (°C); ``None``: the coolest of this lane plus `settle_margin_c`, no wait without that.
    start_below_c: float | None = None
    settle_margin_c: float | None = None
    settle_at_most_s: float = 300.0
    #: How warm the device was when that was over; the lane fills it in for its worker.
    start_temperature_c: float | None = None
    #: sha256 of uint8 pixels whose scores the controller knows; they are scored after the timed invocations.
    golden: str | None = None
    #: Of ``score``: the output's column for each column of the labels, ``None`` where they are the same.
    columns: tuple[int, ...] | None = None
    #: Of ``score``: what else decides a score (agent, machine, its software, the runtime's version) as a sha256.
    scored_by: str = ""
    #: Of ``score``: whether scores of another run stand where all that decides them is the same.
    reuses_scores: bool = False
    #: Numbers of the artifact's outputs whose scores are read, beside each other; empty where it has one output.
    outputs: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class TuneRequest:
    """Set what makes timings steady, until ``restore``, the end of the lane that asks, or ``seconds`` later."""

    #: Who asks, for the message that others get.
    holder: str
    #: x86: no frequency above the nominal one.
    no_turbo: bool = False
    seconds: float = 86400.0


@dataclasses.dataclass(frozen=True)
class LaneRequest:
    """Everything one device does in one go, without the network."""

    lane: str
    run: str
    #: Who starts it, for the message that a second controller gets: ``user@machine, run …``.
    holder: str
    steps: tuple[Step, ...]
    version: int = VERSION
    #: What to set before the first step; it is put back after the last.
    tune: TuneRequest | None = None
    #: False where the disk can't hold all shards: those that every ``score`` step has scored are deleted after the last step,
    #: but for the first of each, which ``measure`` takes its input from.
    keep_shards: bool = True
    origin: str = ""  # what a controller that does not know the run needs to store it; the agent reads nothing of it


@dataclasses.dataclass(frozen=True)
class LaneBegan:
    """First record of a journal."""

    lane: str
    run: str
    at_ns: int


@dataclasses.dataclass(frozen=True)
class StepBegan:
    """A worker process is about to be spawned."""

    id: str
    at_ns: int


@dataclasses.dataclass(frozen=True)
class AttemptDone:
    """A measuring worker ended. ``error`` is ``None`` exactly when it succeeded."""

    id: str
    began_at_ns: int
    ended_at_ns: int
    #: Monotonic, from spawn to exit.
    wall_ns: int
    error: str | None = None
    #: The runtime could not take the artifact.
    unloadable: bool = False
    import_ns: int | None = None
    context_ns: int | None = None
    load_ns: int | None = None
    first_ns: int | None = None
    #: `agent.packing.pack_ints` of every warm-up invocation after the first, and of every timed sample, in ns, in order.
    warmup_ns: str = ""
    latency_ns: str = ""
    invocations_per_sample: int = 1
    span_ns: int | None = None
    feed_ns: int | None = None
    read_ns: int | None = None
    #: Preparing inputs of a whole batch each (scale, normalise, quantize), none of which is in ``latency_ns``.
    preparations_ns: tuple[int, ...] = ()
    clock_ns: int | None = None
    loop_ns: int | None = None
    peak_rss_bytes: int | None = None
    #: ``at_ns``, ``mono_ns`` and the readings of `agent.sensors`.
    readings: tuple[dict[str, object], ...] = ()
    #: ``threads``, ``delegate``.
    requested: dict[str, object] | None = None
    #: ``threads``, ``delegate``, ``nodes``, ``delegated_nodes``, ``warmed_up``.
    effective: dict[str, object] | None = None
    #: ``python``, ``numpy``, the runtime's package.
    versions: dict[str, str] | None = None
    #: Scores of the golden images by the interpreter that was timed, packed like those of `ShardScored`.
    golden_scores: str = ""
    golden_shape: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class ShardScored:
    """A shard of a ``score`` step is scored; in the journal in which the step ends, every shard has one, in any order."""

    id: str
    at_ns: int
    #: Its place among the step's shards.
    shard: int
    #: Base64 of zlib of float32 little-endian scores, row-major, of ``shape`` (images, classes).
    scores: str
    shape: tuple[int, int]
    #: The run that scored it: an earlier one where its scores were reused.
    run: str = ""


@dataclasses.dataclass(frozen=True)
class ScoringDone:
    """A scoring worker ended. ``error`` is ``None`` exactly when it scored every shard that was there."""

    id: str
    began_at_ns: int
    ended_at_ns: int
    wall_ns: int
    error: str | None = None
    unloadable: bool = False
    #: Places of the shards that are neither there nor scored; where there is one, the step is not done yet.
    absent: tuple[int, ...] = ()
    #: Per class; ``None`` for a class without both labels.
    auc: tuple[float | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator of a profile, timed over the profile's invocations."""

    kind: str
    types: str
    delegate: str | None
    median_ns: int
    total_ns: int


@dataclasses.dataclass(frozen=True)
class ProfileDone:
    """A profiling worker ended. ``error`` is ``None`` exactly when it succeeded."""

    id: str
    began_at_ns: int
    ended_at_ns: int
    wall_ns: int
    error: str | None = None
    unloadable: bool = False
    #: The runtime has no profiler to ask.
    unsupported: bool = False
    #: Those that count; the others were interrupted.
    invocations: int = 0
    interrupted: int = 0
    #: Those that count, together; and the median with the profiler off.
    total_ns: int = 0
    quiet_ns: int = 0
    operators: tuple[Operator, ...] = ()
    versions: dict[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Tuned:
    """Settings were changed or put back; ``answer`` is that of the commands ``tune`` or ``restore``."""

    at_ns: int
    answer: dict[str, object]


@dataclasses.dataclass(frozen=True)
class LaneDone:
    """Last record of a journal. ``error`` is ``None`` when every step was taken."""

    at_ns: int
    error: str | None = None


#: Kind of a step -> what its worker's answer becomes.
RECORD_OF = {"measure": AttemptDone, "score": ScoringDone, "profile": ProfileDone}
RECORDS = {kind.__name__: kind for kind in (LaneBegan, StepBegan, ShardScored, *RECORD_OF.values(), Tuned, LaneDone)}


def encode_line(record: object) -> bytes:
    """Return one journal line."""
    body = {"record": type(record).__name__, **dataclasses.asdict(record)}  # type: ignore[call-overload]
    text = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def is_whole(line: bytes) -> bool:
    """Check whether a journal line is neither torn nor altered."""
    checksum, _, text = line[:-1].partition(b" ")
    return line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text)


def decode_line(line: bytes) -> Any:
    """Return the record of one journal line; raises `ValueError` where it is torn or altered."""
    if not is_whole(line):
        raise ValueError("torn journal line")
    body = dataclass_json.parse(line.partition(b" ")[2])
    name = body.pop("record", None) if isinstance(body, dict) else None
    if not isinstance(name, str) or name not in RECORDS:
        raise ValueError("unknown journal record")
    return from_json(RECORDS[name], body)


def to_json(request: object) -> bytes:
    """Return a request as the JSON its command reads."""
    return json.dumps(dataclasses.asdict(request), allow_nan=False).encode()  # type: ignore[call-overload]


def read_request(content: bytes) -> LaneRequest:
    """Undo `to_json` of a lane's request; raises `ValueError`."""
    return from_json(LaneRequest, dataclass_json.parse(content))  # type: ignore[no-any-return]  # it builds any kind


def from_json(kind: Any, body: dict[str, Any]) -> Any:
    """Build a request or record from parsed JSON; unknown or missing fields are a `ValueError`."""
    return dataclass_json.build(kind, body, NESTED)


NESTED = {
    (LaneRequest, "steps"): Step,
    (LaneRequest, "tune"): TuneRequest,
    (Step, "preprocess"): Preprocess,
    (Step, "shards"): Shard,
    (ProfileDone, "operators"): Operator,
    (EnvironmentRequest, "wheels"): Wheel,
}
