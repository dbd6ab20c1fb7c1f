"""How a reason is made."""

from __future__ import annotations

from orchestrator.domain.result import Reason, Verdict


def invalid(code: str, message: str, advice: str) -> Reason:
    """Return a reason for which the figure is no result."""
    return Reason(verdict=Verdict.INVALID, code=code, message=message, advice=advice)


def warn(code: str, message: str, advice: str) -> Reason:
    """Return a reason to read the figure with care."""
    return Reason(verdict=Verdict.WARN, code=code, message=message, advice=advice)
