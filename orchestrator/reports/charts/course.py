"""A device in the course of a run: latency, temperature, the load of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.analysis.verdicts.device import share_of_others
from orchestrator.domain.units import format_ns
from orchestrator.reports.charts.chart import Chart, chart_spec, colour_of, tooltip, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow

#: Of temperature on a picture; a lane has thousands of readings.
POINTS = 400


def course(
    name: str, rows: Sequence[ResultRow], attempts: Mapping[str, Sequence[Measurement]], cores: int
) -> Iterator[Chart]:
    """Yield the charts of one device over the same time: latency of attempts, temperature, load of others, as far as known.

    ``cores`` are those of the device, 0 where unknown.
    """
    each = [
        (row, attempt)
        for row in rows
        for attempt in attempts.get(row.case, ())
        if attempt.error is None and len(attempt.latency_ns)
    ]
    if not each:
        return
    device = rows[0].device
    began = min(attempt.started_at for _, attempt in each)
    minutes = max((max(attempt.ended_at for _, attempt in each) - began).total_seconds() / 60, 1e-3)
    time = {"type": "quantitative", "scale": {"domain": [0, minutes], "nice": False}, "title": "minutes of the run"}
    timed = [(row, attempt, (attempt.started_at - began).total_seconds() / 60) for row, attempt in each]
    yield _latencies(f"{name}-latency", device, timed, time)
    warm = [
        {"t": minute + at, "value": value, "text": f"{value:.1f} °C"}
        for _, attempt, minute in timed
        for at, value in _temperatures(attempt)
    ]
    yield from _line(f"{name}-temperature", f"{device}: temperature", warm, time, "°C", device)
    load = [
        {"t": minute, "value": share * 100, "text": f"{share:.1%} of all cores"}
        for _, attempt, minute in timed
        if cores and (share := share_of_others(attempt.readings, cores)) is not None
    ]
    yield from _line(f"{name}-load", f"{device}: load of other processes", load, time, "% of all cores", device)


def _latencies(
    name: str, device: str, timed: Sequence[tuple[ResultRow, Measurement, float]], time: Mapping[str, Any]
) -> Chart:
    size, unit = unit_of(min(float(np.median(attempt.per_invocation_ns)) for _, attempt, _ in timed))
    x, y = {"field": "t", **time}, {"type": "quantitative", "scale": {"zero": False}, "title": f"p10, p50, p90, {unit}"}
    colour = colour_of([row.scheme for row, _, _ in timed])
    layers = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5},
            "encoding": {"x": x, "y": {"field": "p10", **y}, "y2": {"field": "p90"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 45},
            "encoding": {
                "x": x,
                "y": {"field": "p50", **y},
                "color": colour,
                "tooltip": tooltip("case", "attempt", "latency"),
            },
        },
    ]
    values = [_latency(row, attempt, minute, size) for row, attempt, minute in timed]
    caption = "Attempts in the order they were made; a round has one of each case, so that heat and time meet all of them alike."
    return Chart(
        kind="course",
        name=name,
        title=f"{device}: latency in the course of the run",
        caption=caption,
        spec=chart_spec(values, height=180, layer=layers),
        device=device,
    )


def _latency(row: ResultRow, attempt: Measurement, minute: float, size: float) -> dict[str, Any]:
    low, middle, high = (float(value) for value in np.quantile(attempt.per_invocation_ns, (0.1, 0.5, 0.9)))
    return {
        **{key: getattr(row, key) for key in ("case", "device", "scheme")},
        "attempt": str(attempt.number),
        "t": minute,
        "p10": low / size,
        "p50": middle / size,
        "p90": high / size,
        "latency": f"{format_ns(middle)} ({format_ns(low)} to {format_ns(high)})",
    }


def _temperatures(attempt: Measurement) -> Iterator[tuple[float, float]]:
    """Yield minutes since the first reading with °C."""
    start = next((reading["mono_ns"] for reading in attempt.readings if "mono_ns" in reading), 0)
    for reading in attempt.readings:
        if "temperature_c" in reading and "mono_ns" in reading:
            yield (reading["mono_ns"] - start) / 60e9, reading["temperature_c"]


def _line(  # noqa: PLR0917  the words of one chart
    name: str, title: str, values: Sequence[Mapping[str, Any]], time: Mapping[str, Any], unit: str, device: str
) -> Iterator[Chart]:
    if not values:
        return
    kept = sorted(values, key=lambda value: float(value["t"]))[:: 1 + len(values) // POINTS]
    spec = chart_spec(
        kept,
        narrows=(),
        height=90,
        mark={"type": "line", "strokeWidth": 1.5, "color": "#d9663f", "point": {"size": 12, "color": "#d9663f"}},
        encoding={
            "x": {"field": "t", **time},
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": unit,
                "scale": {"zero": False},
                "axis": {"tickCount": 4},
            },
            "tooltip": tooltip(text=title),
        },
    )
    caption = f"{len(kept)} of {len(values)} readings." if len(kept) < len(values) else ""
    yield Chart(kind="course", name=name, title=title, caption=caption, spec=spec, device=device)
