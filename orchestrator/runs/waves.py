"""The devices of a run, in the order in which they answer: planned, built for, given their lanes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from orchestrator.devices.remote.device_clock import DeviceClock
from orchestrator.devices.remote.orders import LaneInputs, reusable, scored_by
from orchestrator.devices.remote.origin import to_text
from orchestrator.domain.event import CaseSkipped
from orchestrator.domain.run_event import Planned
from orchestrator.runs.build import build
from orchestrator.runs.judge import judge
from orchestrator.runs.kernel_fit import needs_of, unfit
from orchestrator.runs.probe import ProbeResults
from orchestrator.runs.walk import LaneWork, LocalWalk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.devices.remote.relay import Relays
    from orchestrator.domain.case import Case
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Lane, Plan, Skip
    from orchestrator.models.kernel_needs import Need
    from orchestrator.runs.build import BuildResults, Key
    from orchestrator.runs.context import RunContext, Stage
    from orchestrator.runs.probe import Probed
    from orchestrator.runs.walk import LaneWalk
    from orchestrator.store.store import Store


class Waves:
    """Gives devices their lanes, those together that answered together; one that answers late joins the others at work.

    What the store holds of the run is asked first: measuring needs no database.
    """

    def __init__(self, context: RunContext, store: Store, relays: Relays) -> None:
        self._context, self._store, self._relays = context, store, relays
        self._announced, self._earlier = store.artifacts_announced(context.run), store.lanes(context.run)
        # behind the lanes: what another controller stores in between is read again, never measured again
        self._done = store.done_steps(context.run)
        self._cases: dict[str, tuple[Case, ...]] = {}
        self._built: BuildResults | None = None
        self._needs: dict[Key, Need | None] = {}
        #: Whether a bug of farm's ended the work for a device.
        self.has_crashed = False

    @property
    def has_lanes(self) -> bool:
        """Whether any device has work to do."""
        return bool(self._cases)

    def begin(self, answered: Sequence[Probed]) -> Stage[tuple[LaneWalk, ...]]:
        """Plan what the devices that ``answered`` do, build what they need; return what walks their lanes."""
        context = self._context
        probed = ProbeResults(devices=tuple(answered))
        self.has_crashed = self.has_crashed or probed.has_crashed
        plan = probed.plan(context)
        yield Planned(run=context.run, plan=plan)
        if plan.skips:
            yield self._skipped(plan.skips)
        if not plan.lanes:
            return ()
        self._built = built = yield from build(context, plan, self._announced, self._built)
        self._needs = needs_of(context.suite, built.artifacts, context.artifacts.path, self._needs)
        skips = unfit(plan, context.suite, probed, built.artifacts, self._needs)
        if skips:
            plan = plan.skipping(skips)
            yield Planned(run=context.run, plan=plan)
            yield self._skipped(skips)
        self._cases |= {lane.device: lane.cases for lane in plan.lanes}
        return tuple(self._walk(plan, lane, probed.of(lane.device), built) for lane in plan.lanes)

    def judge(self, name: str, skipped: frozenset[Case]) -> Iterator[Event]:
        """Judge the cases of the device called ``name``, without those that are ``skipped``."""
        assert self._built is not None  # noqa: S101  the device had a lane
        left = [case for case in self._cases[name] if case not in skipped]
        return judge(self._context, left, self._built, self._store)

    def _skipped(self, skips: Sequence[Skip]) -> tuple[Event, ...]:
        return tuple(
            CaseSkipped(run=self._context.run, device=skip.case.device, case=skip.case, reason=skip.reason)
            for skip in skips
        )

    def _walk(self, plan: Plan, lane: Lane, probed: Probed, built: BuildResults) -> LaneWalk:
        context = self._context
        earlier = [row for row in self._earlier if row.device == lane.device]
        facts = probed.facts or {}
        inputs = LaneInputs(
            effort=plan.effort,
            artifacts=built.artifacts,
            images=built.images,
            environments=probed.environments,
            blobs=context.artifacts.blobs,
            limits=probed.device.limits,
            tune=plan.tune,
            clock=DeviceClock.of(facts),
            scored_by=scored_by(facts, probed.versions),
            origin=to_text(
                context.run,
                context.suite,
                version("edge-farm"),
                facts,
                lane.cases,
                built.artifacts,
                built.images,
            ),
            reusable=frozenset() if context.rescore else reusable(facts, probed.versions),
        )
        work = LaneWork(
            run=context.run,
            device=probed.device,
            lane=lane,
            inputs=inputs,
            done=self._done,
            unfinished=tuple(row.cursor for row in earlier if not row.ended),
            lanes_before=len(earlier),
            patience_s=context.patience_s,
            detaches=context.detaches,
        )
        if context.cluster is not None and probed.device.transport != "local":  # `local` is this machine
            context.session.client(probed.device).close()  # the worker has a connection of its own
            return context.cluster.walk(work, context.session.limits, context.commits)
        return LocalWalk(work, context.session, context.commits, relay=self._relays.of(probed.device))
