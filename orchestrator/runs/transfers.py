"""How many bytes a plan would send to each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.plan import Scoring, Transfer
from orchestrator.models.base import make_model
from orchestrator.models.image_sets import shard_images

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.artifact import Artifact, ImageSet
    from orchestrator.domain.device import Device
    from orchestrator.domain.plan import Lane, Plan
    from orchestrator.runs.context import RunContext
    from orchestrator.runs.probe import ProbeResults


def transfers(
    context: RunContext, plan: Plan, probed: ProbeResults, artifacts: Mapping[tuple[str, str, int], Artifact]
) -> dict[str, Transfer]:
    """Return for each device what it lacks; ``artifacts`` are those that are built. Nothing is built, decoded or sent.

    Raises what asking a device raises, and `DatasetError`.
    """
    names = {step.subject.model for lane in plan.lanes for step in lane.steps}
    checks = {model: artifact.checks for (model, _, _), artifact in artifacts.items()}
    suite = context.suite
    images = {
        spec.name: context.artifacts.find_image_set(
            spec, suite.dataset, limit=suite.scored_images, seed=suite.seed, checks=checks.get(spec.name)
        )
        for spec in suite.models
        if spec.name in names
    }
    return {lane.device: _transfer(context, plan, lane, probed, artifacts, images) for lane in plan.lanes}


def _transfer(  # noqa: PLR0917  everything that decides what is sent
    context: RunContext,
    plan: Plan,
    lane: Lane,
    probed: ProbeResults,
    artifacts: Mapping[tuple[str, str, int], Artifact],
    images: Mapping[str, ImageSet | None],
) -> Transfer:
    packed = {name: found for name, found in images.items() if found is not None}
    inputs = LaneInputs(
        effort=plan.effort,
        artifacts={key: artifact for key, artifact in artifacts.items() if key[0] in packed},
        images=packed,
        environments={},
        blobs=context.artifacts.blobs,
    )
    blobs = {blob.sha256: blob for blob in (*inputs.needed(lane.steps), *inputs.shards(lane.steps, {}))}
    sizes = {sha256: blob.path.stat().st_size for sha256, blob in blobs.items()}
    lacking = _arrived(context, probed.of(lane.device).device, sizes) if sizes else {}
    left = {sha256: sizes[sha256] - arrived for sha256, arrived in lacking.items()}
    keys = {(step.subject.model, step.subject.scheme, step.subject.batch) for step in lane.steps}
    scored = {step.model for step in lane.steps if isinstance(step, Scoring)}
    return Transfer(
        total_bytes=sum(left.values()),
        image_bytes=sum(size for sha256, size in left.items() if blobs[sha256].is_images),
        unpacked_bytes=sum(
            _unpacked_bytes(context, name, is_scored=name in scored)
            for name in {model for model, _, _ in keys} - packed.keys()
        ),
        unbuilt=len(keys - artifacts.keys()),
    )


def _arrived(context: RunContext, device: Device, sizes: Mapping[str, int]) -> Mapping[str, int]:
    """Return how many bytes a device has of each blob that it lacks, asked by whatever would walk its lane."""
    if context.cluster is not None and device.transport != "local":  # `local` is this machine
        return context.cluster.arrived(context.run, device, sizes, context.patience_s)
    return context.session.client(device).missing(sizes).arrived


def _unpacked_bytes(context: RunContext, model: str, *, is_scored: bool) -> int:
    """Return the bytes of the pixels that a device would get, decoding one image."""
    suite = context.suite
    how = make_model(next(spec for spec in suite.models if spec.name == model)).preprocess
    source = context.datasets.of(suite.dataset)
    (count,) = (part.images for part in source.summary().parts if part.part == "evaluation")
    image_bytes = source.load("evaluation", height=how.height, width=how.width, limit=1).pixels.nbytes
    wanted = min(count, suite.scored_images or count) if is_scored else min(count, shard_images(image_bytes))
    return wanted * image_bytes
