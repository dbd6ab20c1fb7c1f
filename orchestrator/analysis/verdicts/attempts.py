"""Reasons about attempts: how many came back, how steady they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.stats import drift
from orchestrator.analysis.verdicts.reasons import invalid, warn
from orchestrator.domain.units import format_ns, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.domain.effort import Effort
    from orchestrator.domain.result import Measurement, Reason

#: Last quarter of an attempt this much slower than its first: it was still warming up, or getting hot.
DRIFT = 1.05
QUARTERS = 4
#: pyperf warns where the standard deviation reaches 10 % of the mean, or an extreme is 50 % away from it
#: (``pyperf/_cli.py``, ``format_checks``: "may be unstable"); we look at p50 of the attempts, whose outliers are not single invocations.
SPREAD, EXTREME = 0.10, 0.50
#: A sample that takes so much longer than the median, twice the median longer, and as far beyond the third quartile as no
#: outlier of its attempt's own spread is (Tukey's fences end at 3 interquartile ranges), is no slow invocation: the process stood still.
STILL_NS, STILL_TIMES, STILL_RANGES = 500_000_000, 2, 10
#: What readings between blocks may take before time is missing between them, of each and in all.
READING_NS, MISSING_NS = 50_000_000, 1_000_000_000
#: Blocks that it takes to know how long one usually is.
LEAST_GAPS = 4


def of_the_attempts(measurements: Sequence[Measurement], effort: Effort) -> Iterator[Reason]:
    """Judge whether there is what the effort asks for."""
    failed = [attempt for attempt in measurements if attempt.error is not None]
    unloadable = [attempt for attempt in failed if attempt.unloadable]
    if unloadable:
        yield invalid(
            "unloadable",
            f"{unloadable[-1].error}",
            "that is the runtime's message; another scheme, runtime or version may work (docs/runtimes.md)",
        )
    elif failed:
        yield invalid(
            "attempt-failed",
            f"{len(failed)} of {len(measurements)} attempts failed: {failed[-1].error}",
            "that is the worker's last output; farm results show has that of every attempt",
        )
    samples = sum(len(attempt.latency_ns) for attempt in measurements if attempt.error is None)
    missing = effort.attempts - len(measurements)
    if missing > 0:
        yield invalid(
            "attempts-missing",
            f"{missing} of {effort.attempts} attempts are missing",
            "farm run --resume collects or repeats them",
        )
    elif not failed and samples < effort.invocations:
        yield invalid(
            "too-few-samples",
            f"{samples} invocations, effort {effort.name} needs {effort.invocations}",
            "measure again"
            if effort.max_seconds is None
            else f"they are too slow for {effort.max_seconds:g} s; measure with --effort standard",
        )
    if effort.name == "smoke":
        yield warn("smoke", "effort smoke only checks that everything works", "measure with --effort standard")


def of_the_latency(good: Sequence[Measurement]) -> Iterator[Reason]:
    """Judge whether the latencies are of one kind from first to last."""
    ordered = [attempt for attempt in good if _is_in_order(attempt)]
    drifting = [
        ratio for attempt in ordered if (ratio := drift(attempt.latency_ns.array())) is not None and ratio > DRIFT
    ]
    if drifting:
        yield warn(
            "drift",
            f"{len(drifting)} of {len(good)} attempts got slower, by up to {max(drifting) - 1:.0%} from first to last quarter",
            "let the device cool down, or look for what else runs on it",
        )
    restless = [attempt for attempt in good if (attempt.effective or {}).get("warmed_up") is False]
    if restless:
        yield warn(
            "not-warmed-up",
            f"{len(restless)} of {len(good)} attempts never became steady while warming up",
            "look for what else runs on the device; a higher effort warms up longer",
        )
    middles = np.array(
        [
            np.median(attempt.latency_ns.array()) / attempt.invocations_per_sample
            for attempt in good
            if attempt.latency_ns
        ]
    )
    if len(middles) >= 3 and middles.all():
        spread = float(middles.std(ddof=1) / middles.mean())
        extreme = float(np.abs(middles / middles.mean() - 1).max())
        if spread >= SPREAD or extreme >= EXTREME:
            yield warn(
                "unstable",
                f"the attempts' medians go from {format_ns(middles.min())} to {format_ns(middles.max())} "
                f"(standard deviation {spread:.0%} of the mean)",
                "look for what else runs on the device, and set its governor to performance (farm devices tune NAME)",
            )
    still = [ns for attempt in good if (ns := stood_still_ns(attempt)) > 0]
    if still:
        yield warn(
            "interrupted",
            f"{len(still)} of {len(good)} attempts stalled, the longest for {format_seconds(max(still) / 1e9)}",
            "the process or the device was suspended: look for what does that; p50 is not affected, p99 is",
        )


def _is_in_order(attempt: Measurement) -> bool:
    """Check whether quarters of the samples are times, rather than interpreters: a round has those of each in a row.

    There is a reading before the first round, and one after each.
    """
    return attempt.case.interpreters < 2 or len(attempt.readings) > QUARTERS


def stood_still_ns(attempt: Measurement) -> int:
    """Return how long an attempt did nothing in the middle: in an invocation, between two, or between two blocks; else 0."""
    if not attempt.latency_ns:
        return 0
    samples = attempt.latency_ns.array()
    first, median, third = np.quantile(samples, [0.25, 0.5, 0.75])
    beyond = int(samples.max()) - int(median)
    if beyond >= max(STILL_NS, STILL_TIMES * median, STILL_RANGES * (third - first)):
        return beyond
    moments = [reading["mono_ns"] for reading in attempt.readings if isinstance(reading.get("mono_ns"), int)]
    gaps = np.diff(moments)
    if len(gaps) >= LEAST_GAPS:
        # stopped between two invocations of a block, it is in none of them: the block alone took longer than the others
        usual = float(np.median(gaps))
        unexplained = float(gaps.max()) - usual - max(beyond, 0)
        if unexplained > max(MISSING_NS, STILL_TIMES * usual):
            return int(unexplained)
    if attempt.span_ns is None or not len(gaps):
        return 0
    between: int = moments[-1] - moments[0] - attempt.span_ns
    return between if between > MISSING_NS + READING_NS * len(moments) else 0
