"""The tables of a page: every cell as text, with the number that it is sorted by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.compare import FLOAT32
from orchestrator.analysis.significance import FASTER, SLOWER
from orchestrator.domain.units import format_bytes, format_ns
from orchestrator.reports.case_table import LEAST_FOR_INTERVAL
from orchestrator.reports.charts.speed import setting
from orchestrator.reports.difference_words import auc_change_words, smaller_words, time_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.best import Choice
    from orchestrator.analysis.compare import Comparison
    from orchestrator.store.rows import ResultRow

MISSING = "–"
#: Facts that name a person's machine or folders, or change at each look.
PRIVATE = frozenset(
    {"hostname", "python_executable", "pythons", "environments", "hardware_key", "clock_ns", "clock_offset_ns"}
    | {"clock_uncertainty_ns", "serial", "mac", "machine_id", "disk_free_bytes", "memory_available_bytes"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in a table; ``sort`` is a number or the text itself, ``tone`` a class of the style sheet."""

    text: str
    sort: float | str | None = None
    tone: str = ""
    #: Where it leads, on a page that has others beside it.
    href: str = ""

    @property
    def key(self) -> str:
        """What it is sorted by; what is missing comes last."""
        return "" if self.sort is None else str(self.sort)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a table; a page can be narrowed to its device and scheme."""

    device: str
    scheme: str
    cells: tuple[Cell, ...]


RESULTS = (
    *("device", "model", "scheme", "runtime", "threads", "batch", "size", "p50 (95 %)", "p90", "against float32"),
    *("AUC", "AUC change (95 %)", "peak memory", "verdict"),
)

#: Columns that stand in every table.
ALWAYS = ("scheme", "p50 (95 %)", "verdict")


def results(rows: Sequence[ResultRow], against: Mapping[str, Comparison]) -> tuple[Line, ...]:
    """Return a line for each result, with the cells of `RESULTS`."""
    return tuple(
        Line(device=row.device, scheme=row.scheme, cells=tuple(_cells(row, against.get(row.case)))) for row in rows
    )


def without_common(lines: Sequence[Line]) -> tuple[tuple[str, ...], tuple[Line, ...], str]:
    """Return columns and lines of `results` without the columns in which all lines are alike, and what those hold."""
    alike = {
        place: lines[0].cells[place].text
        for place, name in enumerate(RESULTS)
        if name not in ALWAYS and len({line.cells[place].text for line in lines}) == 1
    }
    kept = [place for place in range(len(RESULTS)) if place not in alike]
    narrowed = tuple(replace(line, cells=tuple(line.cells[place] for place in kept)) for line in lines)
    common = ", ".join(f"{RESULTS[place]} {text}" for place, text in alike.items() if text != MISSING)
    return tuple(RESULTS[place] for place in kept), narrowed, common


def _cells(row: ResultRow, pair: Comparison | None) -> Iterable[Cell]:
    for name in ("device", "model", "scheme", "runtime"):
        yield Cell(text=getattr(row, name), sort=getattr(row, name))
    yield Cell(text=str(row.threads), sort=row.threads)
    yield Cell(text=str(row.batch), sort=row.batch)
    smaller = f" ({smaller_words(row.size_ratio)})" if row.size_ratio and row.size_ratio != 1 else ""
    yield Cell(text=format_bytes(row.size_bytes) + smaller if row.size_bytes else MISSING, sort=row.size_bytes)
    yield (
        Cell(text=short(row), sort=row.images_per_s) if row.interpreters else Cell(text=p50_words(row), sort=row.p50_ns)
    )
    yield Cell(text=format_ns(row.p90_ns) if row.p90_ns else MISSING, sort=row.p90_ns)
    yield difference(pair)
    yield Cell(text=f"{row.auc_mean:.4f}" if row.auc_mean is not None else MISSING, sort=row.auc_mean)
    yield Cell(text=auc_change_words(pair) if pair else MISSING, sort=pair.auc_change if pair else None)
    yield Cell(text=format_bytes(row.peak_rss_bytes) if row.peak_rss_bytes else MISSING, sort=row.peak_rss_bytes)
    yield Cell(text=row.verdict, sort=row.verdict, tone=row.verdict.lower())


def p50_words(row: ResultRow) -> str:
    """Return p50 with its interval, or the range of few attempts, as far as there is one."""
    if not row.p50_ns:
        return MISSING
    if row.p50_low_ns is None or row.p50_high_ns is None:
        return format_ns(row.p50_ns)
    what = "range " if row.attempts < LEAST_FOR_INTERVAL else ""
    return f"{format_ns(row.p50_ns)} ({what}{format_ns(row.p50_low_ns)} to {format_ns(row.p50_high_ns)})"


def short(row: ResultRow) -> str:
    """Return the one figure of a result that a cell has room for: p50, or images per second."""
    if row.interpreters:
        return f"{row.images_per_s:,.1f} images/s" if row.images_per_s else MISSING
    return format_ns(row.p50_ns) if row.p50_ns else MISSING


def difference(pair: Comparison | None) -> Cell:
    """Return how a result differs from float32 in time."""
    if pair is None:
        return Cell(text=MISSING)
    tone = {FASTER: "faster", SLOWER: "slower"}.get(pair.verdict, "unsure")
    return Cell(text=time_words(pair), sort=pair.difference.speedup if pair.difference else None, tone=tone)


def matrix(
    rows: Sequence[ResultRow], against: Mapping[str, Comparison], schemes: Sequence[str]
) -> list[tuple[str, str, list[tuple[str, ResultRow | None, Cell]]]]:
    """Return for each setting its device, its name, and for each scheme the result with its difference from float32."""
    settings: dict[str, dict[str, ResultRow]] = {}
    for row in rows:
        settings.setdefault(setting(row), {})[row.scheme] = row
    return [
        (
            next(iter(by.values())).device,
            name.removeprefix(f"{next(iter(by.values())).device} · "),
            [(scheme, by.get(scheme), _in_matrix(by.get(scheme), against)) for scheme in schemes],
        )
        for name, by in settings.items()
    ]


def _in_matrix(row: ResultRow | None, against: Mapping[str, Comparison]) -> Cell:
    if row is None:
        return Cell(text="")
    return Cell(text="reference") if row.scheme == FLOAT32 else difference(against.get(row.case))


def cards(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Return the answer of each device with each model as the words of a card."""
    return [_card(choice) for choice in choices]


