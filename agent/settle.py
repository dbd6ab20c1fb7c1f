"""Wait until the device is cool enough to be measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable, Optional

if TYPE_CHECKING:
    from agent.timing import Watching

LOOK_EVERY_S = 1.0


def temperature_of(sensors: Watching) -> Optional[float]:
    """Return how warm the device is in °C, ``None`` where it has no thermometer."""
    celsius = sensors.read().get("temperature_c")
    return celsius if isinstance(celsius, float) else None


def settle(
    sensors: Watching,
    below_c: float,
    at_most_s: float,
    stopped: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[float, Optional[float]]:
    """Return when the device is cooler than ``below_c`` °C, when ``at_most_s`` are over, or when ``stopped()``.

    Returns the seconds that took, and the temperature in the end. A device without a thermometer is not waited for.
    """
    began = clock()
    while True:
        celsius = temperature_of(sensors)
        waited = clock() - began
        if celsius is None or celsius < below_c or waited >= at_most_s or stopped():
            return waited, celsius
        sleep(LOOK_EVERY_S)
