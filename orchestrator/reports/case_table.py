"""Results as tables that people like to read."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis.stats import samples_needed
from orchestrator.domain.effort import ATTEMPTS_TO_COMPARE
from orchestrator.domain.units import format_bytes, format_ns, format_ns_interval
from orchestrator.reports import reason_lines
from orchestrator.reports.difference_words import auc_change_words, smaller_words, time_words
from orchestrator.reports.whole_table import UNLIMITED, print_whole
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.analysis.table_rows import TableRow
    from orchestrator.store.rows import ResultRow

#: The scheme of a ready file, which no float32 belongs to.
AS_IS = "as-is"
#: More attempts than these take so long that a quieter device is the better advice.
WORTH_WAITING_FOR = 30
#: What stands where a percentile is missing, after the number of invocations that are.
MORE = "more"
COLOURS = reason_lines.COLOURS
#: Below it, the ends are those of the attempts themselves: an interval from so few covers too little.
LEAST_FOR_INTERVAL = 5
RANGE, INTERVAL = " (range)", " (95 %)"
#: Narrower terminals get the verdict below the scheme.
LEAST_FOR_VERDICT = 75
#: Before these a cell may be broken: between a figure and its interval, then within what the interval is.
BREAKS = ("(", "±", "to ", "would ")


def show(rows: Sequence[TableRow], console: Console) -> None:
    """Print one table for everything but the scheme, one run a table, with the reasons of its verdicts below; in the order of ``rows``."""
    tables: dict[tuple[Any, ...], list[TableRow]] = {}
    for each in rows:
        tables.setdefault(_setting(each), []).append(each)
    for number, together in enumerate(tables.values()):
        if number:
            console.print()
        console.print(_title([each.row for each in together]))
        print_whole(_fitting(together, console), console)
        plain = [each.row for each in together]
        lines = [*_notes(together), *reason_lines.lines(plain)]
        if lines:
            console.print()
        for line in lines:
            console.print(line)


def _setting(each: TableRow) -> tuple[Any, ...]:
    """Return what the title names; the newest results of some cases may come from different runs."""
    row = each.row
    case = row.device, row.model, row.runtime, row.threads, row.batch, row.interpreters
    return *case, row.dataset, row.synthetic, row.effort, row.run


def _title(rows: Sequence[ResultRow]) -> str:
    row = rows[0]
    words = [f"[bold]{escape(row.model)}[/] on [bold]{escape(row.device)}[/]", escape(row.runtime)]
    words.append(f"{row.threads} thread{'s' if row.threads > 1 else ''}")
    if row.batch > 1:
        words.append(f"batch {row.batch}")
    if row.interpreters:
        words.append(f"throughput of {row.interpreters} interpreter{'s side by side' if row.interpreters > 1 else ''}")
    synthetic = " (synthetic images)" if row.synthetic else ""
    words += [f"dataset {escape(row.dataset)}{synthetic}", f"effort {row.effort}", f"run {row.run}"]
    return ", ".join(words)


def _fitting(rows: Sequence[TableRow], console: Console) -> Table:
    """Return the table with a line for each row or, where the terminal is too narrow, with intervals below their figures."""
    unlimited = console.options.update_width(UNLIMITED)
    for breaks, blanks in product(((), BREAKS[:2], BREAKS), (2, 1)):
        table = _table(rows, breaks=breaks, verdict=not breaks or console.width >= LEAST_FOR_VERDICT)
        table.padding = (0, blanks - 1, 0, 0)
        if console.measure(table, options=unlimited).maximum <= console.width:
            break
    return table


def _table(rows: Sequence[TableRow], *, breaks: Sequence[str], verdict: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    offline = rows[0].row.interpreters > 0
    ends = _ends([each.row for each in rows])

    mixed = ends == INTERVAL

    def lines(text: str) -> str:
        for mark in breaks:
            text = text.replace(f" {mark}", f"\n{mark}")
        return text

    table.add_column("scheme", style="bold", overflow="fold")
    table.add_column("size", justify="left", no_wrap=True)
    table.add_column(lines(f"{'images/s' if offline else 'p50'}{ends}"), no_wrap=True)
    has_against, has_auc = any(map(_is_comparable, rows)), any(_auc(each) != "-" for each in rows)
    if has_against:
        table.add_column(lines("against float32 (95 %)"), overflow="fold")
    if has_auc:
        table.add_column(lines("AUC change (95 %)"), no_wrap=True)
    if verdict:
        table.add_column("verdict", no_wrap=True)
    for each in rows:
        row = each.row
        word = Text(row.verdict, style=COLOURS.get(row.verdict, ""))
        table.add_row(
            Text(row.scheme) if verdict else Text.assemble(row.scheme, "\n", word),
            lines(_size(row)),
            lines(_throughput(row, mixed=mixed) if offline else _latency(row, mixed=mixed)),
            *([lines(_against(each))] if has_against else []),
            *([lines(_auc(each))] if has_auc else []),
            *([word] if verdict else []),
        )
    return table


def _size(row: ResultRow) -> str:
    if not row.size_bytes:
        return "-"
    smaller = "" if row.scheme in BASELINES or not row.size_ratio else f" ({smaller_words(row.size_ratio)})"
    return f"{format_bytes(row.size_bytes)}{smaller}"


def _is_comparable(each: TableRow) -> bool:
    """Tell whether the row has a float32, or is one."""
    return each.against is not None or each.row.scheme in BASELINES


def _against(each: TableRow) -> str:
    if each.against is not None:
        return time_words(each.against)
    return "" if each.row.scheme in BASELINES else "-"


def _auc(each: TableRow) -> str:
    if each.against is not None and (words := auc_change_words(each.against)) != "-":
        return words
    return "-" if each.row.auc_mean is None else f"AUC {each.row.auc_mean:.4f}"


def _ends(rows: Sequence[ResultRow]) -> str:
    """Return what the brackets of a column hold."""
    having = [row for row in rows if row.p50_low_ns is not None or row.images_per_s_low is not None]
    if not having:
        return ""
    return RANGE if all(map(_is_range, having)) else INTERVAL


def _is_range(row: ResultRow) -> bool:
    return row.attempts < LEAST_FOR_INTERVAL


def _latency(row: ResultRow, *, mixed: bool) -> str:
    """Return p50 with where it is, or how many more invocations it takes."""
    if row.p50_ns is None:
        missing = samples_needed(0.5) - row.samples
        return f"+{missing} {MORE}" if row.samples > 0 and missing > 0 else "-"
    if row.p50_low_ns is None or row.p50_high_ns is None:
        return format_ns(row.p50_ns)
    return _marked(row, format_ns_interval(row.p50_ns, row.p50_low_ns, row.p50_high_ns), mixed=mixed)


def _throughput(row: ResultRow, *, mixed: bool) -> str:
    if row.images_per_s is None:
        return "-"
    text = f"{row.images_per_s:,.1f}"
    if row.images_per_s_low is None or row.images_per_s_high is None:
        return text
    return _marked(row, f"{text} ({row.images_per_s_low:,.1f}–{row.images_per_s_high:,.1f})", mixed=mixed)


def _marked(row: ResultRow, text: str, *, mixed: bool) -> str:
    """Mark a range among intervals."""
    return f"{text[:-1]}, range)" if mixed and _is_range(row) else text


def _notes(rows: Sequence[TableRow]) -> list[str]:
    """Explain what a cell can't."""
    lines = []
    plain = [each.row for each in rows]
    if any(row.p50_ns is None and 0 < row.samples < samples_needed(0.5) for row in plain):
        lines.append(f"[dim]+N {MORE}: a p50 takes {samples_needed(0.5)} invocations[/]")
    if any(_is_range(row) and row.p50_low_ns is not None for row in plain):
        lines.append(f"[dim]range: of the attempts; an interval takes {LEAST_FOR_INTERVAL}[/]")
    without = [each.row.scheme for each in rows if not _is_comparable(each)]
    if set(without) - {AS_IS}:
        mark = "-: " if len(without) < len(rows) else ""
        lines.append(f"[dim]{mark}the run has no float32 of this setting to compare with[/]")
    over = sorted({(round(row.auc_findings or 0), round(left)) for row in plain if (left := row.auc_findings_left_out)})
    lines += [
        f"[dim]AUC: the mean over {findings} finding{'s' if findings != 1 else ''}; {left} more ha{'s' if left == 1 else 've'} "
        "too few patients for an interval: farm results accuracy CASE[/]"
        for findings, left in over
    ]
    earlier = sorted({row.scored_in for row in plain if row.scored_in})
    lines += [
        f"[dim]AUC: scored in run {escape(run)}, with the same artifact, images and runtime[/]" for run in earlier
    ]
    batched = sorted({round(count) for row in plain if (count := row.invocations_per_sample or 1) > 1})
    if batched:
        lines.append(
            f"[dim]invocations too short for the clock, or too many, were timed {listed(batched)} at a time: "
            "percentiles are those of their means[/]"
        )
    return [*lines, *(f"[dim]{line}[/]" for line in _cant_tell(rows))]


def _cant_tell(rows: Sequence[TableRow]) -> list[str]:
    """Return how many attempts would decide, one line for all."""
    asked = [each.against for each in rows if each.against is not None and each.against.attempts_needed is not None]
    if not asked:
        return []
    most = max(pair.attempts_needed or 0 for pair in asked)
    if most <= ATTEMPTS_TO_COMPARE:
        way = f"; farm run --compare makes {ATTEMPTS_TO_COMPARE}"
    elif most <= WORTH_WAITING_FOR:
        way = f", by `attempts: {most}` in the suite"
    else:
        way = "; fewer do on a quieter device: farm devices tune NAME"
    return [f"can't tell: {most} attempts a side would{way}"]


def listed(counts: Sequence[int]) -> str:
    """Return ``4``, ``4 or 15``, ``4, 15 or 16``."""
    *first, last = map(str, sorted(counts))
    return f"{', '.join(first)} or {last}" if first else last