def _card(choice: Choice) -> dict[str, Any]:
    card: dict[str, Any] = {"device": choice.device, "model": choice.model, "scheme": None, "figures": []}
    if choice.chosen is None:
        card["refusals"] = [
            f"{each.row.scheme}: {'; '.join(each.refusals)}" for each in choice.candidates if each.refusals
        ]
        return card
    row, pair = choice.chosen.row, choice.chosen.against
    card["figures"] = [("p50", p50_words(row))]
    if pair:
        card["figures"] += [("against float32", time_words(pair))]
    if row.size_bytes:
        smaller = f" ({smaller_words(row.size_ratio)})" if row.size_ratio and row.size_ratio != 1 else ""
        card["figures"] += [("file", format_bytes(row.size_bytes) + smaller)]
    if row.auc_mean is not None:
        change = f" ({auc_change_words(pair)})" if pair and pair.auc_change is not None else ""
        card["figures"] += [("mean AUC", f"{row.auc_mean:.4f}{change}")]
    return card | {
        "scheme": row.scheme,
        "setting": f"{row.runtime}, {row.threads} thread{'s' if row.threads > 1 else ''}"
        + (f", batch {row.batch}" if row.batch > 1 else ""),
        "verdict": row.verdict,
    }


def reasons(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """Return every reason of a verdict once, INVALID first, with the cases that have it and their messages."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for reason in row.reasons:
            key = reason["verdict"], reason["code"]
            entry = found.setdefault(key, {"verdict": key[0], "code": key[1], "advice": reason["advice"], "cases": []})
            entry["cases"].append((row.case, " ".join(reason["message"].split())))
    return sorted(found.values(), key=lambda each: (each["verdict"] != "INVALID", -len(each["cases"])))


def facts(of_device: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts as names with texts; those that name a person's machine or folders are left out."""
    return [(name, _plain(value)) for name, value in sorted(of_device.items()) if name not in PRIVATE]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return str(value)
