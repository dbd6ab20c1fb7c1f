"""A program that shows the events of a run and waits for Enter in its middle, for tests of terminals."""

from __future__ import annotations

import sys
from datetime import timedelta

from orchestrator.cli.screen.output import Output
from orchestrator.cli.screen.progress import Screen
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.runs import planner
from orchestrator.testing import MIDNIGHT, make_case, make_measurement, make_suite

SCHEMES = ("float32", "int8")
#: A line that is wider than a terminal of 80 columns.
REASON = "nothing answers at pi@192.168.1.20, neither by SSH nor by a ping, since the beginning of this run"


def _ended(scheme: str, number: int, seconds: float) -> happened.AttemptEnded:
    case = make_case(device="local", scheme=scheme)
    measurement = make_measurement(case=case, number=number, readings=({"temperature_c": 54.0},))
    return happened.AttemptEnded(
        run="r", device="local", at=MIDNIGHT + timedelta(seconds=seconds), measurement=measurement
    )


def main() -> None:
    """Show a device that is lost and one that measures; go on once Enter is pressed."""
    plan = planner.plan("r", make_suite(schemes=SCHEMES, effort="standard"), ("local", "ward"))
    case = make_case(device="local", scheme="int8")
    with Screen(Output(is_plain="--plain" in sys.argv)) as screen:
        for event in (
            run_event.Planned(run="r", plan=plan),
            happened.LaneSkipped(run="r", device="ward", reason=f"ward: {REASON}"),
            happened.LaneStarted(run="r", device="local", lane="l", at=MIDNIGHT),
            _ended("float32", 1, 10),
            happened.AttemptStarted(run="r", device="local", attempt="a", case=case, number=1),
        ):
            screen.show(event)
        sys.stdin.readline()
        screen.show(_ended("int8", 1, 20))
        sys.stdin.readline()


if __name__ == "__main__":
    main()
