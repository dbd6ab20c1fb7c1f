"""The lanes of a plan, run on their devices."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.devices.fleet import for_each
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.devices.session import connect
from orchestrator.domain.event import DeviceFinished, LaneSkipped
from orchestrator.errors import FarmError, Unreachable
from orchestrator.runs.crash import contained
from orchestrator.runs.lane import LaneRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.domain.plan import Lane, Plan
    from orchestrator.domain.result import Verdict
    from orchestrator.runs.build import BuildResults
    from orchestrator.runs.context import RunContext, Stage
    from orchestrator.runs.probe import ProbeResults
    from orchestrator.store.rows import LaneRow


def measure(
    context: RunContext,
    plan: Plan,
    probed: ProbeResults,
    built: BuildResults,
    *,
    done: frozenset[str],
    earlier: Sequence[LaneRow],
    judge: Callable[[str], Stage[tuple[Verdict, ...]]],
) -> Stage[tuple[frozenset[str], tuple[Verdict, ...]]]:
    """Run all lanes side by side; return the names of devices that did not finish theirs, with the verdicts.

    ``done`` are steps that need no doing, ``earlier`` the lanes of the run that were started before. ``judge`` gets the
    name of each device as soon as that one is finished. Whoever stops listening (Ctrl-C, a full disk) stops the lanes
    on their devices too.
    """
    runners = [
        _runner(
            context, plan, lane, probed, built, done=done, earlier=[row for row in earlier if row.device == lane.device]
        )
        for lane in plan.lanes
    ]
    failed = set()
    verdicts: list[Verdict] = []
    finished = False
    try:
        lanes = context.run_parallel([partial(_events, context, runner) for runner in runners])
        for event in lanes:
            if isinstance(event, LaneSkipped):
                failed.add(event.device or "")
            yield event
            if isinstance(event, DeviceFinished) and event.device is not None:
                verdicts += yield from judge(event.device)
        finished = True
    finally:
        if not finished:
            _stop(context, probed, runners)
    return frozenset(failed), tuple(verdicts)


def _events(context: RunContext, runner: LaneRunner) -> Stage[None]:
    yield from contained(context.run, runner.device, context.state, runner.events())
    yield DeviceFinished(run=context.run, device=runner.device)


def _stop(context: RunContext, probed: ProbeResults, runners: Sequence[LaneRunner]) -> None:
    """Stop the lanes on their devices.

    A device that can't be reached now goes on by itself; ``farm run --resume`` collects what it does.
    """
    lanes = {runner.device: runner.cancel() for runner in runners}

    def stop_one(device: Device) -> bool:
        lane = lanes[device.name]
        if lane is None:
            return False
        try:
            return context.session.client(device).stop(lane)
        except Unreachable:
            raise
        except FarmError:  # the link is dead, or its server takes one session at a time
            client = connect(device, context.session.connector)
            try:
                return client.stop(lane)
            finally:
                client.close()

    tuple(for_each([probed.of(name).device for name in lanes], stop_one))


def _runner(
    context: RunContext,
    plan: Plan,
    lane: Lane,
    probed: ProbeResults,
    built: BuildResults,
    *,
    done: frozenset[str],
    earlier: Sequence[LaneRow],
) -> LaneRunner:
    found = probed.of(lane.device)
    inputs = LaneInputs(
        effort=plan.effort,
        artifacts=built.artifacts,
        images=built.images,
        environments=found.environments,
        blobs=context.artifacts.blobs,
        limits=found.device.limits,
        tune=plan.tune,
    )
    return LaneRunner(
        context.run,
        lane,
        context.session.client(found.device),
        inputs,
        done=done,
        unfinished=tuple(row.cursor for row in earlier if not row.ended),
        lanes_before=len(earlier),
        patience_s=context.patience_s,
    )
