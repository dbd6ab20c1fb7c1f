"""Builds of one model as the JSON that a controller sends to a worker."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from orchestrator.domain.model import ModelSpec
from orchestrator.errors import FarmError
from orchestrator.models.artifacts import Build, ingredients, tool_versions
from orchestrator.models.build_processes import BuildLimits, Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The options of a model that name a file or a folder of it, which goes to the worker.
FILES = ("path", "weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model; ``option`` names what it belongs to, ``inside`` its place there."""

    option: str
    inside: str
    sha256: str


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

    def to_text(self) -> str:
        """Return the order as JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> BuildOrder:
        """Undo `to_text`. Raises `ValueError`."""
        try:
            plain = json.loads(text)
            files = tuple(ModelFile(**each) for each in plain["files"])
            for file in files:
                inside = PurePosixPath(file.inside)
                if inside.is_absolute() or ".." in inside.parts or file.option not in FILES:
                    raise ValueError(f"{file.inside!r} is no file of a model")
            return cls(
                **{
                    **plain,
                    "orders": tuple(Order(**each) for each in plain["orders"]),
                    "limits": BuildLimits(**plain["limits"]),
                    "files": files,
                    "ingredients": tuple(plain["ingredients"]),
                }
            )
        except (AttributeError, KeyError, RecursionError, TypeError) as error:
            raise ValueError(f"no build order that this farm knows: {error!r}") from None

    def refusal_of_tools(self) -> str | None:
        """Return why this machine would build other artifacts, whatever the model; ``None`` where it would not."""
        if platform.machine() != self.machine:
            return f"it is a {platform.machine()} machine, the controller is a {self.machine}"
        for wanted in self.ingredients:
            for tool, here in tool_versions().items():
                if wanted.get(tool, here) != here:
                    return _other(tool, here, wanted[tool])
        return None

    def refusal(self, folder: Path) -> str | None:
        """Return why artifacts built here from the files in ``folder`` would be others; ``None`` where they are the same."""
        for order, wanted in zip(self.orders, self.ingredients, strict=True):
            try:
                here = json.loads(json.dumps(ingredients(build_of(self.moved(order, folder).plain))))
            except FarmError as error:
                return str(error)
            for name in sorted({*wanted, *here}):
                if here.get(name) != wanted.get(name):
                    return _other(name, here.get(name), wanted.get(name))
        return None

    def moved(self, order: Order, folder: Path, images: Mapping[str, Any] | None = None) -> Order:
        """Return an order whose model has its files in ``folder``, with ``images`` as `SentImages` takes them."""
        model = dict(order.plain["model"])
        options = dict(model["options"])
        for file in self.files:
            options[file.option] = str(folder / file.option / PurePosixPath(file.inside).parts[0])
        return replace(order, plain={**order.plain, "model": {**model, "options": options}, "sent_images": images})


def build_of(plain: Mapping[str, Any]) -> Build:
    """Return the build that an order is for, without where its images are."""
    return Build(
        model=ModelSpec.from_json(plain["model"]),
        scheme=plain["scheme"],
        batch=plain["batch"],
        options=plain["options"],
    )


def files_of(model: Mapping[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """Yield the files that a model is read from: the option that names it, its place from there, its path."""
    for option in FILES:
        value = model["options"].get(option)
        if value:
            path = Path(str(value))
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    yield option, file.relative_to(path.parent).as_posix(), file


def _other(what: str, here: object, wanted: object) -> str:
    if here in (None, "unknown"):
        return f"it has no {what}; the controller has {wanted}"
    return f"its {what} is {here}, the controller's is {wanted}"
