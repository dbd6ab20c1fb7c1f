"""Devices that tell what can't be meant: a verdict comes out all the same."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis import verdicts
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.readings import IS_POSSIBLE, sanitize_readings
from orchestrator.testing import make_case, make_measurement, make_scores

NONSENSE = st.sampled_from(
    [None, 0, -1, 1, 10**18, 10**30, 10**320, 1.5, -2.0, 1e300, math.nan, math.inf, True, False, "", "x", "0x5", [], [0], ["a"], [[1]], {}]
)  # fmt: skip
READINGS = st.lists(st.dictionaries(st.sampled_from(sorted(IS_POSSIBLE)), NONSENSE), max_size=6)
LATENCIES = st.sampled_from(
    [(), (0,), (0,) * 30, (0,) * 20 + (5,) * 20, (1, 2, 3, 4), tuple(range(100)), (10**10,) * 40]
)


@settings(max_examples=150, deadline=None)
@given(
    readings=READINGS,
    latency_ns=LATENCIES,
    span_ns=st.sampled_from([None, 0, 10**9, 10**12]),
    interpreters=st.integers(0, 2),
)
def test_whatever_readings_say_there_is_a_verdict(readings, latency_ns, span_ns, interpreters):
    measured = [
        make_measurement(
            latency_ns,
            number=number,
            readings=sanitize_readings(readings),
            span_ns=span_ns,
            requested={"start_below_c": 50.0},
        )
        for number in (1, 2, 3)
    ]

    result = verdicts.judge(
        run="run-1",
        case=make_case(interpreters=interpreters),
        measurements=measured,
        scores=make_scores(),
        facts={"cores": 4, "memory_bytes": 10**9},
        effort=EFFORTS["quick"],
    )

    assert all(math.isfinite(figure) for figure in result.figures.values())


@pytest.mark.parametrize(("key", "value"), [("mono_ns", True), ("power_w", math.nan), ("throttled", [1]), ("unheard_of", 1), ("cpus_used", ["0"]), ("at_ns", 1 << 64)])  # fmt: skip
def test_what_a_sensor_can_not_have_said_is_as_if_it_had_said_nothing(key, value):
    assert sanitize_readings([{key: value, "temperature_c": 41.5}]) == ({"temperature_c": 41.5},)


def test_every_key_that_is_documented_is_let_through_and_no_other():
    page = (Path(__file__).parents[2] / "docs" / "sensors.md").read_text(encoding="utf-8")
    rows = page.partition("## Keys")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(IS_POSSIBLE)
