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
from orchestrator.devices import outages
from orchestrator.devices.provisioning.wheelhouse import refuse_missing
from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.devices.session import Session, relays
from orchestrator.domain.result import Verdict
from orchestrator.domain.run_event import DatasetRead, RunDetached, RunEnded, RunResumed, RunStarted
from orchestrator.domain.suite import Suite
from orchestrator.errors import UsageError
from orchestrator.models import preflight
from orchestrator.models.artifacts import Artifacts
from orchestrator.models.build_processes import BuildLimits
from orchestrator.runs.build import wanted
from orchestrator.runs.collect import collect, refuse_adopted
from orchestrator.runs.concealed import Concealed
from orchestrator.runs.context import RunContext
from orchestrator.runs.kernel_fit import needs_of, unfit
from orchestrator.runs.measure import measure
from orchestrator.runs.probe import probe
from orchestrator.runs.recorder import Recorder
from orchestrator.runs.transfers import transfers
from orchestrator.runs.waves import Waves
from orchestrator.store import spool
from orchestrator.transports.connector import Connector

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.devices.remote.origin import Origin
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Plan
    from orchestrator.runs.cluster.cluster import Cluster
    from orchestrator.runs.collect import LaneToRead
    from orchestrator.runs.context import Stage
    from orchestrator.store.store import Store

    T = TypeVar("T")

NOTHING_RAN = 3
#: A command that collects a run, or just leaves it, has it no longer then.
LEAVES_WITHIN_S = 5.0
#: In farm's own folder: where events wait while the database is out of reach.
SPOOL = "spool"


