"""Options that limit what is sent to devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestrator.devices.remote.push_limits import PushLimits

PushLimit = Annotated[
    str,
    typer.Option(
        "--push-limit",
        metavar="RATE",
        help="The most that is sent to all devices together, such as 2MB/s.",
        show_default="no limit",
    ),
]
SitePushes = Annotated[
    int,
    typer.Option("--site-pushes", min=1, metavar="N", help="Devices of one site that receive files at the same time."),
]
#: `orchestrator.devices.remote.push_limits.SITE_PUSHES`, without the imports.
SITE_PUSHES = 4


def push_limits(rate: str, site_pushes: int) -> PushLimits:
    """Return what the two options say; raises `UsageError`."""
    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.domain.units import parse_rate
    from orchestrator.errors import UsageError

    try:
        return PushLimits(bytes_per_s=parse_rate(rate) if rate else None, site_pushes=site_pushes)
    except ValueError as error:
        raise UsageError(f"--push-limit: {error}") from None
