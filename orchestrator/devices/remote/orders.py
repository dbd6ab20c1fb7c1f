"""What the agent is asked to do on one device, step by step."""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent import wire
from orchestrator.devices.remote.bundle import pack_agent
from orchestrator.devices.remote.device_clock import DeviceClock
from orchestrator.domain.blob import Blob
from orchestrator.domain.device import Limits
from orchestrator.domain.plan import Attempt, Profiling, Scoring, Step
from orchestrator.domain.runtime import RuntimeChoice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from orchestrator.domain.artifact import Artifact, ImageSet, Shard
    from orchestrator.domain.blob import Environment
    from orchestrator.domain.effort import Effort

_KINDS: Mapping[type[Step], str] = {Attempt: "measure", Scoring: "score", Profiling: "profile"}

#: Of warm-up, and of timed invocations: the agent stops there (`agent.timing.MAX_SAMPLES`, which a test compares).
MOST_SAMPLES = 1 << 20
#: Of a record without its packed numbers: half an hour of sensor readings are some 3 MB.
RECORD_BYTES = 6 << 20
#: Of a packed sample, as base64: durations below 4.3 s have four bytes that are 0, which zlib packs into less than one.
PACKED_SAMPLE_BYTES = 7
#: Facts on which a score may depend: the hardware, and the software that was installed on it.
_DECIDING = (
    "hardware_key",
    "os",
    "kernel",
    "libc",
    "userland",
    "python",
    "python_executable",
    "numpy",
    "gpus",
    "vulkan_adapters",
)
#: An attempt that says nothing for this long beyond what its effort asks is killed by the lane.
SPARE_S = 600.0


def _holder() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneInputs:
    """What the steps of one device refer to."""

    effort: Effort
    #: (model, scheme, batch) -> artifact
    artifacts: Mapping[tuple[str, str, int], Artifact]
    #: model -> evaluation images at its size
    images: Mapping[str, ImageSet]
    #: runtime -> environment to bring along; absent where the device has the runtime itself
    environments: Mapping[str, Environment]
    #: folder of blobs named by their sha256
    blobs: Path
    #: what the inventory allows on the device
    limits: Limits = field(default_factory=Limits)
    #: whether the device is tuned while the lane runs
    tune: bool = False
    #: runtime -> what decides its scores beside what a step names, as a sha256; see `scored_by`
    scored_by: Mapping[str, str] = field(default_factory=dict)
    #: runtimes whose scores of an earlier run stand where all that decides them is the same
    reusable: frozenset[str] = frozenset()
    #: what the device keeps of the run for controllers that do not know it: `orchestrator.devices.remote.origin`
    origin: str = ""
    #: by which the moments of its journal become ours
    clock: DeviceClock = field(default_factory=DeviceClock)
    #: who holds the device meanwhile, for people
    holder: str = field(default_factory=_holder)

    def artifact(self, step: Step) -> Artifact | None:
        """Return what ``step`` executes, or ``None`` where it could not be built."""
        of = step.subject
        return self.artifacts.get((of.model, of.scheme, of.batch))

    def needed(self, steps: Sequence[Step]) -> tuple[Blob, ...]:
        """Return every file that ``steps`` need on the device from beginning to end, each once: all but `shards`."""
        needed: dict[str, Blob] = {}
        for step in steps:
            of = step.subject
            artifact = self.artifact(step)
            if artifact is None:
                continue
            images = self.images[of.model]
            files = {f"artifact {of.model} {of.scheme}": artifact.sha256}
            if isinstance(step, Scoring):
                files[f"labels for {of.model}"] = images.labels_sha256
            if isinstance(step, Attempt):
                files[f"images for {of.model}, 1 of {len(images.shards)}"] = images.shards[0].sha256
                if artifact.golden is not None:
                    files[f"golden images for {of.model}"] = artifact.golden.pixels_sha256
            shard = images.shards[0].sha256 if isinstance(step, Attempt) else None
            needed.update({sha256: self._blob(what, sha256, sha256 == shard) for what, sha256 in files.items()})
            if of.runtime in self.environments:
                needed.update({wheel.sha256: wheel for wheel in self.environments[of.runtime].wheels})
        return tuple(needed.values())

    def shards(self, steps: Sequence[Step], scored: Mapping[str, AbstractSet[int]]) -> tuple[Blob, ...]:
        """Return, in the order in which they are scored, the images that a scoring among ``steps`` still lacks.

        ``scored`` are the places of the shards that a scoring, by its id, has scored.
        """
        wanted: dict[str, Blob] = {}
        for step in steps:
            if isinstance(step, Scoring) and self.artifact(step) is not None:
                images = self.images[step.model]
                for place, shard in enumerate(images.shards):
                    if place not in scored.get(step.id, ()):
                        what = f"images for {step.model}, {place + 1} of {len(images.shards)}"
                        wanted[shard.sha256] = self._blob(what, shard.sha256, True)
        return tuple(wanted.values())

    def _blob(self, what: str, sha256: str, is_images: bool) -> Blob:  # noqa: FBT001
        return Blob(what=what, sha256=sha256, path=self.blobs / sha256, is_images=is_images)


def scored_by(facts: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, str]:
    """Return by runtime, as a sha256, what decides a score beside what a step names: see `_DECIDING`, and the agent's own code."""
    agent = hashlib.sha256(pack_agent()).hexdigest()
    known = [facts.get(name) for name in _DECIDING]
    return {
        runtime: hashlib.sha256(json.dumps([agent, known, runtime, version], sort_keys=True).encode()).hexdigest()
        for runtime, version in versions.items()
    }


