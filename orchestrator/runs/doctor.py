"""What is wrong with a project: its files, its database, how its devices are reached; no device is asked."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

from packaging.requirements import Requirement

from edge_farm import installed
from orchestrator.config.home_path import at_home
from orchestrator.config.inventory import Inventory
from orchestrator.devices import health
from orchestrator.devices.outages import FOLDER, Outages
from orchestrator.domain.units import format_bytes, format_seconds
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
#: A run that began so far in the future was stored by a clock that is right, or this one was.
CLOCK_BEHIND_S = 60.0
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
    "dask": "distributed",
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
        yield from _misfits()
        tensorflow = next(filter(None, (_version(name) for name in ("tensorflow-cpu", "tensorflow"))), None)
        words = f", TensorFlow {tensorflow}" if tensorflow else ""
        yield Finding(subject="farm", sentence=f"{_version('edge-farm')}{words}")
        if tensorflow is None:
            yield Finding(
                subject="tensorflow",
                sentence="not installed; Keras models need it, the built-in suite too; ready .tflite and .onnx files are measured without",
                command="pip install tensorflow",
            )
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
        if free < LITTLE_DISK_BYTES:
            words = f"only {format_bytes(free)} free; old runs take some of it, copies of artifacts and wheels lie in {self.state}"
            command = "farm results prune --before 90d"
            yield Finding(subject="disk", state="warning", sentence=words, command=command)
        else:
            yield Finding(subject="disk", sentence=f"{format_bytes(free)} free")

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
                command=f"chmod {mode} {quote(str(path))}",
            )
        foreign = [path for path in (self.state, *self.state.iterdir()) if path.lstat().st_uid != os.geteuid()]
        if foreign:
            yield Finding(
                subject="state",
                state="error",
                sentence=f"{_first([str(path) for path in foreign])}: of another user; was farm run by sudo?",
                command=f"sudo chown -R {os.geteuid()} {quote(str(self.state))}",
            )
        crashes = sorted((self.state / "crashes").glob("*"))
        if crashes:
            yield Finding(
                subject="crashes",
                state="warning",
                sentence=f"{_counted(len(crashes), 'report')} of errors in farm, the newest {crashes[-1]}: report it, then delete it",
                command=f"rm -r {quote(str(self.state / 'crashes'))}",
            )
        waiting = spool.waiting(self.state / SPOOL)
        for file in waiting:
            yield Finding(
                subject="events",
                state="warning",
                sentence=f"events of run {file.run} wait for {file.database}",
                command="farm db replay",
            )
        if not (loose or foreign or crashes or waiting):
            yield Finding(subject="state", sentence=str(self.state))

    def _database(self) -> Iterator[Finding]:
        with Store.open(self.db, create=False) as store:
            runs = store.runs()
            if store.name == IN_MEMORY and self.db != IN_MEMORY:
                yield Finding(subject="database", sentence="none yet: farm run makes it")
                return
            ahead = (runs[0].started_at - datetime.now(UTC)).total_seconds() if runs else 0.0
            if ahead > CLOCK_BEHIND_S:
                yield Finding(
                    subject="clock",
                    state="warning",
                    sentence=f"this machine's clock is behind: run {runs[0].id} began {format_seconds(ahead)} from now",
                    command="sudo timedatectl set-ntp true",
                )
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
        if self.inventory.exists() and self.inventory.stat().st_mode & 0o022:
            yield Finding(
                subject="inventory",
                state="warning",
                sentence=f"{self.inventory}: other users may write to it, and so choose what is run on devices",
                command=f"chmod go-w {quote(str(self.inventory))}",
            )
        if any(device.transport == "ssh" for device in devices) and shutil.which("ssh") is None:
            yield Finding(
                subject="ssh",
                state="warning",
                sentence="no OpenSSH client here: farm reads ~/.ssh/config by itself, without `Match exec`",
                command="sudo apt install openssh-client",
            )
        where = str(self.inventory) if self.inventory.exists() else "none, so this machine alone"
        yield Finding(subject="inventory", sentence=f"{where}; {_counted(len(devices), 'device')}")
        seen = self._last_seen()
        for device in devices:
            subject = f"device {device.name}"
            problems = [
                *self._out(device),
                *_guarded(subject, self._reaching(device)),
                *_facts(device, seen.get(device.name)),
            ]
            yield from problems or [Finding(subject=subject, sentence="ready, as far as is known here")]

    def _out(self, device: Device) -> Iterator[Finding]:
        outages, subject = Outages(self.state / FOLDER), f"device {device.name}"
        outage, failure = outages.of(device.name), outages.last_failure(device.name)
        if outage is not None:
            yield Finding(subject=subject, state="warning", sentence=outage.sentence, command=outage.command)
        elif failure is not None:
            command = f"farm devices check {device.name}"
            yield Finding(subject=subject, state="warning", sentence=failure.sentence, command=command)

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
        key = at_home(device.identity_file) if device.identity_file else None
        if key is not None and not key.exists():
            command = f"ssh-keygen -t ed25519 -f {quote(str(key))} && ssh-copy-id -i {quote(str(key))} {_way(device)}"
            yield Finding(subject=subject, state="error", sentence=f"{key}: no such key", command=command)
        elif key is not None and key.suffix != ".pub" and _is_loose(key):
            yield Finding(
                subject=subject,
                state="error",
                sentence=f"{key}: others may read it, so it is not used",
                command=f"chmod 600 {quote(str(key))}",
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
        command = re.search(r"\bfarm [a-z]+( [a-z]+)*", error.hint or "")
        yield Finding(subject=subject, state="error", sentence=f"{error.message}{hint}", command=command and command[0])
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
    mends = {
        "clock": f"ssh {_way(device)} sudo timedatectl set-ntp true",
        "disk": f"farm devices clean {device.name}",
        "tuned": f"farm devices tune --restore {device.name}",
        "noexec": f"farm devices edit {device.name} workdir=/var/tmp/farm-agent",
        str(row.facts.get("governor")): f"farm devices tune {device.name}",
    }
    for keyword, sentence in (*health.complaints(row.facts), *health.disk(row.damage)):
        yield Finding(subject=subject, state="warning", sentence=sentence, command=mends.get(keyword, command))


def _way(device: Device) -> str:
    """Return the words by which ssh reaches ``device``."""
    jump = f"-J {quote(device.via.destination)} " if device.via else ""
    port = f"-p {device.port} " if device.port else ""
    return f"{jump}{port}{quote(f'{device.user}@{device.address}' if device.user else str(device.address))}"


def _misfits() -> Iterator[Finding]:
    """Yield the packages whose versions are not those that farm needs."""
    for line in requires("edge-farm") or ():
        requirement = Requirement(line)
        found = _version(requirement.name)
        if found is None or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier}"
            yield Finding(
                subject="versions",
                state="error",
                sentence=f"{requirement.name} {found} is installed, farm needs {requirement.specifier}",
                command=f"pip install '{wanted}'",
            )


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
