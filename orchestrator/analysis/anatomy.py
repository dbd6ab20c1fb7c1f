"""Where the time of a case goes: the phases of a start, the parts of an invocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.stats import LEAST_ATTEMPTS, Interval, draw_attempts, middle_by_rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.domain.result import Measurement


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
        drawn = [
            np.median(draw_attempts(np.asarray(latencies[batch], np.float64), random), axis=1) for batch in batches
        ]
        interval = middle_by_rank(_line(images, np.stack(drawn, axis=1))[:, 0])
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
        reads_in_invoke=any(reads_in_invoke(attempt) for attempt in good),
    )


def reads_in_invoke(attempt: Measurement) -> bool:
    """Return whether an invocation of this attempt includes bringing the output to the host."""
    return (attempt.effective or {}).get("reads_in_invoke") is True


def _line(images: NDArray[np.float64], latencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [rows, 2], fixed and per image, for latencies [rows, batch sizes]: each row's weights are 1 / latency²."""
    weights = latencies**-2
    total = weights.sum(axis=1)
    centre = (weights * images).sum(axis=1) / total
    level = (weights * latencies).sum(axis=1) / total
    away = images - centre[:, None]
    slope = (weights * away * latencies).sum(axis=1) / (weights * away**2).sum(axis=1)
    return np.stack([level - slope * centre, slope], axis=1)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _median(values: Iterable[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return float(np.median(numbers)) if numbers else None
