"""The lanes of a plan, run on their devices."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.devices.fleet import for_each
from orchestrator.devices.remote.orders import LaneInputs, reusable, scored_by
from orchestrator.devices.session import connect
from orchestrator.domain.event import DeviceFinished, LaneSkipped
from orchestrator.errors import FarmError, StoreUnavailable, Unreachable
from orchestrator.runs.crash import contained
from orchestrator.runs.lane import LaneRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.domain.plan import Lane, Plan
    from orchestrator.domain.result import Verdict
    from orchestrator.runs.build import BuildResults
    from orchestrator.runs.context import DeviceStage, RunContext, Stage
    from orchestrator.runs.probe import ProbeResults
    from orchestrator.runs.recorder import Recorder
    from orchestrator.store.rows import LaneRow


class LanesLeft(KeyboardInterrupt):
    """Ctrl-C ended a run; the lanes on ``devices`` could not be stopped and go on."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        super().__init__()
        self.devices = devices


def measure(
    context: RunContext,
    plan: Plan,
    probed: ProbeResults,
    built: BuildResults,
    *,
    done: frozenset[str],
    earlier: Sequence[LaneRow],
    judge: Callable[[str], Stage[tuple[Verdict, ...]]],
    recorder: Recorder,
) -> Stage[tuple[frozenset[str], tuple[Verdict, ...]]]:
    """Run all lanes side by side; return the names of devices that did not finish theirs, with the verdicts.

    ``done`` are steps that need no doing, ``earlier`` the lanes of the run that were started before. ``judge`` gets the
    name of each device as soon as that one is finished, or later when ``recorder`` has the database back. Whoever stops listening (Ctrl-C, a full disk) stops the lanes
    on their devices too. Raises `LanesLeft` for a `KeyboardInterrupt`.
    """
    runners = [
        _runner(
            context, plan, lane, probed, built, done=done, earlier=[row for row in earlier if row.device == lane.device]
        )
        for lane in plan.lanes
    ]
    failed = set()
    finished: list[str] = []
    verdicts: list[Verdict] = []
    is_done = False
    try:
        lanes = context.run_parallel([partial(_events, context, runner) for runner in runners])
        for events in lanes:
            yield events
            for event in events if isinstance(events, tuple) else (events,):
                if isinstance(event, LaneSkipped):
                    failed.add(event.device or "")
                elif isinstance(event, DeviceFinished) and event.device is not None:
                    finished.append(event.device)
            if finished and not recorder.is_away:
                verdicts += yield from _judged(finished, judge, recorder)
        is_done = True
        while finished:
            back = recorder.wait(context.patience_s)
            if back is not None:
                yield back
            verdicts += yield from _judged(finished, judge, recorder)
    except KeyboardInterrupt as pressed:
        is_done = True
        raise LanesLeft(_stop(context, probed, runners)) from pressed
    finally:
        if not is_done:
            _stop(context, probed, runners)
    return frozenset(failed), tuple(verdicts)


def _judged(
    finished: list[str], judge: Callable[[str], Stage[tuple[Verdict, ...]]], recorder: Recorder
) -> Stage[list[Verdict]]:
    """Judge the devices that ``finished`` names, which leave it; those stay that a lost database leaves unjudged."""
    verdicts: list[Verdict] = []
    while finished:
        try:
            verdicts += yield from judge(finished[0])
        except StoreUnavailable as error:
            if not recorder.is_away:
                yield recorder.lose(error)
            break
        del finished[0]
    return verdicts


def _events(context: RunContext, runner: LaneRunner) -> DeviceStage[None]:
    yield from contained(context.run, runner.device, context.state, runner.events())
    yield DeviceFinished(run=context.run, device=runner.device)


def _stop(context: RunContext, probed: ProbeResults, runners: Sequence[LaneRunner]) -> tuple[str, ...]:
    """Stop the lanes on their devices; return the devices where that failed.

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

    outcomes = for_each([probed.of(name).device for name in lanes], stop_one)
    return tuple(outcome.device.name for outcome in outcomes if outcome.error is not None)


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
    facts = found.facts or {}
    inputs = LaneInputs(
        effort=plan.effort,
        artifacts=built.artifacts,
        images=built.images,
        environments=found.environments,
        blobs=context.artifacts.blobs,
        limits=found.device.limits,
        tune=plan.tune,
        scored_by=scored_by(facts, found.versions),
        reusable=frozenset() if context.rescore else reusable(facts, found.versions),
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
