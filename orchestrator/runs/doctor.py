"""What is wrong with a project: its files, its database, how its devices are reached; no device is asked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge_farm import installed
from orchestrator.config.inventory import Inventory
from orchestrator.devices import health
from orchestrator.domain.units import format_bytes
from orchestrator.errors import FarmError
from orchestrator.runs.farm import SPOOL
from orchestrator.store import spool
from orchestrator.store.store import Store
from orchestrator.transports import known_hosts
from orchestrator.transports.ssh import server_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.store.rows import DeviceRow
    from orchestrator.transports.connector import Connector

#: Artifacts of a few models, wheels for a few kinds of devices, a database of some runs.
LITTLE_DISK_BYTES = 2_000_000_000
#: What a store is called where there is no database.
IN_MEMORY = "sqlite://"
#: Extra -> a distribution that it brings.
EXTRAS = {
    "report": "jinja2",
    "web": "starlette",
    "onnx": "onnxruntime",
    "quantizer": "ai-edge-quantizer",
    "pandas": "pandas",
    "parquet": "pyarrow",
    "mlflow": "mlflow-skinny",
    "dicom": "pydicom",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    #: What: ``database``, ``device pi5``, …
    subject: str
    #: An error stops farm from working; a warning may be as it should be.
    state: Literal["ok", "warning", "error"] = "ok"
    sentence: str
    #: What mends it, to be typed as it is.
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """Looks at one project."""

    inventory: Path
    #: Farm's own folder of the project.
    state: Path
    db: str
    connector: Connector

    def findings(self) -> Iterator[Finding]:
        """Yield what was found, one thing at a time; a check that fails is a finding, too."""
        yield from _guarded("installation", self._installation())
        yield from _guarded("disk", self._disk())
        yield from _guarded("state", self._state())
        yield from _guarded("database", self._database())
        yield from _guarded("inventory", self._devices())

    def _installation(self) -> Iterator[Finding]:
        yield from _others()
        tensorflow = next(filter(None, (_version(name) for name in ("tensorflow-cpu", "tensorflow"))), None)
        if tensorflow is None:
            yield Finding(
                subject="tensorflow",
                state="error",
                sentence="not installed: no artifact can be built",
                command="pip install tensorflow",
            )
        else:
            yield Finding(subject="farm", sentence=f"{_version('edge-farm')}, TensorFlow {tensorflow}")
        absent = [extra for extra, distribution in EXTRAS.items() if _version(distribution) is None]
        if absent:
            yield Finding(
                subject="extras",
                sentence=f"not installed: {', '.join(absent)}; needed only for what is called so",
                command=f"pip install 'edge-farm[{','.join(absent)}]'",
            )

    def _disk(self) -> Iterator[Finding]:
        place = next(each for each in (self.state, *self.state.parents) if each.exists())
        free = shutil.disk_usage(place).free
        little = free < LITTLE_DISK_BYTES
        yield Finding(subject="disk", state="warning" if little else "ok", sentence=f"{format_bytes(free)} free")

    def _state(self) -> Iterator[Finding]:
        if not self.state.exists():
            yield Finding(subject="state", sentence=f"{self.state}: none yet")
            return
        loose = [path for path in (self.state, self.connector.known_hosts) if path.exists() and _is_loose(path)]
        for path in loose:
            mode = "700" if path.is_dir() else "600"
            yield Finding(
                subject="state",
                state="warning",
                sentence=f"{path}: other users may read it",
                command=f"chmod {mode} {path}",
            )
        crashes = sorted((self.state / "crashes").glob("*"))
        if crashes:
            yield Finding(
                subject="crashes",
                state="warning",
                sentence=f"{_counted(len(crashes), 'report')} of errors in farm, the newest {crashes[-1]}: report it, then delete it",
            )
        waiting = spool.waiting(self.state / SPOOL)
        for file in waiting:
            yield Finding(
                subject="events",
                state="warning",
                sentence=f"events of run {file.run} wait for {file.database}",
                command="farm db replay",
            )
        if not (loose or crashes or waiting):
            yield Finding(subject="state", sentence=str(self.state))

    def _database(self) -> Iterator[Finding]:
        with Store.open(self.db, create=False) as store:
            runs = store.runs()
            if store.name == IN_MEMORY and self.db != IN_MEMORY:
                yield Finding(subject="database", sentence="none yet: farm run makes it")
                return
            count = _counted(len(runs), "run")
            yield Finding(subject="database", sentence=f"{store.name}, {count}; farm db check reads all of it")
            if runs and runs[0].ended_at is None:
                yield Finding(
                    subject="runs",
                    state="warning",
                    sentence=f"run {runs[0].id} has not ended: it goes on, or was interrupted",
                    command=f"farm run --resume {runs[0].id}",
                )

    def _devices(self) -> Iterator[Finding]:
        devices = Inventory.load(self.inventory).devices
        where = str(self.inventory) if self.inventory.exists() else "none, so this machine alone"
        yield Finding(subject="inventory", sentence=f"{where}; {_counted(len(devices), 'device')}")
        seen = self._last_seen()
        for device in devices:
            subject = f"device {device.name}"
            problems = [*_guarded(subject, self._reaching(device)), *_facts(device, seen.get(device.name))]
            yield from problems or [Finding(subject=subject, sentence="ready, as far as is known here")]

    def _last_seen(self) -> dict[str, DeviceRow]:
        try:
            with Store.open(self.db, create=False) as store:
                return {row.name: row for row in store.devices()}
        except FarmError:  # a finding of its own
            return {}

    def _reaching(self, device: Device) -> Iterator[Finding]:
        """Yield what would stop farm from logging in; nothing is connected."""
        if device.transport != "ssh":
            return
        subject = f"device {device.name}"
        name = server_name(device, self.connector)
        if not known_hosts.known(self.connector.known_hosts, name):
            yield Finding(
                subject=subject,
                state="error",
                sentence=f"no host key is trusted for {name}",
                command=f"farm devices trust {device.name}",
            )
        key = Path(device.identity_file).expanduser() if device.identity_file else None
        if key is not None and not key.exists():
            yield Finding(subject=subject, state="error", sentence=f"{key}: no such key")
        elif key is not None and key.suffix != ".pub" and _is_loose(key):
            yield Finding(
                subject=subject,
                state="error",
                sentence=f"{key}: others may read it, so it is not used",
                command=f"chmod 600 {key}",
            )


def worst(findings: Sequence[Finding]) -> str:
    """Return the worst state among them."""
    states = {finding.state for finding in findings}
    return next(state for state in ("error", "warning", "ok") if state in states or state == "ok")


def _guarded(subject: str, found: Iterator[Finding]) -> Iterator[Finding]:
    """Yield what is found; a check that fails is a finding itself."""
    try:
        yield from found
    except FarmError as error:
        hint = f" ({error.hint})" if error.hint else ""
        yield Finding(subject=subject, state="error", sentence=f"{error.message}{hint}")
    except OSError as error:
        yield Finding(subject=subject, state="error", sentence=f"{error.filename}: {error.strerror}")


def _facts(device: Device, row: DeviceRow | None) -> Iterator[Finding]:
    """Yield the problems that the device's own facts showed when it last answered."""
    subject = f"device {device.name}"
    command = f"farm devices check {device.name}"
    if row is None:
        if device.transport == "ssh":
            yield Finding(subject=subject, state="warning", sentence="it has never answered", command=command)
        return
    for _, sentence in health.complaints(row.facts):
        yield Finding(subject=subject, state="warning", sentence=sentence, command=command)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is_loose(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def _others() -> Iterator[Finding]:
    """Yield what other packages did to farm's files: pip lets one package write over another's."""
    for package, files in installed.intruders().items():
        yield Finding(
            subject="farm",
            state="warning",
            sentence=f"the package {package} has files among farm's own: {_first(files)}",
            command=f"pip uninstall {package.split()[0]}",
        )
    altered = installed.altered()
    if altered:
        yield Finding(
            subject="farm",
            state="error",
            sentence=f"{_counted(len(altered), 'file')} of farm's own not as installed: {_first(altered)}",
            command=installed.again(),
        )


def _first(files: Sequence[str]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return ", ".join(files[:3]) + more


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
