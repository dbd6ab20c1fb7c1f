"""Arguments of the commands about devices, sentences about a device."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import candidates
from orchestrator.domain.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from orchestrator.domain.calibration import Calibration
    from orchestrator.domain.device import Device

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DEVICE",
        help="Names, pi5-*, tag:x, group:x, arch:x, has:x, 'memory<2GB', @FILE, !name (default: all).",
        autocompletion=candidates.device_words,
    ),
]


def where(device: Device) -> str:
    """Return where a device is, for people."""
    if device.transport == "local":
        return "this machine"
    return f"{device.destination} via {device.via.name}" if device.via else device.destination


def describe(facts: Mapping[str, Any]) -> str:
    """Return what a device is, in one line."""
    from orchestrator.domain.units import format_bytes

    memory = facts.get("memory_bytes")
    words = (
        facts.get("board") or facts.get("cpu_model") or facts.get("machine"),
        f"{facts['cores']} cores" if facts.get("cores") else None,
        format_bytes(memory) if isinstance(memory, int) else None,
        facts.get("os"),
        f"Python {facts['python']}" if facts.get("python") else None,
    )
    return ", ".join(str(word) for word in words if word)


def working_runtimes(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the runtimes the device has by itself, with their versions."""
    tried = facts.get("runtimes")
    return {
        str(name): str(found.get("version") or "")
        for name, found in (tried if isinstance(tried, dict) else {}).items()
        if isinstance(found, dict) and found.get("works")
    }


def runtimes_of(facts: Mapping[str, Any], otherwise: str = "none of its own; farm installs one") -> str:
    """Return the runtimes the device has by itself, in words; others are brought along when a run needs them."""
    return ", ".join(f"{name} {version}".strip() for name, version in working_runtimes(facts).items()) or otherwise


def calibrated(known: Calibration) -> str:
    """Return what a calibration found, in one line."""
    words = (
        f"{known.noise_floor:.2%} between {known.group_size} attempts and {known.group_size} others of {known.case_name}",
        f"{known.attempts} attempts of effort {known.effort} on {known.at:%Y-%m-%d %H:%M} UTC",
        f"governor {known.governor}" if known.governor else None,
        f"an empty sample takes {format_ns(known.loop_ns)}" if known.loop_ns is not None else None,
        f"a look at the clock {format_ns(known.clock_ns)}" if known.clock_ns is not None else None,
    )
    return ", ".join(word for word in words if word)


def print_json(value: Any) -> None:
    """Print for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False))


def table(*columns: str, narrow: Collection[str] = ("device",)) -> Any:
    """Return an empty table in farm's looks; ``narrow`` columns are never broken into lines."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in narrow)
    return made
