"""``farm models list``: what can be measured, what can be trained."""

from __future__ import annotations

import typer

from orchestrator.cli.context import Json, console

EPILOG = "Example: farm models list --json"


def list_models(*, json: Json = False) -> None:
    """List built-in models, and architectures to train."""
    from orchestrator import registry

    known = {"models": registry.names("model"), "architectures": registry.names("architecture")}
    if json:
        import json as encoder

        typer.echo(encoder.dumps(known))
        return
    out = console()
    out.print("models for a suite:      " + ", ".join(known["models"]) + "   (keras, tflite, onnx: any file of yours)")
    out.print("architectures to train:  " + ", ".join(known["architectures"]))
