"""The reasons of verdicts below a table, by what the reader can do."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.store.rows import ResultRow

COLOURS = {"VALID": "green", "WARN": "yellow", "INVALID": "red"}
#: What fits between a table and the prompt; `farm results show` has all.
MOST = 3
#: Reasons that one action ends, the most telling first: somebody else has the machine, or the machine slows itself down.
_BUSY = (
    "other-load",
    "steal",
    "cpu-quota",
    "unstable",
    "drift",
    "not-warmed-up",
    "interrupted",
    "swapped",
    "memory-short",
)
_SLOWED = ("throttled", "too-warm", "on-battery", "governor", "frequency-changed")
_TOGETHER: Mapping[str, tuple[str, ...]] = dict.fromkeys(_BUSY, _BUSY) | dict.fromkeys(_SLOWED, _SLOWED)


def lines(rows: Sequence[ResultRow], most: int = MOST) -> list[str]:
    """Return at most ``most`` lines of markup, what makes results INVALID first, then what concerns most rows.

    Reasons that one action ends share a line, which has the most telling message with the largest figure, under the worst
    of their verdicts: a noisy neighbour is one line.
    """
    found: dict[tuple[str, ...], list[tuple[ResultRow, Mapping[str, str]]]] = {}
    for row in rows:
        for reason in row.reasons:
            verdict, code = reason["verdict"], reason["code"]
            found.setdefault(_TOGETHER.get(code, (code, verdict)), []).append((row, reason))
    ordered = sorted(found.items(), key=lambda item: (not _is_invalid(item[1]), -len({row.case for row, _ in item[1]})))
    shown = [_line(together, same, rows) for together, same in ordered[:most]]
    if len(ordered) > most:
        row = ordered[most][1][0][0]
        more = len(ordered) - most
        shown.append(
            f"[dim]{more} more reason{'s' if more > 1 else ''}: farm results show {escape(shlex.quote(row.case))}[/]"
        )
    return shown


def largest_figure(message: str) -> float:
    """Return the largest percentage of a message, else its largest number: which of two alike messages is the worse one."""
    shares = re.findall(r"(\d+(?:\.\d+)?)\s?%", message)
    numbers = shares or re.findall(r"\d+(?:\.\d+)?", message)
    return max(map(float, numbers), default=0.0)


def _is_invalid(same: Sequence[tuple[ResultRow, Mapping[str, str]]]) -> bool:
    return any(reason["verdict"] == "INVALID" for _, reason in same)


def _line(
    together: tuple[str, ...],
    same: Sequence[tuple[ResultRow, Mapping[str, str]]],
    rows: Sequence[ResultRow],
) -> str:
    first = min((reason["code"] for _, reason in same), key=together.index)
    alike = [reason for _, reason in same if reason["code"] == first]
    worst = max(alike, key=lambda reason: largest_figure(reason["message"]))
    schemes = list(dict.fromkeys(row.scheme for row, _ in same))
    who = "all" if len({row.case for row, _ in same}) == len(rows) > 1 else ", ".join(schemes)
    others = [code for code in together if code != first and any(reason["code"] == code for _, reason in same)]
    verdict = "INVALID" if _is_invalid(same) else "WARN"
    also = f" (also {', '.join(others)})" if others else ""
    return (
        f"[{COLOURS[verdict]}]{verdict}[/] {escape(who)}: {escape(short(worst['message']))}{escape(also)}; "
        f"[dim]{escape(worst['advice'])}[/]"
    )


def short(message: str, most: int = 300) -> str:
    """Return a message on one line: a worker's last words may be many."""
    flat = " ".join(message.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def busiest(rows: Sequence[ResultRow]) -> str | None:
    """Return the worst message of others who had the processor, ``None`` where no reason names them."""
    messages = list(_of_others(rows))
    return max(messages, key=largest_figure, default=None)


def busy_throughout(rows: Sequence[ResultRow]) -> str | None:
    """Return the worst message of others who had the processor where every row has one, else ``None``."""
    return busiest(rows) if all(list(_of_others([row])) for row in rows) else None


def load_words(message: str | None) -> str:
    """Return the beginning of a message of others who had the processor, up to its details; empty for ``None``."""
    return re.split(r" \(| during ", message or "", maxsplit=1)[0]


def _of_others(rows: Sequence[ResultRow]) -> Iterator[str]:
    for row in rows:
        for reason in row.reasons:
            if reason["code"] in ("other-load", "steal", "cpu-quota"):
                yield reason["message"]
