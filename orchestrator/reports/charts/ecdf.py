"""How the latencies of a case spread: the share of samples below each, attempt by attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.reports.charts.chart import Chart, chart_spec, colour_of, tooltip, unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.domain.result import Measurement

#: Of a line; more can't be told apart on a screen.
POINTS = 120
#: What is slower than this share of all samples is outside of the picture, not outside of the figures.
SHOWN = 0.95


def ecdf(
    name: str, title: str, attempts: Mapping[str, Sequence[Measurement]], *, device: str, points: int = POINTS
) -> Chart | None:
    """Return a line for each attempt of each scheme, at most ``points`` of its quantiles; ``None`` without samples."""
    samples = [
        (scheme, attempt.number, np.sort(attempt.per_invocation_ns))
        for scheme, each in attempts.items()
        for attempt in each
        if attempt.error is None and len(attempt.latency_ns)
    ]
    if not samples:
        return None
    everything = np.concatenate([values for _, _, values in samples])
    last = max(float(np.quantile(values, SHOWN)) for _, _, values in samples)
    size, unit = unit_of(last)
    values: list[dict[str, Any]] = []
    for scheme, number, sorted_ns in samples:
        values += [
            {"scheme": scheme, "attempt": number, "x": float(f"{ns / size:.5g}"), "y": round(share, 4)}
            for share, ns in thinned(sorted_ns, points)
        ]
    hidden = int((everything > last).sum())
    thin = any(len(sorted_ns) > points for _, _, sorted_ns in samples)
    caption = "A line for each attempt; the farther left, the faster; the steeper, the steadier. "
    caption += f"{len(everything):,} samples" + (f", drawn by {points} quantiles of each attempt" if thin else "")
    caption += f"; the slowest {hidden:,} are to the right of the picture." if hidden else "."
    spec = chart_spec(
        values,
        narrows=("scheme",),
        height=240,
        params=[{"name": "picked", "select": {"type": "point", "fields": ["scheme"]}, "bind": "legend"}],
        mark={"type": "line", "interpolate": "step-after", "strokeWidth": 1.5, "clip": True, "tooltip": True},
        encoding={
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": f"latency of an invocation, {unit}",
                "scale": {"domain": [float(everything.min()) / size, last / size], "zero": False, "nice": False},
            },
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": "share of invocations",
                "axis": {"format": "%", "tickCount": 5},
                "scale": {"domain": [0, 1]},
            },
            "color": colour_of(list(attempts)),
            "detail": {"field": "attempt"},
            "opacity": {"condition": {"param": "picked", "value": 0.85}, "value": 0.08},
            "tooltip": [
                *tooltip("scheme", "attempt"),
                {"field": "x", "type": "quantitative", "title": f"latency, {unit}", "format": ".4"},
                {"field": "y", "type": "quantitative", "title": "faster or equal", "format": ".1%"},
            ],
        },
    )
    return Chart(kind="ecdf", name=name, title=title, caption=caption, spec=spec, device=device)


def thinned(sorted_ns: NDArray[np.float64], points: int) -> list[tuple[float, float]]:
    """Return (share, ns) of at most ``points`` samples, the fastest and the slowest among them."""
    count = len(sorted_ns)
    places = np.unique(np.linspace(0, count - 1, min(points, count)).round().astype(int))
    return [((place + 1) / count, float(sorted_ns[place])) for place in places.tolist()]
