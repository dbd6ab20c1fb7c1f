"""A lane that was ordered: its steps, what they refer to, what an honest device writes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agent import packing, wire
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.artifact import ImageSet, Shard
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Profiling
from orchestrator.runs import planner
from orchestrator.testing import HALVES, make_artifact, make_suite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.domain.artifact import Golden
    from orchestrator.domain.plan import Step

SCHEMES = ("float32", "int8")
PIXELS, LABELS = "b" * 64, "c" * 64


def make_steps(**suite: Any) -> tuple[Step, ...]:
    """Return the steps of the device ``pi`` in the run ``r`` of a suite with such fields."""
    return planner.plan("r", make_suite(**suite), ["pi"]).lanes[0].steps


def make_inputs(blobs: Path, *, schemes: Sequence[str] = SCHEMES, golden: Golden | None = None) -> LaneInputs:
    """Return what steps of ``schemes`` refer to: artifacts named 1…, 2…, two images of one finding; with their files in ``blobs``."""
    artifacts = {
        ("tiny-cxr", scheme, 1): make_artifact(sha256=str(number) * 64, scheme=scheme, golden=golden)
        for number, scheme in enumerate(schemes, 1)
    }
    images = ImageSet(
        dataset="phantom",
        pixels_sha256=PIXELS,
        labels_sha256=LABELS,
        image_list="f" * 64,
        images=2,
        classes=("Nodule",),
        synthetic=True,
        shards=(Shard(sha256=PIXELS, images=2, size_bytes=1),),
    )
    for sha256 in (PIXELS, *([golden.pixels_sha256] if golden else ()), *(made.sha256 for made in artifacts.values())):
        (blobs / sha256).write_bytes(sha256[:1].encode())
    with (blobs / LABELS).open("wb") as labels:
        np.save(labels, np.array([[0], [1]], np.uint8))
    return LaneInputs(
        effort=EFFORTS["smoke"], artifacts=artifacts, images={"tiny-cxr": images}, environments={}, blobs=blobs
    )


def honest(steps: Sequence[Step]) -> Iterator[object]:
    """Yield what an honest device writes for ``steps``."""
    yield wire.LaneBegan(lane="l", run="r", at_ns=1)
    yield wire.Tuned(at_ns=1, answer={"set": [{"what": "boost", "before": "1", "now": "0"}], "failed": []})
    times = {"began_at_ns": 2, "ended_at_ns": 3, "wall_ns": 1}
    for step in steps:
        yield wire.StepBegan(id=step.id, at_ns=2)
        if isinstance(step, Attempt):
            yield wire.AttemptDone(
                id=step.id,
                **times,
                warmup_ns=packing.pack_ints([3, 2]),
                latency_ns=packing.pack_ints([2, 2, 2]),
                readings=({"at_ns": 1, "temperature_c": 40.5, "cpus_used": [0, 1], "governor": "performance"},),
                requested={"threads": 1, "delegate": None},
                effective={"threads": 1, "delegate": None},
                versions={"python": "3.11.2"},
                preparations_ns=(5, 6),
                **HALVES,
            )
        elif isinstance(step, Profiling):
            operator = wire.Operator(kind="CONV_2D", types="float32", delegate=None, median_ns=2, total_ns=2)
            one = {"invocations": 1, "total_ns": 3, "operators": (operator,)}
            yield wire.ProfileDone(id=step.id, **times, **one, versions={"python": "3.11.2"})
        else:
            scores = packing.pack_bytes(bytes(8))
            yield wire.ShardScored(id=step.id, at_ns=2, shard=0, scores=scores, shape=(2, 1))
            yield wire.ScoringDone(id=step.id, **times, auc=(0.5,))
    yield wire.LaneDone(at_ns=4)
