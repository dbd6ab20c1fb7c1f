"""How many simulations a statistical test makes."""

from __future__ import annotations

import os


def simulations(count: int) -> int:
    """Return a tenth of ``count``, whose seeds make it the same every time; all of them where FARM_TEST_SLOW is set."""
    return count if os.environ.get("FARM_TEST_SLOW") else max(1, count // 10)
