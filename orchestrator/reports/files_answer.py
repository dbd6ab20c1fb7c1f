"""Files of models side by side, as a table with a sentence for each device."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.markup import escape

from orchestrator.analysis import files, significance
from orchestrator.analysis.best import AUC_DROP
from orchestrator.domain.units import format_ns, format_ns_interval
from orchestrator.reports import compare
from orchestrator.reports.difference_words import range_words, time_words
from orchestrator.reports.reason_lines import busiest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.files import FileChoice
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


def show(store: Queries, run: str, first: str, labels: Path, console: Console) -> None:
    """Print how the other files of ``run`` compare with the one called ``first``, and what to deploy."""
    rows = store.results(run=run)
    pairs = files.pairs(store, rows, first, labels)
    console.print()
    if pairs:
        compare.show(pairs, console)
        console.print()
    for line in sentences(rows, pairs):
        console.print(escape(line), soft_wrap=True)


def sentences(rows: Sequence[ResultRow], pairs: Sequence[Comparison]) -> Iterator[str]:
    """Yield what to deploy on each device; of one file alone what it takes."""
    if not pairs:
        yield from (_alone(row, row.p50_ns) for row in rows if not row.interpreters and row.p50_ns)
        return
    for choice in files.choices(rows, pairs):
        of_device = [pair for pair in pairs if pair.b.device == choice.device]
        yield _undecided(choice, of_device) or _sentence(choice)


def _alone(row: ResultRow, p50_ns: float) -> str:
    low, high = row.p50_low_ns, row.p50_high_ns
    time = format_ns(p50_ns) if low is None or high is None else format_ns_interval(p50_ns, low, high)
    auc = "" if row.auc_mean is None else f", AUC {row.auc_mean:.4f}"
    images = "an image" if row.batch == 1 else f"{row.batch} images"
    return f"{_name(row)} takes {time} for {images} on {row.device}{auc}"


def _undecided(choice: FileChoice, pairs: Sequence[Comparison]) -> str:
    """Return why the measurements can't decide; empty where they can."""
    rows = [choice.base, *(pair.b for pair in pairs)]
    if all(any(reason["code"] == "smoke" for reason in row.reasons) for row in rows):
        return (
            f"effort smoke shows that the files work on {choice.device}, not what to deploy: --effort standard decides"
        )
    busy = busiest(rows)
    open_ = (significance.CANT_TELL, significance.NOT_COMPARABLE)
    return f"{choice.device} was too busy to tell: {busy}" if busy and all(p.verdict in open_ for p in pairs) else ""


def _sentence(choice: FileChoice) -> str:
    if choice.chosen is None:
        return f"no file can be recommended on {choice.device}: each is INVALID, lacks a p50 or may lose AUC"
    base = _name(choice.base)
    if choice.against is None:
        accurate = "" if choice.base.auc_mean is None else f", within {AUC_DROP:g} AUC of it"
        return f"{base} is the one to deploy on {choice.device}: no other is faster, or as fast and smaller{accurate}"
    words = ", ".join([_time(choice.against, base), *_size(choice.against)])
    return f"{_name(choice.chosen)} is {words}{_accuracy(choice.against, base)}; on {choice.device} it is the one to deploy"


def _name(row: ResultRow) -> str:
    return row.model if row.scheme in ("as-is", "float32") else f"{row.model} {row.scheme}"


def _time(pair: Comparison, base: str) -> str:
    if pair.difference is None or pair.blockers:
        return f"of unknown speed against {base}"
    if pair.verdict in (significance.FASTER, significance.SLOWER):
        return f"{time_words(pair)} than {base}"
    if pair.verdict == significance.CANT_TELL:
        return f"as fast as {base} as far as the run can tell ({range_words(pair.difference.speedup_interval)})"
    return f"as fast as {base}"


def _size(pair: Comparison) -> list[str]:
    ratio = pair.size_ratio
    if not ratio or ratio < 1.05:
        return []
    return [f"{ratio:.1f}× smaller" if ratio >= 1.5 else f"{1 - 1 / ratio:.0%} smaller"]


def _accuracy(pair: Comparison, base: str) -> str:
    """Return within how much AUC of ``base`` it is, by the worse end of the interval, rounded up."""
    if pair.auc is None:
        return ""
    farthest = math.ceil(max(map(abs, pair.auc.interval)) * 1000) / 1000
    return f", and within {farthest:.3f} AUC of {base}" if farthest else f", and as accurate as {base}"
