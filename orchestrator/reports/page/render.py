"""A run's page as one file of HTML that holds its own styles, scripts, data."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError, printable
from orchestrator.reports import claims as claim_words
from orchestrator.reports.charts import draw
from orchestrator.reports.page import flat, methods, view
from orchestrator.reports.page.headline import headline
from orchestrator.reports.page.pictures import SETTINGS, charts, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.claims import Answered
    from orchestrator.reports.page.dossier import Dossier

TEMPLATES = Path(__file__).parent / "templates"
#: Results of a claim that a page lists.
CLAIM_LINES = 50


def page(dossier: Dossier) -> str:
    """Return the whole page; raises `UsageError` where the extra ``report`` is not installed."""
    scripts = {"bundle": draw.bundle(), "js": asset("page.js")}
    values = content(dossier) | {"css": safe(asset("page.css")), "policy": policy(scripts.values())}
    values |= {name: safe(text) for name, text in scripts.items()}
    return printable_page(environment().get_template("report.html.j2").render(values))


def content(dossier: Dossier) -> dict[str, Any]:
    """Return what the template of a run shows, without styles and scripts."""
    against = {pair.b.case: pair for pair in dossier.comparisons}
    counts = Counter(row.verdict for row in dossier.rows)
    columns, lines, common = view.without_common(view.results(dossier.rows, against))
    return {
        "version": version("edge-farm"),
        "run": dossier.run,
        "headline": headline(dossier.choices, dossier.fleet, dossier.table),
        "lost": dossier.lost_line,
        "cards": view.cards(dossier.choices),
        "claims": claims(dossier.claims),
        "claims_summary": claim_words.summary(dossier.claims) if dossier.claims else "",
        "devices": dossier.devices,
        "schemes": dossier.schemes,
        "matrix": view.matrix(dossier.rows, against, dossier.schemes),
        "charts": charts(dossier),
        "undrawn": max(0, len(settings(dossier.rows)) - SETTINGS),
        "result_columns": columns,
        "results": lines,
        "result_common": common,
        "verdict_counts": [(word, counts[word]) for word in ("VALID", "WARN", "INVALID") if counts[word]],
        "reasons": view.reasons(dossier.rows),
        "skips": [(str(case), reason) for case, reason in dossier.skips],
        "facts": [(device, view.facts(facts)) for device, facts in dossier.facts.items()],
        "artifacts": [
            (artifact, [*view.facts(artifact.recipe), *view.facts(artifact.checks)]) for artifact in dossier.artifacts
        ],
        "methods": methods.paragraph(dossier),
        "sources": methods.SOURCES,
        "csv_base64": _base64(flat.csv(dossier)),
        "json_base64": _base64(json.dumps(draw.finite(flat.plain(dossier)), allow_nan=False)),
    }


def claims(answered: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return claims with their answers in words."""
    return [
        {
            "answer": str(each.answer),
            "text": each.claim.text,
            "lines": list(claim_words.lines(each, CLAIM_LINES)),
        }
        for each in answered
    ]


def environment() -> Any:
    """Return Jinja's environment with the templates, which escapes every text; raises `UsageError` where it is missing."""
    try:
        import jinja2
    except ImportError as error:
        raise UsageError("a page needs Jinja2", hint="pip install 'edge-farm[report]'") from error
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["script_json"] = lambda value: safe(draw.as_json(value))
    made.filters["short"] = view.short
    return made


def safe(text: str) -> Any:
    """Mark a text of farm's own as HTML."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  styles, scripts and JSON of ours: never a text of a device


def asset(name: str) -> str:
    """Return a style sheet or a script of farm's own."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def policy(scripts: Any) -> str:
    """Return a content security policy by which nothing is loaded and no script but ``scripts`` runs."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def printable_page(text: str) -> str:
    """Return a page without half surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _base64(text: str) -> str:
    return base64.b64encode(printable(text).encode()).decode()
