"""One sentence that evidence supports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What evidence says of a result."""

    #: A stable word for programs, such as ``operators`` or ``instructions``.
    kind: str
    sentence: str
    #: Where that is stored: ``attempts of both``, ``facts of local``, ``profiles 4d684a72, 9e4714b2``; of the run explained.
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What is not known, with the command that finds it out."""

    what: str
    command: str
