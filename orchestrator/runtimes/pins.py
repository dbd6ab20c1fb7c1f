"""The wheels we know, by their hashes, with what each asks of a device.

They are data: ``orchestrator/runtimes/wheels/TABLE.sha256``, whose comments say how each figure was found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.resources import files

from orchestrator.domain.runtime import RuntimeChoice

#: What ``manylinux2014`` means (PEP 599).
MANYLINUX2014 = (2, 17)

#: Runtime -> the tables whose wheels it takes; one that is not here must be on the device.
TABLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("litert", "litert-builtin", "delegate"), ("litert",)),
    **dict.fromkeys(("litert-compiled", "litert-gpu"), ("litert", "ml_dtypes")),
    "tflite": ("tflite",),
    "onnxruntime": ("onnxruntime", "null"),
    "null": ("null",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Versioned:
    """The distribution whose version is a runtime's version."""

    project: str
    #: The table of its older ones.
    older: str = ""
    #: The oldest that has what the runtime needs.
    since: str = "0"


_LITERT = _Versioned(project="ai_edge_litert", older="litert-older")
_VERSIONED: dict[str, _Versioned] = {
    **dict.fromkeys(("litert", "litert-builtin", "delegate"), _LITERT),
    # 2.1.2 has no CpuOptions; of the GPU nothing before 2.3.0 was tried.
    "litert-compiled": replace(_LITERT, since="2.2.0"),
    "litert-gpu": replace(_LITERT, since="2.3.0"),
    "tflite": _Versioned(project="tflite_runtime"),
    "onnxruntime": _Versioned(project="onnxruntime"),
}

_PLATFORM = re.compile(r"manylinux(?:2014|_(\d+)_(\d+))_(\w+)")
_OWN = re.compile(r"(\w+)>=([\d.]+),<([\d.]+)")


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
        """The wheel as pip is asked for it, this very file and no other."""
        project, version = self.filename.split("-")[:2]
        return f"{project}=={version} --hash=sha256:{self.sha256}"

    @property
    def project(self) -> str:
        """Its distribution: ``numpy``."""
        return self.filename.split("-")[0]

    @property
    def version(self) -> str:
        """The version of that distribution: ``2.4.6``."""
        return self.filename.split("-")[1]

    @property
    def python(self) -> tuple[int, int]:
        """The one Python it is built for."""
        return _python(self.filename.split("-")[2])

    @property
    def platforms(self) -> tuple[str, ...]:
        """Its platform tags; any one of them suffices."""
        return tuple(self.filename.removesuffix(".whl").split("-")[-1].split("."))

    @property
    def machine(self) -> str:
        """The processor it is built for."""
        return self._platforms[0][1]

    @property
    def glibc(self) -> tuple[int, int]:
        """The oldest C library it runs with."""
        return self.true_glibc or min(glibc for glibc, _ in self._platforms)

    @property
    def _platforms(self) -> tuple[tuple[tuple[int, int], str], ...]:
        matches = [match for tag in self.platforms if (match := _PLATFORM.fullmatch(tag))]
        return tuple(((int(m[1]), int(m[2])) if m[1] else MANYLINUX2014, m[3]) for m in matches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A package that a device must have by itself, because no wheel of it is published for its machine."""

    project: str
    at_least: str
    below: str
    machine: str
    python: tuple[int, int]

    def fits(self, version: str | None) -> bool:
        """Say whether the version that the device has (``None``: it has none) will do."""
        return version is not None and _numbers(self.at_least) <= _numbers(version) < _numbers(self.below)

    def __str__(self) -> str:
        return f"{self.project} {self.at_least} or later, below {self.below}"


def pins(runtime: str) -> tuple[Pin, ...]:
    """Return every wheel we know for ``runtime`` (``litert``, ``litert==1.4.0``), for all devices; none for an unknown one."""
    choice = RuntimeChoice.parse(runtime)
    listed = [pin for table in TABLES.get(choice.name, ()) for pin in _pins(table)]
    if choice.version is None:
        return tuple(listed)
    of_version = [pin for pin in _versioned(choice.name) if pin.version == choice.version]
    projects = {pin.project for pin in of_version}
    places = {(pin.machine, pin.python) for pin in of_version}
    beside = [pin for pin in listed if pin.project not in projects and (pin.machine, pin.python) in places]
    return (*of_version, *beside)


def versions(runtime: str) -> tuple[str, ...]:
    """Return the versions that ``NAME==VERSION`` may name, oldest first; none where there is nothing to choose."""
    return tuple(sorted({pin.version for pin in _versioned(runtime)}, key=_numbers))


def own(runtime: str) -> tuple[Own, ...]:
    """Return what devices must have by themselves for the wheels of ``runtime``."""
    name = RuntimeChoice.parse(runtime).name
    return tuple(
        Own(project=said[1], at_least=said[2], below=said[3], machine=row[2], python=_python(row[3]))
        for table in TABLES.get(name, ())
        for row in _rows(table)
        if row[0] == "system" and (said := _OWN.fullmatch(row[1]))
    )


def _versioned(runtime: str) -> list[Pin]:
    """Return the wheels that a version of ``runtime`` chooses among."""
    of = _VERSIONED.get(runtime)
    if of is None:
        return []
    every = [pin for table in (*TABLES[runtime], of.older) for pin in _pins(table) if pin.project == of.project]
    return [pin for pin in every if _numbers(pin.version) >= _numbers(of.since)]


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
    if not listed.is_file():
        return []
    return [line.split() for line in listed.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def _python(tag: str) -> tuple[int, int]:
    """Return the Python of a tag: (3, 11) of ``cp311``."""
    digits = tag.removeprefix("cp")
    return int(digits[0]), int(digits[1:])


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (1, 24, 2) of ``1.24.2+deb12``."""
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index]  # it matches
