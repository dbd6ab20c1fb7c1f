"""A model in the course of its training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.reports.charts.chart import Chart, chart_spec, tooltip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.models.training import Epoch

_LOSS, _AUC = "#8b95a5", "#12a37f"


def training(title: str, epochs: Sequence[Epoch]) -> Chart:
    """Return loss on the training part and mean AUC-ROC on the validation part by epoch, the epoch that is kept marked."""
    kept = max((epoch.number for epoch in epochs if epoch.is_best), default=0)
    values = [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "auc": epoch.auc,
            "kept": epoch.number == kept,
            "text": f"loss {epoch.loss:.4f}, AUC {'-' if epoch.auc is None else format(epoch.auc, '.4f')}",
        }
        for epoch in epochs
    ]
    x = {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1}, "title": "epoch"}
    sides = {
        "loss": {"title": "loss, training part", "axis": {"titleColor": _LOSS, "orient": "left"}},
        "auc": {"title": "mean AUC-ROC, validation part", "axis": {"titleColor": _AUC, "orient": "right"}},
    }
    y = {name: {"field": name, "type": "quantitative", "scale": {"zero": False}, **how} for name, how in sides.items()}
    size = {"condition": {"test": "datum.kept", "value": 120}, "value": 25}
    layers = [
        {
            "mark": {"type": "line", "color": _LOSS, "point": {"color": _LOSS, "size": 20}},
            "encoding": {"x": x, "y": y["loss"], "tooltip": tooltip("epoch", text="after it")},
        },
        {
            "layer": [
                {"mark": {"type": "line", "color": _AUC}, "encoding": {"x": x, "y": y["auc"]}},
                {
                    "mark": {"type": "point", "filled": True, "color": _AUC},
                    "encoding": {"x": x, "y": y["auc"], "size": size, "tooltip": tooltip("epoch", text="after it")},
                },
            ]
        },
    ]
    spec = chart_spec(values, narrows=(), height=260, layer=layers, resolve={"scale": {"y": "independent"}})
    return Chart(kind="training", name="training", title=title, caption=f"Epoch {kept} is kept.", spec=spec)
