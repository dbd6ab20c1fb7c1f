"""Why a list of results is empty, with the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.store.rows import ResultRow, RunRow


def explain(rows: Sequence[ResultRow], filters: Mapping[str, Any], run: RunRow | None = None) -> str:
    """Return a sentence; ``rows`` are the results without ``filters``, of ``run`` where one was given.

    A filter is a value, or several of which any may match.
    """
    if not rows and run is None:
        return "no results here yet; start with: farm run"
    if not rows and run is not None:
        if run.exit_status is None:
            return f"run {run.id} has no results yet; if it was broken off: farm run --resume {run.id}"
        return f"run {run.id} ended without results"
    chosen = {name: value for name, value in filters.items() if value is not None}
    of_run = f" in run {run.id}" if run else ""
    for name, value in chosen.items():
        there = {str(getattr(row, name)) for row in rows}
        values = [str(each) for each in (value if isinstance(value, tuple | list) else (value,))]
        if values and not there & set(values):
            return f"no result with {name} {' or '.join(map(repr, values))}{of_run}; {suggestion(values[0], there)}"
    return f"no result has all of this at once{of_run}; farm results shows what there is"
