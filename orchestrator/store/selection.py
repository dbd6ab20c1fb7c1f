"""Which results are asked for, in what order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from orchestrator.domain.case import Case
from orchestrator.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: What a filter may be: one value, or several of which any may match; ``None`` is no filter.
Wanted = str | int | Sequence[str] | Sequence[int] | None
#: What can be filtered by.
FILTERS = (*(field.name for field in fields(Case)), "verdict", "effort", "dataset")
#: What can be sorted by -> the field of `ResultRow`, and whether its largest value comes first. ``case`` is the order in
#: which people compare: device, model, runtime, threads, batch, then float32 before what is made of it.
SORTS: Mapping[str, tuple[str, bool]] = {
    "case": ("case", False),
    "size": ("size_bytes", False),
    "p50": ("p50_ns", False),
    "p90": ("p90_ns", False),
    "p99": ("p99_ns", False),
    "speed": ("speedup", True),
    "throughput": ("images_per_s", True),
    "auc": ("auc_mean", True),
    "change": ("auc_change", True),
    "memory": ("peak_rss_bytes", False),
    "energy": ("energy_j", False),
    "newest": ("measured_at", True),
}
#: What a database can hold, and a driver can ask for.
LARGEST_INTEGER = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Results as they are asked for; an empty filter matches nothing."""

    run: str | None
    #: Without a run: all results, not only the one of each case that counts.
    every: bool
    since: datetime | None
    #: A key of `SORTS`.
    sort: str
    reverse: bool
    limit: int | None
    #: By name of `FILTERS`, the values of which any may match.
    filters: Mapping[str, tuple[str | int, ...]]

    @classmethod
    def of(
        cls,
        filters: Mapping[str, Wanted],
        *,
        run: str | None = None,
        every: bool = False,
        since: datetime | None = None,
        sort: str = "case",
        limit: int | None = None,
    ) -> Selection:
        """Return the selection; raises `UnknownName` for a filter or an order that does not exist."""
        name = sort.removeprefix("-")
        if name not in SORTS:
            raise UnknownName("order", name, SORTS)
        chosen: dict[str, tuple[str | int, ...]] = {}
        for key, value in filters.items():
            if key not in FILTERS:
                raise UnknownName("filter", key, FILTERS)
            if value is not None:
                chosen[key] = _values(value)
        return cls(run=run, every=every, since=since, sort=name, reverse=name != sort, limit=limit, filters=chosen)


def _values(wanted: str | int | Sequence[str] | Sequence[int]) -> tuple[str | int, ...]:
    """Return the values that a database can look for."""
    values: Sequence[str | int] = (wanted,) if isinstance(wanted, str | int) else wanted
    return tuple(value for value in values if not isinstance(value, int) or abs(value) <= LARGEST_INTEGER)
