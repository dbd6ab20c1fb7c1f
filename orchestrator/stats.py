"""What samples carry, and what a number is worth: pure functions of recorded facts."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator import metrics
from orchestrator.domain.plan import WITHOUT_SCORES
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from orchestrator.domain.artifact import Golden
    from orchestrator.domain.case import Case
    from orchestrator.domain.plan import Effort
    from orchestrator.domain.result import Measurement, Scores

#: MLPerf Inference rules, "early stopping": a percentile counts when the sample supports it with this confidence.
CONFIDENCE = 0.99
#: Last quarter of an attempt this much slower than its first: it was still warming up, or getting hot.
DRIFT = 1.05
#: pyperf warns where the standard deviation reaches 10 % of the mean, or an extreme is 50 % away from it
#: (``pyperf/_utils.py``, "unstable"); we look at p50 of the attempts, whose outliers are not single invocations.
SPREAD, EXTREME = 0.10, 0.50
#: The device computes in float64 too; more than this apart is another set of labels, or a bug.
AUC_TOLERANCE = 1e-6
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")


@cache
def samples_needed(percentile: float, confidence: float = CONFIDENCE) -> int:
    """Return the smallest sample that carries ``percentile`` (0..1) by MLPerf's early-stopping rule.

    With n invocations of which one may lie above the percentile, Binomial(n, 1 - percentile) must give at most one with a
    probability of at most 1 - ``confidence``: 11 for p50, 64 for p90, 130 for p95, 662 for p99.
    """
    above = 1 - percentile
    count = 1
    while percentile**count + count * above * percentile ** (count - 1) > 1 - confidence:
        count += 1
    return count


def percentile(samples: NDArray[np.int64], share: float) -> float | None:
    """Return the nearest-rank percentile of latencies in ns, ``None`` where the sample does not carry it."""
    if len(samples) < samples_needed(share):
        return None
    return float(np.quantile(samples, share, method="inverted_cdf"))


def judge(
    *,
    run: str,
    case: Case,
    measurements: Sequence[Measurement],
    scores: Scores | None,
    facts: Mapping[str, Any],
    effort: Effort,
    stranger_since: datetime | None = None,
    golden: Golden | None = None,
) -> CaseResult:
    """Return a case's figures, over all samples of its successful attempts, and its verdict with reasons.

    ``stranger_since`` is when the device's name was last answered by what is another machine now, ``golden``
    what the golden check of the attempts is judged by.
    """
    good = [attempt for attempt in measurements if attempt.error is None]
    samples = np.concatenate([np.asarray(attempt.latency_ns, np.int64) for attempt in good] or [np.empty(0, np.int64)])
    reasons = (
        *_of_the_attempts(measurements, samples, effort),
        *_of_the_latency(good),
        *_of_the_settings(case, good, facts),
        *_of_the_device(good, facts, stranger_since),
        *_of_the_accuracy(case, scores),
        *_of_the_golden_check(good, golden),
        *_of_the_artifact(measurements, scores),
    )
    verdict = Verdict.VALID
    for reason in reasons:
        verdict = verdict.worst(reason.verdict)
    artifacts = [attempt.artifact for attempt in measurements] or ([scores.artifact] if scores else [])
    return CaseResult(
        run=run,
        case=case,
        artifact=artifacts[0] if artifacts else None,
        size_bytes=None,
        attempts=len(good),
        samples=len(samples),
        p50_ns=percentile(samples, 0.50),
        p90_ns=percentile(samples, 0.90),
        p99_ns=percentile(samples, 0.99),
        auc_mean=metrics.mean_auc(scores.auc) if scores and scores.error is None else None,
        verdict=verdict,
        reasons=reasons,
    )


def _of_the_attempts(
    measurements: Sequence[Measurement], samples: NDArray[np.int64], effort: Effort
) -> Iterator[Reason]:
    failed = [attempt for attempt in measurements if attempt.error is not None]
    if failed:
        yield _invalid(
            "attempt-failed",
            f"{len(failed)} of {len(measurements)} attempts failed: {failed[-1].error}",
            "these are the worker's last words; farm results show has those of every attempt",
        )
    missing = effort.attempts - len(measurements)
    if missing > 0:
        yield _invalid(
            "attempts-missing",
            f"{missing} of {effort.attempts} attempts never came back",
            "farm run --resume collects or repeats them",
        )
    elif not failed and len(samples) < effort.invocations:
        yield _invalid(
            "too-few-samples",
            f"{len(samples)} invocations, the effort {effort.name} asks for {effort.invocations}",
            "measure again",
        )
    if effort.name == "smoke":
        yield _warn("smoke", "effort smoke shows that the wiring holds, no more", "measure with --effort standard")


def _of_the_latency(good: Sequence[Measurement]) -> Iterator[Reason]:
    drifting = [ratio for attempt in good if (ratio := drift(attempt.latency_ns)) is not None and ratio > DRIFT]
    if drifting:
        yield _warn(
            "drift",
            f"{len(drifting)} of {len(good)} attempts got slower, by up to {max(drifting) - 1:.0%} from first to last quarter",
            "let the device cool down, or look for what else runs on it",
        )
    restless = [attempt for attempt in good if (attempt.effective or {}).get("warmed_up") is False]
    if restless:
        yield _warn(
            "not-warmed-up",
            f"{len(restless)} of {len(good)} attempts never became steady while warming up",
            "look for what else runs on the device; a higher effort warms up longer",
        )
    middles = np.array([np.median(attempt.latency_ns) for attempt in good if attempt.latency_ns])
    if len(middles) >= 3:
        spread = float(middles.std(ddof=1) / middles.mean())
        extreme = float(np.abs(middles / middles.mean() - 1).max())
        if spread >= SPREAD or extreme >= EXTREME:
            yield _warn(
                "unstable",
                f"the attempts' medians go from {format_ns(middles.min())} to {format_ns(middles.max())} "
                f"(standard deviation {spread:.0%} of the mean)",
                "look for what else runs on the device, and set its governor to performance",
            )


def _of_the_settings(case: Case, good: Sequence[Measurement], facts: Mapping[str, Any]) -> Iterator[Reason]:
    cores = facts.get("cores")
    if isinstance(cores, int) and case.threads > cores:
        yield _warn(
            "more-threads-than-cores",
            f"{case.threads} threads on {cores} cores take turns",
            f"measure with --threads {cores} or fewer",
        )
    throttled = [attempt for attempt in good if was_throttled(attempt.readings)]
    if throttled:
        yield _warn(
            "throttled",
            f"the device slowed itself down during {len(throttled)} of {len(good)} attempts",
            "cool it, or check its power supply",
        )
    threads = {
        int(threads)
        for attempt in good
        if (threads := (attempt.effective or {}).get("threads")) not in (None, case.threads)
    }
    if threads:
        yield _warn(
            "threads-not-effective",
            f"{case.threads} threads were asked for, {' or '.join(map(str, sorted(threads)))} worked",
            "the graph may have too little to share out; compare with --threads 1",
        )
    for wanted, found in sorted(_missed_delegates(good)):
        yield _warn(
            "delegate-not-effective",
            f"the delegate {wanted} was asked for, {found} worked",
            "these are not that delegate's figures: the device lacks it, or it can't run this artifact",
        )


def _of_the_device(
    good: Sequence[Measurement], facts: Mapping[str, Any], stranger_since: datetime | None
) -> Iterator[Reason]:
    if facts.get("emulated"):
        yield _warn(
            "emulated",
            "the processor is emulated: its scores are right, its timings say nothing about real hardware",
            "measure on the hardware itself",
        )
    if stranger_since is not None:
        yield _warn(
            "other-machine",
            f"another machine answers to this name than on {stranger_since:%Y-%m-%d %H:%M} UTC",
            "results from before are not its own; farm devices rename gives them another name",
        )
    warm = [attempt for attempt in good if _began_too_warm(attempt)]
    if warm:
        yield _warn(
            "too-warm",
            f"{len(warm)} of {len(good)} attempts began above the device's `start_below_c`, after waiting for 300 s",
            "cool the device better, or raise limits.start_below_c in the inventory",
        )


def _began_too_warm(attempt: Measurement) -> bool:
    limit = (attempt.requested or {}).get("start_below_c")
    first = next((reading["temperature_c"] for reading in attempt.readings if "temperature_c" in reading), None)
    return isinstance(limit, int | float) and isinstance(first, int | float) and first >= limit


def _missed_delegates(good: Sequence[Measurement]) -> set[tuple[str, str]]:
    """Return (asked for, in force) where they differ, as far as the runtime tells; asking for none takes the default."""
    missed = set()
    for attempt in good:
        wanted = (attempt.requested or {}).get("delegate")
        effective = attempt.effective or {}
        if wanted is not None and "delegate" in effective and effective["delegate"] != wanted:
            missed.add((str(wanted), str(effective["delegate"] or "none")))
    return missed


def _of_the_accuracy(case: Case, scores: Scores | None) -> Iterator[Reason]:
    if case.runtime in WITHOUT_SCORES:
        return
    if scores is None:
        yield _invalid("no-accuracy", "accuracy was never checked", "farm run --resume does what is missing")
    elif scores.error is not None:
        yield _invalid(
            "accuracy-failed", f"scoring failed: {scores.error}", "these are the worker's last words on the device"
        )
    elif (mean := metrics.mean_auc(scores.auc)) is None:
        yield _warn("no-auc", "no class has both labels in the evaluation part", "evaluate on more images")
    elif mean < 0.5:
        yield _warn(
            "auc-below-half",
            f"the mean AUC-ROC of {mean:.3f} is worse than tossing a coin",
            "is the positive class the right one (`positive:` of a folder, the model's last output)?",
        )
    elif not _agree(scores.device_auc, scores.auc):
        yield _invalid(
            "auc-differs",
            "device and controller computed different AUCs from the same scores",
            "please report this with the output of farm results show",
        )


def _of_the_golden_check(good: Sequence[Measurement], golden: Golden | None) -> Iterator[Reason]:
    if golden is None:
        return
    differences = [
        (attempt.golden_max_difference, attempt.golden_mean_difference)
        for attempt in good
        if attempt.golden_max_difference is not None and attempt.golden_mean_difference is not None
    ]
    failed = [(largest, mean) for largest, mean in differences if largest > golden.largest or mean > golden.mean]
    if failed:
        largest, mean = (max(worst) for worst in zip(*failed, strict=True))
        yield _invalid(
            "golden-check-failed",
            f"{len(failed)} of {len(good)} attempts did not reproduce the known scores of {len(golden.scores)} images: they "
            f"differ by up to {largest:.2g} and by {mean:.2g} on average (at most {golden.largest:.2g} and {golden.mean:.2g} "
            "are explained by other kernels)",
            "the device computes something else than the artifact says: try another version of the runtime, or another one",
        )


def _of_the_artifact(measurements: Sequence[Measurement], scores: Scores | None) -> Iterator[Reason]:
    found = {attempt.artifact for attempt in measurements} | ({scores.artifact} if scores else set())
    if len(found) > 1:
        yield _invalid(
            "artifact-changed",
            f"its attempts and scores come from {len(found)} different artifacts",
            "the model, its images or TensorFlow changed before the run was resumed; start a new one: farm run",
        )


def drift(latency_ns: Sequence[int]) -> float | None:
    """Return the median of an attempt's last quarter over that of its first, ``None`` below 20 samples."""
    quarter = len(latency_ns) // 4
    if quarter < 5:
        return None
    return float(np.median(latency_ns[-quarter:]) / np.median(latency_ns[:quarter]))


