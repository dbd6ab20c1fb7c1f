"""A suite carried out on devices, as one iterator of events."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from orchestrator import registry
from orchestrator.datasets.base import Datasets
from orchestrator.datasets.calibration import lacking
from orchestrator.devices.session import Session
from orchestrator.domain.event import CaseSkipped, DatasetRead, Planned, RunEnded, RunResumed, RunStarted
from orchestrator.domain.result import Verdict
from orchestrator.domain.suite import Suite
from orchestrator.models import preflight
from orchestrator.models.artifacts import Artifacts
from orchestrator.models.build_processes import BuildLimits
from orchestrator.runs.build import build, wanted
from orchestrator.runs.context import RunContext
from orchestrator.runs.judge import judge
from orchestrator.runs.kernel_fit import unfit
from orchestrator.runs.measure import measure
from orchestrator.runs.probe import probe
from orchestrator.runs.recorder import Recorder
from orchestrator.runs.transfers import transfers
from orchestrator.store import spool
from orchestrator.transports.connector import Connector

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Plan, Skip
    from orchestrator.runs.context import Stage
    from orchestrator.store.store import Store

    T = TypeVar("T")

NOTHING_RAN = 3
#: In farm's own folder: where events wait while the database is out of reach.
SPOOL = "spool"


class Farm:
    """Carries out suites: every event is in the store, or in a file that it waits in, before it is yielded.

    ``state`` is farm's own folder (artifacts, wheels, known_hosts); ``connector`` holds unlocked keys; ``patience_s``
    is how long a device may be silent in the middle of a lane before it is given up; ``wheelhouse`` is looked into
    before wheels are fetched; ``build_limits`` is what building artifacts may take of this machine;
    with ``rescore``, images are scored anew that an earlier run has scored in the same way.
    """

    def __init__(
        self,
        state: Path,
        *,
        connector: Connector | None = None,
        executor: str = "threads",
        patience_s: float = 300.0,
        wheelhouse: Path | None = None,
        build_limits: BuildLimits | None = None,
        rescore: bool = False,
    ) -> None:
        self._state = state
        self._connector = connector or Connector(known_hosts=state / "known_hosts")
        self._run_parallel = registry.find("executor", executor)
        self._patience_s = patience_s
        self._wheelhouse = wheelhouse
        self._build_limits = build_limits or BuildLimits()
        self._rescore = rescore

    def plan(
        self,
        suite: Suite,
        devices: Sequence[Device],
        *,
        run: str = "dry-run",
        done: frozenset[str] = frozenset(),
        datasets: Datasets | None = None,
    ) -> Plan:
        """Probe ``devices`` and return what `run` would do, without doing or storing it.

        ``run`` is a run to go on with, ``done`` are its steps that need no doing. Whether a device's runtime has the kernels of an
        artifact is known of those that are built. ``datasets`` are those that were made already.
        """
        with Session(self._connector) as session:
            context = self._context(run, suite, session, datasets or Datasets())
            probed = _returned(probe(context, devices, fetch=False))
            plan = probed.plan(context)
            kept = context.artifacts.kept(wanted(suite, plan), suite.dataset)
            artifacts = {(build.model.name, build.scheme, build.batch): artifact for build, artifact in kept}
            plan = plan.skipping(unfit(plan, suite, probed, artifacts, context.artifacts.path)).without(done)
            return replace(plan, transfers=transfers(context, plan, probed, artifacts))

    def run(
        self, suite: Suite, devices: Sequence[Device], store: Store, *, session: Session | None = None
    ) -> Generator[Event, None, None]:
        """Carry out ``suite`` on ``devices``: what `prepare` returns, at once."""
        return self.prepare(suite, devices, session=session)(store)

    def prepare(
        self, suite: Suite, devices: Sequence[Device], *, session: Session | None = None
    ) -> Callable[[Store], Generator[Event, None, None]]:
        """Return what carries out ``suite`` on ``devices`` in a store, whatever devices the suite names itself.

        A ``session`` stays open for its owner. Raises `DatasetError` or `ModelError` where a run could only fail, before
        any device is asked, anything built, a store opened: `orchestrator.models.preflight.check`.
        """
        run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        suite = replace(suite, devices=tuple(device.name for device in devices))  # `resume` asks no others
        datasets = Datasets()
        images = datasets.of(suite.dataset)  # a bad folder or image is refused before any device is asked
        preflight.check(suite, images)
        read = DatasetRead(run=run, summary=images.summary(), limit=suite.scored_images)
        started = RunStarted(
            run=run,
            suite=suite.to_json(),
            seed=suite.seed,
            effort=suite.effort,
            dataset=images.name,
            synthetic=images.synthetic,
            farm_version=version("edge-farm"),
        )
        return lambda store: self._recorded((started, read), suite, devices, store, session, datasets)

    def resume(self, run: str, devices: Sequence[Device], store: Store) -> Generator[Event, None, None]:
        """Go on with a run that stopped: collect what the devices finished meanwhile, measure only the rest.

        What waits in a file since the database was out of reach is stored first. Raises `UnknownName` where ``store``
        has no such run.
        """
        row = store.run(run)
        for file in spool.waiting(self._state / SPOOL):
            if file.run == row.id and file.database == store.name:
                file.replay(store)
        return self._recorded((RunResumed(run=row.id),), Suite.from_json(row.suite), devices, store, None, Datasets())

    def _recorded(  # noqa: PLR0917  what a run consists of
        self,
        first: tuple[Event, ...],
        suite: Suite,
        devices: Sequence[Device],
        store: Store,
        session: Session | None,
        datasets: Datasets,
    ) -> Generator[Event, None, None]:
        ours = session or Session(self._connector)
        run = first[0].run
        recorder = Recorder(store, self._state / SPOOL, run)
        stages = _stages(self._context(run, suite, ours, datasets), devices, store, recorder)
        try:
            for events in chain((first,), stages):
                yield from recorder.record(events if isinstance(events, tuple) else (events,))
            while (back := recorder.wait(self._patience_s)) is not None:
                yield from recorder.record((back,))
        except KeyboardInterrupt as pressed:
            stages.throw(pressed)  # it stops the lanes, and raises where it could not
            raise
        finally:
            stages.close()  # stops lanes on their devices where the store refused an event
            recorder.close()
            if session is None:
                ours.close()

    def _context(self, run: str, suite: Suite, session: Session, datasets: Datasets) -> RunContext:
        return RunContext(
            run=run,
            suite=suite,
            session=session,
            artifacts=Artifacts(self._state, datasets),
            datasets=datasets,
            run_parallel=self._run_parallel,
            state=self._state,
            wheelhouse=self._wheelhouse,
            build_limits=self._build_limits,
            rescore=self._rescore,
            patience_s=self._patience_s,
            uncalibrated=lacking(datasets.of(suite.dataset)) if suite.calibration is None else None,
        )


def _stages(context: RunContext, devices: Sequence[Device], store: Store, recorder: Recorder) -> Stage[None]:
    """Probe, plan, build, measure; judge each device once it is finished.

    What the store holds of the run is asked first: measuring needs no database.
    """
    run = context.run
    before = store.devices()
    announced, done, earlier = store.artifacts_announced(run), store.done_steps(run), store.lanes(run)
    probed = yield from probe(context, devices)
    plan = probed.plan(context)
    yield Planned(run=run, plan=plan)
    if plan.skips:
        yield _skipped(run, plan.skips)
    if not plan.lanes:
        yield RunEnded(run=run, exit_status=1 if probed.has_crashed else NOTHING_RAN)
        return
    built = yield from build(context, plan, announced)
    skips = unfit(plan, context.suite, probed, built.artifacts, context.artifacts.path)
    if skips:
        plan = plan.skipping(skips)
        yield Planned(run=run, plan=plan)
        yield _skipped(run, skips)
        if not plan.lanes:
            yield RunEnded(run=run, exit_status=1 if probed.has_crashed else NOTHING_RAN)
            return
    cases = {lane.device: lane.cases for lane in plan.lanes}
    replaced = probed.replaced(before)

    def judge_device(name: str) -> Stage[tuple[Verdict, ...]]:
        return judge(context, cases[name], built, store, stranger_since=replaced.get(name))

    failed, verdicts = yield from measure(
        context, plan, probed, built, done=done, earlier=earlier, judge=judge_device, recorder=recorder
    )
    fine = not failed and not probed.unreachable and Verdict.INVALID not in verdicts
    yield RunEnded(run=run, exit_status=0 if fine else 1)


def _skipped(run: str, skips: Sequence[Skip]) -> tuple[CaseSkipped, ...]:
    return tuple(CaseSkipped(run=run, device=skip.case.device, case=skip.case, reason=skip.reason) for skip in skips)


def _returned(stage: Stage[T]) -> T:
    """Run ``stage`` to its end, drop what it yields, and return what it returns."""
    while True:
        try:
            next(stage)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # of the stage's own type
