"""What samples carry, and what a number is worth."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator import stats
from orchestrator.domain.plan import EFFORTS
from orchestrator.domain.result import Verdict
from orchestrator.testing import make_case, make_golden, make_measurement, make_scores

#: Up to 104 days: what float64 holds exactly.
LATENCIES = some.lists(some.integers(1, 2**53), min_size=1, max_size=300)
#: What a working device says of itself.
FACTS = {"cores": 4}


def attempts(number=3, **changes):
    return [make_measurement(attempt=f"attempt-{n}", number=n, **changes) for n in range(1, number + 1)]


def judge(measurements, *, effort="quick", facts=FACTS, **changes):
    arguments = {"run": "run-1", "case": make_case(), "scores": make_scores(), "effort": EFFORTS[effort]}
    return stats.judge(measurements=measurements, facts=facts, **(arguments | changes))


def reasons(*arguments, **options):
    return {reason.code: reason for reason in judge(*arguments, **options).reasons}


@pytest.mark.parametrize(("share", "needed"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6636)])
def test_samples_needed_are_those_that_mlperf_publishes(share, needed):
    assert stats.samples_needed(share) == needed


def at_most_one_above(count, share):
    return sum(math.comb(count, k) * (1 - share) ** k * share ** (count - k) for k in (0, 1))


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.75, 0.9, 0.99])
def test_samples_needed_are_the_smallest_number_that_the_binomial_supports(share, confidence):
    needed = next(n for n in range(1, 2000) if at_most_one_above(n, share) <= 1 - confidence)

    assert stats.samples_needed(share, confidence) == needed


@pytest.mark.parametrize(("share", "needed"), [(0.5, 11), (0.9, 64), (0.99, 662)])
def test_a_percentile_exists_from_the_sample_on_that_carries_it(share, needed):
    samples = np.arange(1, needed + 1, dtype=np.int64)

    assert stats.percentile(samples[:-1], share) is None
    assert stats.percentile(samples, share) == math.ceil(share * needed)


def test_nothing_has_no_percentile():
    assert stats.percentile(np.empty(0, np.int64), 0.5) is None


@given(LATENCIES, some.sampled_from([0.5, 0.9]))
def test_a_percentile_is_a_sample_with_its_share_of_the_samples_at_or_below(latency_ns, share):
    samples = np.array(latency_ns * stats.samples_needed(share), np.int64)

    found = stats.percentile(samples, share)

    assert found in {float(value) for value in latency_ns}
    assert (samples <= found).mean() >= share - 1e-12
    assert (samples < found).mean() <= share + 1e-12


@given(LATENCIES, some.randoms())
def test_percentiles_grow_with_their_share_and_do_not_know_the_order(latency_ns, random):
    samples = latency_ns * 64
    shuffled = random.sample(samples, len(samples))

    p50, p90 = (stats.percentile(np.array(samples, np.int64), share) for share in (0.5, 0.9))

    assert min(latency_ns) <= p50 <= p90 <= max(latency_ns)
    assert stats.percentile(np.array(shuffled, np.int64), 0.9) == p90


def test_a_case_where_all_is_well_is_valid_without_a_reason():
    result = judge(attempts())

    assert (result.verdict, result.reasons) == (Verdict.VALID, ())
    assert (result.run, result.case, result.artifact, result.size_bytes) == ("run-1", make_case(), "a" * 64, None)
    assert (result.attempts, result.samples) == (3, 384)
    assert (result.p50_ns, result.p90_ns, result.p99_ns, result.auc_mean) == (1e6, 1e6, None, 1.0)


def test_figures_are_over_all_samples_of_the_attempts_that_succeeded():
    measurements = [
        make_measurement(range(1, 401), attempt="1", number=1),
        make_measurement(range(401, 1001), attempt="2", number=2),
        make_measurement([10**9] * 5000, attempt="3", number=3, error="Killed"),
    ]

    result = judge(measurements)

    assert (result.attempts, result.samples) == (2, 1000)
    assert (result.p50_ns, result.p90_ns, result.p99_ns) == (500, 900, 990)


def test_an_attempt_that_failed_is_invalid_and_has_the_last_words():
    failed = make_measurement((), attempt="x", number=3, error="Killed by signal 9")

    found = reasons([*attempts(2), failed])

    assert set(found) == {"attempt-failed"}
    assert found["attempt-failed"].verdict is Verdict.INVALID
    assert found["attempt-failed"].message == "1 of 3 attempts failed: Killed by signal 9"


def test_attempts_that_never_came_back_are_invalid():
    found = reasons(attempts(2))

    assert set(found) == {"attempts-missing"}
    assert found["attempts-missing"].verdict is Verdict.INVALID
    assert found["attempts-missing"].message == "1 of 3 attempts never came back"
    assert "--resume" in found["attempts-missing"].advice


def test_nothing_at_all_is_invalid_and_has_no_figures():
    result = judge([], scores=None)

    assert result.verdict is Verdict.INVALID
    assert {reason.code for reason in result.reasons} == {"attempts-missing", "no-accuracy"}
    figures = (result.artifact, result.samples, result.attempts, result.p50_ns, result.auc_mean)
    assert figures == (None, 0, 0, None, None)


def test_the_artifact_is_known_from_the_scoring_where_no_attempt_came_back():
    assert judge([], scores=make_scores(artifact="b" * 64)).artifact == "b" * 64


def test_fewer_samples_than_the_effort_asks_for_are_invalid():
    found = reasons(attempts(latency_ns=[1_000_000] * 21))

    assert set(found) == {"too-few-samples"}
    assert found["too-few-samples"].verdict is Verdict.INVALID
    assert found["too-few-samples"].message == "63 invocations, the effort quick asks for 64"
    assert "too-few-samples" not in reasons(attempts(4, latency_ns=[1_000_000] * 16))


def test_smoke_is_never_more_than_a_warning():
    result = judge(attempts(1), effort="smoke")

    assert [(reason.verdict, reason.code) for reason in result.reasons] == [(Verdict.WARN, "smoke")]
    assert result.verdict is Verdict.WARN


def test_an_attempt_that_gets_slower_drifts():
    rising = make_measurement([1_000_000] * 64 + [1_060_000] * 64, attempt="x", number=3)

    found = reasons([*attempts(2), rising])

    assert set(found) == {"drift"}
    assert found["drift"].verdict is Verdict.WARN
    assert found["drift"].message == "1 of 3 attempts got slower, by up to 6% from first to last quarter"


def test_an_attempt_that_gets_faster_or_hardly_slower_does_not_drift():
    falling = make_measurement([1_060_000] * 64 + [1_000_000] * 64, attempt="x", number=3)
    hardly = make_measurement([1_000_000] * 64 + [1_049_000] * 64, attempt="y", number=4)

    assert reasons([*attempts(2), falling, hardly]) == {}


def test_drift_is_the_last_quarter_over_the_first_and_needs_twenty_samples():
    assert stats.drift([100] * 5 + [7, 9, 8, 7, 9, 8, 7, 9, 8, 7] + [150] * 5) == 1.5
    assert stats.drift([100] * 19) is None
    assert stats.drift([]) is None


@given(some.integers(1, 10**12), some.integers(20, 200))
def test_what_never_changes_never_drifts(latency, count):
    assert stats.drift([latency] * count) == 1.0


def test_an_attempt_that_never_became_steady_is_told():
    effective = make_measurement().effective
    restless = make_measurement(attempt="x", number=3, effective={**effective, "warmed_up": False})

    found = reasons([*attempts(2), restless])

    assert set(found) == {"not-warmed-up"}
    assert found["not-warmed-up"].verdict is Verdict.WARN
    assert found["not-warmed-up"].message.startswith("1 of 3 attempts")


def test_attempts_that_disagree_are_unstable():
    slow = make_measurement([1_500_000] * 128, attempt="x", number=3)

    found = reasons([*attempts(2), slow])

    assert set(found) == {"unstable"}
    assert found["unstable"].verdict is Verdict.WARN
    assert "from 1.00 ms to 1.50 ms" in found["unstable"].message


def test_one_attempt_far_from_many_is_unstable_though_the_spread_is_small():
    far = make_measurement([1_600_000] * 128, attempt="x", number=99)

    assert set(reasons([*attempts(60), far])) == {"unstable"}


def test_attempts_that_nearly_agree_and_two_attempts_are_not_called_unstable():
    slower = make_measurement([1_100_000] * 128, attempt="x", number=3)
    slow = make_measurement([1_500_000] * 128, attempt="y", number=2)

    assert "unstable" not in reasons([*attempts(2), slower])
    assert "unstable" not in reasons([*attempts(1), slow])


def test_more_threads_than_cores_take_turns():
    effective = {**make_measurement().effective, "threads": 8}
    case = make_case(threads=8)

    found = reasons(attempts(effective=effective), case=case)

    assert set(found) == {"more-threads-than-cores"}
    assert found["more-threads-than-cores"].message == "8 threads on 4 cores take turns"
    assert reasons(attempts(effective=effective), case=case, facts={}) == {}
    assert reasons(attempts(effective=effective), case=case, facts={"cores": 8}) == {}


def test_threads_that_were_asked_for_and_did_not_work_are_told():
    found = reasons(attempts(), case=make_case(threads=4))

    assert set(found) == {"threads-not-effective"}
    assert found["threads-not-effective"].message == "4 threads were asked for, 1 worked"
    assert reasons(attempts(effective=None), case=make_case(threads=4)) == {}
    assert reasons(attempts(effective={"threads": None}), case=make_case(threads=4)) == {}


def test_a_delegate_that_was_asked_for_and_did_not_work_is_told():
    fallen_back = attempts(requested={"threads": 1, "delegate": "gpu"})
    without = attempts(requested={"delegate": "gpu"}, effective={"delegate": None})

    assert set(reasons(fallen_back)) == {"delegate-not-effective"}
    found = reasons(fallen_back)["delegate-not-effective"]
    assert (found.verdict, found.message) == (Verdict.WARN, "the delegate gpu was asked for, xnnpack worked")
    assert reasons(without)["delegate-not-effective"].message == "the delegate gpu was asked for, none worked"
    assert reasons(attempts(requested={"delegate": "xnnpack"})) == {}
    assert reasons(attempts(requested={"delegate": "gpu"}, effective={"threads": 1})) == {}


def test_a_device_that_slowed_itself_down_is_told():
    hot = make_measurement(attempt="x", number=3, readings=({"throttled": "0x0"}, {"throttled": "0x4"}))

    found = reasons([*attempts(2), hot])

    assert set(found) == {"throttled"}
    assert found["throttled"].verdict is Verdict.WARN
    assert "1 of 3 attempts" in found["throttled"].message


@pytest.mark.parametrize(
    ("said", "throttled"),
    [
        ([], False),
        (["0x0", "0x0"], False),
        (["0x0", "0x4", "0x0"], True),
        (["0x1"], True),
        (["0x8"], True),
        (["0x50000", "0x50000"], False),
        (["0x10000", "0x50000"], True),
        (["0x0", "0x20000"], True),
        (["0x50000", "0x50004"], True),
        (["0x0", "0x100000"], False),
        (["throttled=0x4"], False),
        (["", "unknown"], False),
        ([7, 7], False),
        ([7, 8], True),
        ([7], False),
        ([None, None], False),
    ],
    ids=str,
)
def test_throttling_is_what_happened_between_the_first_reading_and_the_last(said, throttled):
    readings = [{"at_ns": at, "throttled": word} for at, word in enumerate(said)]

    assert stats.was_throttled(readings) is throttled
    assert stats.was_throttled([{"temperature_c": 99.0}, *readings, {"frequency_hz": 1}]) is throttled


def test_an_emulated_processor_is_told():
    assert set(reasons(attempts(), facts=FACTS | {"emulated": True})) == {"emulated"}


def test_a_name_that_another_machine_answers_to_is_told_with_the_day():
    found = reasons(attempts(), stranger_since=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))

    assert set(found) == {"other-machine"}
    assert "2026-01-02 03:04 UTC" in found["other-machine"].message


@pytest.mark.parametrize(("celsius", "told"), [(54.9, False), (55.0, True), (None, False)])
def test_an_attempt_that_began_too_warm_is_told(celsius, told):
    readings = ({"temperature_c": celsius},) if celsius is not None else ({"frequency_hz": 1},)
    warm = make_measurement(attempt="x", number=3, requested={"start_below_c": 55.0}, readings=readings)

    found = reasons([*attempts(2), warm])

    assert set(found) == ({"too-warm"} if told else set())


def test_accuracy_that_was_never_checked_is_invalid():
    found = reasons(attempts(), scores=None)

    assert set(found) == {"no-accuracy"}
    assert found["no-accuracy"].verdict is Verdict.INVALID


def test_a_runtime_that_computes_nothing_needs_no_accuracy():
    result = judge(attempts(), scores=None, case=make_case(runtime="null"))

    assert (result.verdict, result.auc_mean) == (Verdict.VALID, None)


def test_a_scoring_that_failed_is_invalid_and_has_the_last_words():
    result = judge(attempts(), scores=make_scores(error="out of memory", auc=(), device_auc=()))

    assert [(reason.code, reason.message) for reason in result.reasons] == [
        ("accuracy-failed", "scoring failed: out of memory")
    ]
    assert (result.verdict, result.auc_mean) == (Verdict.INVALID, None)


def test_attempts_of_two_artifacts_are_never_one_result():
    mixed = [*attempts()[:-1], replace(attempts()[-1], artifact="b" * 64)]

    assert set(reasons(mixed)) == {"artifact-changed"}
    assert set(reasons(attempts(), scores=make_scores(artifact="b" * 64))) == {"artifact-changed"}


def test_an_auc_below_one_half_asks_which_class_is_the_positive_one():
    found = reasons(attempts(), scores=make_scores(auc=(0.06,), device_auc=(0.06,)))

    assert set(found) == {"auc-below-half"}
    assert "positive" in found["auc-below-half"].advice


def test_images_of_one_label_only_have_no_auc():
    found = reasons(attempts(), scores=make_scores(auc=(None, None), device_auc=(None, None)))

    assert set(found) == {"no-auc"}
    assert found["no-auc"].verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("device", "ours"),
    [((0.9,), (0.91,)), ((0.9, None), (0.9, 0.5)), ((None, 0.9), (0.9, 0.9)), ((0.9,), (0.9, 0.9)), ((), (0.9,))],
    ids=str,
)
def test_an_auc_that_device_and_controller_disagree_about_is_invalid(device, ours):
    found = reasons(attempts(), scores=make_scores(device_auc=device, auc=ours))

    assert set(found) == {"auc-differs"}
    assert found["auc-differs"].verdict is Verdict.INVALID


def test_an_auc_may_differ_by_rounding_and_classes_without_labels_count_for_nothing():
    result = judge(attempts(), scores=make_scores(device_auc=(0.9 + 1e-9, None), auc=(0.9, None)))

    assert (result.reasons, result.auc_mean) == ((), 0.9)


def test_the_verdict_is_that_of_the_worst_reason():
    restless = [replace(attempt, effective={"warmed_up": False}) for attempt in attempts(2)]

    result = judge(restless)

    assert {reason.verdict for reason in result.reasons} == {Verdict.WARN, Verdict.INVALID}
    assert result.verdict is Verdict.INVALID


def golden_attempts(*differences):
    return [
        make_measurement(attempt=f"attempt-{n}", number=n, golden_max_difference=largest, golden_mean_difference=mean)
        for n, (largest, mean) in enumerate(differences, 1)
    ]


@pytest.mark.parametrize("difference", [(0.2, 0.001), (0.1, 0.0061), (math.inf, math.inf)], ids=["one", "many", "nan"])
def test_an_attempt_that_does_not_reproduce_known_scores_is_invalid_with_the_size_and_the_bound(difference):
    found = reasons(golden_attempts((0.0, 0.0), (0.0, 0.0), difference), golden=make_golden())

    assert set(found) == {"golden-check-failed"}
    assert found["golden-check-failed"].verdict is Verdict.INVALID
    assert found["golden-check-failed"].message == (
        "1 of 3 attempts did not reproduce the known scores of 2 images: they differ by up to "
        f"{difference[0]:.2g} and by {difference[1]:.2g} on average (at most 0.15 and 0.006 are explained by other kernels)"
    )


def test_scores_within_the_bound_are_no_reason():
    assert not reasons(golden_attempts((0.0, 0.0), (0.15, 0.006), (0.1, 0.005)), golden=make_golden())


def test_without_golden_scores_there_is_nothing_to_check():
    assert not reasons(attempts(), golden=make_golden())
    assert not reasons(golden_attempts((1.0, 1.0), (1.0, 1.0), (1.0, 1.0)), golden=None)


def test_every_reason_there_is_has_a_test_that_brings_it_about():
    source = Path(stats.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'_(?:warn|invalid)\(\s*"([a-z-]+)"', source))
    tests = Path(__file__).read_text(encoding="utf-8")

    assert len(codes) >= 10
    for code in codes:
        assert f'"{code}"' in tests, f"no test brings about {code}"
