"""``claims.yaml``: sentences about results, each with what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from orchestrator.config import yaml_document
from orchestrator.domain.claim import RELATIVE, Claim
from orchestrator.domain.units import NS_PER_S, parse_bytes, parse_joules, parse_seconds
from orchestrator.errors import ClaimsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: What a claim may be about, with how its bounds are written.
FIGURES: Mapping[str, Callable[[str], float]] = {
    "speedup": float,
    "size_ratio": float,
    "auc_change": float,
    "p50": lambda text: parse_seconds(text) * NS_PER_S,
    "p90": lambda text: parse_seconds(text) * NS_PER_S,
    "size": parse_bytes,
    "memory": parse_bytes,
    "auc": float,
    "energy": parse_joules,
}
FLOAT32: Mapping[str, str] = {"scheme": "float32"}


def _as_words(value: Any) -> Any:
    """Let people write ``scheme: int8`` for ``scheme: [int8]``, and numbers for words."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in values)


def _as_word(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Words = Annotated[tuple[str, ...], pydantic.BeforeValidator(_as_words)]
_Word = Annotated[str, pydantic.BeforeValidator(_as_word)]


class BoundKeys(pydantic.BaseModel, extra="forbid"):
    """Where a figure must be."""

    at_least: _Word | None = None
    at_most: _Word | None = None


class AgainstKeys(pydantic.BaseModel, extra="forbid"):
    """What a result is held against: one other value."""

    scheme: str | None = None
    runtime: str | None = None
    threads: _Word | None = None
    batch: _Word | None = None
    device: str | None = None
    model: str | None = None
    run: str | None = None


class ClaimKeys(pydantic.BaseModel, extra="forbid"):
    """One claim."""

    claim: str
    scheme: _Words | None = None
    model: _Words | None = None
    runtime: _Words | None = None
    threads: _Words | None = None
    batch: _Words | None = None
    devices: _Words | None = None
    against: AgainstKeys | None = None
    holds_for: Literal["every", "some"] = "every"
    speedup: BoundKeys | None = None
    size_ratio: BoundKeys | None = None
    auc_change: BoundKeys | None = None
    p50: BoundKeys | None = None
    p90: BoundKeys | None = None
    size: BoundKeys | None = None
    memory: BoundKeys | None = None
    auc: BoundKeys | None = None
    energy: BoundKeys | None = None


class ClaimsFile(pydantic.BaseModel, extra="forbid"):
    """The whole file."""

    claims: Annotated[tuple[ClaimKeys, ...], pydantic.Field(min_length=1)]


def load(path: Path, against: Mapping[str, str] = FLOAT32) -> tuple[Claim, ...]:
    """Read claims; raises `ClaimsError` with file, line and the nearest right word.

    ``against`` is what results are held against where a claim of two results does not have it.
    """
    document = yaml_document.read(path, ClaimsError)
    written = document.check(ClaimsFile)
    return tuple(_claim(document, place, keys, against) for place, keys in enumerate(written.claims))


def _claim(document: yaml_document.Document, place: int, keys: ClaimKeys, otherwise: Mapping[str, str]) -> Claim:
    here: tuple[str | int, ...] = ("claims", place)
    given = [name for name in FIGURES if getattr(keys, name) is not None]
    if len(given) != 1:
        which = f"it has {' and '.join(given)}" if given else f"one of {', '.join(FIGURES)}"
        raise document.complain(here, f"a claim is about exactly one figure: {which}")
    figure = given[0]
    bound = getattr(keys, figure)
    least = _number(document, (*here, figure, "at_least"), figure, bound.at_least)
    most = _number(document, (*here, figure, "at_most"), figure, bound.at_most)
    if least is None and most is None:
        raise document.complain((*here, figure), f"{figure} needs at_least, at_most or both")
    if least is not None and most is not None and least > most:
        raise document.complain((*here, figure), f"{figure}: at_least is above at_most")
    against = keys.against.model_dump(exclude_none=True) if keys.against else {}
    relative = figure in RELATIVE
    if against and not relative:
        raise document.complain((*here, "against"), f"{figure} is a figure of one result: leave `against` out")
    for name in ("threads", "batch"):
        if name in against and not against[name].isdecimal():
            raise document.complain((*here, "against", name), f"{name}: {against[name]!r} is not a whole number")
    about = {name: getattr(keys, name) for name in ("scheme", "model", "runtime", "threads", "batch")}
    return Claim(
        text=keys.claim,
        figure=figure,
        at_least=least,
        at_most=most,
        about={name: values for name, values in about.items() if values is not None},
        devices=keys.devices,
        against=against or (otherwise if relative else {}),
        every=keys.holds_for == "every",
    )


def _number(
    document: yaml_document.Document, location: tuple[str | int, ...], figure: str, text: str | None
) -> float | None:
    if text is None:
        return None
    try:
        value = FIGURES[figure](text)
    except ValueError as error:
        known = FIGURES[figure] is float
        raise document.complain(location, f"{figure}: {f'{text!r} is not a number' if known else error}") from None
    if not float("-inf") < value < float("inf"):
        raise document.complain(location, f"{figure}: {text!r} is not a finite number")
    return float(value)
