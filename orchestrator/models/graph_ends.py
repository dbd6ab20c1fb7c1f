"""Ends of a model's graph, an input or an output each, as its file declares them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Letters of a name that mean nothing in a message, a suite or a shell.
_PLAIN = re.compile(r"[\w.:/-]+(?: [\w.:/-]+)*", re.ASCII)
#: Letters of a name that a message shows.
_LETTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An input or output."""

    name: str
    #: With the batch; ``None`` where a side is free, or the file does not state it.
    shape: tuple[int | None, ...]
    #: As numpy writes it: ``float32``, ``int8``; what is no number is ``string``, ``sequence`` and the like.
    dtype: str
    #: Of one scale for all numbers: ``real = (stored - zero_point) * scale``; 0 where they are real values.
    scale: float = 0.0
    zero_point: int = 0


def shown(ends: Iterable[End]) -> str:
    """Return names with sides as messages list them, ``?`` for a free side."""
    shapes = ((end, ", ".join("?" if side is None else str(side) for side in end.shape)) for end in ends)
    return ", ".join(f"{plain(end.name)[:_LETTERS]} ({shape})" for end, shape in shapes)


def plain(name: str) -> str:
    """Return a name of a file's that may stand in a message or a command; ``NAME`` for one with other letters."""
    return name if _PLAIN.fullmatch(name) else "NAME"
