"""Results as JSON, with keys that stay (docs/results.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.store.rows import ResultRow


def render(rows: Sequence[ResultRow]) -> str:
    """Return a list of objects, one for each row."""
    return json.dumps([row.to_json() for row in rows], indent=2)
