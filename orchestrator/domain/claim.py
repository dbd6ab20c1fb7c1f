"""A sentence about results with what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Figures of one result against another.
RELATIVE = ("speedup", "size_ratio", "auc_change")
#: Figures of one result alone.
ABSOLUTE = ("p50", "p90", "size", "memory", "auc", "energy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence with what it means."""

    text: str
    #: One of `RELATIVE` or `ABSOLUTE`.
    figure: str
    at_least: float | None
    at_most: float | None
    #: By dimension of a case the values that it is about; a dimension that is left out is not looked at.
    about: Mapping[str, tuple[str, ...]]
    #: Selectors of devices; ``None`` for all.
    devices: tuple[str, ...] | None
    #: What each result is held against: the value of a dimension, or of ``run``.
    against: Mapping[str, str]
    #: Whether it must hold for every result, or for one.
    every: bool