class Farm:
    """Carries out suites: every event is in the store, or in a file that it waits in, before it is yielded.

    ``state`` is farm's own folder (artifacts, wheels, known_hosts); ``connector`` holds unlocked keys; ``patience_s``
    is how long a device may be silent in the middle of a lane before it is given up; ``wheelhouse`` is looked into
    before wheels are fetched; ``build_limits`` is what building artifacts may take of this machine;
    with ``rescore``, images are scored anew that an earlier run has scored in the same way; ``push_limits`` hold for what is sent.
    One that ``detaches`` starts lanes, then leaves the devices to measure on their own; one that ``keeps_lanes`` does not stop them
    where it is interrupted. The workers of a ``cluster`` walk the lanes in the place of this process. Raises `UsageError` where
    ``wheelhouse`` is no folder.
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
        push_limits: PushLimits | None = None,
        detaches: bool = False,
        keeps_lanes: bool = False,
        cluster: Cluster | None = None,
    ) -> None:
        refuse_missing(wheelhouse)
        self._state = state
        self._connector = connector or Connector(known_hosts=state / "known_hosts")
        self._run_parallel = registry.find("executor", executor)
        self._patience_s = patience_s
        self._wheelhouse = wheelhouse
        self._build_limits = build_limits or BuildLimits()
        self._rescore = rescore
        self._push_limits = push_limits or PushLimits()
        self._detaches, self._keeps_lanes = detaches, keeps_lanes
        self._cluster = cluster

    @property
    def blobs(self) -> Path:
        """The folder of artifacts, images and labels, each named by its sha256."""
        return Artifacts(self._state, Datasets()).blobs

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
            needs = needs_of(suite, artifacts, context.artifacts.path, {})
            plan = plan.skipping(unfit(plan, suite, probed, artifacts, needs)).without(done)
            unbuilt = {(case.model, case.scheme, case.batch) for case in plan.cases} - artifacts.keys()
            return replace(plan, transfers=transfers(context, plan, probed, artifacts), unbuilt=len(unbuilt))

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
        return lambda store: self._carried_out((started, read), suite, devices, store, datasets, session)

    def resume(self, run: str, devices: Sequence[Device], store: Store) -> Generator[Event, None, None]:
        """Go on with a run that stopped: collect what the devices finished meanwhile, measure only the rest.

        What waits in a file since the database was out of reach is stored first. Raises `UnknownName` where ``store``
        has no such run, `UsageError` where another controller started it or another command follows it.
        """
        row = store.run(run)
        refuse_adopted(store, row.id)
        self._replay(row.id, store)
        return self._carried_out((RunResumed(run=row.id),), Suite.from_json(row.suite), devices, store, Datasets())

    def collect(
        self,
        run: str,
        lanes: Sequence[LaneToRead],
        store: Store,
        *,
        waits: bool = False,
        origins: Mapping[str, Origin] | None = None,
    ) -> Generator[Event, None, None]:
        """Store what devices have of ``lanes`` of a run, then judge it, and start nothing; with ``waits`` follow the lanes to their ends.

        ``origins`` is what each device keeps of a run that another controller started, ``None`` for a run of this one.
        Raises `UnknownName` where ``store`` has no such run, `DatasetError` or `ModelError` where its images can't be read.
        """
        row = store.run(run)
        self._replay(row.id, store)

        def stages(session: Session, _: Recorder) -> Stage[None]:
            context = self._context(row.id, Suite.from_json(row.suite), session, Datasets(), builds=False)
            return collect(context, lanes, store, waits=waits, origins=origins)

        return self._recorded(row.id, (), stages, store, devices=[lane.device for lane in lanes])

    def _replay(self, run: str, store: Store) -> None:
        """Store what waits in a file since the database was out of reach."""
        for file in spool.waiting(self._state / SPOOL):
            if file.run == run and file.database == store.name:
                file.replay(store)

    def _carried_out(  # noqa: PLR0917  what a run consists of
        self,
        first: tuple[Event, ...],
        suite: Suite,
        devices: Sequence[Device],
        store: Store,
        datasets: Datasets,
        session: Session | None = None,
    ) -> Generator[Event, None, None]:
        run = first[0].run

        def stages(ours: Session, recorder: Recorder) -> Stage[None]:
            return _stages(self._context(run, suite, ours, datasets), devices, store, recorder)

        with store.following(run, wait_s=LEAVES_WITHIN_S) as is_ours:
            if not is_ours:
                hint = f"farm web shows it meanwhile; once that command has ended: farm attach {run}"
                raise UsageError(f"another farm command stores run {run}", hint=hint)
            yield from self._recorded(run, first, stages, store, session, devices=devices)

    def _recorded(
        self,
        run: str,
        first: tuple[Event, ...],
        make: Callable[[Session, Recorder], Stage[None]],
        store: Store,
        session: Session | None = None,
        *,
        devices: Sequence[Device],
    ) -> Generator[Event, None, None]:
        ours = session or Session(self._connector, self._push_limits)
        recorder = Recorder(store, self._state / SPOOL, run, conceal=Concealed(devices, self._connector))
        stages = make(ours, recorder)
        try:
            for events in chain((first,) if first else (), stages):
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

    def _context(
        self, run: str, suite: Suite, session: Session, datasets: Datasets, *, builds: bool = True
    ) -> RunContext:
        needs_images = builds and suite.calibration is None
        return RunContext(
            run=run,
            suite=suite,
            session=session,
            artifacts=Artifacts(self._state, datasets),
            datasets=datasets,
            run_parallel=self._run_parallel,
            state=self._state,
            outages=outages.Outages(self._state / outages.FOLDER),
            wheelhouse=self._wheelhouse,
            build_limits=self._build_limits,
            rescore=self._rescore,
            patience_s=self._patience_s,
            uncalibrated=lacking(datasets.of(suite.dataset)) if needs_images else None,
            detaches=self._detaches,
            keeps_lanes=self._keeps_lanes,
            cluster=self._cluster,
        )


def _stages(context: RunContext, devices: Sequence[Device], store: Store, recorder: Recorder) -> Stage[None]:
    """Probe, plan, build, measure; judge each device once it is finished."""
    run = context.run
    waves = Waves(context, store, relays(devices, context.session.connector, context.session.limits))
    measured = yield from measure(context, devices, waves, recorder)
    if not waves.has_lanes:
        yield RunEnded(run=run, exit_status=1 if waves.has_crashed else NOTHING_RAN)
        return
    fine = not measured.failed and Verdict.INVALID not in measured.verdicts
    if measured.left:
        yield RunDetached(run=run, devices=measured.left, exit_status=0 if fine else 1)
    else:
        yield RunEnded(run=run, exit_status=0 if fine else 1)


def _returned(stage: Stage[T]) -> T:
    """Run ``stage`` to its end, drop what it yields, and return what it returns."""
    while True:
        try:
            next(stage)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # of the stage's own type
