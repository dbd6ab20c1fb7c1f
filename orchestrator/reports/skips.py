"""Cases that are not measured, one line for each reason of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.domain.case import Case


def lines(skips: Iterable[tuple[Case, str]]) -> list[str]:
    """Return ``CASE: why`` for one case, ``DEVICE, 2 cases (float32, int8): why`` for several of one device and reason."""
    together: dict[tuple[str, str], list[Case]] = {}
    for case, reason in skips:
        together.setdefault((case.device, reason), []).append(case)
    return [_line(device, reason, cases) for (device, reason), cases in together.items()]


def _line(device: str, reason: str, cases: list[Case]) -> str:
    if len(cases) == 1:
        return f"{cases[0]}: {reason}"
    schemes = ", ".join(dict.fromkeys(case.scheme for case in cases))
    return f"{device}, {len(cases)} cases ({schemes}): {reason.removeprefix(f'{device}: ')}"
