"""``farm models debug``: which layers a scheme harms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import Json, console

EPILOG = """Examples:

\b
  farm models debug tiny-cxr
  farm models debug mobilenet --suite suite.yaml --images 200 --worst 20"""


def debug(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the suite.")],
    suite: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The suite.yaml with the model and its images (default: built in)."),
    ] = None,
    scheme: Annotated[
        str, typer.Option(metavar="NAME", help="int8, int16x8, or one that the suite makes of them.")
    ] = "int8",
    images: Annotated[int, typer.Option(min=1, help="Calibration images to compare on.")] = 50,
    worst: Annotated[int, typer.Option(min=1, help="Layers to show.")] = 10,
    *,
    json: Json = False,
) -> None:
    """Show which layers of a quantized model lose accuracy.

    Each layer's output is compared with float32 on calibration images, worst first.
    """
    from orchestrator.config import suite as suites
    from orchestrator.models.debug_process import debug as measure
    from orchestrator.reports import layer_errors as report

    whole = suites.load(suite) if suite else suites.built_in([model])
    chosen = suites.narrow(whole, models=model, schemes=scheme)
    options = whole.scheme_options.get(scheme, {})
    layers = measure(chosen.models[0], chosen.calibration or chosen.dataset, scheme, options, images=images)
    if json:
        typer.echo(report.as_json(layers))
    else:
        report.show(layers, console(), scheme=scheme, keeping=_keeping(options.get("kind", scheme)), worst=worst)


def _keeping(kind: str) -> str | None:
    """Return the scheme that quantizes as ``kind`` does but for layers that a suite names, ``None`` where there is none."""
    from orchestrator import registry
    from orchestrator.config import plugin_options

    kind = {"int8-io": "int8"}.get(kind, kind)
    return kind if "float_layers" in plugin_options.names(registry.find("scheme", kind)) else None
