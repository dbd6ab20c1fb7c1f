"""Claims with their answers: for a terminal, as JSON, as Markdown, as JUnit XML."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from rich.markup import escape

from orchestrator.analysis.claims import Answer
from orchestrator.analysis.stats import Interval
from orchestrator.domain.units import format_bytes, format_ns
from orchestrator.reports.difference_words import interval_words, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.claims import Answered, Evidence

COLOURS = {Answer.HOLDS: "green", Answer.REFUTED: "red", Answer.OPEN: "yellow"}
#: Results that a claim shows in a terminal; the others are counted.
SHOWN = 5


def show(answered: Sequence[Answered], console: Console) -> None:
    """Print each claim with its answer, then what decided it."""
    for each in answered:
        console.print(f"[{COLOURS[each.answer]}]{each.answer:<19}[/]  {escape(each.claim.text)}", soft_wrap=True)
        for line in lines(each, SHOWN):
            console.print(f"[dim]  {escape(line)}[/]", soft_wrap=True)
    console.print()
    console.print(summary(answered))


def summary(answered: Sequence[Answered]) -> str:
    """Return how many claims have which answer."""
    counts = {answer: sum(each.answer is answer for each in answered) for answer in Answer}
    words = {Answer.HOLDS: ("holds", "hold")}
    return ", ".join(
        f"{count} {words.get(answer, (answer, answer))[count > 1]}" for answer, count in counts.items() if count
    )


def lines(answered: Answered, most: int | None = None) -> Iterator[str]:
    """Yield a line for each result, those that decided first; at most ``most`` and how many more there are."""
    yield from answered.notes
    if not answered.evidence and not answered.notes:
        on = f" on {', '.join(answered.claim.devices)}" if answered.claim.devices else ""
        partner = " with another one to compare it with" if answered.claim.against else ""
        yield f"there is no result{on} for this claim{partner}"
    ordered = sorted(answered.evidence, key=lambda each: each.answer is not answered.answer)
    for each in ordered[:most]:
        note = f": {each.note}" if each.note else ""
        other = "" if each.answer is answered.answer else f", {each.answer}"
        yield f"{each.case}  {figure(answered, each)}{other}{note}"
    if most is not None and len(ordered) > most:
        yield f"and {len(ordered) - most} more (--json has all)"


def figure(answered: Answered, each: Evidence) -> str:
    """Return the figure with its interval, in its unit."""
    if each.value is None:
        return "-"
    if answered.claim.figure == "speedup" and each.low is not None and each.high is not None:
        return interval_words(each.value, Interval(low=each.low, high=each.high))
    if each.low is None or each.high is None or each.low == each.high:
        return _unit(answered, each.value)
    return f"{_unit(answered, each.value)} ({_unit(answered, each.low)} to {_unit(answered, each.high)})"


def as_json(answered: Sequence[Answered]) -> str:
    """Return a list of objects, one for each claim; docs/claims.md explains the keys."""
    plain = [
        {
            "claim": each.claim.text,
            "answer": each.answer,
            "evidence": [asdict(row) for row in each.evidence],
            "notes": list(each.notes),
        }
        for each in answered
    ]
    return json.dumps(plain, indent=2)


def markdown(answered: Sequence[Answered], title: str) -> str:
    """Return a table for a pull request or a job's summary, under a heading."""
    marks = {Answer.HOLDS: "✅", Answer.REFUTED: "❌", Answer.OPEN: "❔"}
    rows = [
        f"| {marks[each.answer]} {each.answer} | {_cell(each.claim.text)} | {_cell('; '.join(lines(each, SHOWN)))} |"
        for each in answered
    ]
    return "\n".join(
        [
            f"### {_cell(title)}",
            "",
            "| answer | claim | evidence (95 %) |",
            "|---|---|---|",
            *rows,
            "",
            summary(answered),
            "",
        ]
    )


def junit(answered: Sequence[Answered], title: str) -> str:
    """Return JUnit XML: a refuted claim is a failure, an open one is skipped."""
    suite = ET.Element(
        "testsuite",
        name=title,
        tests=str(len(answered)),
        failures=str(sum(each.answer is Answer.REFUTED for each in answered)),
        skipped=str(sum(each.answer is Answer.OPEN for each in answered)),
    )
    for each in answered:
        case = ET.SubElement(suite, "testcase", classname="claims", name=each.claim.text)
        text = "\n".join(lines(each))
        if each.answer is Answer.REFUTED:
            ET.SubElement(case, "failure", message=str(each.answer)).text = text
        elif each.answer is Answer.OPEN:
            ET.SubElement(case, "skipped", message=str(each.answer)).text = text
        else:
            ET.SubElement(case, "system-out").text = text
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _unit(answered: Answered, value: float) -> str:
    name = answered.claim.figure
    if name in ("p50", "p90"):
        return format_ns(value)
    if name in ("size", "memory"):
        return format_bytes(value)
    if name in ("auc", "auc_change"):
        return signed(value, 4) if name == "auc_change" else f"{value:.4f}"
    return f"{value:.3g} J" if name == "energy" else f"{value:.2f}×"
