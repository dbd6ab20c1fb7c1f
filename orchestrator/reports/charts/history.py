"""A case from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.units import format_ns
from orchestrator.reports.charts.chart import COLOURS, Chart, chart_spec, tooltip, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.history import Point


def history(points: Sequence[Point]) -> Chart | None:
    """Return p50 with its interval run by run, those marked that differ from the run before; ``None`` without a p50."""
    shown = [(point, point.row.p50_ns) for point in points if point.row.p50_ns]
    if not shown:
        return None
    size, unit = unit_of(min(p50 for _, p50 in shown))
    values = [
        {
            "run": point.row.run,
            "at": point.started_at.isoformat(),
            "p50": p50 / size,
            "low": (point.row.p50_low_ns or p50) / size,
            "high": (point.row.p50_high_ns or p50) / size,
            "latency": format_ns(p50),
            "change": point.change.verdict if point.change else "the first run",
            "changed": point.changed,
        }
        for point, p50 in shown
    ]
    x = {"field": "at", "type": "temporal", "title": None}
    y = {"type": "quantitative", "title": f"p50, {unit}", "scale": {"zero": False}}
    colour = {"condition": {"test": "datum.changed", "value": "#d9534f"}, "value": COLOURS["float16"]}
    layers = [
        {"mark": {"type": "line", "opacity": 0.4}, "encoding": {"x": x, "y": {"field": "p50", **y}}},
        {"mark": "rule", "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}, "color": colour}},
        {
            "mark": {"type": "point", "filled": True, "size": 70},
            "encoding": {
                "x": x,
                "y": {"field": "p50", **y},
                "color": colour,
                "tooltip": tooltip("run", "latency", change="against the run before"),
            },
        },
    ]
    caption = "Bars are 95 % intervals over attempts; red is a change beyond chance and noise against the run before."
    spec = chart_spec(values, narrows=(), height=220, layer=layers)
    return Chart(kind="history", name="history", title=shown[0][0].row.case, caption=caption, spec=spec)
