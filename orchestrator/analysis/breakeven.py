"""After how many images a runtime with a slow start, such as a GPU's, is ahead of one with a quick start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.stats import INTERVAL, LEAST_ATTEMPTS, REPLICATES, Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.domain.result import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an attempt says n images take: ``start_ns + n * per_image_ns``."""

    #: Importing the runtime, loading the artifact, and what the first invocation takes beyond a usual one.
    start_ns: float
    #: A usual invocation with the copies of input and output, shared out to the images of a batch.
    per_image_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """After how many images one runtime has caught up with another one."""

    #: 0 where it starts no later, infinite where it never catches up.
    images: float
    #: Over attempts; its ends may be infinite. ``None`` where a side has too few attempts to draw from.
    interval: Interval | None
    #: From the start until both have done `images`; infinite with them.
    time_ns: float
    #: After so many images the other one is ahead again, which starts later and is faster then; else infinite.
    until_images: float
    #: Medians over attempts.
    ours: Cost
    theirs: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A line through latencies of several batch sizes: ``fixed_ns + images * per_image_ns``."""

    fixed_ns: float
    per_image_ns: float
    #: Of ``fixed_ns``, over attempts; ``None`` where a batch size has too few.
    interval: Interval | None
    #: How far the worst point is from the line, relative to itself: a line is a model, and this is how well it fits.
    misfit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """Where a case's time goes, in ns: medians over attempts, ``None`` for what no attempt tells."""

    import_ns: float | None
    #: Starting what the runtime needs beside the artifact, such as a GPU's context.
    context_ns: float | None
    #: Loading without that: building the interpreter, compiling the graph.
    graph_ns: float | None
    first_ns: float | None
    steady_ns: float | None
    feed_ns: float | None
    read_ns: float | None
    #: Invoking a graph of one node: what every invocation costs before anything is computed.
    launch_ns: float | None
    #: Whether an invocation includes bringing the output to the host.
    reads_in_invoke: bool


def cost(attempt: Measurement) -> Cost | None:
    """Return what an attempt says, ``None`` for one that failed or does not tell what its start took.

    A runtime whose invocation includes reading the output says so (``reads_in_invoke``); the copy is not counted twice.
    """
    started = (attempt.import_ns, attempt.load_ns, attempt.first_ns)
    if attempt.error is not None or not attempt.latency_ns or None in started:
        return None
    usual = float(np.median(attempt.per_invocation_ns))
    beyond = max(0.0, (attempt.first_ns or 0) - usual)
    read_ns = 0 if _reads_in_invoke(attempt) else attempt.read_ns or 0
    return Cost(
        start_ns=(attempt.import_ns or 0) + (attempt.load_ns or 0) + beyond,
        per_image_ns=(usual + (attempt.feed_ns or 0) + read_ns) / attempt.case.batch,
    )


def break_even(ours: Sequence[Cost], theirs: Sequence[Cost], seed: int = 0) -> BreakEven:
    """Return after how many images ours is ahead: ``(start - start') / (per_image' - per_image)``, of medians over attempts.

    The interval draws whole attempts of each side with replacement, as all of farm's intervals do (`orchestrator.analysis.stats`); a
    draw in which ours never catches up is infinite. Raises `ValueError` where a side has no attempt.
    """
    if not ours or not theirs:
        raise ValueError("a break-even is between two runtimes, each with an attempt")
    mine, other = _as_rows(ours), _as_rows(theirs)
    (start, per_image), (start_other, per_image_other) = np.median(mine, axis=0), np.median(other, axis=0)
    later, gain = start - start_other, per_image_other - per_image
    images = float(_images(later, gain))
    return BreakEven(
        images=images,
        interval=_interval(mine, other, seed),
        time_ns=float(max(start, start_other)) if not images else float(start) + images * float(per_image),
        until_images=float(later / gain) if later <= 0 and gain < 0 else math.inf,
        ours=Cost(start_ns=float(start), per_image_ns=float(per_image)),
        theirs=Cost(start_ns=float(start_other), per_image_ns=float(per_image_other)),
    )


