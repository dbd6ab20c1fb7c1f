"""A runtime as suites name it: ``litert``, ``litert==1.4.0``, ``delegate:/usr/lib/libedgetpu.so.1``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"(?P<name>[a-z][a-z0-9-]*)(?:==(?P<version>[0-9][0-9A-Za-z.]*))?(?::(?P<argument>\S+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """A runtime, the requested version, its argument; the text of it is a case's ``runtime``."""

    name: str
    #: ``None`` takes what the device has, else what we bring.
    version: str | None = None
    #: Of ``delegate``: the library and its options.
    argument: str | None = None

    @classmethod
    def parse(cls, text: str) -> RuntimeChoice:
        """Read what `__str__` writes; raises `ValueError` on anything else."""
        match = _WORD.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not NAME, NAME==VERSION or NAME:ARGUMENT")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        version = f"=={self.version}" if self.version else ""
        return f"{self.name}{version}{self.on_device.removeprefix(self.name)}"

    @property
    def on_device(self) -> str:
        """Return the name for the agent: the version is a matter of the environment it runs in."""
        return f"{self.name}:{self.argument}" if self.argument else self.name
