"""Whether cases differ: ratios with intervals, a test for a whole table of them, a verdict for each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.distributions import corrected, normal_quantile, student_below, student_quantile
from orchestrator.analysis.pooled_variance import Variance, prior
from orchestrator.analysis.rounds import LEAST_CASES, df_share, without_rounds
from orchestrator.analysis.stats import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

#: The share of false ones among the differences that a table calls (Benjamini and Hochberg); where nothing differs, the
#: share of tables that call any.
LEVEL = 0.01
#: What an interval covers.
CONFIDENCE = 0.95
#: A difference that people would act on: a table that could not have shown it says so instead of "no difference seen".
WORTH_FINDING = 0.10
#: The shift of a whole device between two runs needs so many cases, so that one that changed does not move it.
LEAST_CASES_FOR_SHIFT = 5
#: Share of a table's rows that may really have changed without widening the error of the others.
CHANGED = 0.15

FASTER, SLOWER = "faster", "slower"
NOTHING_SEEN, BELOW_NOISE = "no difference seen", "smaller than the noise floor"
CANT_TELL, NOT_COMPARABLE = "can't tell", "not comparable"
WITHIN = "within the threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The attempts of one case in one run."""

    #: Logs of the attempts' medians, by round, as measured.
    rounds: Mapping[int, float]
    #: Mean of the logs, the rounds' common effects taken out.
    mean: float
    #: Between attempts, moderated by the other cases of the device.
    variance: Variance
    #: How many cases the device measured in the run.
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The log of B ÷ A with its standard error; ``attempts`` are those of the smaller side."""

    log: float
    error: float
    df: float
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How many times as long B takes as A."""

    ratio: float
    interval: Interval
    p_value: float
    #: The same for the whole table: at most `LEVEL` is called a difference.
    p_adjusted: float
    #: The smallest relative difference that this table would have called one: 0.04 is 4 %.
    smallest: float
    #: Attempts a side with which `WORTH_FINDING` would be the smallest.
    attempts_needed: int
    #: Of the logarithm of ``ratio``, Student's t with so many degrees of freedom.
    error: float
    df: float

    @property
    def speedup(self) -> float:
        """How many times as fast B is: above 1 is faster."""
        return 1 / self.ratio

    @property
    def speedup_interval(self) -> Interval:
        """Where `speedup` is with `CONFIDENCE`."""
        return Interval(low=1 / self.interval.high, high=1 / self.interval.low)


def sides(cases: Sequence[Mapping[int, float]]) -> tuple[Side | None, ...]:
    """Return each case of one device in one run, ``None`` for one with less than two attempts.

    ``cases`` hold the log of the median of each attempt by the number of its round. What a round did to all cases is taken out,
    then the variance of each case is moderated by what the variances of all say.
    """
    cleaned, correction = without_rounds(cases)
    share = df_share(len(cases))
    raw = [
        Variance(value=float(logs.var(ddof=1)) * correction, df=(len(logs) - 1.0) * share) if len(logs) > 1 else None
        for logs in cleaned
    ]
    common = prior([variance for variance in raw if variance is not None])
    return tuple(
        None
        if variance is None
        else Side(rounds=rounds, mean=float(logs.mean()), variance=common.moderated(variance), cases=len(cases))
        for rounds, logs, variance in zip(cases, cleaned, raw, strict=True)
    )


def contrast(a: Side, b: Side, *, same_rounds: bool) -> Contrast:
    """Return B against A; ``same_rounds`` where their attempts took turns on one device in one run.

    Where a run has too few cases to know what a round did to all, attempts of the same round are compared with each other.
    Elsewhere it is Welch's test (Biometrika 34, 1947) on moderated variances.
    """
    shared = sorted(a.rounds.keys() & b.rounds.keys())
    if same_rounds and a.cases < LEAST_CASES and len(shared) > 1:
        apart = np.array([b.rounds[number] - a.rounds[number] for number in shared])
        error = float(apart.std(ddof=1)) / math.sqrt(len(apart))
        return Contrast(log=float(apart.mean()), error=error, df=len(apart) - 1.0, attempts=len(apart))
    parts = [side.variance.value / len(side.rounds) for side in (a, b)]
    total = sum(parts)
    weights = sum(part**2 / side.variance.df for part, side in zip(parts, (a, b), strict=True))
    return Contrast(
        log=b.mean - a.mean,
        error=math.sqrt(total),
        df=total**2 / weights if weights else a.variance.df + b.variance.df,
        attempts=min(len(a.rounds), len(b.rounds)),
    )


def shift(contrasts: Sequence[Contrast]) -> float | None:
    """Return the log of what happened to a device as a whole between two runs, ``None`` where too few cases say it."""
    if len(contrasts) < LEAST_CASES_FOR_SHIFT:
        return None
    return float(np.median([each.log for each in contrasts]))


