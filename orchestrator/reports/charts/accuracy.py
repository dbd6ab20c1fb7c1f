"""Accuracy finding by finding: AUC with its interval, ROC curves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.analysis.roc import roc
from orchestrator.reports.charts.chart import Chart, chart_spec, colour_of, height_of, tooltip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.accuracy.intervals import Estimates
    from orchestrator.analysis.accuracy.scored import Scored

#: Of a ROC curve.
POINTS = 120
#: What scores that know nothing would come to: as many found as false alarms.
CHANCE, CHANCE_COLOUR, CHANCE_DASHES = "chance", "#5f6775", (2, 3)


def findings(estimates: Mapping[str, Estimates], scored: Mapping[str, Scored]) -> list[dict[str, Any]]:
    """Return for each finding and scheme the AUC with the ends of its 95 % interval, which are ``None`` where it has none."""
    rows = []
    for scheme, each in estimates.items():
        of = scored[scheme]
        for column, (name, one) in enumerate(zip(of.images.classes, each.classes, strict=True)):
            if one is not None:
                low, high = (one.interval.low, one.interval.high) if one.interval else (None, None)
                positives = int((of.labels[:, column] > 0).sum())
                row = {"finding": name, "scheme": scheme, "auc": one.value, "low": low, "high": high}
                rows.append(row | {"images": positives})
    return rows


def accuracy(name: str, title: str, rows: Sequence[Mapping[str, Any]], method: str) -> Chart | None:
    """Return a line with its interval for each finding and scheme of `findings`; ``None`` without one."""
    if not rows:
        return None
    values = [
        {
            **row,
            "low": row["auc"] if row["low"] is None else row["low"],
            "high": row["auc"] if row["high"] is None else row["high"],
            "text": f"{row['auc']:.4f}" + ("" if row["low"] is None else f" ({row['low']:.4f} to {row['high']:.4f})"),
        }
        for row in rows
    ]
    schemes = list(dict.fromkeys(str(row["scheme"]) for row in rows))
    y = {"field": "finding", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 150}}
    x = {"type": "quantitative", "scale": {"zero": False, "nice": True}, "title": "AUC-ROC (right is better)"}
    offset = {"field": "scheme", "sort": schemes}
    same = {"y": y, "yOffset": offset, "color": colour_of(schemes)}
    layers = [
        {
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, **same},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 50},
            "encoding": {
                "x": {"field": "auc", **x},
                **same,
                "tooltip": tooltip("finding", "scheme", text="AUC (95 %)", images="positive images"),
            },
        },
    ]
    spec = chart_spec(
        values, narrows=("scheme",), height=height_of(values, "finding", step=10 * len(schemes) + 6), layer=layers
    )
    caption = (
        f"95 % intervals ({method}): how far the AUC would move with other images of the same kind. Schemes saw the same "
        "images, so that their differences are known far better than these intervals suggest."
    )
    return Chart(kind="accuracy", name=name, title=title, caption=caption, spec=spec)


def roc_curves(name: str, title: str, scored: Mapping[str, Scored], estimates: Mapping[str, Estimates]) -> Chart | None:
    """Return the ROC curves of all schemes with a choice of the finding; ``None`` where no class has both labels.

    The legend has the AUC of each with its interval.
    """
    values = _curves(scored)
    shown = list(dict.fromkeys(row["finding"] for row in values))
    if not shown:
        return None
    axis = {"format": "%", "tickCount": 5}
    choice = {"name": "finding", "value": shown[0], "bind": {"input": "select", "options": shown, "name": "finding "}}
    spec = chart_spec(
        values,
        narrows=("scheme",),
        height=260,
        params=[choice],
        transform=[{"filter": "datum.finding == finding"}],
        mark={"type": "line", "interpolate": "linear", "strokeWidth": 1.8},
        encoding={
            "x": {"field": "x", "type": "quantitative", "title": "false alarms", "axis": axis},
            "y": {"field": "y", "type": "quantitative", "title": "found", "axis": axis},
            "order": {"value": None},
            **_lines(list(scored), f"({json.dumps(_aucs(scored, estimates))}[finding] || {{}})"),
            "tooltip": [
                *tooltip("finding", "scheme"),
                {"field": "y", "type": "quantitative", "title": "found", "format": ".1%"},
                {"field": "x", "type": "quantitative", "title": "false alarms", "format": ".1%"},
            ],
        },
    )
    caption = (
        "The share of images with the finding that are found, against the share of the others that raise a false alarm."
    )
    return Chart(kind="roc", name=name, title=title, caption=caption, spec=spec)


def roc_panels(
    name: str,
    title: str,
    scored: Mapping[str, Scored],
    estimates: Mapping[str, Estimates],
    finding: str | None = None,
) -> Chart | None:
    """Return the ROC curves of all schemes side by side, a panel for each finding, or for ``finding`` alone.

    Each AUC with its interval is above its panel, of a single panel in the legend. ``None`` where no class that is drawn has both labels.
    """
    values = [row for row in _curves(scored) if finding in (None, row["finding"])]
    shown = list(dict.fromkeys(row["finding"] for row in values))
    if not shown:
        return None
    alone = len(shown) == 1
    axis = {"format": "%", "tickCount": 5 if alone else 3}
    side = 360 if alone else 190
    aucs = _aucs(scored, estimates)
    above = {each: [each, *aucs.get(each, {}).values()] for each in shown}
    spec = chart_spec(
        values,
        narrows=(),
        width=side,
        height=side,
        autosize={"type": "pad"},
        mark={"type": "line", "interpolate": "linear", "strokeWidth": 1.8},
        encoding={
            "facet": {
                "field": "finding",
                "type": "nominal",
                "columns": 1 if alone else 3,
                "title": None,
                "sort": shown,
                "header": {"labelExpr": "datum.label" if alone else f"{json.dumps(above)}[datum.label]"},
            },
            "x": {"field": "x", "type": "quantitative", "title": "false alarms", "axis": axis},
            "y": {"field": "y", "type": "quantitative", "title": "found", "axis": axis},
            "order": {"value": None},
            **_lines(list(scored), json.dumps(aucs.get(shown[0], {}) if alone else {})),
        },
        resolve={
            "axis": {"x": "independent", "y": "independent"}
        },  # shared ones stand below places without a panel too
    )
    caption = (
        "The share of images with a finding that are found, against the share of the others that raise a false alarm."
    )
    note = "" if finding else _left_out(scored, shown)
    return Chart(kind="roc", name=name, title=title, caption=f"{caption} {note}".strip(), note=note, spec=spec)


def _left_out(scored: Mapping[str, Scored], shown: Sequence[str]) -> str:
    """Return the findings without a curve as a sentence."""
    classes = dict.fromkeys(name for of in scored.values() for name in of.images.classes)
    lacking = [name for name in classes if name not in shown]
    if not lacking:
        return ""
    each = "all images or none have it" if len(lacking) == 1 else "all images or none have them"
    return f"Left out: {', '.join(lacking)}: {each}, so that there is no curve."


def _curves(scored: Mapping[str, Scored]) -> list[dict[str, Any]]:
    """Return the corners of each curve; before them, of each finding that has one, the line of chance."""
    values = _corners(scored)
    shown = dict.fromkeys(row["finding"] for row in values)
    chance = [{"finding": name, "scheme": CHANCE, "x": end, "y": end} for name in shown for end in (0.0, 1.0)]
    return [*chance, *values]


def _aucs(scored: Mapping[str, Scored], estimates: Mapping[str, Estimates]) -> dict[str, dict[str, str]]:
    """Return by finding and scheme ``int8 AUC 0.9181 (0.9102–0.9260)``."""
    words: dict[str, dict[str, str]] = {}
    for row in findings(estimates, {scheme: scored[scheme] for scheme in estimates}):
        interval = "" if row["low"] is None else f" ({row['low']:.4f}–{row['high']:.4f})"
        words.setdefault(row["finding"], {})[row["scheme"]] = f"{row['scheme']} AUC {row['auc']:.4f}{interval}"
    return words


def _lines(schemes: Sequence[str], words: str) -> dict[str, Any]:
    """Return the channels of colour and dashes: that of chance is dashed; ``words`` is an expression of what the legend has by scheme."""
    colour = colour_of(schemes)
    names = [*colour["scale"]["domain"], CHANCE]
    legend = {"labelExpr": f"{words}[datum.label] || datum.label", "labelLimit": 300, "columns": 2, "symbolSize": 400}
    dashes = [*([1, 0] for _ in schemes), list(CHANCE_DASHES)]
    return {
        "color": {
            **colour,
            "scale": {"domain": names, "range": [*colour["scale"]["range"], CHANCE_COLOUR]},
            "legend": legend,
        },
        "strokeDash": {
            "field": "scheme",
            "type": "nominal",
            "scale": {"domain": names, "range": dashes},
            "legend": legend,
        },
    }


def _corners(scored: Mapping[str, Scored]) -> list[dict[str, Any]]:
    """Return the corners of each curve, at most `POINTS` of them."""
    values: list[dict[str, Any]] = []
    for scheme, of in scored.items():
        for column, finding in enumerate(of.images.classes):
            corners = roc(of.labels[:, column] > 0, of.scores[:, column])
            kept = np.unique(np.linspace(0, len(corners) - 1, min(POINTS, len(corners))).round().astype(int))
            values += [
                {"finding": finding, "scheme": scheme, "x": round(alarms, 4), "y": round(found, 4)}
                for alarms, found in corners[kept].tolist()
            ]
    return values
