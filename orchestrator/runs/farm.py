"""Farm: wires inventory, planner, builder, lanes, store into one iterator of events."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

from orchestrator import registry
from orchestrator.analysis import judge as judging
from orchestrator.config import selectors
from orchestrator.config.inventory import Inventory
from orchestrator.datasets.base import make_dataset
from orchestrator.devices import health
from orchestrator.devices.provisioning.choose import Target, choose, environment_for
from orchestrator.devices.remote.client import AgentClient
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.event import (
    ArtifactReady,
    BlobSent,
    BuildFailed,
    BuildStarted,
    CaseJudged,
    CaseSkipped,
    DatasetRead,
    DeviceProbed,
    LaneSkipped,
    Planned,
    RunEnded,
    RunResumed,
    RunStarted,
)
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.domain.suite import Suite
from orchestrator.errors import DeviceUnfit, FarmError, UsageError
from orchestrator.models.artifacts import Artifacts, Build, Built
from orchestrator.runs import planner
from orchestrator.runs.lane import LaneRunner
from orchestrator.transports.connector import Connector

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.config.selectors import Known
    from orchestrator.domain.artifact import Artifact, ImageSet
    from orchestrator.domain.blob import Environment
    from orchestrator.domain.case import Case
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Plan
    from orchestrator.store.store import Store


@dataclass(slots=True)
class ProbeResults:
    """What probing told about the devices of a run."""

    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    #: device -> why it will do nothing
    unreachable: dict[str, str] = field(default_factory=dict)
    #: (device, runtime) -> why it can't offer that runtime
    unsupported: dict[tuple[str, str], str] = field(default_factory=dict)
    #: (device, runtime) -> what to bring along
    environments: dict[tuple[str, str], Environment] = field(default_factory=dict)
    #: device -> when its name was last answered by what is another machine now
    replaced: dict[str, datetime] = field(default_factory=dict)


class Farm:
    """Everything `farm run` does, as an iterator of events that are stored before they are yielded.

    ``state`` is farm's own folder (artifacts, wheels, known_hosts); ``connector`` holds unlocked keys; ``patience_s`` is how long a device may be
    silent in the middle of a lane before it is given up; ``wheelhouse`` is looked into before wheels are fetched.
    """

    def __init__(
        self,
        inventory: Path,
        state: Path,
        *,
        connector: Connector | None = None,
        executor: str = "threads",
        patience_s: float = 300.0,
        wheelhouse: Path | None = None,
    ) -> None:
        self.inventory = Inventory.load(inventory)
        self._state = state
        self._connector = connector or Connector(known_hosts=state / "known_hosts")
        self._run_parallel = registry.find("executor", executor)
        self._patience_s = patience_s
        self._wheelhouse = wheelhouse
        self._artifacts = Artifacts(state)

    def remote(self, device: Device) -> AgentClient:
        """Return the way to the agent on ``device``; nothing is connected yet."""
        return AgentClient(self._connector.transport(device), device)

    def plan(self, suite: Suite, known: Known | None = None) -> Plan:
        """Probe the devices and say what `run` would do, without doing or storing it.

        ``known`` is what devices said of themselves before, where selectors ask for that.
        """
        probed = ProbeResults()
        devices = selectors.select(self.inventory.devices, suite.devices, known)
        for _ in self._probe("dry-run", suite, devices, probed, fetch=False):
            pass
        return self._planned("dry-run", suite, devices, probed)

    def run(self, suite: Suite, store: Store) -> Iterator[Event]:
        """Carry out ``suite``: every event is in ``store`` before it is yielded."""
        run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        images = make_dataset(suite.dataset)  # a bad folder or image is refused before any device is asked
        read = DatasetRead(run=run, summary=images.summary())
        started = RunStarted(
            run=run,
            suite=suite.to_json(),
            seed=suite.seed,
            effort=suite.effort,
            dataset=images.name,
            synthetic=images.synthetic,
            farm_version=version("edge-farm"),
        )
        return self._recorded(run, suite, store, started, read)

    def resume(self, run: str, store: Store) -> Iterator[Event]:
        """Go on with a run that stopped: collect what the devices finished meanwhile, measure only the rest.

        Raises `UnknownName` where ``store`` has no such run.
        """
        row = store.run(run)
        return self._recorded(row.id, Suite.from_json(row.suite), store, RunResumed(run=row.id))

    def _recorded(self, run: str, suite: Suite, store: Store, *first: Event) -> Iterator[Event]:
        asks = selectors.needs_facts(suite.devices)
        known = {row.name: row.facts for row in store.devices()} if asks else {}
        devices = selectors.select(self.inventory.devices, suite.devices, known)
        for event in chain(first, self._events(run, suite, devices, store)):
            store.record(event)
            yield event

    def _events(self, run: str, suite: Suite, devices: Sequence[Device], store: Store) -> Iterator[Event]:
        probed = ProbeResults()
        before = {row.name: row for row in store.devices()}
        yield from self._probe(run, suite, devices, probed)
        for name, facts in probed.facts.items():
            if name in before and health.other_machine(before[name].facts, facts):
                probed.replaced[name] = before[name].last_seen_at
        plan = self._planned(run, suite, devices, probed)
        yield Planned(run=run, plan=plan)
        for skip in plan.skips:
            yield CaseSkipped(run=run, device=skip.case.device, case=skip.case, reason=skip.reason)
        if not plan.lanes:
            yield RunEnded(run=run, exit_status=3)
            return
        announced = store.artifacts_announced(run)  # by the controller that began it, where this one resumes
        artifacts: dict[tuple[str, str, int], Artifact] = {}
        failures: dict[tuple[str, str, int], str] = {}
        for event in self._build(run, suite, plan, artifacts, failures):
            _refuse_another(event, announced)
            yield event
        images = self._images(suite, {model for model, _, _ in artifacts})
        runners = self._runners(plan, devices, probed=probed, artifacts=artifacts, images=images, store=store)
        given_up = 0
        for event in self._measured(runners):
            given_up += isinstance(event, LaneSkipped)
            yield event
        verdicts = []
        for case in plan.cases:
            key = case.model, case.scheme, case.batch
            if key in failures:
                result = _unbuilt(run, case, failures[key])
            else:
                result = judging.judge(store, run, suite, case, stranger_since=probed.replaced.get(case.device))
            verdicts.append(result.verdict)
            yield CaseJudged(run=run, device=case.device, result=result)
        fine = not given_up and not probed.unreachable and Verdict.INVALID not in verdicts
        yield RunEnded(run=run, exit_status=0 if fine else 1)

    def _probe(
        self, run: str, suite: Suite, devices: Sequence[Device], probed: ProbeResults, *, fetch: bool = True
    ) -> Iterator[Event]:
        """Probe all devices side by side; a unreachable one is an event, not the end of the run.

        Without ``fetch``, wheels are chosen but not fetched.
        """

        def probe(device: Device) -> Iterator[Event]:
            remote = self.remote(device)
            try:
                sent = remote.ensure_agent()
                if sent:
                    yield BlobSent(
                        run=run, device=device.name, what="agent", sha256="", size_bytes=sent, sent_bytes=sent
                    )
                choices = [RuntimeChoice.parse(runtime) for runtime in suite.runtimes]
                facts = remote.probe(tuple(dict.fromkeys(choice.on_device for choice in choices)))
                self._choose_environments(device, suite, facts, probed, fetch=fetch)
            except FarmError as error:
                probed.unreachable[device.name] = str(error)
                yield LaneSkipped(run=run, device=device.name, reason=str(error))
            else:
                probed.facts[device.name] = facts
                yield DeviceProbed(run=run, device=device.name, entry=device, facts=facts)
            finally:
                remote.close()

        yield from self._run_parallel([lambda device=device: probe(device) for device in devices])

    def _choose_environments(
        self, device: Device, suite: Suite, facts: Mapping[str, Any], probed: ProbeResults, *, fetch: bool
    ) -> None:
        for runtime in suite.runtimes:
            choice = RuntimeChoice.parse(runtime)
            if device.runtimes and choice.name not in device.runtimes:
                allowed = " and ".join(device.runtimes)
                probed.unsupported[device.name, runtime] = f"the inventory allows only {allowed} on {device.name}"
                continue
            tried = facts.get("runtimes")
            found = tried.get(choice.on_device) if isinstance(tried, dict) else None
            if isinstance(found, dict) and found.get("works") and choice.version in (None, found.get("version")):
                continue
            try:
                if not fetch:
                    choose(Target.of(facts), runtime)
                    continue
                probed.environments[device.name, runtime] = environment_for(
                    facts, runtime, cache=self._state / "wheels", wheelhouse=self._wheelhouse
                )
            except DeviceUnfit as error:
                probed.unsupported[device.name, runtime] = str(error)

    def _planned(self, run: str, suite: Suite, devices: Sequence[Device], probed: ProbeResults) -> Plan:
        names = [device.name for device in devices]
        return planner.plan(run, suite, names, unsupported=probed.unsupported, unreachable=probed.unreachable)

    def _build(
        self,
        run: str,
        suite: Suite,
        plan: Plan,
        artifacts: dict[tuple[str, str, int], Artifact],
        failures: dict[tuple[str, str, int], str],
    ) -> Iterator[Event]:
        specs = {model.name: model for model in suite.models}
        keys = dict.fromkeys((case.model, case.scheme, case.batch) for case in plan.cases)
        builds = [Build(model=specs[model], scheme=scheme, batch=batch) for model, scheme, batch in keys]
        yield BuildStarted(run=run, total=len(self._artifacts.missing(builds, suite.dataset)))
        for outcome in self._artifacts.ensure(builds, suite.dataset):
            build = outcome.build
            key = build.model.name, build.scheme, build.batch
            if isinstance(outcome, Built):
                artifacts[key] = outcome.artifact
                yield ArtifactReady(run=run, artifact=outcome.artifact, reused=outcome.reused, seconds=outcome.seconds)
            else:
                failures[key] = outcome.error
                yield BuildFailed(run=run, model=key[0], scheme=key[1], batch=key[2], error=outcome.error)

    def _images(self, suite: Suite, models: Collection[str]) -> dict[str, ImageSet]:
        return {
            model.name: self._artifacts.image_set(model, suite.dataset)
            for model in suite.models
            if model.name in models
        }

    def _runners(
        self,
        plan: Plan,
        devices: Sequence[Device],
        *,
        probed: ProbeResults,
        artifacts: Mapping[tuple[str, str, int], Artifact],
        images: Mapping[str, ImageSet],
        store: Store,
    ) -> list[LaneRunner]:
        entries = {device.name: device for device in devices}
        done = store.done_steps(plan.run)
        earlier = store.lanes(plan.run)
        runners = []
        for lane in plan.lanes:
            inputs = LaneInputs(
                effort=plan.effort,
                artifacts=artifacts,
                images=images,
                environments={
                    runtime: environment
                    for (device, runtime), environment in probed.environments.items()
                    if device == lane.device
                },
                blobs=self._artifacts.blobs,
                limits=entries[lane.device].limits,
                tune=plan.tune,
            )
            own = [row for row in earlier if row.device == lane.device]
            runners.append(
                LaneRunner(
                    plan.run,
                    lane,
                    self.remote(entries[lane.device]),
                    inputs,
                    done=done,
                    unfinished=tuple(row.cursor for row in own if not row.ended),
                    lanes_before=len(own),
                    patience_s=self._patience_s,
                )
            )
        return runners

    def _measured(self, runners: Sequence[LaneRunner]) -> Iterator[Event]:
        """Walk all lanes; whoever stops listening (Ctrl-C, a full disk) stops the lanes on their devices too."""
        finished = False
        try:
            yield from self._run_parallel([runner.events for runner in runners])
            finished = True
        finally:
            if not finished:
                for _ in self._run_parallel([lambda runner=runner: self._stop(runner) for runner in runners]):
                    pass

    def _stop(self, runner: LaneRunner) -> Iterator[Event]:
        lane = runner.cancel()
        if lane is not None:
            remote = self.remote(self.inventory.device(runner.device))
            # A device that can't be told goes on, and `farm run --resume` collects what it does.
            with contextlib.suppress(FarmError):
                remote.stop(lane)
            remote.close()
        yield from ()


def _refuse_another(event: Event, announced: Mapping[tuple[str, str, int], str]) -> None:
    """Raise `UsageError` where a resumed run would mix attempts of two artifacts in one case."""
    if not isinstance(event, ArtifactReady):
        return
    artifact = event.artifact
    if announced.get((artifact.model, artifact.scheme, artifact.batch), artifact.sha256) != artifact.sha256:
        raise UsageError(
            f"run {event.run} can't go on: {artifact.model} {artifact.scheme} is another artifact now, because the model, "
            "its calibration images or TensorFlow changed",
            hint="start a new run: farm run",
        )


def _unbuilt(run: str, case: Case, error: str) -> CaseResult:
    reason = Reason(
        verdict=Verdict.INVALID,
        code="build-failed",
        message=f"the artifact could not be built: {error}",
        advice="see the build's own words above; other schemes may still work",
    )
    return CaseResult(
        run=run,
        case=case,
        artifact=None,
        size_bytes=None,
        attempts=0,
        samples=0,
        verdict=Verdict.INVALID,
        reasons=(reason,),
    )
