"""Where the time of an invocation goes, operator by operator, schemes side by side."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from orchestrator.domain.units import format_ns
from orchestrator.reports.charts.chart import COLOURS, MORE_COLOURS, Chart, chart_spec, height_of, tooltip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.profile import Operator, Profile

#: Kinds with a colour of their own; the others are one.
PALETTE = (*list(COLOURS.values())[1:], *MORE_COLOURS)
KINDS = len(PALETTE)
OTHERS, REMAINDER = "other operators", "outside of operators"


def operators(name: str, title: str, profiles: Mapping[str, Profile], *, device: str) -> Chart | None:
    """Return a bar for each scheme made of the kinds of its operators; ``None`` where no profile has any."""
    good = {scheme: profile for scheme, profile in profiles.items() if profile.operators and profile.invocations}
    if not good:
        return None
    totals: dict[str, float] = defaultdict(float)
    for profile in good.values():
        for operator in profile.operators:
            totals[_kind(operator)] += profile.share(operator)
    kinds = sorted(totals, key=lambda kind: -totals[kind])[:KINDS]
    values = [value for scheme, profile in good.items() for value in _values(scheme, profile, kinds, device)]
    shown = [kind for kind in (*kinds, OTHERS, REMAINDER) if any(value["kind"] == kind for value in values)]
    colours = dict(zip(kinds, PALETTE, strict=False)) | {OTHERS: "#8b95a5", REMAINDER: "#c3c8d0"}
    scale = {"domain": shown, "range": [colours[kind] for kind in shown]}
    spec = chart_spec(
        values,
        height=height_of(values, "scheme", step=38),
        mark={"type": "bar", "cornerRadius": 2},
        encoding={
            "x": {"field": "us", "type": "quantitative", "title": "µs of an invocation, with the profiler on"},
            "y": {"field": "scheme", "type": "nominal", "title": None, "sort": None},
            "color": {"field": "kind", "type": "nominal", "scale": scale, "legend": {"columns": 1, "labelLimit": 300}},
            "order": {"field": "order"},
            "tooltip": tooltip("scheme", "kind", "types", "where", count="operators", took="time", share="share"),
        },
    )
    caption = (
        "Operators timed by the runtime itself in a process apart from every attempt: these times are shares of an invocation, "
        "never its latency."
    )
    return Chart(kind="operators", name=name, title=title, caption=caption, spec=spec, device=device)


def _values(scheme: str, profile: Profile, kinds: list[str], device: str) -> list[dict[str, Any]]:
    groups: dict[str, list[Operator]] = defaultdict(list)
    for operator in profile.operators:
        kind = _kind(operator)
        groups[kind if kind in kinds else OTHERS].append(operator)
    values = [
        _value(scheme, device, kind, sum(each.total_ns for each in group) / profile.invocations, profile)
        | {
            "order": [*kinds, OTHERS].index(kind),
            "types": ", ".join(sorted({each.types for each in group if each.types})),
            "where": ", ".join(sorted({each.delegate or "outside of any delegate" for each in group})),
            "count": str(len(group)),
        }
        for kind, group in groups.items()
    ]
    rest = {"order": len(kinds) + 1, "types": "", "where": "", "count": ""}
    return [*values, _value(scheme, device, REMAINDER, max(0.0, profile.remainder_ns), profile) | rest]


def _value(scheme: str, device: str, kind: str, ns: float, profile: Profile) -> dict[str, Any]:
    share = ns / profile.invocation_ns if profile.invocation_ns else 0.0
    took = {"took": format_ns(ns), "share": f"{share:.1%}"}
    return {"device": device, "scheme": scheme, "kind": kind, "us": ns / 1e3, **took}


def _kind(operator: Operator) -> str:
    return operator.kind if operator.delegate else f"{operator.kind} (no delegate)"
