"""Differences in words: ``1.8× slower (1.6–2.0)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis import significance
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.stats import Interval

#: From here on a difference is a factor, below a percentage: ``25 % slower``, ``1.8× slower``.
LEAST_FACTOR = 1.5


def time_words(pair: Comparison) -> str:
    """Return how the time of B differs from that of A, with its 95 % interval.

    ``no difference`` comes with the smallest one that would have been found; what is not comparable is only a ratio.
    """
    found = pair.difference
    if pair.blockers and pair.verdict == significance.CANT_TELL:
        attempts = min(pair.a.attempts, pair.b.attempts)
        return f"{pair.verdict} ({attempts} attempt{'' if attempts == 1 else 's'})"
    if found is None:
        return pair.verdict
    if pair.blockers:
        return f"{speedup_words(found.speedup)}, {pair.verdict}"
    where = found.speedup_interval
    if pair.verdict == significance.CANT_TELL:
        return f"{significance.CANT_TELL} ({range_words(where)})"
    if pair.verdict == significance.NOTHING_SEEN:
        return f"no difference ({percent(found.smallest)} would show)"
    words = f"{speedup_words(found.speedup, where)} ({_ends(found.speedup, where)})"
    return f"{words}, {pair.verdict}" if pair.verdict == significance.BELOW_NOISE else words


def speedup_words(speedup: float, where: Interval | None = None) -> str:
    """Return ``1.8× slower``, ``4 % faster``, or ``same`` where it rounds to nothing; a narrow interval takes more digits.

    A percentage is the factor − 1 to either side: 25 % slower takes 1.25 times as long, 25 % faster does 1.25 times as much
    in the same time.
    """
    factor, word = (speedup, "faster") if speedup >= 1 else (1 / speedup, "slower")
    if factor >= LEAST_FACTOR:
        return f"{_factor(factor, _width(speedup, where))}× {word}"
    share = _share(factor, _width(speedup, where))
    return "same" if not float(share) else f"{share} % {word}"


def range_words(where: Interval) -> str:
    """Return ``5 % faster to 25 % slower``, the faster end first."""
    return f"{speedup_words(where.high)} to {speedup_words(where.low)}"


def percent(share: float) -> str:
    """Return ``4 %``, with a decimal below 2 %."""
    return f"{share * 100:.{0 if share >= 0.0195 else 1}f} %"


def smaller_words(size_ratio: float) -> str:
    """Return how much smaller a file is than the one it is held against: ``−57 %``, ``+3 %``, ``0 %``."""
    return f"{signed((1 / size_ratio - 1) * 100, 0)} %"


def auc_change_words(pair: Comparison) -> str:
    """Return ``−0.0007 ± 0.0005``, the interval reaching as far as its farther end; without it where there is none."""
    change, low, high = auc_change(pair)
    if change is None:
        return "-"
    text = signed(change, 4)
    if low is None or high is None or low == high:
        return text
    return f"{text} ± {max(high - change, change - low):.4f}"


def auc_change(pair: Comparison) -> tuple[float | None, float | None, float | None]:
    """Return by how much the mean AUC of B differs from that of A, with the ends of its 95 % interval.

    Against float32 of the same run it is the one that was stored with the verdict, which knows which images are of one patient.
    """
    row = pair.b
    stored = row.auc_change, row.auc_change_low, row.auc_change_high
    if pair.a.run == row.run and pair.a.scheme in BASELINES and None not in stored:
        return stored
    low, high = pair.auc.interval if pair.auc else (None, None)
    return pair.auc_change, low, high


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign, a true minus; none where it rounds to 0."""
    text = f"{abs(value):.{decimals}f}"
    return text if not float(text) else f"{'−' if value < 0 else '+'}{text}"


def _ends(speedup: float, where: Interval) -> str:
    """Return the ends of the interval in the unit and the direction of ``speedup``, the smaller first."""
    ends = sorted((where.low, where.high) if speedup >= 1 else (1 / where.low, 1 / where.high))
    width = _width(speedup, where)
    if max(speedup, 1 / speedup) >= LEAST_FACTOR:
        return "–".join(_factor(end, width) for end in ends)
    return f"{'–'.join(_share(end, width) for end in ends)} %"


def _width(speedup: float, where: Interval | None) -> float:
    """Return how wide the interval is, as a share of the factor."""
    return 1.0 if where is None else (where.high - where.low) / speedup


def _factor(factor: float, width: float) -> str:
    return f"{factor:.0f}" if factor >= 99.5 else f"{factor:.{2 if width < 0.05 else 1}f}"


def _share(factor: float, width: float) -> str:
    return f"{(factor - 1) * 100:.{1 if width < 0.019 else 0}f}"
