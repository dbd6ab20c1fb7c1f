"""Differences in words: ``1.8× slower (1.6–2.0)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis import significance

if TYPE_CHECKING:
    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.stats import Interval

#: From here on a difference is a factor, below a percentage: ``25 % slower``, ``1.8× slower``.
LEAST_FACTOR = 1.5
#: Of an AUC.
UNCHANGED = "0.0000"
#: Of times.
SAME = "same"


def time_words(pair: Comparison) -> str:
    """Return how the time of B differs from that of A, with its 95 % interval.

    ``no difference`` comes with the smallest one that would have been found; what is not comparable is only a ratio.
    """
    found = pair.difference
    if pair.blockers or found is None:
        return _unanswered(pair)
    where = found.speedup_interval
    plain = {
        significance.CANT_TELL: f"{significance.CANT_TELL} ({range_words(where)})",
        significance.NOTHING_SEEN: f"no difference ({percent(found.smallest)} would show)",
        significance.WITHIN: f"within {percent(pair.threshold)} ({range_words(where)})",
    }
    if pair.verdict in plain:
        return plain[pair.verdict]
    words = interval_words(found.speedup, where)
    if pair.verdict == significance.BELOW_NOISE:
        return f"{words}, {pair.verdict}"
    return f"{words}, more than {percent(pair.threshold)}" if pair.threshold else words


def _unanswered(pair: Comparison) -> str:
    if pair.verdict == significance.CANT_TELL:
        attempts = min(pair.a.attempts, pair.b.attempts)
        return f"{pair.verdict} ({attempts} attempt{'' if attempts == 1 else 's'})"
    return pair.verdict if pair.difference is None else f"{speedup_words(pair.difference.speedup)}, {pair.verdict}"


def speedup_words(speedup: float, where: Interval | None = None) -> str:
    """Return ``1.8× slower``, ``4 % faster``, or ``same`` where it rounds to nothing; a narrow interval takes more digits.

    A percentage is the factor − 1 to either side: 25 % slower takes 1.25 times as long, 25 % faster does 1.25 times as much
    in the same time.
    """
    factor, word = (speedup, "faster") if speedup >= 1 else (1 / speedup, "slower")
    if factor >= LEAST_FACTOR:
        return f"{_factor(factor, _width(speedup, where))}× {word}"
    share = _share(factor, _width(speedup, where))
    return SAME if not float(share) else f"{share} % {word}"


def interval_words(speedup: float, where: Interval) -> str:
    """Return a speedup with its interval: ``1.8× slower (1.6–2.0)``, ``same (1 % faster to 1 % slower)``."""
    ends = range_words(where) if where.low <= 1 <= where.high else _ends(speedup, where)
    return f"{speedup_words(speedup, where)} ({ends})"


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
    if pair.auc_change is None:
        return "-"
    text = signed(pair.auc_change, 4)
    if pair.auc is None or not pair.auc.error:
        return text
    low, high = pair.auc.interval
    reach = f"{max(high - pair.auc_change, pair.auc_change - low):.4f}"
    return text if text == reach == UNCHANGED else f"{text} ± {reach}"


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
