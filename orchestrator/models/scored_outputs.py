"""Which outputs of a model's file are its scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import ModelError, no_such
from orchestrator.models.graph_ends import plain, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.models.graph_ends import End

#: Names that a hint lists.
_LISTED = 3
#: No integer that runtimes feed or give is as far from 0.
_FARTHEST_ZERO = 1 << 16
NUMBERS_OF_CLASSES = "export the model before argmax, with one score for each class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Number types of inputs and outputs that the runtimes of a format take."""

    types: tuple[str, ...]
    #: What gives integers a scale.
    rescale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The outputs that are read, their scores beside each other."""

    #: Their numbers in the graph; empty where it has one output.
    reads: tuple[int, ...]
    #: Scores of an image; ``None`` where the file does not state them.
    columns: int | None
    #: What they are called, where each of several gives one score.
    names: tuple[str, ...] | None = None


def chosen(outputs: Sequence[End], names: Sequence[str], subject: str, name: str | None, numbers: Numbers) -> Chosen:
    """Return the output ``name`` of a graph, without a name its only one, or all where each gives one score.

    ``names`` are what a suite calls the ``outputs``; an output's own name chooses it too. Raises `ModelError` about
    ``subject`` where it is unclear what the scores are, or where they are no numbers.
    """
    if not outputs:
        raise ModelError(f"{subject}: it has no output")
    if len(set(names)) != len(names):
        names = tuple(map(str, range(len(names))))
    several = len(outputs) > 1
    if name is not None or not several:
        number = 0 if name is None else _number(outputs, names, subject, name)
        return Chosen(reads=(number,) if several else (), columns=_columns(outputs[number], subject, numbers))
    if any(_scores(output) != 1 for output in outputs):
        raise unclear(subject, shown(outputs), names)
    for output in outputs:
        _columns(output, subject, numbers)
    return Chosen(reads=tuple(range(len(outputs))), columns=len(outputs), names=tuple(names))


def unclear(subject: str, listed: str, names: Sequence[str]) -> ModelError:
    """Return the refusal of a model whose outputs, ``listed`` with their sides, are not of one score each."""
    words = (f"`output: {plain(name)}`" for name in names[:_LISTED])
    return ModelError(
        f"{subject}: it has {len(names)} outputs: {listed}",
        hint=f"name the one to score in the suite: {' or '.join(words)}",
    )


def check_scale(subject: str, what: str, end: End, numbers: Numbers) -> None:
    """Raise `ModelError` about ``subject`` where the integers of ``end``, its ``what``, stand for no real values."""
    if "int" in end.dtype and not (0 < end.scale < math.inf and abs(end.zero_point) < _FARTHEST_ZERO):
        has = f"the scale {end.scale:g} and the zero point {end.zero_point}" if end.scale else "no scale"
        raise ModelError(
            f"{subject}: its {end.dtype} {what} has {has}, so that its numbers stand for no real values",
            hint=numbers.rescale,
        )


def _number(outputs: Sequence[End], names: Sequence[str], subject: str, name: str) -> int:
    if name in names:
        return names.index(name)
    graph_names = [output.name for output in outputs]
    if graph_names.count(name) == 1:
        return graph_names.index(name)
    raise ModelError(f"{subject}: {no_such('output', name, names)}")


def _columns(output: End, subject: str, numbers: Numbers) -> int | None:
    if output.dtype not in numbers.types:
        raise ModelError(
            f"{subject}: its output is {output.dtype}, class numbers instead of scores", hint=NUMBERS_OF_CLASSES
        )
    check_scale(subject, "output", output, numbers)
    return _scores(output)


def _scores(output: End) -> int | None:
    """Return how many scores an image gets, ``None`` where the file leaves that free; one side alone is the batch."""
    if len(output.shape) == 1:
        return 1 if output.shape[0] in (None, 1) else None
    sides = [side for side in output.shape[1:] if side is not None]
    return math.prod(sides) if sides and len(sides) == len(output.shape) - 1 else None
