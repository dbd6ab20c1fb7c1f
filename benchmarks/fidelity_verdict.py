"""Whether two programs that took turns see the same, with how sure that is."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

#: The aim: a difference of at most so much, whichever is more.
AIM_SHARE, AIM_NS = 0.01, 10_000
WATCHING_AIM = 0.01
CONFIDENCE = 0.95
#: What of a process is compared: the minimum, the lower quartile, the median of its invocations, in ns.
STATISTICS = ("p50", "p25", "min")
Figures = dict[str, float]


@dataclass(frozen=True)
class Compared:
    """What the rounds say about one contender against another, in ns."""

    base_ns: float
    difference_ns: float
    low_ns: float
    high_ns: float

    @property
    def share(self) -> float:
        """Return the difference as a share of what it is compared with."""
        return self.difference_ns / self.base_ns


def compare(ours_ns: list[float], theirs_ns: list[float]) -> Compared:
    """Compare round by round."""
    differences = sorted(ours - theirs for ours, theirs in zip(ours_ns, theirs_ns, strict=True))
    left_out = beyond(len(differences))
    return Compared(
        base_ns=statistics.median(theirs_ns),
        difference_ns=statistics.median(differences),
        low_ns=differences[left_out],
        high_ns=differences[-1 - left_out],
    )


def verdict(compared: Compared, *, one_sided: bool = False) -> str:
    """Say whether a difference is within the aim: ``yes`` or ``no`` where the whole interval says so, else ``can't tell``.

    ``one_sided`` is the aim of watching: at most 1 % slower, however much faster. Else it is 1 % or 10 µs in both directions.
    """
    if one_sided:
        most = WATCHING_AIM * compared.base_ns
        least = -math.inf
    else:
        most = max(AIM_SHARE * compared.base_ns, AIM_NS)
        least = -most
    if least <= compared.low_ns and compared.high_ns <= most:
        return "yes"
    return "no" if compared.low_ns > most or compared.high_ns < least else "can't tell"


def together(verdicts: dict[str, str]) -> str:
    """Return the verdict of the median, and where it can't tell, that of what neighbours disturb less."""
    if verdicts["p50"] != "can't tell":
        return f"**{verdicts['p50']}**" if verdicts["p50"] == "no" else verdicts["p50"]
    for statistic in ("p25", "min"):
        if verdicts.get(statistic, "can't tell") != "can't tell":
            return f"can't tell by p50; {verdicts[statistic]} by {statistic}"
    return "can't tell on this machine"


def beyond(rounds: int) -> int:
    """Return how many differences may be left out on each side of an interval that holds the median with `CONFIDENCE`."""
    left_out = 0
    while coverage(rounds, left_out + 1) >= CONFIDENCE:
        left_out += 1
    return left_out


def coverage(rounds: int, left_out: int) -> float:
    """Return how probably the true median is between the ordered differences that ``left_out`` leaves as the outermost."""
    return 1 - 2 * sum(math.comb(rounds, below) for below in range(left_out + 1)) / 2**rounds


def row(name: str, what: str, ours: list[Figures], theirs: list[Figures], *, one_sided: bool = False) -> str:
    """Return a line of the table: every statistic that both have, and whether the aim is met."""
    compared = {
        statistic: compare([each[statistic] for each in ours], [each[statistic] for each in theirs])
        for statistic in STATISTICS
        if statistic in ours[0] and statistic in theirs[0]
    }
    cells = [
        f"{each.share:+.2%} ({each.low_ns / each.base_ns:+.2%} … {each.high_ns / each.base_ns:+.2%})" if each else "-"
        for each in map(compared.get, STATISTICS)
    ]
    verdicts = {statistic: verdict(each, one_sided=one_sided) for statistic, each in compared.items()}
    base, difference = compared["p50"].base_ns / 1000, compared["p50"].difference_ns / 1000
    aim = "≤ 1 %" if one_sided else "1 % or 10 µs"
    return (
        f"| {name} | {what} | {base:,.1f} | {difference:+,.1f} | {' | '.join(cells)} | {aim} | {together(verdicts)} |"
    )
