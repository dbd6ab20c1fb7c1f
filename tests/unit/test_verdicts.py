"""What a number is worth."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from orchestrator.analysis import verdicts
from orchestrator.analysis.accuracy.intervals import Estimate, Estimates
from orchestrator.analysis.stats import Interval
from orchestrator.analysis.verdicts.accuracy import of_the_accuracy
from orchestrator.analysis.verdicts.device import was_throttled
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.machine import Predecessor
from orchestrator.domain.result import Verdict
from orchestrator.domain.samples import Samples
from orchestrator.testing import make_case, make_golden, make_measurement, make_scores

#: What a working device says of itself.
FACTS = {"cores": 4}


def attempts(number=3, **changes):
    return [make_measurement(attempt=f"attempt-{n}", number=n, **changes) for n in range(1, number + 1)]


def judge(measurements, *, effort="quick", facts=FACTS, **changes):
    arguments = {"run": "run-1", "case": make_case(), "scores": make_scores(), "effort": EFFORTS[effort]}
    return verdicts.judge(measurements=measurements, facts=facts, **(arguments | changes))


def reasons(*arguments, **options):
    return {reason.code: reason for reason in judge(*arguments, **options).reasons}


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
    assert found["attempts-missing"].message == "1 of 3 attempts are missing"
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
    assert found["too-few-samples"].message == "63 invocations, effort quick needs 64"
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


def test_interpreters_side_by_side_drift_where_enough_rounds_tell_time_from_interpreter():
    case = make_case(interpreters=2)
    # A round brings all samples of the one, then all of the other, which has the slower core.
    one = make_measurement([MS] * 64 + [2 * MS] * 64, case=case, readings=({}, {}))
    many = make_measurement([MS] * 64 + [2 * MS] * 64, case=case, readings=({},) * 9)

    assert "drift" not in reasons([one] * 3, case=case)
    assert "drift" in reasons([many] * 3, case=case)


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
    assert found["threads-not-effective"].message == "4 threads requested, 1 at work"
    assert "--threads 1" in found["threads-not-effective"].advice
    more = reasons(attempts(effective={**make_measurement().effective, "threads": 2}), case=make_case(threads=1))
    assert more["threads-not-effective"].message == "1 thread requested, 2 at work"
    assert "--threads 1" not in more["threads-not-effective"].advice
    assert reasons(attempts(effective=None), case=make_case(threads=4)) == {}
    assert reasons(attempts(effective={"threads": None}), case=make_case(threads=4)) == {}


def test_a_delegate_that_was_asked_for_and_did_not_work_is_told():
    fallen_back = attempts(requested={"threads": 1, "delegate": "gpu"})
    without = attempts(requested={"delegate": "gpu"}, effective={"delegate": None})

    assert set(reasons(fallen_back)) == {"delegate-not-effective"}
    found = reasons(fallen_back)["delegate-not-effective"]
    assert (found.verdict, found.message) == (Verdict.WARN, "the delegate gpu was requested, xnnpack ran")
    assert reasons(without)["delegate-not-effective"].message == "the delegate gpu was requested, none ran"
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

    assert was_throttled(readings) is throttled
    assert was_throttled([{"temperature_c": 99.0}, *readings, {"frequency_hz": 1}]) is throttled


def test_an_emulated_processor_is_told():
    assert set(reasons(attempts(), facts=FACTS | {"emulated": True})) == {"emulated"}


OTHER = Predecessor(seen_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), changes=("board UP 2, now Pi 5",))


def test_a_name_that_another_machine_answers_to_is_told_with_the_day_and_what_changed():
    found = reasons(attempts(), predecessor=OTHER)

    assert set(found) == {"other-machine"}
    assert "2026-01-02 03:04 UTC: board UP 2, now Pi 5" in found["other-machine"].message


@pytest.mark.parametrize(("celsius", "told"), [(54.9, False), (55.0, True), (None, False)])
def test_an_attempt_that_began_too_warm_is_told(celsius, told):
    # It is warmer after the warm-up, which is what a warm-up does.
    readings = ({"temperature_c": 70.0} | ({} if celsius is None else {"start_temperature_c": celsius}),)
    warm = make_measurement(attempt="x", number=3, requested={"start_below_c": 55.0}, readings=readings)

    found = reasons([*attempts(2), warm])

    assert set(found) == ({"too-warm"} if told else set())


def test_a_mean_auc_has_its_interval_where_its_error_is_known():
    known = judge(attempts(), scores=make_scores(auc=(0.9, None, 0.8), device_auc=(0.9, None, 0.8), auc_error=0.01))
    unknown = judge(attempts(), scores=make_scores(auc_error=None))

    assert known.auc_mean == pytest.approx(0.85)
    assert (known.auc_low, known.auc_high) == (pytest.approx(0.8304, abs=1e-4), pytest.approx(0.8696, abs=1e-4))
    assert (unknown.auc_mean, unknown.auc_low, unknown.auc_high) == (1.0, None, None)


def test_accuracy_that_was_never_asked_for_is_no_reason():
    assert judge(attempts(), scores=None, scored=False).verdict is Verdict.VALID


def test_accuracy_that_was_never_checked_is_invalid():
    found = reasons(attempts(), scores=None)

    assert set(found) == {"no-accuracy"}
    assert found["no-accuracy"].verdict is Verdict.INVALID


def test_accuracy_whose_labels_are_elsewhere_is_a_warning_that_names_the_dataset():
    found = reasons(attempts(), scores=None, labels_of="ward")

    assert set(found) == {"no-labels"}
    assert found["no-labels"].verdict is Verdict.WARN
    assert "the labels of ward" in found["no-labels"].message


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


def estimates(value, low, high, classes=2):
    found = Estimate(value=value, interval=Interval(low=low, high=high))
    return Estimates(classes=(found,) * classes, mean=found, over=tuple(range(classes)), method="DeLong")


def of_columns(*columns):
    values = np.array(columns, "<f4").T
    names = tuple(f"finding {number}" for number in range(len(columns)))
    auc = (0.5,) * len(columns)
    return make_scores(scores=values.tobytes(), shape=values.shape, classes=names, auc=auc, device_auc=auc)


def test_scores_that_are_the_same_for_every_image_are_no_result():
    found = reasons(attempts(), scores=of_columns([0, 0, 0], [0.25, 0.25, 0.25]))

    assert set(found) == {"constant-scores"}
    assert found["constant-scores"].verdict is Verdict.INVALID
    assert "all 3 images get the same scores" in found["constant-scores"].message


@pytest.mark.parametrize(("scheme", "advice"), [("float32", "is the model trained"), ("int8", "calibrate it on")])
def test_constant_scores_of_float32_are_the_models_own_and_those_of_int8_may_be_its_calibrations(scheme, advice):
    (found,) = of_the_accuracy(make_case(scheme=scheme), of_columns([0, 0, 0]))

    assert advice in found.advice


def test_some_findings_with_constant_scores_are_a_warning_that_names_them():
    found = reasons(attempts(), scores=of_columns([0, 0.1, 0.5], [0.25, 0.25, 0.25]))

    assert found["constant-scores"].verdict is Verdict.WARN
    assert "for finding 1" in found["constant-scores"].message


def test_one_image_is_never_constant():
    assert "constant-scores" not in reasons(attempts(), scores=of_columns([0.5]))


def test_an_accuracy_that_collapses_beside_float32_is_no_result():
    auc, change = estimates(0.6, 0.55, 0.65), estimates(-0.35, -0.4, -0.3)

    found = reasons(attempts(), auc=auc, auc_change=change)

    assert set(found) == {"accuracy-lost"}
    assert found["accuracy-lost"].verdict is Verdict.INVALID
    assert "0.6000" in found["accuracy-lost"].message
    assert "0.9500" in found["accuracy-lost"].message


def test_an_accuracy_that_may_have_collapsed_by_chance_or_was_never_there_is_a_result():
    by_chance = reasons(attempts(), auc=estimates(0.6, 0.3, 0.9), auc_change=estimates(-0.35, -0.7, 0.0))
    never = reasons(attempts(), auc=estimates(0.45, 0.4, 0.5), auc_change=estimates(-0.02, -0.03, -0.01))
    less = reasons(attempts(), auc=estimates(0.85, 0.8, 0.9), auc_change=estimates(-0.1, -0.12, -0.08))

    assert "accuracy-lost" not in {*by_chance, *never, *less}


def test_constant_scores_are_the_reason_why_the_accuracy_is_lost_and_the_only_one():
    auc, change = estimates(0.5, 0.5, 0.5), estimates(-0.45, -0.5, -0.4)

    found = reasons(attempts(), scores=of_columns([0, 0, 0]), auc=auc, auc_change=change)

    assert set(found) == {"constant-scores"}


def test_figures_of_accuracy_are_those_by_patient_where_the_images_are_known():
    auc = replace(estimates(0.8, 0.7, 0.9, classes=3), over=(0, 1))

    result = judge(attempts(), auc=auc, auc_change=estimates(-0.01, -0.02, 0.005))

    assert (result.auc_mean, result.auc_low, result.auc_high) == (0.8, 0.7, 0.9)
    assert (result.auc_change_low, result.auc_change_high) == (-0.02, 0.005)
    assert (result.auc_findings, result.auc_findings_left_out) == (2, 1)


def test_an_auc_below_half_does_not_hide_that_device_and_controller_disagree():
    result = judge(attempts(), scores=make_scores(auc=(0.4, 0.4), device_auc=(0.6, 0.6)))

    assert {reason.code for reason in result.reasons} == {"auc-differs", "auc-below-half"}
    assert result.verdict is Verdict.INVALID


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


MS = 1_000_000
SECOND = 1_000 * MS


def watched(*, number=3, before=None, after=None, seconds=10, **changes):
    """Return attempts whose first and last readings say ``before`` and ``after``, ``seconds`` apart."""
    first = {"at_ns": 5 * SECOND, "mono_ns": 7 * SECOND}
    last = {name: at + seconds * SECOND for name, at in first.items()}
    readings = ({**first, **(before or {})}, {**last, **(after or before or {})})
    return attempts(number, readings=readings, span_ns=seconds * SECOND, **changes)


def only(code, *arguments, **options):
    """Return the reason ``code``, which must be the only one."""
    found = reasons(*arguments, **options)
    assert set(found) == {code}
    assert found[code].verdict is Verdict.WARN
    assert found[code].advice
    return found[code].message


@pytest.mark.parametrize("scores", [None, make_scores(error="it can't load", auc=(), device_auc=())])
def test_what_a_runtime_can_not_load_is_invalid_in_its_own_words_alone(scores):
    words = "litert can't load the artifact: ValueError: Didn't find op for builtin opcode"
    failed = [replace(attempt, error=words, unloadable=True, latency_ns=Samples()) for attempt in attempts()]

    found = reasons(failed, scores=scores)

    assert set(found) == {"unloadable"}
    assert (found["unloadable"].verdict, found["unloadable"].message) == (Verdict.INVALID, words)


def test_a_device_that_says_nothing_gives_no_reason():
    assert reasons(watched()) == {}
    assert reasons(watched(), facts={}) == {}


@pytest.mark.parametrize(("governors", "told"), [(("performance",), ""), (("schedutil", "performance"), "schedutil")])
def test_a_governor_that_is_not_performance_is_told(governors, told):
    measured = [
        *watched(number=1, before={"governor": governors[0]}),
        *watched(number=2, before={"governor": governors[-1]}),
    ]

    assert reasons(measured) == {} if not told else f"the governor was {told}," in only("governor", measured)


def test_a_governor_is_known_from_the_facts_where_readings_do_not_tell():
    assert "ondemand" in only("governor", watched(), facts=FACTS | {"governor": "ondemand"})
    assert reasons(watched(before={"governor": "performance"}), facts=FACTS | {"governor": "ondemand"}) == {}


def at_frequencies(*ghz):
    """Return an attempt whose readings between blocks say these frequencies, after an idle one."""
    readings = [{"frequency_hz": 600_000_000}, *({"frequency_hz": round(each * 1e9)} for each in ghz)]
    return make_measurement(readings=tuple(readings))


def test_a_frequency_that_changed_within_or_between_attempts_is_told():
    steady, falling, lower = (
        at_frequencies(2, 2, 2, 2),
        at_frequencies(2, 2, 1.8, 1.8),
        at_frequencies(1.8, 1.8, 1.8, 1.8),
    )

    assert reasons([steady, steady, at_frequencies(1.95, 1.95, 2, 2)]) == {}
    assert "from 1.80 to 2.00 GHz" in only("frequency-changed", [steady, falling, falling])
    assert "from 1.80 to 2.00 GHz" in only("frequency-changed", [steady, lower, lower])


def test_a_device_on_its_battery_is_told():
    assert "3 of 3 attempts" in only("on-battery", watched(before={"on_battery": True}))
    assert reasons(watched(before={"on_battery": False})) == {}


def busy(others_s, *, own_s=10, seconds=10):
    before = {"cpu_busy_ns": 100 * SECOND, "cpu_own_ns": SECOND}
    after = {"cpu_busy_ns": 100 * SECOND + int((others_s + own_s) * SECOND), "cpu_own_ns": (1 + own_s) * SECOND}
    return watched(before=before, after=after, seconds=seconds)


def test_what_others_took_of_the_processor_is_told_as_a_share_of_all_cores():
    assert "other processes used up to 25% of the CPU (1.0 of 4 cores) during 3 of 3" in only("other-load", busy(10))
    assert reasons(busy(1.9)) == {}, "less than a twentieth of four cores"
    assert "(1.2 of 64 cores)" in only("other-load", busy(12), facts={"cores": 64})
    assert reasons(busy(9), facts={"cores": 64}) == {}, "less than one core"
    kept = {"cores": 1, "core_classes": [{"count": 4, "cpus": [0, 1, 2, 3]}]}
    assert "25% of the CPU (1.0 of 4 cores)" in only("other-load", busy(10), facts=kept)
    assert reasons(busy(10), facts={}) == {}, "nobody knows of how many"
    assert reasons(busy(0, own_s=40)) == {}, "our own work is no load of others"
    assert reasons(busy(1, own_s=0, seconds=0)) == {}, "ticks are too coarse for a moment"


def stopped(throttled, periods=1000, **before):
    """Attempts in a control group whose quota was used up in so many periods, beside others who took a core."""
    first = {"quota_periods": 5, "quota_throttled_periods": 2, "quota_throttled_ns": 7}
    last = {"quota_periods": 5 + periods, "quota_throttled_periods": 2 + throttled, "quota_throttled_ns": 7 + SECOND}
    return watched(before=first | before, after=last | {name: value + 20 * SECOND for name, value in before.items()})


def test_a_cpu_quota_that_stopped_the_process_is_told_with_its_figures():
    message = only("cpu-quota", stopped(874), facts={"cores": 4, "quota_cpus": 0.2})

    assert message == (
        "the CPU quota of 0.2 CPUs of its control group stopped the process in 2,622 of 3,000 periods during 3 of 3 attempts"
    )
    assert "the CPU quota of its control group" in only("cpu-quota", stopped(874))
    assert reasons(stopped(10)) == {}, "one in a hundred does little to a median"
    assert reasons(stopped(0, periods=0)) == {}


def test_attempts_that_the_quota_stopped_do_not_blame_others():
    others = {"cpu_busy_ns": 100 * SECOND, "cpu_own_ns": SECOND}
    both = [*stopped(874, cpu_busy_ns=100 * SECOND), *busy(10)]

    assert set(reasons([replace(each, number=place) for place, each in enumerate(both, 1)])) == {
        "cpu-quota",
        "other-load",
    }
    assert set(reasons(stopped(874, **others))) == {"cpu-quota"}


def test_time_that_the_hypervisor_took_is_told():
    before, after = {"cpu_steal_ns": 50 * SECOND}, {"cpu_steal_ns": 52 * SECOND}

    assert "up to 20% of the CPU time that the device needed" in only("steal", watched(before=before, after=after))
    assert reasons(watched(before=before, after={"cpu_steal_ns": 50 * SECOND + 90 * MS})) == {}
    own = {"cpu_busy_ns": 0, "cpu_own_ns": 0}, {"cpu_busy_ns": 38 * SECOND, "cpu_own_ns": 38 * SECOND}
    both = watched(before=before | own[0], after=after | own[1])
    assert "up to 5% of the CPU time that the device needed" in only("steal", both)
    assert "up to 5% of" in only("steal", both, facts={}), "however many cores there are"


def test_swapping_is_told():
    swapped = watched(before={"swapped_bytes": 1000}, after={"swapped_bytes": 5_001_000})

    assert "swapped up to 5.00 MB during 3 of 3" in only("swapped", swapped)
    assert reasons(watched(before={"swapped_bytes": 1000})) == {}


def test_memory_that_was_short_is_told():
    little = watched(before={"memory_available_bytes": 40_000_000})
    facts = FACTS | {"memory_bytes": 1_000_000_000}

    assert "40.0 MB of 1.00 GB" in only("memory-short", little, facts=facts)
    assert reasons(watched(before={"memory_available_bytes": 60_000_000}), facts=facts) == {}
    assert reasons(little, facts=FACTS) == {}
    stalled = watched(before={"memory_stalled_ns": 0}, after={"memory_stalled_ns": SECOND})
    assert "waited for memory 10% of the time" in only("memory-short", stalled)
    faulty = watched(before={"major_faults": 100}, after={"major_faults": 111})
    assert "11 pages came from a disk" in only("memory-short", faulty)
    assert reasons(watched(before={"major_faults": 100}, after={"major_faults": 110})) == {}


@pytest.mark.parametrize(("step_ns", "told"), [(51 * MS, False), (56 * MS, True), (-3600 * SECOND, True), (0, False)])
def test_a_clock_that_was_set_is_told_and_one_that_is_slewed_is_not(step_ns, told):
    stepped = watched(before={"at_ns": 5 * SECOND}, after={"at_ns": 15 * SECOND + step_ns})

    assert set(reasons(stepped)) == ({"clock-stepped"} if told else set())


@pytest.mark.parametrize("key", ["cooling", "throttled"])
def test_cooling_devices_that_slow_the_machine_and_counters_are_throttling(key):
    assert "3 of 3 attempts" in only("throttled", watched(before={key: 0}, after={key: 2}))
    assert reasons(watched(before={key: 0})) == {}


def test_a_process_that_was_stopped_in_an_invocation_is_told():
    stopped = make_measurement([MS] * 100 + [3 * SECOND] + [MS] * 27, attempt="x", number=3)

    assert "1 of 3 attempts stalled, the longest for 3.0 s" in only("interrupted", [*attempts(2), stopped])
    slow = make_measurement([100 * MS, 105 * MS] * 50 + [1100 * MS])
    assert "3 of 3 attempts stalled, the longest for 1.0 s" in only("interrupted", [slow] * 3)


def test_a_slow_invocation_is_no_stop():
    slow = make_measurement([600 * MS] * 127 + [1700 * MS], attempt="x", number=3)
    restless = make_measurement([100 * MS, 200 * MS] * 64 + [900 * MS], attempt="x", number=3)
    outlier = make_measurement([MS] * 127 + [400 * MS], attempt="x", number=3)

    assert "interrupted" not in reasons([slow] * 3)
    assert "interrupted" not in reasons([restless] * 3)
    assert "interrupted" not in reasons([*attempts(2), outlier])


def test_a_process_that_was_stopped_between_invocations_is_told():
    stopped = [replace(attempt, span_ns=7 * SECOND) for attempt in watched(seconds=10)]

    assert "the longest for 3.0 s" in only("interrupted", stopped)
    assert reasons([replace(attempt, span_ns=9 * SECOND) for attempt in watched(seconds=10)]) == {}


def blocks(*seconds, latency_ns=None):
    """Return attempts of which each block took so many seconds, with a reading before the first and after each."""
    moments = [7 * SECOND + int(sum(seconds[:place]) * SECOND) for place in range(len(seconds) + 1)]
    readings = tuple({"at_ns": moment, "mono_ns": moment} for moment in moments)
    changes = {} if latency_ns is None else {"latency_ns": Samples.of(latency_ns)}
    return [replace(each, readings=readings, span_ns=int(sum(seconds) * SECOND), **changes) for each in attempts()]


def test_a_process_that_was_stopped_between_two_invocations_of_a_block_is_named():
    assert "the longest for 1.5 s" in only("interrupted", blocks(0.1, 0.1, 1.6, 0.1, 0.1, 0.1))


def test_blocks_that_are_long_by_themselves_or_by_a_slow_invocation_are_no_stop():
    restless = [100 * MS, 200 * MS] * 64 + [900 * MS, 1100 * MS]

    assert "interrupted" not in reasons(blocks(3.0, 3.0, 5.0, 3.0, 3.0))
    assert "interrupted" not in reasons(blocks(0.1, 0.1, 0.9, 0.1, 0.1))
    assert "interrupted" not in reasons(blocks(0.2, 0.2, 1.3, 0.2, 0.2, latency_ns=restless))
    assert "interrupted" not in reasons(blocks(0.1, 1.6, 0.1)), "too few blocks to know a usual one"


def test_cores_of_two_kinds_are_told_where_both_took_part():
    classes = [{"model": "Cortex-A55", "cpus": [0, 1, 2, 3]}, {"model": "Cortex-A76", "cpus": [4, 5, 6, 7]}]
    facts = {"cores": 8, "core_classes": classes}

    assert "Cortex-A55, Cortex-A76" in only("mixed-cores", watched(before={"cpus_used": [3, 4]}), facts=facts)
    assert reasons(watched(before={"cpus_used": [4, 7]}), facts=facts) == {}
    assert reasons(watched(before={"cpus_used": [3, 4]}), facts={"cores": 8, "core_classes": classes[:1]}) == {}


def test_cores_of_one_model_are_two_kinds_where_one_is_much_slower():
    def facts(*hertz, name="max_hz"):
        classes = [{"model": "Core i7", name: each, "cpus": [number]} for number, each in enumerate(hertz)]
        return {"cores": 8, "core_classes": classes}

    both = watched(before={"cpus_used": [0, 1]})
    assert reasons(both, facts=facts(5_000_000_000, 5_200_000_000)) == {}, "a favoured core"
    found = only("mixed-cores", both, facts=facts(5_000_000_000, 3_800_000_000))
    assert "Core i7 (5.00 GHz), Core i7 (3.80 GHz)" in found
    assert reasons(both, facts=facts(1024, 980, name="capacity")) == {}
    assert "2 kinds" in only("mixed-cores", both, facts=facts(1024, 446, name="capacity"))


def test_more_threads_than_the_process_may_use_cores_take_turns():
    effective = {**make_measurement().effective, "threads": 2}
    kept = watched(before={"cpus_allowed": [0]}, effective=effective)

    assert only("more-threads-than-cores", kept, case=make_case(threads=2)) == "2 threads on 1 cores take turns"


def test_interpreters_side_by_side_take_turns_where_there_are_fewer_cores():
    found = only("more-threads-than-cores", attempts(), case=make_case(interpreters=8))

    assert found == "8 threads on 4 cores take turns"


def test_a_gpu_that_is_a_program_is_told():
    effective = {**make_measurement().effective, "adapter": "SwiftShader Device", "adapter_type": "software"}

    assert "SwiftShader Device emulates a GPU on the CPU" in only("software-gpu", attempts(effective=effective))
    assert reasons(attempts(effective=effective | {"adapter_type": "hardware"})) == {}


def test_a_reason_that_was_recorded_is_kept():
    (kept,) = judge(attempts(), predecessor=OTHER).reasons

    result = judge(attempts(), sticky=[kept])

    assert (result.reasons, result.verdict) == ((kept,), Verdict.WARN)


def test_batches_are_told_per_invocation():
    result = judge(attempts(latency_ns=[3_000] * 128, invocations_per_sample=3))

    assert (result.p50_ns, result.p90_ns, result.invocations_per_sample, result.samples) == (1000, 1000, 3, 384)


def test_intervals_of_percentiles_are_over_attempts():
    several = [make_measurement([ns] * 128, attempt=str(ns), number=ns) for ns in (90, 100, 110)]

    result = judge(several)

    assert (result.p50_low_ns, result.p50_ns, result.p50_high_ns) == (90, 100, 110)
    assert (result.p90_low_ns, result.p90_high_ns) == (90, 110)
    assert judge(several[:2]).p50_low_ns is None


def test_throughput_is_images_by_the_time_that_was_timed():
    offline = make_case(interpreters=2, batch=8)
    several = [
        replace(attempt, span_ns=seconds * SECOND) for attempt, seconds in zip(attempts(), (1, 2, 4), strict=True)
    ]

    result = judge(several, case=offline)

    assert (result.images_per_s_low, result.images_per_s, result.images_per_s_high) == (256, 512, 1024)
    assert judge(several).images_per_s is None, "the latency of one after the other is no throughput"


def test_energy_is_per_invocation_with_the_idle_part_apart():
    counted = watched(before={"energy_uj": 10, "idle_power_w": 2.0}, after={"energy_uj": 64_000_010})
    told = watched(before={"power_w": 99.0}, after={"power_w": 6.4})

    result = judge(counted)

    assert result.energy_low_j <= result.energy_j <= result.energy_high_j
    assert (result.energy_j, result.energy_idle_j) == (pytest.approx(0.5), pytest.approx(2.0 * 10 / 128))
    assert judge(told).energy_j == pytest.approx(0.5), "the reading before the work began does not count"
    assert judge(told).energy_idle_j is None
    assert judge(attempts()).energy_j is None
    assert judge(watched(before={"energy_uj": 10}, after={"energy_uj": 10})).energy_j is None, "it stands still"


def test_a_long_timing_tells_its_first_and_its_last_minute():
    hot = make_measurement([SECOND] * 200 + [2 * SECOND] * 100, span_ns=400 * SECOND)

    result = judge([hot], effort="sustained")

    assert (result.first_minute_ns, result.last_minute_ns) == (SECOND, 2 * SECOND)
    assert judge(attempts()).first_minute_ns is None
    # Two that work side by side, a round after the other: a minute is not 60 invocations of a second, it is 120.
    beside = make_measurement(([SECOND] * 100 + [2 * SECOND] * 50 + [3 * SECOND] * 400), span_ns=700 * SECOND)
    assert judge([beside], effort="sustained", case=make_case(interpreters=2)).first_minute_ns == SECOND


def test_every_reason_there_is_has_a_test_that_brings_it_about():
    folder = Path(verdicts.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    codes = set(re.findall(r'\b(?:warn|invalid)\(\s*"([a-z-]+)"', source))
    tests = Path(__file__).read_text(encoding="utf-8")

    assert len(codes) >= 30
    for code in codes:
        assert f'"{code}"' in tests, f"no test brings about {code}"