def was_throttled(readings: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the device slowed itself down between the first reading and the last.

    A text is the Raspberry Pi firmware's word: bits 0 to 3 mean now, bits 16 to 19 the same since boot (raspberrypi.com,
    "vcgencmd get_throttled"). A number is the x86 kernel's count of throttling events since boot.
    """
    said = [reading["throttled"] for reading in readings if "throttled" in reading]
    bits = [int(word, 16) for word in said if isinstance(word, str) and _HEXADECIMAL.fullmatch(word)]
    counts = [count for count in said if isinstance(count, int)]
    now = any(word & 0xF for word in bits)
    newly = bool(bits) and bool(bits[-1] & ~bits[0] & 0xF0000)
    return now or newly or (bool(counts) and counts[-1] > counts[0])


def _agree(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    if len(one) != len(other):
        return False
    return all(
        (a is None and b is None) or (a is not None and b is not None and abs(a - b) <= AUC_TOLERANCE)
        for a, b in zip(one, other, strict=True)
    )


def _invalid(code: str, message: str, advice: str) -> Reason:
    return Reason(verdict=Verdict.INVALID, code=code, message=message, advice=advice)


def _warn(code: str, message: str, advice: str) -> Reason:
    return Reason(verdict=Verdict.WARN, code=code, message=message, advice=advice)
