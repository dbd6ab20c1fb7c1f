"""Results as JSON, with keys that stay (docs/results.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.table_rows import TableRow


def render(rows: Sequence[TableRow]) -> str:
    """Return a list of objects, one for each row."""
    return json.dumps([plain(each) for each in rows], indent=2)


def plain(each: TableRow) -> dict[str, Any]:
    """Return the values of a row, those against float32 by the rule of `farm results compare`."""
    values, pair = each.row.to_json(), each.against
    found = pair.difference if pair is not None else None
    tested = found if pair is not None and not pair.blockers else None
    if found is not None:
        values["speedup"] = found.speedup
    return values | {
        "speedup_low": tested.speedup_interval.low if tested else None,
        "speedup_high": tested.speedup_interval.high if tested else None,
        "difference": pair.verdict if pair is not None else None,
        "smallest": tested.smallest if tested else None,
        "attempts_needed": pair.attempts_needed if pair is not None else None,
    }
