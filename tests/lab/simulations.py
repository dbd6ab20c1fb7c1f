"""How much of a test that takes long is run each time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def simulations(count: int) -> int:
    """Return a tenth of ``count``, whose seeds make it the same every time; all of them where FARM_TEST_SLOW is set."""
    return count if os.environ.get("FARM_TEST_SLOW") else max(1, count // 10)


def variants(every: Sequence[T], most: int = 1) -> Sequence[T]:
    """Return the first ``most`` variants of a test that takes long with each; all of them where FARM_TEST_SLOW is set."""
    return every if os.environ.get("FARM_TEST_SLOW") else every[:most]
