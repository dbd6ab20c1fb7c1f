from __future__ import annotations

from dataclasses import replace

import pytest

from agent import wire
from orchestrator.devices.remote.silence import SilenceLimit, lane_limit_s
from orchestrator.errors import Overdue

PRE = wire.Preprocess(height=8, width=8, channels=1, scale=1.0, mean=(0.0,), std=(1.0,))
SCORE = wire.Step(
    id="s",
    kind="score",
    label="scores of m",
    artifact="a",
    runtime="litert",
    environment=None,
    threads=1,
    batch=1,
    shards=(),
    labels="l",
    preprocess=PRE,
    timeout_s=3600,
)
MEASURE = replace(SCORE, id="m", kind="measure", label="pi/m/float32", timeout_s=700, settle_at_most_s=300.0)
SETTLES = replace(MEASURE, id="t", settle_margin_c=5.0)


def overdue_after(*records, patience_s=100.0):
    """Return the seconds of silence after ``records`` at which a lane is given up, with the reason."""
    now = [0.0]
    limit = SilenceLimit("r-1", "pi", (SCORE, MEASURE, SETTLES), patience_s=patience_s, clock=lambda: now[0])
    for record in records:
        now[0] += 10_000
        limit.note(record)
    began = now[0]
    try:
        for _ in range(10_000):
            limit.check()
            now[0] += 1
    except Overdue as error:
        return now[0] - began - 1, str(error)
    pytest.fail("it is never given up")


@pytest.mark.parametrize(("step", "seconds"), [(SCORE, 3700), (MEASURE, 800), (SETTLES, 1100)], ids=["s", "m", "t"])
def test_a_step_may_take_its_time_out_and_its_settling_and_patience(step, seconds):
    silent_s, reason = overdue_after(wire.LaneBegan(lane="r-1", run="r", at_ns=1), wire.StepBegan(id=step.id, at_ns=2))

    assert silent_s == seconds
    assert reason == (
        f"pi: the journal of lane r-1 has had no record for {seconds} s, longer than {step.label} may take"
    )


def test_between_steps_and_before_any_record_the_longest_counts():
    assert overdue_after()[0] == overdue_after(wire.LaneBegan(lane="r-1", run="r", at_ns=1))[0] == 3700


def test_a_loaded_device_is_waited_for_whatever_the_patience():
    assert overdue_after(wire.StepBegan(id="m", at_ns=2), patience_s=0.0)[0] == 760


def test_a_lane_that_writes_each_record_in_time_is_given_up_after_what_its_steps_may_take_together():
    now = [0.0]
    limit = SilenceLimit("r-1", "pi", (MEASURE,), patience_s=100.0, clock=lambda: now[0])

    def write_and_check():
        while True:
            now[0] += 10
            limit.note(wire.StepBegan(id="m", at_ns=2))
            limit.check()

    with pytest.raises(Overdue, match="goes on after 14 min 20 s, longer than its steps may take together: 1"):
        write_and_check()
    assert now[0] == lane_limit_s((MEASURE,), 100.0) + 10 == 870


def test_a_scoring_may_take_its_time_out_for_each_of_its_shards():
    shards = (wire.Shard(sha256="x", images=1),) * 5

    assert lane_limit_s((replace(SCORE, shards=shards),), 100.0) == 100 + 60 + 5 * 3600


def test_a_controller_that_slept_for_a_day_gives_no_device_up_for_it():
    now = [0.0]
    limit = SilenceLimit("r-1", "pi", (MEASURE,), patience_s=100.0, clock=lambda: now[0])
    now[0] += 86_400

    limit.check()
