"""After how many images a runtime with a slow start, such as a GPU's, is ahead of one with a quick start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.analysis.anatomy import Anatomy, Launch, anatomy, launch_overhead, reads_in_invoke
from orchestrator.analysis.stats import LEAST_ATTEMPTS, Interval, draw_attempts, middle_by_rank
from orchestrator.domain.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow


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
class Side:
    """A case with what its attempts tell of where time goes."""

    case: Case
    run: str
    verdict: str
    anatomy: Anatomy
    #: A line through the batch sizes of this case's device, model, scheme, runtime and threads.
    launch: Launch | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two cases of one device and model, and when the first has caught up with the second."""

    ours: Side
    theirs: Side
    break_even: BreakEven


def pairs(
    rows: Sequence[ResultRow], attempts: Callable[[ResultRow], Sequence[Measurement]], ours: str, theirs: str
) -> Iterator[Pair]:
    """Yield each case of one side with those of the other side that have its device, model, threads and batch size.

    A side is a runtime, ``litert-gpu``, or one with a scheme, ``litert/int8``; with no scheme named, both have the same one.
    ``attempts`` brings those of a row. Cases of which no attempt tells its start are left out, and throughput is.
    """
    schemes = {row.scheme for row in rows}
    first, second = _Choice.parse(ours, schemes), _Choice.parse(theirs, schemes)
    measured = [
        (row, attempts(row)) for row in rows if not row.interpreters and (first.takes(row) or second.takes(row))
    ]
    sides = [(row, _side(row, mine, _batches(row, measured)), _costs(mine)) for row, mine in measured]
    for one, side, costs in sides:
        for other, other_side, other_costs in sides:
            same_scheme = one.scheme == other.scheme or first.scheme or second.scheme
            wanted = first.takes(one) and second.takes(other) and one.case != other.case
            if wanted and same_scheme and _place(one) == _place(other) and costs and other_costs:
                yield Pair(ours=side, theirs=other_side, break_even=break_even(costs, other_costs))


def cost(attempt: Measurement) -> Cost | None:
    """Return what an attempt says, ``None`` for one that failed or does not tell what its start took.

    A runtime whose invocation includes reading the output says so (``reads_in_invoke``); the copy is not counted twice.
    """
    started = (attempt.import_ns, attempt.load_ns, attempt.first_ns)
    if attempt.error is not None or not attempt.latency_ns or None in started:
        return None
    usual = float(np.median(attempt.per_invocation_ns))
    beyond = max(0.0, (attempt.first_ns or 0) - usual)
    read_ns = 0 if reads_in_invoke(attempt) else attempt.read_ns or 0
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
        interval=_interval_of_images(mine, other, seed),
        time_ns=float(max(start, start_other)) if not images else float(start) + images * float(per_image),
        until_images=float(later / gain) if later <= 0 and gain < 0 else math.inf,
        ours=Cost(start_ns=float(start), per_image_ns=float(per_image)),
        theirs=Cost(start_ns=float(start_other), per_image_ns=float(per_image_other)),
    )


def _costs(attempts: Sequence[Measurement]) -> list[Cost]:
    return [found for attempt in attempts if (found := cost(attempt))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    runtime: str
    scheme: str | None

    @classmethod
    def parse(cls, text: str, schemes: Iterable[str]) -> _Choice:
        runtime, slash, scheme = text.rpartition("/")
        if slash and scheme in schemes:  # a delegate's path has slashes too
            return cls(runtime=runtime, scheme=scheme)
        return cls(runtime=text, scheme=None)

    def takes(self, row: ResultRow) -> bool:
        return row.runtime == self.runtime and self.scheme in (None, row.scheme)


def _place(row: ResultRow) -> tuple[Any, ...]:
    return row.device, row.model, row.threads, row.batch


def _side(row: ResultRow, attempts: Sequence[Measurement], batches: Iterable[tuple[int, Sequence[float]]]) -> Side:
    return Side(
        case=Case.parse(row.case),
        run=row.run,
        verdict=row.verdict,
        anatomy=anatomy(attempts),
        launch=launch_overhead(dict(batches)),
    )


def _batches(
    row: ResultRow, measured: Iterable[tuple[ResultRow, Sequence[Measurement]]]
) -> Iterator[tuple[int, Sequence[float]]]:
    """Yield each batch size with the medians of its attempts, ns per invocation."""
    for other, attempts in measured:
        if _line_of(other) == _line_of(row):
            medians = [anatomy([each]).steady_ns for each in attempts]
            yield other.batch, [median for median in medians if median is not None]


def _line_of(row: ResultRow) -> tuple[Any, ...]:
    return row.device, row.model, row.scheme, row.runtime, row.threads


def _images(later: NDArray[np.float64] | float, gain: NDArray[np.float64] | float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        caught = np.where(np.asarray(gain) > 0, np.divide(later, gain), np.inf)
    return np.where(np.asarray(later) <= 0, 0.0, caught)


def _as_rows(costs: Sequence[Cost]) -> NDArray[np.float64]:
    """Return float64 [attempts, 2]: start, per image."""
    return np.asarray([(each.start_ns, each.per_image_ns) for each in costs], np.float64)


def _interval_of_images(mine: NDArray[np.float64], other: NDArray[np.float64], seed: int) -> Interval | None:
    if min(len(mine), len(other)) < LEAST_ATTEMPTS:
        return None
    random = np.random.default_rng(seed)
    sides = [np.median(draw_attempts(side, random), axis=1) for side in (mine, other)]
    later, gain = sides[0][:, 0] - sides[1][:, 0], sides[1][:, 1] - sides[0][:, 1]
    return middle_by_rank(_images(later, gain))
