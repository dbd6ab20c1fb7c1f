"""What a run would do, step by step."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.domain.plan import Attempt, Profiling, Scoring
from orchestrator.domain.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.domain.plan import Lane, Plan, Step, Transfer


def as_json(plan: Plan) -> str:
    """Return effort, seed, the steps of each device, what it is sent, and each skipped case with its reason."""
    lanes = {lane.device: [_words(step) for step in lane.steps] for lane in plan.lanes}
    skips = [{"case": str(skip.case), "reason": skip.reason} for skip in plan.skips]
    sends = {device: asdict(transfer) for device, transfer in plan.transfers.items()}
    plain = {"effort": plan.effort.name, "seed": plan.seed, "lanes": lanes, "sends": sends, "skips": skips}
    return json.dumps(plain, indent=2)


def transfer(sent: Transfer) -> str:
    """Return in one line what a device would be sent."""
    known = f"sends {format_bytes(sent.total_bytes)}" + (
        f", {format_bytes(sent.image_bytes)} of it images" if sent.image_bytes else ""
    )
    words = [known] if sent.total_bytes or not (sent.unpacked_bytes or sent.unbuilt) else []
    if sent.unpacked_bytes:
        words.append(
            f"at most {format_bytes(sent.unpacked_bytes)} of images, not packed yet: radiographs take 0.4 of that"
        )
    if sent.unbuilt:
        words.append(f"{sent.unbuilt} artifact{'s' if sent.unbuilt > 1 else ''} to be built")
    return "; ".join(words)


def summary(lane: Lane, plan: Plan) -> str:
    """Return in one line how much a device will do."""
    kinds = [type(step) for step in lane.steps]
    profilings = kinds.count(Profiling)
    least = plan.effort.seconds * len(lane.cases)
    return (
        f"{_number(len(lane.cases), 'case')}, {_number(kinds.count(Attempt), 'attempt')}, "
        f"{_number(kinds.count(Scoring), 'scoring')}, "
        + (f"{_number(profilings, 'profiling')}, " if profilings else "")
        + f"at least {least:.0f} s of timed inference"
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def lines(lane: Lane) -> Iterator[str]:
    """Yield a numbered line for each step of a device."""
    for number, step in enumerate(lane.steps, 1):
        yield f"  {number:3}  {_line(step)}"


def _words(step: Step) -> str:
    if isinstance(step, Attempt):
        return f"{step.case} attempt {step.number}"
    return f"{step.case} profile" if isinstance(step, Profiling) else f"score {step.model} {step.scheme}"


def _line(step: Step) -> str:
    if isinstance(step, Attempt):
        return f"attempt {step.number}  {step.case}"
    if isinstance(step, Profiling):
        return f"profile    {step.case}"
    return f"scores     {step.device}/{step.model}/{step.scheme}/{step.runtime}"
