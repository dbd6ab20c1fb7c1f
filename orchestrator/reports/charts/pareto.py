"""Time against accuracy, each with its interval: which variants no other one beats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.units import format_bytes, format_ns
from orchestrator.reports.case_table import LEAST_FOR_INTERVAL
from orchestrator.reports.charts.chart import Chart, chart_spec, colour_of, tooltip, unit_of
from orchestrator.reports.difference_words import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.best import Candidate, Choice

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def pareto(choices: Sequence[Choice]) -> Chart | None:
    """Return a point for each candidate with a latency and an accuracy; ``None`` without one."""
    candidates = [each for choice in choices for each in choice.candidates if each.row.p50_ns]
    change = all(each.against is not None or each.row.auc_change is not None for each in candidates)
    points = [(each, ends) for each in candidates if (ends := _accuracy(each, change=change)) is not None]
    if not points:
        return None
    size, unit = unit_of(min(each.p50_per_image_ns for each, _ in points))
    values = [_value(each, ends, size, change=change) for each, ends in points]
    devices = list(dict.fromkeys(row["device"] for row in values))
    x = {"type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 24}, "axis": {"tickCount": 6}}
    y = {"type": "quantitative", "scale": {"zero": False, "padding": 14}, "axis": {"tickCount": 5}}
    what = "change of mean AUC against float32" if change else "mean AUC"
    colour = colour_of(list(dict.fromkeys(each.row.scheme for each, _ in points)))
    shape = {
        "field": "device",
        "type": "nominal",
        "scale": {"domain": devices, "range": [SHAPES[place % len(SHAPES)] for place in range(len(devices))]},
        **({} if 1 < len(devices) <= len(SHAPES) else {"legend": None}),
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
            "encoding": {"x": {"field": "low"}, "x2": {"field": "high"}, "y": {"field": "auc"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
            "encoding": {"x": {"field": "p50"}, "y": {"field": "auc_low"}, "y2": {"field": "auc_high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 130},
            "encoding": {
                "x": {"field": "p50"},
                "y": {"field": "auc"},
                "shape": shape,
                "opacity": {"condition": {"test": "datum.beaten", "value": 0.35}, "value": 1},
                "tooltip": tooltip("case", "latency", "accuracy", "size", "standing"),
            },
        },
    ]
    for layer in layers:
        layer["encoding"]["x"] |= {**x, "title": f"p50 of an image, {unit} (faster is left)"}
        layer["encoding"]["y"] |= {**y, "title": what}
        layer["encoding"]["color"] = colour
    few = any(each.row.attempts < LEAST_FOR_INTERVAL for each, _ in points)
    ranges = f" (below {LEAST_FOR_INTERVAL} attempts their range)" if few else ""
    return Chart(
        kind="pareto",
        name="pareto",
        title="Speed against accuracy",
        caption=(
            f"Bars are 95 % intervals: of p50 over attempts{ranges}, of accuracy by patient"
            + (", paired with float32: both scored the same images" if change else "")
            + ". Pale points are beaten in everything, or refused. Left and up is better."
        ),
        spec=chart_spec(values, height=280, layer=layers),
    )


def _accuracy(each: Candidate, *, change: bool) -> tuple[float, float, float] | None:
    """Return the accuracy of a candidate with the ends of its interval, all the same where there is none."""
    row, paired = each.row, each.against.auc if each.against else None
    if not change:
        mean = row.auc_mean
        if mean is None:
            return None
        return mean, mean if row.auc_low is None else row.auc_low, mean if row.auc_high is None else row.auc_high
    if paired is not None:
        return paired.difference, *paired.interval
    value = row.auc_change
    return None if value is None else (value, value, value)


def _value(each: Candidate, accuracy: tuple[float, float, float], size: float, *, change: bool) -> dict[str, Any]:
    row, (auc, low, high) = each.row, accuracy
    p50 = each.p50_per_image_ns
    ends = [end / row.batch if end else p50 for end in (row.p50_low_ns, row.p50_high_ns)]
    standing = "; ".join(each.refusals) or ("on the front" if each.on_front else "beaten in everything")
    return {
        **{name: getattr(row, name) for name in ("case", "device", "scheme")},
        "p50": p50 / size,
        "low": ends[0] / size,
        "high": ends[1] / size,
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
        "latency": f"{format_ns(p50)} ({format_ns(ends[0])} to {format_ns(ends[1])})",
        "accuracy": f"{signed(auc, 4)} ({signed(low, 4)} to {signed(high, 4)})"
        if change
        else f"{auc:.4f} ({low:.4f} to {high:.4f})",
        "size": format_bytes(row.size_bytes) if row.size_bytes else "unknown",
        "standing": standing,
        "beaten": bool(each.refusals) or not each.on_front,
    }