def shift_is_unusual(shifted: float, between_runs: Variance) -> bool:
    """Check whether a device differs between two runs by more than its earlier runs differ, by Student's t at `LEVEL`."""
    error = math.sqrt(2 * between_runs.value)
    return _p_value(Contrast(log=shifted, error=error, df=between_runs.df, attempts=1)) <= LEVEL


def without_shift(contrasts: Sequence[Contrast], shifted: float) -> tuple[Contrast, ...]:
    """Take ``shifted`` out of the contrasts of a device between two runs.

    Runs also differ by case (where memory came to lie, which neighbour woke when), and attempts of one run don't show that. The
    spread of the table itself does, as most of its rows did not change: where it is wider than the errors say, they grow.
    """
    moved = [replace(each, log=each.log - shifted) for each in contrasts]
    scores = np.array([each.log / each.error for each in moved if each.error > 0])
    wider = max(1.0, _spread(scores)) if len(scores) >= LEAST_CASES_FOR_SHIFT else 1.0
    return tuple(replace(each, error=each.error * wider) for each in moved)


def differences(contrasts: Sequence[Contrast], threshold: float = 0.0) -> tuple[Difference, ...]:
    """Return the differences of a table, corrected for how many there are.

    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995). Student's t gives p values and intervals alike. With a ``threshold``, a
    relative difference, the p values are those of a difference of at most so much (McCarthy and Smyth, Testing significance
    relative to a fold-change threshold is a TREAT, Bioinformatics 25, 2009).
    """
    if not contrasts:
        return ()
    margin = math.log1p(threshold)
    p_values = [_p_value(each, margin) for each in contrasts]
    adjusted = corrected(p_values)
    called = sum(p <= LEVEL for p in adjusted)
    # one more than what is called already: the step that Benjamini and Hochberg's rule asks of the next
    level = LEVEL * min(called + 1, len(contrasts)) / len(contrasts)
    found = []
    for each, p_value, p_adjusted in zip(contrasts, p_values, adjusted, strict=True):
        half = student_quantile(each.df, (1 + CONFIDENCE) / 2) * each.error
        reach = student_quantile(each.df, 1 - level / 2) * each.error
        needed = math.ceil(each.attempts * (reach / math.log1p(WORTH_FINDING)) ** 2)
        found.append(
            Difference(
                ratio=math.exp(each.log),
                interval=Interval(low=_exp(each.log - half), high=_exp(each.log + half)),
                p_value=p_value,
                p_adjusted=float(p_adjusted),
                smallest=_exp(margin + reach) - 1,
                attempts_needed=max(2, needed),
                error=each.error,
                df=each.df,
            )
        )
    return tuple(found)


def p_beyond(found: Difference, ratio: float) -> float:
    """Return how often chance would put B as far beyond ``ratio`` times A as it is, or farther, were it exactly there."""
    far = abs(math.log(found.ratio / ratio))
    if not found.error:
        return 0.0 if far else 1.0
    return student_below(found.df, -far / found.error)


def verdict(found: Difference, floor: float | None, threshold: float = 0.0) -> str:
    """Return the verdict on a difference of a table with this ``threshold``, on a device with this noise ``floor``.

    Both are relative differences. Test and interval speak together: what the interval excludes is never called nothing, and
    within a threshold is only what the interval is.
    """
    if found.p_adjusted <= LEVEL:
        # The floor is a difference up or down: 5 % slower and 1/1.05 as slow are equally far.
        if floor is not None and abs(math.log(found.ratio)) <= math.log1p(floor):
            return BELOW_NOISE
        return SLOWER if found.ratio > 1 else FASTER
    if threshold:
        within = 1 / (1 + threshold) <= found.interval.low and found.interval.high <= 1 + threshold
        return WITHIN if within else CANT_TELL
    if found.smallest <= WORTH_FINDING and found.interval.low <= 1 <= found.interval.high:
        return NOTHING_SEEN
    return CANT_TELL


def _p_value(each: Contrast, margin: float = 0.0) -> float:
    size = abs(each.log)
    if not each.error:
        return 1.0 if size <= margin else 0.0
    ends = (margin - size) / each.error, -(margin + size) / each.error
    return min(1.0, sum(student_below(each.df, end) for end in ends))


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _spread(scores: NDArray[np.float64]) -> float:
    """Return the standard deviation of ``scores`` without the share of them that lies farthest out, at least one.

    The factor makes it that of a normal distribution: the variance within ±q is 1 − 2 q φ(q) ÷ (2 Φ(q) − 1).
    """
    count = min(math.ceil(len(scores) * (1 - CHANGED)), len(scores) - 1)
    kept = count / len(scores)
    nearest = np.sort(np.abs(scores - np.median(scores)))[:count]
    q = normal_quantile(0.5 + kept / 2)
    within = 1 - 2 * q * math.exp(-q * q / 2) / math.sqrt(2 * math.pi) / kept
    return math.sqrt(float((nearest**2).mean()) / within)
