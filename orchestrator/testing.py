"""What tests need, ours or a plug-in author's: factories of values, fakes of seams."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent import packing, wire
from orchestrator.devices.remote.client import Lacking
from orchestrator.devices.remote.gate import read_record
from orchestrator.devices.remote.journal_lines import Recorded
from orchestrator.domain.artifact import Artifact, Golden
from orchestrator.domain.case import Case
from orchestrator.domain.device import Device
from orchestrator.domain.image_list import ImageList
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.profile import Operator, Profile
from orchestrator.domain.result import Measurement, Scores
from orchestrator.domain.samples import Samples
from orchestrator.domain.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

#: What a device that answers 0.5 to everything says of the golden images of `make_golden`.
HALVES: Mapping[str, Any] = {"golden_scores": packing.pack_bytes(b"\x00\x00\x00\x3f" * 6), "golden_shape": (2, 3)}
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def make_case(**changes: Any) -> Case:
    """Return a case, like ``make_case(threads=4)``."""
    case = Case(device="local", model="tiny-cxr", scheme="float32", runtime="litert", threads=1, batch=1)
    return replace(case, **changes)


def make_suite(**changes: Any) -> Suite:
    """Return a suite of one model and two schemes at smoke effort."""
    suite = Suite(
        models=(ModelSpec(name="tiny-cxr", kind="tiny-cxr"),),
        dataset=DatasetSpec(kind="phantom"),
        schemes=("float32", "int8"),
        effort="smoke",
    )
    return replace(suite, **changes)


def make_artifact(**changes: Any) -> Artifact:
    """Return an artifact that was never built."""
    artifact = Artifact(
        sha256="a" * 64,
        size_bytes=1000,
        model="tiny-cxr",
        scheme="float32",
        batch=1,
        preprocess=Preprocess(height=48, width=48, channels=1),
        recipe={"scheme": "float32"},
        checks={"max_abs_difference": 0.0},
    )
    return replace(artifact, **changes)


def make_golden(**changes: Any) -> Golden:
    """Return two images with three scores each, and the bound of int8."""
    scores = ((0.9, 0.1, 0.5), (0.2, 0.8, 0.4))
    golden = Golden(pixels_sha256="d" * 64, scores=scores, keras_scores=scores, largest=0.15, mean=0.006)
    return replace(golden, **changes)


def make_measurement(
    latency_ns: Iterable[int] = (1_000_000,) * 128,
    *,
    warmup_ns: Iterable[int] = (1_100_000, 1_050_000),
    **changes: Any,
) -> Measurement:
    """Return a successful attempt with these latencies."""
    measurement = Measurement(
        attempt="attempt-1",
        case=make_case(),
        number=1,
        artifact="a" * 64,
        started_at=MIDNIGHT,
        ended_at=MIDNIGHT,
        wall_ns=2_000_000_000,
        load_ns=5_000_000,
        first_ns=2_000_000,
        warmup_ns=Samples.of(warmup_ns),
        latency_ns=Samples.of(latency_ns),
        peak_rss_bytes=50_000_000,
        requested={"threads": 1, "delegate": None},
        effective={"threads": 1, "delegate": "xnnpack", "nodes": 10, "delegated_nodes": 10, "warmed_up": True},
        versions={"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"},
    )
    return replace(measurement, **changes)


def make_scores(**changes: Any) -> Scores:
    """Return a successful scoring of two images and one class."""
    scores = Scores(
        scoring="scoring-1",
        device="local",
        model="tiny-cxr",
        scheme="float32",
        runtime="litert",
        batch=1,
        artifact="a" * 64,
        pixels_sha256="b" * 64,
        labels_sha256="c" * 64,
        wall_ns=1_000_000_000,
        scores=b"\x00\x00\x00\x3f\x00\x00\x40\x3f",
        shape=(2, 1),
        device_auc=(1.0,),
        auc=(1.0,),
        auc_error=0.01,
        classes=("Nodule",),
    )
    return replace(scores, **changes)


def make_image_list(**changes: Any) -> ImageList:
    """Return the two images, of two patients, that `make_scores` is of."""
    images = ImageList(
        dataset="phantom",
        task="multi-label",
        classes=("Nodule",),
        names=("one.png", "two.png"),
        patients=(0, 1),
        positives=((1,),),
    )
    return replace(images, **changes)


def make_profile(**changes: Any) -> Profile:
    """Return the profile of two operators, one outside the delegate, over ten invocations of 100 µs."""
    inside = Operator(
        kind="Fully Connected (NC, F32) GEMM", types="F32", delegate="xnnpack", median_ns=60_000, total_ns=600_000
    )
    outside = Operator(
        kind="DEPTHWISE_CONV_2D",
        types="float32, int8 -> float32",
        delegate=None,
        median_ns=30_000,
        total_ns=300_000,
    )
    profile = Profile(
        profile="profile-1",
        case=make_case(),
        artifact="a" * 64,
        started_at=MIDNIGHT,
        ended_at=MIDNIGHT,
        invocations=10,
        total_ns=1_000_000,
        quiet_ns=95_000,
        operators=(inside, outside),
        versions={"python": "3.11.7", "ai-edge-litert": "2.3.0"},
    )
    return replace(profile, **changes)


class FakeAgentClient:
    """A device that walks every lane at once, and breaks where a test says so.

    ``faults`` are exceptions that the next calls raise, by the name of the method; ``None`` lets one call pass.
    ``cut_after`` ends the n-th call of `follow` with the exception given, after that many records. ``silent_after`` is
    after how many records of a journal nothing more comes.
    """

    GONE = frozenset({wire.LANE_DIED, wire.UNKNOWN_LANE})
    device = Device(name="pi")

    def __init__(self) -> None:
        self.faults: dict[str, list[Exception | None]] = {}
        self.cut_after: list[tuple[int, Exception] | None] = []
        self.silent_after: int | None = None
        #: Records that a journal has for whoever does not wait for more.
        self.written = 0
        self.have: set[str] = set()
        self.damaged: set[str] = set()
        self.space_bytes = 1 << 40
        self.used_bytes = 0
        self.sent: list[str] = []
        self.environments: list[str] = []
        self.requests: dict[str, wire.LaneRequest] = {}
        self.stopped: list[str] = []
        self.closed = 0

    def close(self) -> None:
        """Count the call."""
        self.closed += 1

    def missing(self, hashes: Iterable[str]) -> Lacking:
        """Return what was never sent, or is damaged."""
        self._maybe_fail("missing")
        self.have -= self.damaged
        absent = {sha256: 0 for sha256 in hashes if sha256 not in self.have}
        damaged = frozenset(self.damaged & absent.keys())
        return Lacking(arrived=absent, damaged=damaged, used_bytes=self.used_bytes, free_bytes=self.space_bytes)

    def take_damaged(self) -> tuple[str, ...]:
        """Return nothing: what is installed stays whole."""
        return ()

    def send(self, path: Path, sha256: str, *, arrived: int = 0) -> int:
        """Take a blob."""
        self._maybe_fail("send")
        self.have.add(sha256)
        self.sent.append(sha256)
        return path.stat().st_size - arrived

    def send_all(self, files: Mapping[str, Path], arrived: Mapping[str, int]) -> None:
        """Take several blobs."""
        for sha256, path in files.items():
            self.send(path, sha256, arrived=arrived[sha256])

    def ensure_environment(self, name: str, wheels: Iterable[tuple[str, str]]) -> None:
        """Take an environment."""
        self._maybe_fail("ensure_environment")
        self.environments.append(name)

    def start(self, request: wire.LaneRequest) -> None:
        """Take a lane."""
        self._maybe_fail("start")
        self.requests[request.lane] = request

    def follow(
        self,
        lane: str,
        offset: int,
        *,
        line_bytes: int = 0,
        check: Callable[[], None] = lambda: None,
        waits: bool = True,
    ) -> Iterator[Recorded]:
        """Yield the journal of a lane that did all it was asked; every record is 10 bytes long.

        Whoever does not wait gets the first `written` records.

        Records pass the gate, as those of a device do.
        """
        self._maybe_fail("follow")
        cut = self.cut_after.pop(0) if self.cut_after else None
        records = self._journal(self.requests[lane])
        for sent, (number, record) in enumerate(list(enumerate(records, 1))[offset // 10 :]):
            if cut is not None and sent == cut[0]:
                raise cut[1]
            while number - 1 == self.silent_after:
                check()
            if not waits and number > self.written:
                return
            yield Recorded(record=read_record(wire.encode_line(record), "pi"), offset=10 * number)

    def stop(self, lane: str, *, now: bool = True) -> bool:
        """Take note."""
        self._maybe_fail("stop")
        self.stopped.append(lane)
        return True

    @staticmethod
    def _journal(request: wire.LaneRequest) -> list[object]:
        records: list[object] = [wire.LaneBegan(lane=request.lane, run=request.run, at_ns=1)]
        for step in request.steps:
            records.append(wire.StepBegan(id=step.id, at_ns=2))
            if step.kind == "measure":
                latency = packing.pack_ints([1000] * step.min_invocations)
                golden = {} if step.golden is None else HALVES
                records.append(
                    wire.AttemptDone(step.id, began_at_ns=2, ended_at_ns=3, wall_ns=1, latency_ns=latency, **golden)
                )
            elif step.kind == "profile":
                operator = wire.Operator(kind="CONV_2D", types="float32", delegate=None, median_ns=900, total_ns=900)
                one: dict[str, Any] = {"invocations": 1, "total_ns": 1000, "operators": (operator,)}
                records.append(wire.ProfileDone(step.id, began_at_ns=2, ended_at_ns=3, wall_ns=1, **one))
            else:
                records.append(wire.ScoringDone(step.id, began_at_ns=2, ended_at_ns=3, wall_ns=1, error="no images"))
        return [*records, wire.LaneDone(at_ns=4)]

    def _maybe_fail(self, method: str) -> None:
        queue = self.faults.get(method)
        fault = queue.pop(0) if queue else None
        if fault is not None:
            raise fault
