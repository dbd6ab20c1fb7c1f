"""What the devices of a run are, asked before their work is planned."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.devices.provisioning.choose import Target, choose, environment_for
from orchestrator.domain.device import Device
from orchestrator.domain.event import BlobSent, DamageMended, DeviceProbed, LaneSkipped, PreparationStarted
from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.errors import DeviceUnfit, FarmError
from orchestrator.runs import chosen_runtimes, planner
from orchestrator.runs.breaker import remember
from orchestrator.runs.crash import contained
from orchestrator.runtimes.pins import version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.domain.blob import Environment
    from orchestrator.domain.plan import Plan
    from orchestrator.runs.context import DeviceStage, RunContext, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What probing one device found."""

    device: Device
    #: ``None`` where the device will do nothing.
    facts: Mapping[str, Any] | None = None
    #: Why it will do nothing.
    error: str | None = None
    #: Whether a bug of farm's was in the way.
    is_crash: bool = False
    #: Runtime -> why the device cannot offer it.
    unsupported: Mapping[str, str] = field(default_factory=dict)
    #: Runtime -> what to bring along.
    environments: Mapping[str, Environment] = field(default_factory=dict)
    #: Runtime -> its version there, as far as it is known.
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResults:
    """What probing found, device by device."""

    devices: tuple[Probed, ...]

    def of(self, name: str) -> Probed:
        """Return what was found on the device called ``name``, which was asked."""
        return next(probed for probed in self.devices if probed.device.name == name)

    @property
    def unreachable(self) -> dict[str, str]:
        """Device -> why it will do nothing."""
        return {probed.device.name: probed.error for probed in self.devices if probed.error is not None}

    @property
    def has_crashed(self) -> bool:
        """Whether a bug of farm's ended the work for a device."""
        return any(probed.is_crash for probed in self.devices)

    def plan(self, context: RunContext) -> Plan:
        """Return what each device will do; the same run, suite and findings give the same plan."""
        unsupported = {
            (probed.device.name, runtime): reason
            for probed in self.devices
            for runtime, reason in probed.unsupported.items()
        }
        names = [probed.device.name for probed in self.devices]
        return planner.plan(
            context.run,
            context.suite,
            names,
            unsupported=unsupported,
            unreachable=self.unreachable,
            uncalibrated=context.uncalibrated,
        )


def probe(context: RunContext, devices: Sequence[Device], *, fetch: bool = True) -> Stage[ProbeResults]:
    """Probe all devices side by side; one that does not answer is an event, not the end of the run.

    Without ``fetch``, wheels are chosen but not fetched.
    """
    found = yield from context.run_parallel([partial(probe_one, context, device, fetch=fetch) for device in devices])
    return ProbeResults(devices=found)


def probe_one(context: RunContext, device: Device, *, fetch: bool = True) -> DeviceStage[Probed]:
    """Probe one device; whatever happens is an event."""
    probed = yield from contained(context.run, device.name, context.state, _ask(context, device, fetch=fetch))
    return probed or Probed(device=device, error=f"{device.name}: probing failed unexpectedly", is_crash=True)


def _ask(context: RunContext, device: Device, *, fetch: bool) -> DeviceStage[Probed]:
    outage = context.outages.of(device.name)
    if outage is not None:
        out = FarmError(outage.sentence, hint=f"{outage.command} brings it back")
        yield LaneSkipped(run=context.run, device=device.name, reason=str(out))
        return Probed(device=device, error=str(out))
    try:
        facts = yield from _facts(context, device)
        for runtime, size_bytes in _to_fetch(context, device, facts) if fetch else ():
            yield PreparationStarted(
                run=context.run, device=device.name, what=f"looking for wheels of {runtime}", size_bytes=size_bytes
            )
        probed = _with_environments(context, device, facts, fetch=fetch)
    except FarmError as error:
        yield LaneSkipped(run=context.run, device=device.name, reason=str(error))
        if fetch:  # a question remembers nothing
            yield from remember(context.outages, context.run, device.name, error=error)
        return Probed(device=device, error=str(error))
    yield DeviceProbed(run=context.run, device=device.name, entry=device, facts=facts)
    return probed


def _facts(context: RunContext, device: Device) -> DeviceStage[dict[str, Any]]:
    """Yield what happens while a device is asked, by a worker of the cluster where there is one; return its facts."""
    choices = [RuntimeChoice.parse(runtime) for runtime in chosen_runtimes.of_suite(context.suite)]
    names = tuple(dict.fromkeys(choice.on_device for choice in choices))
    if context.cluster is not None and device.transport != "local":  # `local` is this machine
        return (yield from context.cluster.ask(context.run, device, names, context.patience_s))
    client = context.session.client(device)
    try:
        return (yield from agent_facts(context.run, client, device, names))
    except FarmError:
        client.close()
        raise


def agent_facts(
    run: str, client: AgentClient, device: Device, runtimes: tuple[str, ...]
) -> DeviceStage[dict[str, Any]]:
    """Yield what happens while the agent on a device is brought up to date and tries ``runtimes``; return its facts.

    Raises `FarmError`.
    """
    yield PreparationStarted(run=run, device=device.name, what="looking for the agent")
    sent = client.ensure_agent()
    if sent:
        yield BlobSent(run=run, device=device.name, what="agent", sha256="", size_bytes=sent, sent_bytes=sent)
    for what in client.take_damaged():
        yield DamageMended(run=run, device=device.name, what=what)
    what = f"asking for its facts, trying {', '.join(runtimes)}"
    yield PreparationStarted(run=run, device=device.name, what=what)
    return client.probe(runtimes)


def _to_fetch(context: RunContext, device: Device, facts: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the runtimes that are brought to the device, with the bytes of their wheels."""
    for runtime in chosen_runtimes.of_suite(context.suite):
        choice = RuntimeChoice.parse(runtime)
        if not _has(facts, choice) and (not device.runtimes or choice.name in device.runtimes):
            with suppress(DeviceUnfit):
                yield runtime, sum(pin.size_bytes for pin in choose(Target.of(facts), runtime))


def _with_environments(context: RunContext, device: Device, facts: Mapping[str, Any], *, fetch: bool) -> Probed:
    """Return what the device needs for each runtime of the suite."""
    unsupported: dict[str, str] = {}
    environments: dict[str, Environment] = {}
    versions: dict[str, str] = {}
    for runtime in chosen_runtimes.of_suite(context.suite):
        choice = RuntimeChoice.parse(runtime)
        if device.runtimes and choice.name not in device.runtimes:
            allowed = " and ".join(device.runtimes)
            unsupported[runtime] = f"the inventory allows only {allowed} on {device.name}"
            continue
        if _has(facts, choice):
            versions[runtime] = str(facts["runtimes"][choice.on_device].get("version") or "")
            continue
        try:
            versions[runtime] = version_of(runtime, choose(Target.of(facts), runtime)) or ""
            if not fetch:
                continue
            environments[runtime] = environment_for(
                facts, runtime, cache=context.state / "wheels", wheelhouse=context.wheelhouse
            )
        except DeviceUnfit as error:
            unsupported[runtime] = str(error)
    return Probed(device=device, facts=facts, unsupported=unsupported, environments=environments, versions=versions)


def _has(facts: Mapping[str, Any], choice: RuntimeChoice) -> bool:
    tried = facts.get("runtimes")
    found = tried.get(choice.on_device) if isinstance(tried, dict) else None
    return isinstance(found, dict) and bool(found.get("works")) and choice.version in (None, found.get("version"))
