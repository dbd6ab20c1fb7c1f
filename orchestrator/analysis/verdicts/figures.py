"""The figures of a case, out of what its attempts brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.stats import interval_of_median, interval_of_percentile, outliers, percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.case import Case
    from orchestrator.domain.result import Measurement

#: A timing this long also reports its first minute, its last minute.
MINUTE_NS = 60_000_000_000
LONG_NS = 5 * MINUTE_NS


def figures_of(case: Case, good: Sequence[Measurement]) -> dict[str, float | None]:
    """Return the fields of `CaseResult` that are figures of latency, throughput and energy; ``None`` where there is none."""
    attempts = [attempt.per_invocation_ns for attempt in good]
    samples = np.concatenate(attempts or [np.empty(0)])
    beyond = outliers(attempts)
    found: dict[str, float | None] = {
        "p50_ns": percentile(samples, 0.50),
        "p90_ns": percentile(samples, 0.90),
        "p95_ns": percentile(samples, 0.95),
        "p99_ns": percentile(samples, 0.99),
        "p999_ns": percentile(samples, 0.999),
    }
    if len(samples):
        found |= {"outliers_low": beyond.low, "outliers_mild": beyond.mild, "outliers_severe": beyond.severe}
        found["invocations_per_sample"] = max(attempt.invocations_per_sample for attempt in good)
    for name, share in (("p50", 0.50), ("p90", 0.90)):
        where = interval_of_percentile(attempts, share) if found[f"{name}_ns"] is not None else None
        if where is not None:
            found |= {f"{name}_low_ns": where.low, f"{name}_high_ns": where.high}
    rates = [rate for attempt in good if (rate := images_per_s(case, attempt)) is not None]
    if case.interpreters and rates:
        found["images_per_s"] = float(np.median(rates))
        where = interval_of_median(rates)
        if where is not None:
            found |= {"images_per_s_low": where.low, "images_per_s_high": where.high}
    return found | _starts(good) | _energy(good) | _minutes(good)


def images_per_s(case: Case, attempt: Measurement) -> float | None:
    """Return how many images an attempt worked through in a second, while it was timed."""
    if not attempt.span_ns:
        return None
    return len(attempt.latency_ns) * attempt.invocations_per_sample * case.batch / (attempt.span_ns / 1e9)


def _starts(good: Sequence[Measurement]) -> dict[str, float | None]:
    """Return what comes before the samples as medians over attempts, and the most memory that one of them took."""
    found: dict[str, float | None] = {}
    for name in ("load_ns", "first_ns", "import_ns"):
        values = [value for attempt in good if (value := getattr(attempt, name)) is not None]
        found[name] = float(np.median(values)) if values else None
    peaks = [attempt.peak_rss_bytes for attempt in good if attempt.peak_rss_bytes is not None]
    return found | {"peak_rss_bytes": float(max(peaks)) if peaks else None}


def _energy(good: Sequence[Measurement]) -> dict[str, float | None]:
    """Return joules per invocation with their interval, and those of them that the idle device takes: medians over attempts."""
    whole, idle = [], []
    for attempt in good:
        seconds, joules = _taken(attempt)
        count = len(attempt.latency_ns) * attempt.invocations_per_sample
        if joules is None or joules <= 0 or not count:  # a counter that stands still tells nothing
            continue
        whole.append(joules / count)
        power = attempt.readings[0].get("idle_power_w")
        if isinstance(power, int | float):
            idle.append(power * seconds / count)
    where = interval_of_median(whole)
    return {
        "energy_j": float(np.median(whole)) if whole else None,
        "energy_low_j": where.low if where else None,
        "energy_high_j": where.high if where else None,
        "energy_idle_j": float(np.median(idle)) if idle and len(idle) == len(whole) else None,
    }


def _taken(attempt: Measurement) -> tuple[float, float | None]:
    """Return (seconds, joules) between the first and the last reading that tell; watts count as their mean."""
    counted = [reading for reading in attempt.readings if "energy_uj" in reading and "mono_ns" in reading]
    if len(counted) > 1:
        seconds = (counted[-1]["mono_ns"] - counted[0]["mono_ns"]) / 1e9
        return seconds, (counted[-1]["energy_uj"] - counted[0]["energy_uj"]) / 1e6
    # The first is from before the work began.
    power = [reading for reading in attempt.readings[1:] if "power_w" in reading]
    if not power or "mono_ns" not in attempt.readings[0] or "mono_ns" not in power[-1]:
        return 0.0, None
    seconds = (power[-1]["mono_ns"] - attempt.readings[0]["mono_ns"]) / 1e9
    return seconds, float(np.mean([reading["power_w"] for reading in power])) * seconds


def _minutes(good: Sequence[Measurement]) -> dict[str, float | None]:
    """Return the medians of the first and of the last minute of a long timing: what heat did to it."""
    long = [attempt for attempt in good if (attempt.span_ns or 0) >= LONG_NS and attempt.latency_ns]
    if len(long) != 1:
        return {}
    samples = long[0].latency_ns.array().astype(np.float64)
    # Interpreters side by side take more time together than passes.
    passed = np.cumsum(samples) * (min(1.0, (long[0].span_ns or 0) / samples.sum()) if samples.any() else 0.0)
    per = long[0].invocations_per_sample
    first, last = samples[passed <= MINUTE_NS], samples[passed >= passed[-1] - MINUTE_NS]
    if not len(first) or not len(last):
        return {}
    return {"first_minute_ns": float(np.median(first)) / per, "last_minute_ns": float(np.median(last)) / per}
