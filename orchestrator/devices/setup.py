"""Make devices ready to measure: the agent installed, a working runtime, nothing that is not needed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.devices.connect import connect
from orchestrator.devices.provisioning.choose import choose_runtime, environment_for
from orchestrator.domain.units import format_bytes
from orchestrator.errors import DeviceUnfit, FarmError
from orchestrator.runtimes.catalogue import BEST_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.domain.blob import Environment
    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector

#: Runtimes worth asking a device for.
RUNTIMES = BEST_FIRST
#: Devices served at once; a device that is off costs a thread some 5 s of waiting.
AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInstalled:
    """A runtime that works on a device."""

    runtime: str
    version: str
    #: What was brought along for it; ``None`` where the device has the runtime itself.
    environment: Environment | None
    sent_bytes: int

    @property
    def size_words(self) -> str:
        """How big the wheels are that the environment is made of."""
        wheels = self.environment.wheels if self.environment else ()
        return format_bytes(sum(wheel.path.stat().st_size for wheel in wheels))

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "runtime": self.runtime,
            "version": self.version,
            "brought": self.environment is not None,
            "sent_bytes": self.sent_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one device: exactly one of its answers, or its error."""

    device: Device
    ready: RuntimeInstalled | None = None
    removed: Mapping[str, Any] | None = None
    error: FarmError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "device": self.device.name,
            **(self.ready.to_json() if self.ready else {}),
            **(self.removed or {}),
            "error": type(self.error).__name__ if self.error else None,
            "message": self.error.message if self.error else None,
            "hint": self.error.hint if self.error else None,
        }


def make_ready(
    device: Device,
    facts: Mapping[str, Any],
    connector: Connector,
    *,
    cache: Path,
    wheelhouse: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> RuntimeInstalled:
    """Bring the best runtime the device can have, unless it has it itself, and try it there.

    ``facts`` are what probing for `RUNTIMES` told; ``tell`` hears what is going on. Raises `DeviceUnfit`.
    """
    runtime = choose_runtime(facts, device.runtimes)
    own = (facts.get("runtimes") or {}).get(runtime) or {}
    if own.get("works"):
        return RuntimeInstalled(runtime=runtime, version=str(own.get("version")), environment=None, sent_bytes=0)
    tell(f"{device.name}: fetching wheels of {runtime}")
    environment = environment_for(facts, runtime, cache=cache, wheelhouse=wheelhouse)
    remote = connect(device, connector)
    try:
        sent = remote.ensure_agent()
        for blob, size in remote.push(environment.wheels, disk_limit_bytes=device.limits.disk_bytes):
            tell(f"{device.name}: sent {blob.what}")
            sent += size
        tell(f"{device.name}: unpacking {runtime}")
        remote.ensure_environment(environment.name, [(wheel.path.name, wheel.sha256) for wheel in environment.wheels])
        tried = remote.probe([runtime], environment.name)["runtimes"][runtime]
    finally:
        remote.close()
    if not tried.get("works"):
        words = tried.get("error") or "it does not say why"
        raise DeviceUnfit(f"{device.name}: {runtime} was brought there and does not work: {words}")
    return RuntimeInstalled(
        runtime=runtime, version=str(tried.get("version")), environment=environment, sent_bytes=sent
    )


def set_up(
    devices: Sequence[Device], connector: Connector, *, cache: Path, wheelhouse: Path | None = None
) -> Iterator[Outcome]:
    """Make devices ready side by side and yield an outcome for each, in their order."""

    def one(device: Device) -> Outcome:
        remote = connect(device, connector)
        try:
            facts = remote.probe(RUNTIMES)
        finally:
            remote.close()
        return Outcome(device=device, ready=make_ready(device, facts, connector, cache=cache, wheelhouse=wheelhouse))

    yield from _each(one, devices)


def clean(devices: Sequence[Device], connector: Connector, *, unused_days: float) -> Iterator[Outcome]:
    """Remove from devices what was not used for ``unused_days``; yield an outcome for each, in their order."""

    def one(device: Device) -> Outcome:
        remote = connect(device, connector)
        try:
            return Outcome(device=device, removed=asdict(remote.collect_garbage(unused_days)))
        finally:
            remote.close()

    yield from _each(one, devices)


def _each(act: Callable[[Device], Outcome], devices: Sequence[Device]) -> Iterator[Outcome]:
    def one(device: Device) -> Outcome:
        try:
            return act(device)
        except FarmError as error:
            return Outcome(device=device, error=error)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield from pool.map(one, devices)
