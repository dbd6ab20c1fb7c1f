"""What the pages are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.domain.claim import Claim
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow
    from orchestrator.store.store import Store

    Selecting = Callable[[Claim, Sequence[ResultRow]], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A store with what else a page needs; every page opens the store anew, so that it may come and go."""

    open_store: Callable[[], Store]
    #: Farm's own files by sha256.
    labels: Path
    #: Reads the file of claims anew; ``None`` without one.
    claims: Callable[[], Sequence[Claim]] | None
    #: What names the devices that a claim is about.
    devices_of: Callable[[Queries], Selecting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A template with what it shows."""

    template: str
    values: Mapping[str, Any]


def run_url(run: str, *rest: str) -> str:
    """Return the path of a run's page, or of what lies below it."""
    return "/".join(["/runs", *(quote(part, safe="") for part in (run, *rest))])


def device_url(name: str) -> str:
    """Return the path of a device's page."""
    return f"/devices/{quote(name, safe='')}"


def case_url(case: str, run: str | None = None) -> str:
    """Return the path of a case's page, as it was in ``run``."""
    return f"/cases/{quote(case, safe='/=')}" + (f"?{urlencode({'run': run})}" if run else "")
