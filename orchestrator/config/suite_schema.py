"""What may be written in ``suite.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic


def _as_tuple(value: Any) -> Any:
    """Let people write ``threads: 1`` for ``threads: [1]``."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("at least one is needed")
    return value


def _one_or_more(value: tuple[Any, ...]) -> tuple[Any, ...]:
    _some(value)
    if len(set(value)) != len(value):
        raise ValueError("the same one twice")
    return value


#: Which evaluation images are scored.
Accuracy = Annotated[int, pydantic.Field(ge=1)] | Literal["all", "none"]
#: The most threads, images in a batch, interpreters or attempts; more is a slip of the keyboard.
MAX_COUNT = 65_536
#: Databases have 64 bits for it.
MAX_SEED = (1 << 63) - 1
_Count = Annotated[int, pydantic.Field(ge=1, le=MAX_COUNT)]

_Words = Annotated[tuple[str, ...], pydantic.BeforeValidator(_as_tuple), pydantic.AfterValidator(_one_or_more)]
_Counts = Annotated[tuple[_Count, ...], pydantic.BeforeValidator(_as_tuple), pydantic.AfterValidator(_one_or_more)]
_Channels = Annotated[tuple[float, ...], pydantic.BeforeValidator(_as_tuple)]
_Size = Annotated[tuple[_Count, ...], pydantic.BeforeValidator(_as_tuple)]


class PreprocessKeys(pydantic.BaseModel, extra="forbid", strict=True):
    """`orchestrator.domain.model.Preprocess`, with ``size`` in place of height and width.

    The files of some kinds of models say ``size`` and ``channels`` themselves.
    """

    size: _Size | None = None
    channels: int | None = None
    scale: float = 1 / 255
    mean: _Channels = (0.0,)
    std: _Channels = (1.0,)

    @pydantic.model_validator(mode="after")
    def _fits(self) -> PreprocessKeys:
        if self.size is not None and len(self.size) > 2:
            raise ValueError("size is one number, or [height, width]")
        if self.channels not in (None, 1, 3):
            raise ValueError("channels is 1 or 3")
        if not all(self.std):
            raise ValueError("std may not be 0")
        wrong = None if self.channels is None else self.misfit(self.channels)
        if wrong is not None:
            raise ValueError(wrong)
        return self

    def misfit(self, channels: int) -> str | None:
        """Return why ``mean`` or ``std`` don't fit an image of ``channels``, ``None`` where they do."""
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                return f"{name} has {len(values)} values for {channels} channels"
        return None


class PlugInKeys(pydantic.BaseModel, extra="allow", strict=True):
    """A plug-in with its options, which are checked against its signature later."""

    kind: str | None = None


class ModelKeys(PlugInKeys):
    """An entry of ``models``."""

    name: str | None = None
    preprocess: PreprocessKeys | None = None
    classes: Annotated[tuple[str | None, ...], pydantic.BeforeValidator(_as_tuple)] | None = None
    absent: Literal["refuse", "skip"] = "refuse"


class SchemeKeys(pydantic.BaseModel, extra="allow", strict=True):
    """An entry of ``schemes`` with options, which are checked against its signature later."""

    kind: str
    name: str
    compat: str | None = None


_Schemes = Annotated[tuple[str | SchemeKeys, ...], pydantic.BeforeValidator(_as_tuple), pydantic.AfterValidator(_some)]


class ThroughputKeys(pydantic.BaseModel, extra="forbid", strict=True):
    """`orchestrator.domain.suite.Throughput`."""

    interpreters: _Counts
    batches: _Counts = (1,)


class SuiteFile(pydantic.BaseModel, extra="forbid", strict=True):
    """The whole file; the defaults of `orchestrator.domain.suite.Suite` replace those of keys that it leaves out."""

    models: Annotated[tuple[str | ModelKeys, ...], pydantic.BeforeValidator(_as_tuple)]
    dataset: str | PlugInKeys
    calibration: str | PlugInKeys | None = None
    schemes: _Schemes = ()
    runtimes: _Words = ()
    threads: _Counts = ()
    batches: _Counts = ()
    throughput: ThroughputKeys | None = None
    devices: _Words = ()
    effort: str = ""
    compare: bool = False
    attempts: _Count | None = None
    tune: bool = False
    profile: bool = False
    seed: Annotated[int, pydantic.Field(ge=0, le=MAX_SEED)] = 0
    accuracy: Accuracy = "all"
    compat: str | None = None
