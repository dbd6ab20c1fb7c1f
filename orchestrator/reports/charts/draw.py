"""Pictures of charts by vl-convert, which needs no browser."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.reports.charts.chart import Chart

#: The version of Vega-Lite that charts are written for; the package has several.
VEGA_LITE = "6.4"
#: Pixels of a PNG for each pixel of the chart.
SCALE = 2


def svg(chart: Chart) -> str:
    """Return ``chart`` as SVG; raises `UsageError` where vl-convert is not installed."""
    return str(_library().vegalite_to_svg(chart.alone(), vl_version=VEGA_LITE))


def png(chart: Chart) -> bytes:
    """Return ``chart`` as PNG; raises `UsageError` where vl-convert is not installed."""
    return bytes(_library().vegalite_to_png(chart.alone(), vl_version=VEGA_LITE, scale=SCALE))


@cache
def bundle() -> str:
    """Return the JavaScript that draws charts in a page: Vega, Vega-Lite, vega-embed; raises `UsageError` as `svg` does."""
    script = str(_library().javascript_bundle(vl_version=VEGA_LITE))
    if "</script" in script or "<!--" in script:
        raise UsageError("the library of charts can't stand inside a page", hint="pip install 'edge-farm[report]'")
    return script


def as_json(value: Any) -> str:
    """Return JSON that can stand inside a page's ``<script>``: without a tag or NaN."""
    text = json.dumps(finite(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


def finite(value: Any) -> Any:
    """Return a JSON value with ``None`` in place of NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _library() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise UsageError("charts need vl-convert-python", hint="pip install 'edge-farm[report]'") from error
    return vl_convert
