"""A chart: a Vega-Lite specification with its words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
#: Of schemes; they read well on white and on black, also for people who see few colours (after Okabe and Ito).
COLOURS = {"float32": "#8b95a5", "float16": "#3d9be0", "dynamic": "#e0a02e", "int8": "#12a37f"}
#: Of whatever else has no colour of its own.
MORE_COLOURS = ("#c678b8", "#d9663f", "#6f7bd9", "#9aa52a", "#4bb8c4", "#b08968")
#: Text and lines take the page's own colour, so that one chart serves light, dark and paper.
_INK = "currentColor"
_AXIS = {"labelColor": _INK, "titleColor": _INK, "tickColor": _INK, "domainColor": _INK}
CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **_AXIS,
        "gridColor": _INK,
        "gridOpacity": 0.12,
        "domainOpacity": 0.4,
        "tickOpacity": 0.4,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelLimit": 150,
    },
    "axisQuantitative": {"tickCount": 7},
    "legend": {
        "labelColor": _INK,
        "titleColor": _INK,
        "orient": "top",
        "direction": "horizontal",
        "columns": 4,
        "labelLimit": 120,
        "symbolLimit": 24,
        "title": None,
    },
    "title": {"color": _INK, "subtitleColor": _INK, "anchor": "start", "fontWeight": 600, "fontSize": 14, "offset": 10},
    "text": {"color": _INK},
    "rule": {"color": _INK},
}
#: Fields by which a page narrows its charts: it sets the signal ``only_device`` or ``only_scheme``.
NARROWING = ("device", "scheme")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One picture."""

    #: What `farm results plot` calls it.
    kind: str
    #: Unique on a page; letters, digits, hyphens.
    name: str
    title: str
    #: How to read it, with what was left out.
    caption: str
    #: Vega-Lite; its width is that of the page.
    spec: Mapping[str, Any] = field(repr=False)
    #: What a picture outside of a page says below its title; part of the caption on one.
    note: str = ""
    #: The device that it shows alone; empty for several.
    device: str = ""

    def alone(self, width: int = 640) -> dict[str, Any]:
        """Return the specification of a picture outside of a page: with its title, ``width`` pixels wide unless it has a width."""
        own = self.spec.get("width")
        return {
            **self.spec,
            "width": own if isinstance(own, int) else width,
            "title": {"text": self.title, **({"subtitle": self.note} if self.note else {})},
            "padding": 14,
            "config": {**CONFIG, "background": "white"},
        }


def chart_spec(
    values: Sequence[Mapping[str, Any]], *, narrows: Sequence[str] = NARROWING, **parts: Any
) -> dict[str, Any]:
    """Return a specification of ``values`` as wide as its place, which fields of theirs can narrow from outside."""
    spec = {
        "$schema": SCHEMA,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
        "data": {"values": list(values)},
        **parts,
    }
    if narrows:
        spec["params"] = [*({"name": f"only_{name}", "value": ""} for name in narrows), *parts.get("params", ())]
        kept = [{"filter": f"only_{name} == '' || datum.{name} == only_{name}"} for name in narrows]
        spec["transform"] = [*kept, *parts.get("transform", ())]
    return spec


def height_of(values: Sequence[Mapping[str, Any]], *fields: str, step: int) -> int:
    """Return the height in pixels that gives each value of ``fields`` together ``step`` of them."""
    return step * len({tuple(value[name] for name in fields) for value in values})


def colour_of(schemes: Sequence[str], **options: Any) -> dict[str, Any]:
    """Return the channel ``color`` by scheme, each scheme of the same colour in every chart."""
    known = list(COLOURS)
    names = sorted(set(schemes), key=lambda name: (known.index(name) if name in known else len(known), name))
    spare = [name for name in sorted(names) if name not in COLOURS]
    more = {name: MORE_COLOURS[place % len(MORE_COLOURS)] for place, name in enumerate(spare)}
    colours = [COLOURS.get(name) or more[name] for name in names]
    return {"field": "scheme", "type": "nominal", "scale": {"domain": names, "range": colours}, **options}


def tooltip(*fields: str, **titles: str) -> list[dict[str, str]]:
    """Return the channel ``tooltip``: fields of text, as they are or under another title."""
    named = {**{name: name for name in fields}, **titles}
    return [{"field": name, "type": "nominal", "title": title} for name, title in named.items()]


def unit_of(largest_ns: float) -> tuple[float, str]:
    """Return what to divide ns by for an axis that ends at ``largest_ns``, with the name of the unit."""
    for size, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if largest_ns >= size:
            return size, unit
    return 1.0, "ns"
