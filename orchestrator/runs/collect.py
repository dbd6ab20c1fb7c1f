"""Journals that devices still have of a run, read into the store; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.devices.remote.device_clock import DeviceClock
from orchestrator.devices.remote.journal import JournalReader
from orchestrator.devices.remote.orders import LaneInputs, longest_line_bytes, order_of
from orchestrator.devices.remote.silence import SilenceLimit
from orchestrator.domain.effort import effort
from orchestrator.domain.event import DeviceFinished, LaneEnded, LaneSkipped, LaneStarted, Scored
from orchestrator.domain.plan import Attempt, Plan, Scoring
from orchestrator.domain.result import Verdict
from orchestrator.domain.run_event import RunEnded
from orchestrator.errors import AgentFailed, FarmError, UsageError
from orchestrator.runs import planner
from orchestrator.runs.build import BuildResults
from orchestrator.runs.commits import acknowledged
from orchestrator.runs.crash import contained
from orchestrator.runs.judge import judge, together
from orchestrator.store.adoptions import adoptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.devices.remote.origin import Origin
    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.case import Case
    from orchestrator.domain.device import Device
    from orchestrator.domain.plan import Step
    from orchestrator.runs.build import Key
    from orchestrator.runs.context import DeviceStage, RunContext, Stage
    from orchestrator.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneToRead:
    """A lane on ``device``, of whose journal the store has ``offset`` bytes; ``None`` where it does not know the lane."""

    device: Device
    lane: str
    offset: int | None
    #: Models whose scores are left out, because their labels are not here.
    unlabelled: frozenset[str] = frozenset()
    #: Whether all but its scores is stored; ``offset`` is 0 then.
    scores_only: bool = False

    def planned_name(self, run: str) -> str:
        """Return what the device was called when the lane was planned: its steps are named by it."""
        return self.lane.removeprefix(f"{run}-").rpartition("-")[0]

    def leaves_out(self, step: Step, done: frozenset[str]) -> bool:
        """Check whether what the journal has of ``step`` is not to be stored; ``done`` are steps that are."""
        if isinstance(step, Scoring):
            return step.model in self.unlabelled or (self.scores_only and step.id in done)
        return self.scores_only


def collect(
    context: RunContext,
    lanes: Sequence[LaneToRead],
    store: Store,
    *,
    waits: bool,
    origins: Mapping[str, Origin] | None = None,
) -> Stage[None]:
    """Store what the journals of ``lanes`` have; with ``waits``, follow them to their ends.

    Of devices whose lanes are over, cases with all their attempts are judged; what a stop left unmeasured waits for the run to go on.
    The run ends where every step of its plan is done. ``origins`` are what the devices of a run of another controller keep of it: its
    suite names files of that controller, which nothing here opens. Raises `DatasetError` or `ModelError` where the images of the run can't be read.
    """
    plans = {lane.device.name: _plan_of(context, lane, origins) for lane in lanes}
    done = store.done_steps(context.run)
    if origins is None:
        built = dict.fromkeys(plans, _stored_build(context, list(plans.values()), store))
    else:
        built = {name: _kept_build(origins[name]) for name in plans}
    stages = []
    for name, plan in plans.items():
        of_device = [lane for lane in lanes if lane.device.name == name]
        ours, clock = origins is None, DeviceClock.of(store.facts(context.run, name))
        stages.append(
            partial(_read_device, context, of_device, plan, built[name], done, clock=clock, waits=waits, ours=ours)
        )
    finished: list[str] = []
    for events in context.run_parallel(stages):
        yield events
        happened = events if isinstance(events, tuple) else (events,)
        context.commits.note(happened)
        finished += [event.device for event in happened if isinstance(event, DeviceFinished) and event.device]
    skipped = {case for case, _ in store.skips(context.run)}
    done = store.done_steps(context.run)
    unlabelled = {lane.device.name: lane.unlabelled for lane in lanes}
    for name in finished:
        open_cases = _unmeasured(plans[name], built[name], done, unlabelled[name])
        cases = [case for case in plans[name].cases if case not in skipped and case not in open_cases]
        yield from together(judge(context, cases, built[name], store))
    if finished and (_is_complete(context, store, plans, built) if origins is None else _is_judged(context.run, store)):
        yield RunEnded(run=context.run, exit_status=exit_status(context.run, store))


def adopters(store: Store, run: str) -> dict[str, str]:
    """Return the devices of which a run of another controller was taken over, each with who had started it."""
    with store.reading() as session:
        return {device: str(each.get("holder", "")) for (_, device), each in adoptions(session, [run]).items()}


def refuse_adopted(store: Store, run: str) -> None:
    """Raise `UsageError` where a run was taken over from devices: what it was made of is with the controller that started it."""
    holders = sorted(set(adopters(store, run).values()))
    if holders:
        raise UsageError(
            f"run {run} was collected from devices; {holders[0] or 'another controller'} started it",
            hint="go on with it there, or measure anew: farm run; what finished since: farm collect",
        )


def exit_status(run: str, store: Store) -> int:
    """Return 1 where a result is INVALID, or a device was lost and has no result; else 0."""
    results = store.results(run=run)
    measured = {row.device for row in results}
    lost = {event.device for event in store.events(run) if event.kind in ("LaneSkipped", "LaneCrashed")} - measured
    return 1 if lost or any(row.verdict == Verdict.INVALID.value for row in results) else 0


def _plan_of(context: RunContext, lane: LaneToRead, origins: Mapping[str, Origin] | None) -> Plan:
    """Return what a lane's device does in the run, under the name that it has now."""
    name = lane.device.name
    if origins is None:
        return _renamed(planner.plan(context.run, context.suite, [lane.planned_name(context.run)]), name)
    origin = origins[name]
    suite = origin.suite
    of_device = planner.lane_of(context.run, suite, origin.cases)
    how_long = effort(suite.effort, compare=suite.compare, attempts=suite.attempts)
    return _renamed(Plan(run=context.run, effort=how_long, seed=suite.seed, lanes=(of_device,), skips=()), name)


