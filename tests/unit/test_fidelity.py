"""The pure parts of `benchmarks/fidelity.py`, and its C program on a real artifact."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.runtimes import litert
from agent.sensors import Sensors
from benchmarks import fidelity, fidelity_verdict

PROBE = Path(litert.__file__).parent / "probe.tflite"


def test_what_is_compared_is_the_difference_within_a_round():
    found = fidelity_verdict.compare([11.0, 105.0, 1004.0], [10.0, 100.0, 1000.0])

    assert found == fidelity_verdict.Compared(base_ns=100.0, difference_ns=4.0, low_ns=1.0, high_ns=5.0)
    assert found.share == 0.04


@pytest.mark.parametrize(
    ("base_ns", "low_ns", "high_ns", "expected"),
    [
        (20e3, -10e3, 10e3, "yes"),
        (20e3, -10.1e3, 0, "can't tell"),
        (20e3, -12e3, -10.1e3, "no"),
        (60e6, -0.6e6, 0.6e6, "yes"),
        (60e6, 0.601e6, 0.9e6, "no"),
        (60e6, -9e6, 9e6, "can't tell"),
    ],
    ids=["10 µs", "one end beyond", "faster is wrong too", "1 %", "more", "a noisy machine"],
)
def test_the_aim_is_met_or_missed_only_by_a_whole_interval(base_ns, low_ns, high_ns, expected):
    found = fidelity_verdict.Compared(
        base_ns=base_ns, difference_ns=(low_ns + high_ns) / 2, low_ns=low_ns, high_ns=high_ns
    )

    assert fidelity_verdict.verdict(found) == expected


def test_watching_may_not_be_slower_than_its_aim_however_fast():
    faster = fidelity_verdict.Compared(base_ns=100.0, difference_ns=-50.0, low_ns=-60.0, high_ns=1.0)
    slower = fidelity_verdict.Compared(base_ns=100.0, difference_ns=3.0, low_ns=2.0, high_ns=4.0)

    assert fidelity_verdict.verdict(faster, one_sided=True) == "yes"
    assert fidelity_verdict.verdict(slower, one_sided=True) == "no"


def test_a_median_that_neighbours_disturb_leaves_the_answer_to_the_lower_quartile():
    rounds = 12
    c = [{"p50": 1e6, "p25": 1e6, "min": 1e6}] * rounds
    agent = [{"p50": 1e6 * (0.8 + 0.04 * number), "p25": 1.001e6, "min": 1e6} for number in range(rounds)]

    line = fidelity_verdict.row("middle", "agent with C", agent, c)

    assert "can't tell by p50; yes by p25" in line


def test_where_every_figure_is_disturbed_this_machine_can_not_tell():
    c = [{"p50": 1e6, "min": 1e6}] * 6
    agent = [{"p50": 1e6 * (0.8 + 0.08 * number), "min": 1e6 * (0.8 + 0.08 * number)} for number in range(6)]

    line = fidelity_verdict.row("middle", "agent with C", agent, c)

    assert "can't tell on this machine" in line
    assert "| - |" in line


@pytest.mark.parametrize(("rounds", "left_out"), [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (12, 2), (20, 5)])
def test_the_interval_of_a_median_leaves_out_what_tables_say(rounds, left_out):
    assert fidelity_verdict.beyond(rounds) == left_out


def test_the_interval_holds_the_median_as_often_as_it_says():
    random = np.random.default_rng(0)
    found = [fidelity_verdict.compare(list(random.exponential(size=9)), [0.0] * 9) for _ in range(4000)]

    held = np.mean([each.low_ns <= np.log(2) <= each.high_ns for each in found])

    assert held == pytest.approx(fidelity_verdict.coverage(9, 1), abs=0.015)


def test_what_a_process_that_we_started_took_is_our_own():
    sensors = Sensors.of_this_device()
    before = fidelity.look(sensors)
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)

    after = fidelity.look(sensors)

    assert after["cpu_own_ns"] - before["cpu_own_ns"] > 50_000_000


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_program_computes_what_the_agent_computes(tmp_path):
    values = np.array([[0.25, 0.5]], np.float32)
    loaded = litert.load(str(PROBE), 1)
    loaded.set_input(values)
    loaded.invoke()
    values.tofile(tmp_path / "input")

    fidelity.compile_harness(tmp_path / "fidelity")
    words = [tmp_path / "fidelity", fidelity.library(), PROBE, tmp_path / "input", "100", "0"]
    answer = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)

    assert answer["score"] == pytest.approx(loaded.get_output()[0, 0])
    assert answer["invocations"] == 100
    assert 0 < answer["min_ns"] <= answer["p25_ns"] <= answer["p50_ns"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_program_says_what_is_wrong(tmp_path):
    (tmp_path / "input").write_bytes(b"short")
    fidelity.compile_harness(tmp_path / "fidelity")
    words = [tmp_path / "fidelity", fidelity.library(), PROBE, tmp_path / "input", "1", "0"]

    done = subprocess.run(words, check=False, capture_output=True, text=True)

    assert done.returncode == 2
    assert "input is not 8 bytes" in done.stderr