def launch_overhead(latencies: Mapping[int, Sequence[float]], seed: int = 0) -> Launch | None:
    """Fit latency = fixed + images x per image to ns per invocation of several batch sizes, one number for each attempt.

    Least squares of relative errors, because noise grows with latency. ``None`` below two batch sizes.
    """
    batches = sorted(batch for batch, values in latencies.items() if len(values))
    if len(batches) < 2:
        return None
    images = np.asarray(batches, np.float64)
    medians = np.asarray([np.median(latencies[batch]) for batch in batches])
    fixed, per_image = _line(images, medians[None, :])[0]
    misfit = np.abs(fixed + images * per_image - medians) / medians
    interval = None
    if min(len(latencies[batch]) for batch in batches) >= LEAST_ATTEMPTS:
        random = np.random.default_rng(seed)
        drawn = [np.median(_draw(np.asarray(latencies[batch], np.float64), random), axis=1) for batch in batches]
        interval = _middle(_line(images, np.stack(drawn, axis=1))[:, 0])
    return Launch(fixed_ns=float(fixed), per_image_ns=float(per_image), interval=interval, misfit=float(misfit.max()))


def anatomy(attempts: Sequence[Measurement]) -> Anatomy:
    """Return where the time of these attempts goes; failed ones say nothing."""
    good = [attempt for attempt in attempts if attempt.error is None]
    graphs = [attempt.load_ns - (attempt.context_ns or 0) if attempt.load_ns is not None else None for attempt in good]
    return Anatomy(
        import_ns=_median(attempt.import_ns for attempt in good),
        context_ns=_median(attempt.context_ns for attempt in good),
        graph_ns=_median(graphs),
        first_ns=_median(attempt.first_ns for attempt in good),
        steady_ns=_median(float(np.median(attempt.per_invocation_ns)) for attempt in good if attempt.latency_ns),
        feed_ns=_median(attempt.feed_ns for attempt in good),
        read_ns=_median(attempt.read_ns for attempt in good),
        launch_ns=_median(_number((attempt.effective or {}).get("launch_ns")) for attempt in good),
        reads_in_invoke=any(_reads_in_invoke(attempt) for attempt in good),
    )


def _images(later: NDArray[np.float64] | float, gain: NDArray[np.float64] | float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        caught = np.where(np.asarray(gain) > 0, np.divide(later, gain), np.inf)
    return np.where(np.asarray(later) <= 0, 0.0, caught)


def _as_rows(costs: Sequence[Cost]) -> NDArray[np.float64]:
    """Return float64 [attempts, 2]: start, per image."""
    return np.asarray([(each.start_ns, each.per_image_ns) for each in costs], np.float64)


def _interval(mine: NDArray[np.float64], other: NDArray[np.float64], seed: int) -> Interval | None:
    if min(len(mine), len(other)) < LEAST_ATTEMPTS:
        return None
    random = np.random.default_rng(seed)
    sides = [np.median(_draw(side, random), axis=1) for side in (mine, other)]
    later, gain = sides[0][:, 0] - sides[1][:, 0], sides[1][:, 1] - sides[0][:, 1]
    return _middle(_images(later, gain))


def _draw(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Return [replicates, attempts, ...]: whole attempts, drawn with replacement."""
    return values[random.integers(0, len(values), (REPLICATES, len(values)))]


def _middle(replicates: NDArray[np.float64]) -> Interval:
    """Return the middle share; by ranks, because between a number and infinity there is nothing to interpolate."""
    shares = [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    low, high = np.quantile(replicates, shares, method="inverted_cdf")
    return Interval(low=float(low), high=float(high))


def _line(images: NDArray[np.float64], latencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [rows, 2], fixed and per image, for latencies [rows, batch sizes]: each row's weights are 1 / latency²."""
    weights = latencies**-2
    total = weights.sum(axis=1)
    centre = (weights * images).sum(axis=1) / total
    level = (weights * latencies).sum(axis=1) / total
    away = images - centre[:, None]
    slope = (weights * away * latencies).sum(axis=1) / (weights * away**2).sum(axis=1)
    return np.stack([level - slope * centre, slope], axis=1)


def _reads_in_invoke(attempt: Measurement) -> bool:
    return (attempt.effective or {}).get("reads_in_invoke") is True


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _median(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return float(np.median(told)) if told else None
