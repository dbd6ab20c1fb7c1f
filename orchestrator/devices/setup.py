"""Devices set up to measure: the agent installed, a runtime that works."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.devices.fleet import for_each
from orchestrator.devices.provisioning.choose import Target, choose, choose_runtime, environment_for
from orchestrator.devices.remote.push import NotRelayed, Pushed, Pushing, push
from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.devices.session import connect, relays
from orchestrator.domain.units import format_bytes
from orchestrator.errors import DeviceUnfit
from orchestrator.runtimes.catalogue import BEST_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.devices.fleet import Outcome
    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.devices.remote.relay import Relay
    from orchestrator.domain.blob import Environment
    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInstalled:
    """A runtime that works on a device."""

    runtime: str
    version: str
    #: What was brought along for it; ``None`` where the device has the runtime itself.
    environment: Environment | None
    sent_bytes: int

    @property
    def size_bytes(self) -> int:
        """The size of the wheels that the environment is made of."""
        wheels = self.environment.wheels if self.environment else ()
        return sum(wheel.path.stat().st_size for wheel in wheels)

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "runtime": self.runtime,
            "version": self.version,
            "brought": self.environment is not None,
            "sent_bytes": self.sent_bytes,
        }


def install_runtime(
    client: AgentClient,
    facts: Mapping[str, Any],
    *,
    cache: Path,
    wheelhouse: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    limits: PushLimits | None = None,
    relay: Relay | None = None,
) -> RuntimeInstalled:
    """Install the best runtime the device can have, unless it has it itself, and try it there.

    ``facts`` are what probing for `BEST_FIRST` returned; ``report`` gets what is going on. Raises `DeviceUnfit`.
    """
    device = client.device
    runtime = choose_runtime(facts, device.runtimes)
    present = (facts.get("runtimes") or {}).get(runtime) or {}
    if present.get("works"):
        return RuntimeInstalled(runtime=runtime, version=str(present.get("version")), environment=None, sent_bytes=0)
    size = format_bytes(sum(pin.size_bytes for pin in choose(Target.of(facts), runtime)))
    report(f"{device.name}: looking for wheels of {runtime}, {size}")
    environment = environment_for(facts, runtime, cache=cache, wheelhouse=wheelhouse)
    sent = client.ensure_agent()
    pushing = push(client, environment.wheels, disk_limit_bytes=device.limits.disk_bytes, limits=limits, relay=relay)
    for pushed in pushing:
        if isinstance(pushed, Pushed):
            report(f"{device.name}: received {pushed.blob.what}, {format_bytes(pushed.sent_bytes)}")
            sent += pushed.sent_bytes
        elif isinstance(pushed, Pushing):
            report(f"{device.name}: sending {format_bytes(pushed.total_bytes)}")
        elif isinstance(pushed, NotRelayed):
            report(f"{pushed.gate} does not pass files on: {pushed.reason}")
        else:
            report(f"{device.name}: {pushed.what}")
    report(f"{device.name}: unpacking {runtime}, {size}")
    client.ensure_environment(environment.name, [(wheel.path.name, wheel.sha256) for wheel in environment.wheels])
    report(f"{device.name}: trying {runtime}")
    tried = client.probe([runtime], environment.name)["runtimes"][runtime]
    if not tried.get("works"):
        reason = tried.get("error") or "it does not say why"
        raise DeviceUnfit(f"{device.name}: {runtime} was installed there and does not work: {reason}")
    return RuntimeInstalled(
        runtime=runtime, version=str(tried.get("version")), environment=environment, sent_bytes=sent
    )


def set_up(
    devices: Sequence[Device],
    connector: Connector,
    *,
    cache: Path,
    wheelhouse: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    limits: PushLimits | None = None,
) -> Iterator[Outcome[RuntimeInstalled]]:
    """Install a runtime on ``devices``, side by side; yield an outcome for each, in their order.

    ``report`` gets what is going on, from several threads; ``limits`` hold for all of them together.
    """
    shared = limits or PushLimits()
    ways = relays(devices, connector, shared)

    def act(device: Device) -> RuntimeInstalled:
        with closing(connect(device, connector, shared)) as client:
            report(f"{device.name}: asking for its facts, trying {', '.join(BEST_FIRST)}")
            facts = client.probe(BEST_FIRST)
            return install_runtime(
                client, facts, cache=cache, wheelhouse=wheelhouse, report=report, limits=shared, relay=ways.of(device)
            )

    return for_each(devices, act)