def _kept_build(origin: Origin) -> BuildResults:
    return BuildResults(artifacts=origin.artifacts_by_key, failures={}, images=origin.images_by_model)


def _is_judged(run: str, store: Store) -> bool:
    """Check whether all cases that are known of a run of another controller are judged."""
    row = store.run(run)
    return row.cases == sum(row.verdicts.values())


def _renamed(plan: Plan, name: str) -> Plan:
    """Return a plan of one device under the name that it has now."""

    def renamed(step: Step) -> Step:
        if isinstance(step, Scoring):
            return replace(step, device=name)
        return replace(step, case=replace(step.case, device=name))

    lanes = [replace(lane, device=name, steps=tuple(map(renamed, lane.steps))) for lane in plan.lanes]
    return replace(plan, lanes=tuple(lanes))


def _stored_build(context: RunContext, plans: Sequence[Plan], store: Store) -> BuildResults:
    """Return what the run built, from what the store knows of it; nothing is built."""
    announced = store.artifacts_announced(context.run)
    artifacts: dict[Key, Artifact] = {}
    for case in (case for plan in plans for case in plan.cases):
        key = case.model, case.scheme, case.batch
        if key in announced and key not in artifacts:
            artifact = store.artifact(announced[key], context.run, case)
            if artifact is not None:
                artifacts[key] = artifact
    failures = {
        (event.detail["model"], event.detail["scheme"], event.detail["batch"]): str(event.detail["error"])
        for event in store.events(context.run)
        if event.kind == "BuildFailed"
    }
    checks = {model: artifact.checks for (model, _, _), artifact in artifacts.items()}
    suite = context.suite
    images = {
        model.name: context.artifacts.image_set(
            model, suite.dataset, limit=suite.scored_images, seed=suite.seed, checks=checks[model.name]
        )
        for model in suite.models
        if model.name in checks
    }
    return BuildResults(artifacts=artifacts, failures=failures, images=images)


def _read_device(
    context: RunContext,
    lanes: Sequence[LaneToRead],
    plan: Plan,
    built: BuildResults,
    done: frozenset[str],
    *,
    clock: DeviceClock,
    waits: bool,
    ours: bool,
) -> DeviceStage[None]:
    name = lanes[0].device.name
    steps = tuple(step for lane in plan.lanes for step in lane.steps)
    inputs = LaneInputs(
        effort=plan.effort,
        artifacts=built.artifacts,
        images=built.images,
        environments={},
        blobs=context.artifacts.blobs,
        limits=lanes[0].device.limits,
        clock=clock,
    )
    yield from contained(
        context.run, name, context.state, _read_lanes(context, lanes, steps, inputs, done, waits=waits, ours=ours)
    )


