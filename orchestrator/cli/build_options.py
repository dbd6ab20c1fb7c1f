"""Limits of builds on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.models.build_processes import BuildLimits

BuildTimeout = Annotated[
    str, typer.Option("--build-timeout", metavar="DURATION", help="How long the build of one artifact may take.")
]
BuildMemory = Annotated[
    str,
    typer.Option(
        "--build-memory",
        metavar="SIZE",
        help="How much memory builds may take together, such as 8GB.",
        show_default="80% of what is free",
    ),
]
DEFAULT_TIMEOUT = "30min"


def build_limits(timeout: str, memory: str) -> BuildLimits:
    """Return what the two options say; raises `UsageError`."""
    from orchestrator.domain.units import parse_bytes, parse_seconds
    from orchestrator.models.build_processes import BuildLimits

    return BuildLimits(
        timeout_s=_read("--build-timeout", timeout, parse_seconds),
        memory_bytes=int(_read("--build-memory", memory, parse_bytes)) if memory else None,
    )


def _read(option: str, text: str, parse: Callable[[str], float]) -> float:
    from orchestrator.errors import UsageError

    try:
        value = parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if value <= 0:
        raise UsageError(f"{option} {text}: must be more than 0")
    return value