def reusable(facts: Mapping[str, Any], versions: Mapping[str, str]) -> frozenset[str]:
    """Return the runtimes whose scores may stand in a later run.

    The machine must have a key of its hardware, or it may be another one with a copy of the same disk. The runtime's version must
    be known; a delegate's library has none.
    """
    if not facts.get("hardware_key"):
        return frozenset()
    return frozenset(name for name, version in versions.items() if version and ":" not in name)


def most_warmup(step: Attempt) -> int:
    """Return how many durations an attempt may bring back of its warm-up.

    Interpreters side by side end a round after they have enough, each with what it did in that round.
    """
    return MOST_SAMPLES * (1 + 8 * step.case.interpreters)


def most_samples(step: Attempt, effort: Effort) -> int:
    """Return how many durations an attempt may bring back of its timed invocations."""
    if effort.seconds == 0 and not step.case.interpreters:
        return max(1, math.ceil(effort.invocations / effort.attempts))
    return most_warmup(step)


def longest_line_bytes(steps: Sequence[Step], inputs: LaneInputs) -> int:
    """Return how long a line of the journal of ``steps`` may be: packed numbers as base64, and the rest of a record."""
    packed = [0]
    for step in steps:
        if isinstance(step, Attempt):
            samples = most_warmup(step) + most_samples(step, inputs.effort)
            packed.append(PACKED_SAMPLE_BYTES * samples)
        elif isinstance(step, Scoring) and inputs.artifact(step) is not None:
            images = inputs.images[step.model]
            most = max((shard.images for shard in images.shards), default=0)
            packed.append(4 * most * len(images.classes) * 4 // 3)
    return RECORD_BYTES + max(packed)


def order_of(
    run: str, lane: str, steps: Sequence[Step], inputs: LaneInputs, *, keep_shards: bool = True
) -> wire.LaneRequest:
    """Return the lane as the agent takes it; steps whose artifact could not be built are left out."""
    orders = (_step(step, inputs) for step in steps)
    # the same words from a controller that was killed and resumed: starting a lane twice must start it once
    holder = f"{inputs.holder}, run {run}"
    return wire.LaneRequest(
        lane=lane,
        run=run,
        holder=holder,
        steps=tuple(order for order in orders if order is not None),
        tune=wire.TuneRequest(holder=holder) if inputs.tune else None,
        keep_shards=keep_shards,
        origin=inputs.origin,
    )


def _step(step: Step, inputs: LaneInputs) -> wire.Step | None:
    of = step.subject
    artifact, effort = inputs.artifact(step), inputs.effort
    if artifact is None:
        return None
    images, pre = inputs.images[of.model], artifact.preprocess
    preprocess = wire.Preprocess(
        height=pre.height, width=pre.width, channels=pre.channels, scale=pre.scale, mean=pre.mean, std=pre.std
    )
    environment = inputs.environments.get(of.runtime)
    measure = isinstance(step, Attempt)
    seconds = effort.seconds / effort.attempts
    limits = inputs.limits
    timeout_s = 6 * SPARE_S if isinstance(step, Scoring) else SPARE_S + effort.warmup_max_s + seconds
    return wire.Step(
        id=step.id,
        kind=_KINDS[type(step)],
        label=_label(step),
        artifact=artifact.sha256,
        runtime=RuntimeChoice.parse(of.runtime).on_device,
        environment=environment.name if environment else None,
        threads=1 if isinstance(step, Scoring) else step.case.threads,
        batch=of.batch,
        shards=tuple(wire.Shard(sha256=shard.sha256, images=shard.images) for shard in _fed(step, images)),
        labels=images.labels_sha256,
        preprocess=preprocess,
        timeout_s=min(timeout_s, limits.attempt_timeout_s or timeout_s),
        min_invocations=math.ceil(effort.invocations / effort.attempts) if measure else 0,
        min_seconds=seconds if measure else 0.0,
        warmup_max_s=effort.warmup_max_s,
        max_seconds=None if effort.max_seconds is None else effort.max_seconds / effort.attempts,
        interpreters=step.case.interpreters if isinstance(step, Attempt) else 0,
        memory_bytes=limits.memory_bytes,
        start_below_c=limits.start_below_c if measure else None,
        settle_margin_c=limits.settle_margin_c if measure and effort.settles else None,
        settle_at_most_s=limits.settle_at_most_s,
        golden=artifact.golden.pixels_sha256 if measure and artifact.golden else None,
        columns=images.columns if isinstance(step, Scoring) else None,
        scored_by=inputs.scored_by.get(of.runtime, "") if isinstance(step, Scoring) else "",
        reuses_scores=isinstance(step, Scoring) and of.runtime in inputs.reusable,
        outputs=tuple(artifact.checks.get("reads", ())),
    )


def _fed(step: Step, images: ImageSet) -> tuple[Shard, ...]:
    """Return the shards that a step reads: an attempt takes its input from the first, a profile makes its own."""
    return images.shards if isinstance(step, Scoring) else images.shards[: isinstance(step, Attempt)]


def _label(step: Step) -> str:
    if isinstance(step, Scoring):
        return f"scores of {step.model} {step.scheme} {step.runtime}"
    return f"operators of {step.case}" if isinstance(step, Profiling) else str(step.case)
