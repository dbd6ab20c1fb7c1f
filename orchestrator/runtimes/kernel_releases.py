"""Which release of TensorFlow Lite has a kernel, as data: ``kernels.txt``."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from orchestrator.runtimes.catalogue import find

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Distributions whose version is a release of TensorFlow itself.
_RELEASED_WITH_TENSORFLOW = frozenset({"tflite", "tensorflow"})
_COMPAT = re.compile(r"tflite-(\d{1,4}\.\d{1,4})")


def first_with(operator: str, version: int) -> Version | None:
    """Return the first release with this version of an operator; ``None`` for those that 2.0 had, and for unknown ones."""
    return _table().get(operator, {}).get(Version(str(version)))


def release_of(runtime: str, version: str) -> Version | None:
    """Return the release whose kernels ``version`` of ``runtime`` has, ``None`` where that is not known."""
    entry = find(runtime)
    if entry is None:
        return None
    try:
        asked = Version(version)
    except InvalidVersion:
        return None
    if entry.name in _RELEASED_WITH_TENSORFLOW:
        return asked
    if entry.versions_of != "ai-edge-litert":
        return None
    older = [release for litert, release in _table()["litert"].items() if litert <= asked]
    return max(older, default=None)


def release_in(compat: str) -> Version:
    """Return the release that ``compat`` of a suite names: 2.14 of ``tflite-2.14``; raises `ValueError`."""
    match = _COMPAT.fullmatch(compat)
    if match is None:
        raise ValueError(f"{compat!r} is not tflite-RELEASE, such as tflite-2.14")
    return Version(match[1])


@cache
def _table() -> Mapping[str, Mapping[Version, Version]]:
    lines = (files("orchestrator.runtimes") / "kernels.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {name: {Version(key): Version(release) for key, release in map(_pair, pairs)} for name, *pairs in rows}


def _pair(text: str) -> tuple[str, str]:
    key, _, release = text.partition("=")
    return key, release