def _read_lanes(
    context: RunContext,
    lanes: Sequence[LaneToRead],
    steps: Sequence[Step],
    inputs: LaneInputs,
    done: frozenset[str],
    *,
    waits: bool,
    ours: bool,
) -> DeviceStage[None]:
    name = lanes[0].device.name
    is_over = True
    try:
        for lane in lanes:
            if lane.offset is None:
                yield LaneStarted(run=context.run, device=name, lane=lane.lane)
            reading = _read(context, lane, steps, inputs, done, waits=waits)
            if lane.scores_only:
                reading = _scores_of(reading)
            if ours:  # the journal of another's run stays on the device for that controller
                reading = acknowledged(reading, context.session.client(lane.device), context.commits)
            is_over = (yield from reading) and is_over
    except FarmError as error:
        yield LaneSkipped(run=context.run, device=name, reason=str(error))
    else:
        if is_over:
            yield DeviceFinished(run=context.run, device=name)
    finally:
        context.session.client(lanes[0].device).close()


def _scores_of(reading: DeviceStage[bool]) -> DeviceStage[bool]:
    """Yield of ``reading`` the scores alone, without their place in a journal of which the store has the rest."""
    while True:
        try:
            event = next(reading)
        except StopIteration as end:
            return bool(end.value)
        if isinstance(event, Scored):
            yield replace(event, cursor=None)


def _read(
    context: RunContext,
    lane: LaneToRead,
    steps: Sequence[Step],
    inputs: LaneInputs,
    done: frozenset[str],
    *,
    waits: bool,
) -> DeviceStage[bool]:
    """Yield what the journal of ``lane`` has; return whether the lane is over."""
    name, client = lane.device.name, context.session.client(lane.device)
    reader = JournalReader(context.run, name, lane.lane, steps, inputs)
    ordered = order_of(context.run, lane.lane, steps, inputs).steps
    silence = SilenceLimit(lane.lane, name, ordered, patience_s=context.patience_s)
    line_bytes = longest_line_bytes(steps, inputs)
    left_out = {step.id for step in steps if lane.leaves_out(step, done)}
    silence.begin()
    try:
        for recorded in client.follow(
            lane.lane, lane.offset or 0, line_bytes=line_bytes, check=silence.check, waits=waits
        ):
            silence.note(recorded.record)
            if getattr(recorded.record, "id", None) in left_out:
                continue
            event = reader.event(recorded)
            if event is not None:
                yield event
            if isinstance(event, LaneEnded):
                return True
    except AgentFailed as error:
        if error.code not in client.GONE:
            raise
        yield LaneEnded(run=context.run, device=name, lane=lane.lane, error=f"{name}: the lane's process died there")
        return True
    return False


def _unmeasured(plan: Plan, built: BuildResults, done: frozenset[str], unlabelled: frozenset[str]) -> frozenset[Case]:
    """Return the cases with an artifact that lack an attempt or their scores; what failed is there, no scores of ``unlabelled`` models are wanted."""
    missing = [step for lane in plan.lanes for step in lane.steps if step.id not in done]
    attempted = {step.case for step in missing if isinstance(step, Attempt)}
    scored = {_scored(step) for step in missing if isinstance(step, Scoring) and step.model not in unlabelled}
    with_artifact = (case for case in plan.cases if _key(case) in built.artifacts)
    return frozenset(case for case in with_artifact if case in attempted or _scored(case) in scored)


def _is_complete(context: RunContext, store: Store, plans: dict[str, Plan], built: Mapping[str, BuildResults]) -> bool:
    """Check whether every step of the run is done, on all its devices."""
    skipped = {case for case, _ in store.skips(context.run)}
    done = store.done_steps(context.run)
    artifacts = next(iter(built.values())).artifacts
    for name in store.run(context.run).devices:
        plan = plans.get(name) or planner.plan(context.run, context.suite, [name])
        cases = [case for case in plan.cases if case not in skipped and _key(case) in artifacts]
        scored = set(map(_scored, cases))
        for step in (step for lane in plan.lanes for step in lane.steps):
            is_wanted = _scored(step) in scored if isinstance(step, Scoring) else step.case in cases
            if is_wanted and step.id not in done:
                return False
    return True


def _key(case: Case) -> Key:
    return case.model, case.scheme, case.batch


def _scored(of: Case | Scoring) -> tuple[str, str, str, int]:
    return of.model, of.scheme, of.runtime, of.batch
