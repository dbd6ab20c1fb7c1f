"""The wheels we know, by their hashes, with what each asks of a device.

They are data: ``orchestrator/runtimes/wheels/TABLE.sha256``, whose comments say how each figure was found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.runtimes.catalogue import RUNTIMES, find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag

    from orchestrator.runtimes.catalogue import Runtime

#: What ``manylinux2014`` means (PEP 599).
MANYLINUX2014 = (2, 17)
#: Room an environment takes, in sizes of its wheels: themselves, and 3.9 unpacked and byte-compiled at most (measured).
ROOM = 5
_PLATFORM = re.compile(r"manylinux(?:2014|_(\d+)_(\d+))_(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One wheel, known by its hash; its file name says what it runs on (PEP 427, PEP 600)."""

    filename: str
    sha256: str
    size_bytes: int = 0
    #: What its libraries ask for, where the file name is wrong about it.
    true_glibc: tuple[int, int] | None = None

    @property
    def requirement(self) -> str:
        """The line that makes pip take this very file."""
        return f"{self.project}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def project(self) -> str:
        """Its distribution, normalized (PEP 503): ``ai-edge-litert``."""
        return _parsed(self.filename)[0]

    @property
    def version(self) -> Version:
        """The version of that distribution: ``2.4.6``."""
        return _parsed(self.filename)[1]

    @property
    def python(self) -> tuple[int, int]:
        """The one Python it is built for."""
        return _python(min(tag.interpreter for tag in self._tags))

    @property
    def platforms(self) -> tuple[str, ...]:
        """Its platform tags; any one of them suffices."""
        return tuple(sorted(tag.platform for tag in self._tags))

    @property
    def machine(self) -> str:
        """The processor it is built for."""
        return self._platforms[0][1]

    @property
    def glibc(self) -> tuple[int, int]:
        """The oldest C library it runs with."""
        return self.true_glibc or min(glibc for glibc, _ in self._platforms)

    @property
    def _tags(self) -> frozenset[Tag]:
        return _parsed(self.filename)[2]

    @property
    def _platforms(self) -> tuple[tuple[tuple[int, int], str], ...]:
        matches = [match for tag in self.platforms if (match := _PLATFORM.fullmatch(tag))]
        return tuple(((int(m[1]), int(m[2])) if m[1] else MANYLINUX2014, m[3]) for m in matches)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPackage:
    """A package that a device must have itself, because no wheel of it is published for its machine."""

    #: As pip writes it: ``numpy>=1.23.2,<2``.
    requirement: str
    machine: str
    python: tuple[int, int]

    @property
    def project(self) -> str:
        """Its distribution."""
        return Requirement(self.requirement).name

    def accepts(self, version: str | None) -> bool:
        """Return whether the version on the device (``None``: it has none) satisfies the requirement."""
        try:
            parsed = Version(version or "")
        except ValueError:  # also of a number with more digits than Python converts
            return False
        return Requirement(self.requirement).specifier.contains(parsed, prereleases=True)


def pins(runtime: str) -> tuple[Pin, ...]:
    """Return every wheel of ``runtime`` (``litert``, ``litert==1.4.0``), for all devices; none for an unknown one."""
    entry = find(runtime)
    if entry is None:
        return ()
    listed = [pin for table in entry.wheels for pin in _pins(table)]
    version = RuntimeChoice.parse(runtime).version
    if version is None:
        return tuple(listed)
    of_version = [pin for pin in _versioned(entry) if str(pin.version) == version]
    projects = {pin.project for pin in of_version}
    places = {(pin.machine, pin.python) for pin in of_version}
    beside = [pin for pin in listed if pin.project not in projects and (pin.machine, pin.python) in places]
    return (*of_version, *beside)


def versions(name: str) -> tuple[str, ...]:
    """Return the versions that ``NAME==VERSION`` may name, oldest first; none where there is nothing to choose."""
    entry = RUNTIMES.get(name)
    return tuple(map(str, sorted({pin.version for pin in _versioned(entry)}))) if entry else ()


def version_of(runtime: str, chosen: Iterable[Pin]) -> str | None:
    """Return the version of ``runtime`` that these wheels are, ``None`` where it has none of its own."""
    entry = find(runtime)
    ours = [pin for pin in chosen if entry is not None and pin.project == entry.versions_of]
    return str(ours[0].version) if ours else None


def system_packages(runtime: str) -> tuple[SystemPackage, ...]:
    """Return what devices must have themselves for the wheels of ``runtime``."""
    entry = find(runtime)
    return tuple(
        SystemPackage(requirement=row[1], machine=row[2], python=_python(row[3]))
        for table in (entry.wheels if entry else ())
        for row in _rows(table)
        if row[0] == "system"
    )


def _versioned(entry: Runtime) -> list[Pin]:
    """Return the wheels that a version of the runtime chooses among."""
    if entry.versions_of is None:
        return []
    tables = (*entry.wheels, entry.older) if entry.older else entry.wheels
    every = [pin for table in tables for pin in _pins(table) if pin.project == entry.versions_of]
    return [pin for pin in every if pin.version >= Version(entry.since)]


def _pins(table: str) -> list[Pin]:
    return [
        Pin(
            sha256=row[0],
            size_bytes=int(row[1]),
            filename=row[2],
            true_glibc=_version(row[3].removeprefix("glibc=")) if len(row) > 3 else None,
        )
        for row in _rows(table)
        if row[0] != "system"
    ]


def _rows(table: str) -> list[list[str]]:
    listed = files("orchestrator.runtimes") / "wheels" / f"{table}.sha256"
    return [line.split() for line in listed.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


@cache
def _parsed(filename: str) -> tuple[str, Version, frozenset[Tag]]:
    """Return the distribution, its version, and what a wheel runs on; raises `InvalidWheelFilename`."""
    project, version, _, tags = parse_wheel_filename(filename)
    return str(project), version, tags


def _python(tag: str) -> tuple[int, int]:
    """Return the Python of a tag: (3, 11) of ``cp311``."""
    digits = tag.removeprefix("cp")
    return int(digits[0]), int(digits[1:])


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)
