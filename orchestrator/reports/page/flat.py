"""The data of a report for other programs: CSV, Markdown, LaTeX, JSON."""

from __future__ import annotations

import csv as writer
import io
import re
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.errors import printable
from orchestrator.reports.compare import plain as plain_comparison
from orchestrator.reports.json import plain as plain_result
from orchestrator.reports.page import methods, view
from orchestrator.reports.page.headline import headline
from orchestrator.store.rows import ResultRow

if TYPE_CHECKING:
    from orchestrator.domain.result import Measurement
    from orchestrator.reports.page.dossier import Dossier

#: A cell that begins so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "µ": r"\textmu{}",
    "−": "$-$",
    "±": r"$\pm$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def csv(dossier: Dossier) -> str:
    """Return a line for each result, with the keys of ``--json``; reasons are their codes."""
    out = io.StringIO()
    table = writer.writer(out, lineterminator="\n")
    columns = list(
        dict.fromkeys(
            [field.name for field in fields(ResultRow)]
            + [name for each in dossier.table[:1] for name in plain_result(each)]
        )
    )
    table.writerow(columns)
    for each in dossier.table:
        plain_row = plain_result(each) | {"reasons": " ".join(reason["code"] for reason in each.row.reasons)}
        table.writerow([_cell(plain_row[name]) for name in columns])
    return out.getvalue()


def plain(dossier: Dossier) -> dict[str, Any]:
    """Return results, comparisons and attempts as JSON values."""
    return {
        "run": dossier.run.id,
        "results": [plain_result(each) for each in dossier.table],
        "comparisons": [plain_comparison(pair) for pair in dossier.comparisons],
        "attempts": {case: [_attempt(one) for one in each] for case, each in dossier.attempts.items()},
        "claims": [
            {"claim": each.claim.text, "answer": str(each.answer), "evidence": [asdict(one) for one in each.evidence]}
            for each in dossier.claims
        ],
    }


def markdown(dossier: Dossier) -> str:
    """Return the report as Markdown: the answer, results, verdicts, methods."""
    answer = headline(dossier.choices, dossier.fleet, dossier.table)
    columns, lines = _table(dossier)
    rows = [f"| {' | '.join(map(_escaped, cells))} |" for cells in [columns, *lines]]
    rows.insert(1, f"|{'---|' * len(columns)}")
    reasons = [
        f"- **{each['verdict']} {_escaped(each['code'])}** in {len(each['cases'])} of {len(dossier.rows)} cases: "
        f"{_escaped(each['advice'])}"
        for each in view.reasons(dossier.rows)
    ]
    sources = [f"{number}. {_escaped(source)}" for number, source in enumerate(methods.SOURCES, 1)]
    parts = [
        f"# {_escaped(answer.text)}",
        _escaped(answer.lead),
        *(f"{_escaped(sentence)}." for sentence in answer.sentences),
        *([_escaped(dossier.lost_line)] if dossier.lost else []),
        *(["Synthetic images: no figure of accuracy here applies to patients."] if dossier.run.synthetic else []),
        *(
            ["## Claims", "\n".join(f"- **{each.answer}** {_escaped(each.claim.text)}" for each in dossier.claims)]
            if dossier.claims
            else []
        ),
        "## Results",
        "\n".join(rows),
        "## Verdicts",
        "\n".join(reasons) or "Every case is VALID.",
        "## Methods",
        _escaped(methods.paragraph(dossier)),
        "\n".join(sources),
    ]
    return printable("\n\n".join(parts) + "\n")


def latex(dossier: Dossier) -> str:
    """Return a table (package booktabs) and a paragraph on methods for a paper."""
    columns, lines = _table(dossier)
    rows = [" & ".join(map(_tex, cells)) + r" \\" for cells in lines]
    sources = [rf"\item {_tex(source)}" for source in methods.SOURCES]
    return printable(
        "\n".join(
            [
                "% needs \\usepackage{booktabs}",
                r"\begin{table}",
                rf"\caption{{{_tex(headline(dossier.choices, dossier.fleet, dossier.table).text)}. Run {_tex(dossier.run.id)}.}}",
                rf"\begin{{tabular}}{{{'l' * len(columns)}}}",
                r"\toprule",
                " & ".join(map(_tex, columns)) + r" \\",
                r"\midrule",
                *rows,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
                _tex(methods.paragraph(dossier)),
                r"\begin{enumerate}",
                *sources,
                r"\end{enumerate}",
                "",
            ]
        )
    )


def _table(dossier: Dossier) -> tuple[list[str], list[list[str]]]:
    """Return the table of results without the columns in which all rows are alike."""
    against = {pair.b.case: pair for pair in dossier.comparisons}
    columns, lines, _ = view.without_common(view.results(dossier.rows, against))
    return list(columns), [[cell.text for cell in line.cells] for line in lines]


def _attempt(one: Measurement) -> dict[str, Any]:
    quantiles: list[float | None] = [None, None, None]
    if one.error is None and len(one.latency_ns):
        quantiles = [
            float(value) for value in np.quantile(one.per_invocation_ns, (0.1, 0.5, 0.9), method="inverted_cdf")
        ]
    names = ("p10_ns", "p50_ns", "p90_ns")
    return {
        "number": one.number,
        "started_at": one.started_at.isoformat(),
        "samples": len(one.latency_ns),
        "invocations_per_sample": one.invocations_per_sample,
        **dict(zip(names, quantiles, strict=True)),
        "error": one.error,
    }


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", flat)


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
