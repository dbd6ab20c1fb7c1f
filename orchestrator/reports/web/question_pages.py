"""The pages that answer a question about several runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.analysis import claims as analysis
from orchestrator.analysis import significance
from orchestrator.analysis.compare import between, compare
from orchestrator.analysis.gate import Bounds, no_worse
from orchestrator.errors import UsageError
from orchestrator.reports import claims as claim_words
from orchestrator.reports.difference_words import auc_change_words, smaller_words
from orchestrator.reports.page import view
from orchestrator.reports.page.render import claims as claim_lines
from orchestrator.reports.web.run_pages import LISTED
from orchestrator.reports.web.site import Page, case_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.compare import Comparison
    from orchestrator.domain.claim import Claim
    from orchestrator.reports.web.site import Site
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow, RunRow

#: What changed most comes first.
ORDER = (
    significance.SLOWER,
    significance.FASTER,
    significance.NOT_COMPARABLE,
    significance.CANT_TELL,
    significance.BELOW_NOISE,
    significance.WITHIN,
    significance.NOTHING_SEEN,
)
COLUMNS: tuple[str, ...] = (
    "case",
    "time (95 %)",
    "p50 before",
    "p50 after",
    "file",
    "AUC change (95 %)",
    "to be known",
)


def compare_page(site: Site, store: Queries, a: str, b: str) -> Page:
    """Return how the runs named ``a`` and ``b`` differ, or where one is missing the form alone."""
    runs = store.runs()[:LISTED]
    values: dict[str, Any] = {"runs": runs, "a": a, "b": b, "lines": None}
    if a and b:
        old, new = store.run(a), store.run(b)
        if old.id == new.id:
            raise UsageError(f"both are the run {old.id}", hint="choose two runs")
        pairs = compare(store, between(store.results(run=old.id), store.results(run=new.id)), site.labels)
        counts = Counter(pair.verdict for pair in pairs)
        shared = [note for note in pairs[0].notes if all(note in pair.notes for pair in pairs)]
        lines = [_line(pair, shared) for pair in sorted(pairs, key=_place)]
        columns = COLUMNS
        if not any(line.cells[-1].text for line in lines):
            columns, lines = COLUMNS[:-1], [replace(line, cells=line.cells[:-1]) for line in lines]
        values |= {
            "a": old.id,
            "b": new.id,
            "old": old,
            "new": new,
            "columns": columns,
            "lines": lines,
            "notes": shared,
            "counts": [(word, counts[word]) for word in dict.fromkeys([*ORDER, *counts]) if counts[word]],
            "shifts": _shifts(pairs),
        }
    return Page(template="compare.html.j2", values=values)


def _line(pair: Comparison, shared: Sequence[str]) -> view.Line:
    row = pair.b
    time = view.difference(pair)
    known = [*pair.blockers, *(note for note in pair.notes if note not in shared)]
    cells = (
        view.Cell(text=row.case, sort=row.case, href=case_url(row.case, row.run)),
        time,
        view.Cell(text=view.short(pair.a), sort=pair.a.p50_ns),
        view.Cell(text=view.short(row), sort=row.p50_ns),
        view.Cell(text=smaller_words(pair.size_ratio) if pair.size_ratio else view.MISSING, sort=pair.size_ratio),
        view.Cell(text=auc_change_words(pair), sort=pair.auc_change),
        view.Cell(text="; ".join(known), sort=len(known), tone="wide"),
    )
    return view.Line(device=row.device, scheme=row.scheme, cells=cells)


def _place(pair: Comparison) -> int:
    return ORDER.index(pair.verdict) if pair.verdict in ORDER else len(ORDER)


def _shifts(pairs: Sequence[Comparison]) -> list[str]:
    """Return for each device how it changed as a whole between the runs."""
    shifts = {pair.b.device: pair.device_shift for pair in pairs if pair.device_shift is not None}
    return [
        f"{device} as a whole takes {shift:.3f} times as long as before; that is taken out of its cases"
        for device, shift in shifts.items()
    ]


def claims_page(site: Site, store: Queries, baseline: str, run: str) -> Page:
    """Return the answers to the claims of the file, and whether ``run`` is no worse than ``baseline``."""
    values: dict[str, Any] = {
        "runs": store.runs()[:LISTED],
        "baseline": baseline,
        "run": run,
        "file": None,
        "gate": None,
    }
    if site.claims is not None:
        values["file"] = _answers(site, store, site.claims(), store.results())
    if baseline:
        before, after = store.run(baseline), store.run(run or "latest")
        if before.id == after.id:
            raise UsageError(f"run {after.id} is the baseline itself", hint="choose two runs")
        gate = _answers(site, store, no_worse(before, Bounds()), store.results(run=after.id))
        values |= {"gate": gate, "before": before, "after": after, "baseline": before.id, "run": after.id}
    return Page(template="claims.html.j2", values=values)


def _answers(site: Site, store: Queries, claims: Sequence[Claim], rows: Sequence[ResultRow]) -> Mapping[str, Any]:
    answered = tuple(analysis.check(store, claims, rows, site.labels, site.devices_of(store)))
    return {"claims": claim_lines(answered), "summary": claim_words.summary(answered)}


def run_title(run: RunRow) -> str:
    """Return what a list calls a run."""
    return f"{run.name} ({run.id})" if run.name else run.id
