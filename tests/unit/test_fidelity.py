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
from benchmarks import fidelity

PROBE = Path(litert.__file__).parent / "probe.tflite"


def test_what_is_compared_is_the_difference_within_a_round():
    found = fidelity.compare([11.0, 105.0, 1004.0], [10.0, 100.0, 1000.0])

    assert found == fidelity.Compared(base_ns=100.0, difference_ns=4.0, low_ns=1.0, high_ns=5.0)
    assert found.share == 0.04


@pytest.mark.parametrize(
    ("base_ns", "difference_ns", "met"),
    [(20e3, 10e3, True), (20e3, -10.1e3, False), (60e6, -0.6e6, True), (60e6, 0.601e6, False)],
    ids=["10 µs", "faster is wrong too", "1 %", "more"],
)
def test_the_aim_is_a_hundredth_or_ten_microseconds(base_ns, difference_ns, met):
    found = fidelity.Compared(base_ns=base_ns, difference_ns=difference_ns, low_ns=0, high_ns=0)

    assert fidelity.is_met(found) is met


@pytest.mark.parametrize(("rounds", "left_out"), [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (12, 2), (20, 5)])
def test_the_interval_of_a_median_leaves_out_what_tables_say(rounds, left_out):
    assert fidelity.beyond(rounds) == left_out


def test_the_interval_holds_the_median_as_often_as_it_says():
    random = np.random.default_rng(0)
    found = [fidelity.compare(list(random.exponential(size=9)), [0.0] * 9) for _ in range(4000)]

    held = np.mean([each.low_ns <= np.log(2) <= each.high_ns for each in found])

    assert held == pytest.approx(fidelity.coverage(9, 1), abs=0.015)


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
    assert answer["p50_ns"] > 0


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_program_says_what_is_wrong(tmp_path):
    (tmp_path / "input").write_bytes(b"short")
    fidelity.compile_harness(tmp_path / "fidelity")
    words = [tmp_path / "fidelity", fidelity.library(), PROBE, tmp_path / "input", "1", "0"]

    done = subprocess.run(words, check=False, capture_output=True, text=True)

    assert done.returncode == 2
    assert "input is not 8 bytes" in done.stderr
