"""What to deploy, in a sentence below the tables, or why the measurements can't decide it."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape

from orchestrator.analysis import significance
from orchestrator.analysis.best import Limits, choose, for_fleet, is_constant
from orchestrator.reports.best import fleet_sentence
from orchestrator.reports.difference_words import percent, range_words, time_words
from orchestrator.reports.reason_lines import busiest, busy_throughout, load_words
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.best import Candidate, Choice
    from orchestrator.analysis.table_rows import TableRow

#: A fleet gets so many sentences; `farm results best` has all.
MOST = 5


def show(rows: Sequence[TableRow], console: Console) -> None:
    """Print a sentence for each model on each device, one for a fleet."""
    lines = list(sentences(rows))
    if not lines:
        return
    console.print()
    for line in lines[:MOST]:
        console.print(escape(line))
    if len(lines) > MOST:
        console.print(f"[dim]{len(lines) - MOST} more: farm results best[/]")


def sentences(rows: Sequence[TableRow]) -> Iterator[str]:
    """Yield the answers; nothing for what has one scheme only, where there is nothing to choose."""
    choices = []
    latency = sorted((each for each in rows if not each.row.interpreters), key=_group)
    for _, group in groupby(latency, key=_group):
        of_one = list(group)
        if len({each.row.scheme for each in of_one}) < 2:
            continue
        against = {each.row.case: each.against for each in of_one if each.against is not None}
        (choice,) = choose([each.row for each in of_one], against, Limits())
        choices.append((choice, of_one))
    several = len({choice.model for choice, _ in choices}) > 1
    yield from (_sentence(choice, of_one, several=several) for choice, of_one in choices)
    scored = {choice.model for choice, _ in choices if not choice.is_unscored}
    yield from map(fleet_sentence, for_fleet([choice for choice, _ in choices if choice.model in scored]))


def undecided(choice: Choice, rows: Sequence[TableRow]) -> str:
    """Return why the measurements of one model on one device can't decide what to deploy; empty where they can."""
    if all(any(reason["code"] == "smoke" for reason in each.row.reasons) for each in rows):
        return f"effort smoke shows that {choice.model} works on {choice.device}, not what to deploy: farm run decides"
    if any(each.row.scheme in BASELINES and is_constant(each.row) for each in rows):
        return f"nothing can be recommended on {choice.device}: {choice.model} itself, as float32, gives all images the same score"
    busy = load_words(busiest([each.row for each in rows]))
    pairs = [each.against for each in rows if each.against is not None]
    if busy and all(pair.verdict in (significance.CANT_TELL, significance.NOT_COMPARABLE) for pair in pairs):
        return f"{choice.device} was too busy to tell: {busy}"
    return ""


def _group(each: TableRow) -> tuple[str, str]:
    return each.row.device, each.row.model


def _sentence(choice: Choice, rows: Sequence[TableRow], *, several: bool) -> str:
    """Return the answer for one model on one device, the model by name where there are several."""
    if why := undecided(choice, rows):
        return why
    if choice.is_unscored and (by_time := _by_time_alone(rows, several=several)):
        return by_time
    if choice.chosen is None:
        count = len(choice.candidates)
        return f"no scheme of {choice.model} can be recommended on {choice.device}: all {count} are refused; farm results best explains"
    answer = _recommended(choice, choice.chosen, _where(choice, several=several))
    busy = load_words(busy_throughout([each.row for each in rows]))
    return f"{answer}. {choice.device} was too busy to tell {_untold(choice.chosen)}: {busy}" if busy else answer


def _by_time_alone(rows: Sequence[TableRow], *, several: bool) -> str:
    """Return the fastest where no AUC is known: nothing says that it may be deployed. Empty where no time is known either."""
    against = {each.row.case: each.against for each in rows if each.against is not None}
    (choice,) = choose([each.row for each in rows], against, Limits(auc_drop=None))
    if choice.chosen is None:
        return ""
    name, pair = _name(choice, choice.chosen), choice.chosen.against
    words = "the fastest" if choice.as_fast_as is None else "as fast as any, and the smallest,"
    if (
        pair is not None
        and pair.difference is not None
        and not pair.blockers
        and choice.chosen.row.scheme not in BASELINES
    ):
        words = ", ".join([_time(choice.chosen), *_size(choice.chosen)])
    return f"{name} is {words} on {_where(choice, several=several)} by time alone: no AUC is known"


def _where(choice: Choice, *, several: bool) -> str:
    return f"{choice.model} on {choice.device}" if several else choice.device


def _untold(chosen: Candidate) -> str:
    """Return what the load of other processes left open of a speed."""
    pair = chosen.against
    if pair is None or pair.difference is None or pair.verdict in (significance.FASTER, significance.SLOWER):
        return "speeds exactly"
    return (
        "speeds"
        if pair.verdict == significance.CANT_TELL
        else f"speeds less than {percent(pair.difference.smallest)} apart"
    )


def _recommended(choice: Choice, chosen: Candidate, where: str) -> str:
    name = _name(choice, chosen)
    if chosen.row.scheme in BASELINES:
        return f"{name} is the one to deploy on {where}: no other is as fast and within 0.01 AUC of it"
    if chosen.against is None:
        return f"{name} is the fastest on {where}; without float32 in its run nothing shows what it costs"
    words = ", ".join([_time(chosen), *_size(chosen)])
    return f"{name} is {words}{_accuracy(chosen)}; on {where} it is the one to deploy"


def _name(choice: Choice, chosen: Candidate) -> str:
    """Return the scheme, with what tells it from other candidates of the scheme."""
    row = chosen.row
    alike = [each.row for each in choice.candidates if each.row.scheme == row.scheme]
    words = [row.runtime] if len({each.runtime for each in alike}) > 1 else []
    words += [f"{row.threads} threads"] if len({each.threads for each in alike}) > 1 else []
    words += [f"batch {row.batch}"] if len({each.batch for each in alike}) > 1 else []
    return f"{row.scheme} ({', '.join(words)})" if words else row.scheme


def _time(chosen: Candidate) -> str:
    pair = chosen.against
    assert pair is not None  # noqa: S101  asked before
    if pair.difference is None or pair.blockers:
        return "of unknown speed against float32"
    if pair.verdict in (significance.FASTER, significance.SLOWER):
        return time_words(pair)
    if pair.verdict == significance.CANT_TELL:
        return f"as fast as float32 as far as the run can tell ({range_words(pair.difference.speedup_interval)})"
    return "as fast"


def _size(chosen: Candidate) -> list[str]:
    ratio = chosen.row.size_ratio
    if not ratio or ratio < 1.05:
        return []
    return [f"{ratio:.1f}× smaller" if ratio >= 1.5 else f"{1 - 1 / ratio:.0%} smaller"]


def _accuracy(chosen: Candidate) -> str:
    """Return within how much AUC of float32 it is, by the worse end of the interval, rounded up."""
    assert chosen.against is not None  # noqa: S101  asked before
    if chosen.against.auc is None:
        return ""
    low, high = chosen.against.auc.interval
    farthest = math.ceil(max(abs(low), abs(high)) * 1000) / 1000
    return f", and within {farthest:.3f} AUC of float32" if farthest else ", and as accurate as float32"
