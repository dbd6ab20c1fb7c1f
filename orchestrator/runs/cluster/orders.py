"""A lane as the JSON that a controller sends to a worker."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import errors
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.domain.blob import Blob, Environment
from orchestrator.errors import FarmError
from orchestrator.runs.walk import LaneWork
from orchestrator.store.event_text import decode, encode, from_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.event import Event

#: What is the same wherever a lane is walked; files, wheels of environments too, lie elsewhere on a worker.
_INPUTS = tuple(field.name for field in fields(LaneInputs) if field.name not in {"blobs", "environments", "reusable"})
_WORK = ("run", "device", "lane", "unfinished", "lanes_before", "patience_s", "detaches")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A lane, with the limits of what its worker sends."""

    work: LaneWork
    bytes_per_s: int | None
    site_pushes: int

    @classmethod
    def of(cls, work: LaneWork, limits: PushLimits) -> Order:
        """Return the order to do ``work``."""
        return cls(work=work, bytes_per_s=limits.bytes_per_s, site_pushes=limits.site_pushes)

    def to_text(self) -> str:
        """Return the order as JSON; it holds no key, no password, no path but those of the inventory."""
        work, inputs = self.work, self.work.inputs
        environments = {
            runtime: {
                "name": each.name,
                "wheels": [[wheel.what, wheel.path.name, wheel.sha256] for wheel in each.wheels],
            }
            for runtime, each in inputs.environments.items()
        }
        plain = {
            "work": {name: encode(getattr(work, name)) for name in _WORK},
            "done": sorted(work.done),
            "inputs": {name: encode(getattr(inputs, name)) for name in _INPUTS},
            "reusable": sorted(inputs.reusable),
            "environments": environments,
            "bytes_per_s": self.bytes_per_s,
            "site_pushes": self.site_pushes,
        }
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str, *, blobs: Path, wheels: Path) -> Order:
        """Undo `to_text`, with files in the folders ``blobs`` and ``wheels``. Raises `ValueError`."""
        try:
            plain = json.loads(text)
            inputs = LaneInputs(
                **{name: decode(plain["inputs"][name]) for name in _INPUTS},
                blobs=blobs,
                reusable=frozenset(map(str, plain["reusable"])),
                environments={
                    str(runtime): _environment(each, wheels) for runtime, each in plain["environments"].items()
                },
            )
            work = LaneWork(
                **{name: decode(plain["work"][name]) for name in _WORK},
                inputs=inputs,
                done=frozenset(map(str, plain["done"])),
            )
            return cls(work=work, bytes_per_s=plain["bytes_per_s"], site_pushes=plain["site_pushes"])
        except (AttributeError, KeyError, RecursionError, TypeError) as error:
            raise ValueError(f"no order that this farm knows: {error!r}") from None

    @property
    def files(self) -> tuple[Blob, ...]:
        """What a worker needs to walk the lane, each file once."""
        work = self.work
        steps = [step for step in work.lane.steps if step.id not in work.done]
        return (*work.inputs.needed(steps), *work.inputs.shards(steps, {}))


def _environment(plain: Mapping[str, Any], wheels: Path) -> Environment:
    blobs = []
    for what, filename, sha256 in plain["wheels"]:
        if Path(filename).name != filename:
            raise ValueError(f"{filename!r} is no name of a wheel")
        blobs.append(Blob(what=str(what), sha256=str(sha256), path=wheels / str(sha256) / filename))
    return Environment(name=str(plain["name"]), wheels=tuple(blobs))


def error_to_json(error: FarmError | None) -> dict[str, Any] | None:
    """Return an error by its class, with its message."""
    if error is None:
        return None
    return {"class": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from_json(plain: Mapping[str, Any] | None) -> FarmError | None:
    """Undo `error_to_json`; an error of a class that this farm does not know is a `FarmError`."""
    if plain is None:
        return None
    kind = getattr(errors, str(plain["class"]), FarmError)
    if not (isinstance(kind, type) and issubclass(kind, FarmError)) or kind is errors.UnknownName:
        kind = FarmError
    hint = plain["hint"]
    return kind(str(plain["message"]), hint=None if hint is None else str(hint))


def event_of(text: str, run: str, device: str, worker: str) -> Event:
    """Return the event that ``worker`` sends as ``text``; raises `FarmError` for what is no event of ``device`` in ``run``."""
    try:
        event = from_line(text)
    except ValueError as error:
        raise FarmError(f"{device}: worker {worker} sends what is no event: {error}") from error
    if event.run != run or event.device != device:
        raise FarmError(f"{device}: worker {worker} sends an event of another lane")
    return event
