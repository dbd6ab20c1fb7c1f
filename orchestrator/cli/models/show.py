"""``farm models show``: look into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import Json, console

EPILOG = """Examples:

\b
  farm models show mine.tflite
  farm models show mine.onnx
  farm models show mobilenet.keras --schemes float32,int8 --json"""


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .tflite, .onnx, .keras, .h5 or SavedModel folder.")],
    schemes: Annotated[
        str, typer.Option(metavar="A,B", help="Artifacts of a Keras model: float32, dynamic, float16, int8.")
    ] = "float32,dynamic,float16,int8",
    size: Annotated[int, typer.Option(min=1, help="Height and width of an input whose sides are free.")] = 224,
    output: Annotated[str | None, typer.Option(metavar="NAME", help="Of a model with several outputs.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show what a model's file holds.

    Inputs, outputs and parameters; of each artifact the operators, and how many nodes XNNPACK takes.
    """
    from orchestrator import registry
    from orchestrator.errors import ModelError, UnknownName, UsageError
    from orchestrator.models.inspection_process import inspect
    from orchestrator.reports import model_view as report

    if not file.exists():
        raise UsageError(f"{file}: no such file")
    words = [word.strip() for word in schemes.split(",") if word.strip()]
    for word in words:
        if word not in registry.names("scheme"):
            raise UnknownName("scheme", word, registry.names("scheme"))
    try:
        view = inspect(file, schemes=words, size=size, output=output)
    except ModelError as error:
        raise UsageError(error.message, hint=error.hint) from error
    if json:
        typer.echo(report.as_json(view))
    else:
        report.show(view, console())
