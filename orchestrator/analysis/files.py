"""Files of models measured side by side: which pairs are compared, which file to deploy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.best import Limits, choose
from orchestrator.analysis.compare import FLOAT32, compare
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChoice:
    """What to deploy on one device."""

    device: str
    #: The first file, which the others are compared with.
    base: ResultRow
    #: ``None`` where no file can be deployed.
    chosen: ResultRow | None
    #: ``chosen`` against ``base``; ``None`` where it is the base itself.
    against: Comparison | None


def pairs(store: Queries, rows: Sequence[ResultRow], first: str, labels: Path) -> tuple[Comparison, ...]:
    """Return each latency of another file than ``first`` against that one in the same setting, in its own runtime where it has that.

    ``labels`` is the folder of farm's own files by sha256.
    """
    wanted = []
    for _, group in groupby(sorted(_latency(rows), key=_setting), key=_setting):
        together = list(group)
        bases = [row for row in together if row.model == first]
        bases.sort(key=lambda row: row.scheme not in BASELINES)
        for row in together:
            own = [base for base in bases if base.runtime == row.runtime] or bases
            if row.model != first and own:
                wanted.append((own[0], row))
    return compare(store, wanted, labels) if wanted else ()


def choices(rows: Sequence[ResultRow], compared: Sequence[Comparison]) -> Iterator[FileChoice]:
    """Yield for each device the file that `orchestrator.analysis.best.choose` takes: the fastest, of those as fast the smallest.

    A file that may lose AUC against the first one is not taken; where accuracy was not measured, it does not count.
    """
    against: Mapping[str, Comparison] = {pair.b.case: pair for pair in compared}
    for device, group in groupby(sorted(compared, key=lambda pair: pair.b.device), key=lambda pair: pair.b.device):
        bases = {pair.a.case: pair.a for pair in group}
        base = next(iter(bases.values()))
        of_device = [
            row for row in _latency(rows) if row.device == device and (row.case in bases or row.case in against)
        ]
        is_scored = all(row.auc_mean is not None for row in of_device)
        # as variants of one model: its float32 is the base
        variants = [replace(row, model="", scheme=FLOAT32 if row.case in bases else row.scheme) for row in of_device]
        limits = Limits() if is_scored else Limits(auc_drop=None)
        (choice,) = choose(variants, against, limits)
        chosen = None
        if choice.chosen is not None:
            chosen = next(row for row in of_device if row.case == choice.chosen.row.case)
        pair = against.get(chosen.case) if chosen is not None else None
        yield FileChoice(device=device, base=base, chosen=chosen, against=pair)


def _latency(rows: Sequence[ResultRow]) -> list[ResultRow]:
    return [row for row in rows if not row.interpreters]


def _setting(row: ResultRow) -> tuple[str, int, int]:
    return row.device, row.threads, row.batch
