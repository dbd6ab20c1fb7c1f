"""How many times as fast as float32: as a map of devices, as a forest of intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.significance import FASTER, SLOWER
from orchestrator.domain.units import format_ratio
from orchestrator.reports.charts.chart import Chart, chart_spec, height_of, tooltip
from orchestrator.reports.difference_words import time_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.compare import Comparison
    from orchestrator.store.rows import ResultRow

_GREEN, _RED, _GREY = "#12a37f", "#d9534f", "#8b95a5"
#: Colours of the map are full from 4 times on, either way.
_FULL = math.log2(4)
#: What is called a difference is seen as one, however small.
_FAINTEST = 0.5


def heatmap(comparisons: Sequence[Comparison]) -> Chart | None:
    """Return a cell for each setting and scheme; ``None`` where nothing was compared."""
    values = _values(comparisons)
    if not values:
        return None
    schemes = list(dict.fromkeys(str(row["scheme"]) for row in values))
    y = {"field": "setting", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 190}}
    x = {
        "field": "scheme",
        "type": "nominal",
        "title": None,
        "sort": schemes,
        "axis": {"orient": "top", "labelAngle": 0},
    }
    scale = {"domain": [-_FULL, 0, _FULL], "range": [_RED, "#c3c8d0", _GREEN], "clamp": True, "interpolate": "rgb"}
    layers = [
        {
            "mark": {"type": "rect", "cornerRadius": 4, "opacity": 0.85},
            "encoding": {
                "color": {"field": "log2", "type": "quantitative", "scale": scale, "legend": None},
                "tooltip": tooltip("case", "speed", "verdict"),
            },
        },
        {"mark": {"type": "text", "color": "#10151c", "fontSize": 12}, "encoding": {"text": {"field": "cell"}}},
    ]
    caption = "How many times as fast as float32 of the same setting; “?” where attempts can't tell them apart."
    spec = chart_spec(values, height=height_of(values, "setting", step=36), layer=layers, encoding={"x": x, "y": y})
    return Chart(kind="heatmap", name="heatmap", title="Speed against float32", caption=caption, spec=spec)


def forest(comparisons: Sequence[Comparison]) -> Chart | None:
    """Return a line with its interval for each comparison, over the device's noise; ``None`` where nothing was compared."""
    values = _values(comparisons)
    if not values:
        return None
    y = {"field": "label", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 230}}
    ends = [end for row in values for end in (row["low"], row["high"], row["floor_low"], row["floor_high"])]
    domain = [min(*ends, 0.95) * 0.98, max(*ends, 1.05) * 1.02]
    x = {"type": "quantitative", "scale": {"type": "log", "domain": domain, "nice": False}, "axis": {"tickCount": 6}}
    x["title"] = "times as fast as float32 (right is faster)"
    verdicts = {"domain": ["faster", "slower", "no difference called"], "range": [_GREEN, _RED, _GREY]}
    colour = {"field": "called", "type": "nominal", "scale": verdicts}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "color": _GREY, "opacity": 0.22},
            "encoding": {"x": {"field": "floor_low", **x}, "x2": {"field": "floor_high"}, "y": y},
        },
        {"mark": {"type": "rule", "strokeDash": [3, 3], "opacity": 0.6}, "encoding": {"x": {"datum": 1, **x}}},
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "y": y, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80},
            "encoding": {
                "x": {"field": "times", **x},
                "y": y,
                "color": colour,
                "tooltip": tooltip("case", "speed", "verdict", "noise"),
            },
        },
    ]
    caption = "Lines are 95 % intervals. The grey band is the device's own noise, where it was calibrated (farm devices calibrate NAME)."
    spec = chart_spec(values, height=height_of(values, "label", step=24), layer=layers)
    return Chart(kind="forest", name="forest", title="Difference from float32", caption=caption, spec=spec)


def setting(row: ResultRow) -> str:
    """Return what a result shares with its float32: ``pi5 · tiny-cxr · litert · 4 threads``."""
    return " · ".join(_words(row))


def labels(rows: Sequence[ResultRow]) -> dict[str, str]:
    """Return by case a label of its setting without what all of ``rows`` have in common; empty where that is everything."""
    parts = {row.case: _words(row) for row in rows}
    common = set.intersection(*(set(words) for words in parts.values())) if parts else set()
    return {case: " · ".join(word for word in words if word not in common) for case, words in parts.items()}


def _words(row: ResultRow) -> list[str]:
    words = [row.device, row.model, row.runtime, f"{row.threads} thread{'s' if row.threads > 1 else ''}"]
    words += [f"batch {row.batch}"] if row.batch > 1 else []
    words += [f"{row.interpreters} side by side"] if row.interpreters else []
    return words


def _values(pairs: Sequence[Comparison]) -> list[dict[str, Any]]:
    names = labels([pair.b for pair in pairs])
    return [value for pair in pairs if (value := _value(pair, names[pair.b.case]))]


def _value(pair: Comparison, label: str) -> dict[str, Any] | None:
    found = pair.difference
    if found is None or not found.ratio or not math.isfinite(found.ratio):
        return None
    times, low, high = found.speedup, found.speedup_interval.low, found.speedup_interval.high
    if not all(map(math.isfinite, (times, low, high))):
        return None
    called = pair.verdict in (FASTER, SLOWER)
    floor = pair.noise_floor
    return {
        "case": pair.b.case,
        "device": pair.b.device,
        "scheme": pair.b.scheme,
        "setting": label or pair.b.device,
        "label": f"{pair.b.scheme} · {label}" if label else pair.b.scheme,
        "times": times,
        "low": low,
        "high": high,
        "log2": math.copysign(max(_FAINTEST, abs(math.log2(times))), times - 1) if called else 0.0,
        "cell": format_ratio(times) + ("" if called else " ?"),
        "speed": time_words(pair),
        "verdict": pair.verdict,
        "called": pair.verdict if called else "no difference called",
        "floor_low": 1 / (1 + floor) if floor else 1.0,
        "floor_high": 1 + floor if floor else 1.0,
        "noise": f"{floor:.1%}" if floor else "not calibrated",
    }
