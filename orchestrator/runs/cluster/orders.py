"""What a controller asks of a worker, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.devices.remote.device_clock import DeviceClock
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.blob import Blob, Environment
from orchestrator.domain.model import ModelSpec
from orchestrator.models.artifacts import Build
from orchestrator.models.build_processes import BuildLimits, Order
from orchestrator.runs.walk import LaneWork
from orchestrator.store.event_text import CLASSES, ValueText

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.domain.device import Device

#: The options of a model that name a file or a folder of it, which goes to the worker.
FILES = ("path", "weights")

_AnyOrder = TypeVar("_AnyOrder")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOrder:
    """A lane to walk, with the limits of what its worker sends; wheels lie in folders of their sha256: see `placed`."""

    work: LaneWork
    bytes_per_s: int | None
    site_pushes: int

    @classmethod
    def of(cls, work: LaneWork, limits: PushLimits) -> LaneOrder:
        """Return the order to do ``work``, without where its files are on this machine."""
        unplaced = _moved(work, Path(), lambda wheel: Path(wheel.sha256, wheel.path.name))
        return cls(work=unplaced, bytes_per_s=limits.bytes_per_s, site_pushes=limits.site_pushes)

    def placed(self, blobs: Path, wheels: Path) -> LaneWork:
        """Return the work, with its files in these folders."""
        return _moved(self.work, blobs, lambda wheel: wheels / wheel.path)


def _moved(work: LaneWork, blobs: Path, place: Callable[[Blob], Path]) -> LaneWork:
    environments = {
        runtime: replace(each, wheels=tuple(replace(wheel, path=place(wheel)) for wheel in each.wheels))
        for runtime, each in work.inputs.environments.items()
    }
    return replace(work, inputs=replace(work.inputs, blobs=blobs, environments=environments))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOrder:
    """A device to ask, with the runtimes that it is to try; with ``sizes``, what it lacks of blobs of these sizes, in bytes."""

    run: str
    device: Device
    runtimes: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model; ``option`` names what it belongs to, ``inside`` its place there."""

    option: str
    inside: Path
    sha256: str

    def __post_init__(self) -> None:
        """Raise `ValueError` for what is no file of a model."""
        if self.option not in FILES or not self.inside.parts:
            raise ValueError(f"{self.option!r}, {str(self.inside)!r} is no file of a model")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """What a worker needs to build artifacts of one model as the controller would."""

    #: Each as `orchestrator.models.builder` is asked for it.
    orders: tuple[Order, ...]
    limits: BuildLimits
    files: tuple[ModelFile, ...]
    #: Images to check and calibrate with.
    images_sha256: str
    #: What `SentImages` takes beside their path.
    images: Mapping[str, Any]
    #: For each order, what must be the same on the worker.
    ingredients: tuple[Mapping[str, Any], ...]
    machine: str


def build_of(plain: Mapping[str, Any]) -> Build:
    """Return the build that an order is for, without where its images are."""
    return Build(
        model=ModelSpec.from_json(plain["model"]),
        scheme=plain["scheme"],
        batch=plain["batch"],
        options=plain["options"],
    )


class _OrderText(ValueText):
    """Orders too; a path in one is a place in a folder of the worker's."""

    def tagged(self, value: Any) -> tuple[str, Any]:
        if isinstance(value, Path):
            return "path", str(_inside(value))
        return ("frozenset", sorted(value)) if isinstance(value, frozenset) else super().tagged(value)

    def read(self, tag: str, content: Any) -> Any:
        if tag == "path":
            return _inside(Path(content))
        return frozenset(content) if tag == "frozenset" else super().read(tag, content)


def _inside(path: Path) -> Path:
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{str(path)!r} is no place in a folder")
    return path


_KINDS = (
    LaneOrder,
    LaneWork,
    LaneInputs,
    DeviceClock,
    Environment,
    Blob,
    ProbeOrder,
    BuildOrder,
    Order,
    BuildLimits,
    ModelFile,
)
_TEXT = _OrderText({**CLASSES, **{kind.__name__: kind for kind in _KINDS}})


def to_text(order: LaneOrder | ProbeOrder | BuildOrder) -> str:
    """Return an order as JSON; it holds no key, no password, no path but those of the inventory."""
    return json.dumps(_TEXT.encode(order), separators=(",", ":"))


def from_text(text: str, kind: type[_AnyOrder]) -> _AnyOrder:
    """Undo `to_text`. Raises `ValueError` for what is no order of this ``kind``."""
    try:
        order = _TEXT.decode(json.loads(text))
    except (AttributeError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"no order that this farm knows: {error!r}") from None
    if not isinstance(order, kind):
        raise ValueError(f"no {kind.__name__}")  # noqa: TRY004  one error for all that is wrong
    return order
