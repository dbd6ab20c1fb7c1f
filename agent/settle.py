"""Wait until the device is cool enough to be measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from agent.sensors import Sensors

#: Seconds; MLPerf Mobile's longest break between two tests is 5 minutes.
LONGEST_S = 300.0
LOOK_EVERY_S = 1.0


def settle(
    sensors: Sensors,
    below_c: float,
    stopped: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when the device is cooler than ``below_c`` °C, when `LONGEST_S` are over, or when ``stopped`` says so.

    A device that does not say how warm it is is not waited for.
    """
    until = clock() + LONGEST_S
    while not stopped() and clock() < until:
        temperature = sensors.read().get("temperature_c")
        if not isinstance(temperature, float) or temperature < below_c:
            return
        sleep(LOOK_EVERY_S)
