"""What a start costs, against what each image takes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.analysis.anatomy import anatomy
from orchestrator.analysis.breakeven import break_even, cost
from orchestrator.domain.units import format_ns
from orchestrator.reports.charts.chart import MORE_COLOURS, Chart, chart_spec, colour_of, height_of, tooltip
from orchestrator.reports.charts.speed import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow

PHASES = (("import_ns", "import"), ("context_ns", "context"), ("graph_ns", "load"), ("first_ns", "first invocation"))
#: Images at which the lines of total time have a point: 1 to 1,000,000.
IMAGES = tuple(round(10 ** (power / 4)) for power in range(25))


def cold_start(rows: Sequence[ResultRow], attempts: Mapping[str, Sequence[Measurement]]) -> Chart | None:
    """Return a bar for each case, made of the phases of its start; ``None`` where no attempt tells them."""
    values: list[dict[str, Any]] = []
    label = labels(rows)
    for row in rows:
        parts = anatomy(attempts.get(row.case, ()))
        for place, (key, phase) in enumerate(PHASES):
            ns = getattr(parts, key)
            if ns:
                values.append(
                    {
                        **{name: getattr(row, name) for name in ("case", "device", "scheme")},
                        "label": f"{row.scheme} · {label[row.case]}" if label[row.case] else row.scheme,
                        "phase": phase,
                        "order": place,
                        "ms": ns / 1e6,
                        "took": format_ns(ns),
                    }
                )
    if not values:
        return None
    names = [phase for _, phase in PHASES]
    colours = {"domain": names, "range": ["#8b95a5", MORE_COLOURS[0], "#3d9be0", "#e0a02e"]}
    spec = chart_spec(
        values,
        height=height_of(values, "label", step=24),
        mark={"type": "bar", "cornerRadius": 2},
        encoding={
            "x": {
                "field": "ms",
                "type": "quantitative",
                "title": "from the start of the process to its first answer, ms",
            },
            "y": {"field": "label", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 230}},
            "color": {"field": "phase", "type": "nominal", "scale": colours},
            "order": {"field": "order"},
            "tooltip": tooltip("case", "phase", "took"),
        },
    )
    caption = "Medians over attempts, each a fresh process. The files are in the page cache, except perhaps at the first attempt."
    return Chart(kind="start", name="start", title="Cold start", caption=caption, spec=spec)


def total_time(
    name: str, title: str, rows: Sequence[ResultRow], attempts: Mapping[str, Sequence[Measurement]]
) -> Chart | None:
    """Return for each of ``rows``, of one device, what n images take with the start; ``None`` without two that tell."""
    known = {row.case: row for row in rows if not row.interpreters}
    costs = {case: [found for one in attempts.get(case, ()) if (found := cost(one))] for case in known}
    costs = {case: each for case, each in costs.items() if each}
    if len(costs) < 2:
        return None
    values = []
    for case, each in costs.items():
        row, mine = known[case], break_even(each, each).ours
        for images in IMAGES:
            ns = mine.start_ns + images * mine.per_image_ns
            values.append(
                {
                    **{key: getattr(row, key) for key in ("case", "device", "scheme")},
                    "images": images,
                    "count": f"{images:,}",
                    "s": ns / 1e9,
                    "took": format_ns(ns),
                }
            )
    log = {"type": "log", "nice": False}
    spec = chart_spec(
        values,
        height=240,
        mark={"type": "line", "strokeWidth": 2, "point": {"size": 14}},
        encoding={
            "x": {
                "field": "images",
                "type": "quantitative",
                "scale": log,
                "title": "images",
                "axis": {"values": [1, 10, 100, 1e3, 1e4, 1e5, 1e6], "format": "~s"},
            },
            "y": {
                "field": "s",
                "type": "quantitative",
                "scale": log,
                "title": "total time, s",
                "axis": {"values": [10.0**power for power in range(-4, 7)]},
            },
            "color": colour_of([known[case].scheme for case in costs]),
            "detail": {"field": "case"},
            "tooltip": tooltip("case", count="images", took="with the start"),
        },
    )
    caption = (
        "Import, load and first invocation, then image after image. Where two lines cross, the slower start has paid."
    )
    return Chart(kind="breakeven", name=name, title=title, caption=caption, spec=spec, device=rows[0].device)
