"""What to run: a ``suite.yaml``, or the built-in suite, narrowed by options."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from orchestrator import registry
from orchestrator.config import yaml_document as documents
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.plan import EFFORTS
from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.errors import SuiteError, UnknownName, nearest
from orchestrator.runtimes.pins import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What the agent can execute artifacts with, as `agent.runtimes` names it.
RUNTIMES = (
    *("litert", "litert-builtin", "litert-compiled", "litert-gpu", "delegate"),
    *("tflite", "tensorflow", "onnxruntime", "null"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What offline throughput is measured with, beside single-stream latency."""

    #: How many work side by side, each with the suite's number of threads.
    interpreters: tuple[int, ...]
    batches: tuple[int, ...] = (1,)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Throughput:
        """Undo `dataclasses.asdict` and a trip through JSON."""
        return cls(interpreters=tuple(plain["interpreters"]), batches=tuple(plain["batches"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Every point of the matrix that is asked for, before devices are known."""

    models: tuple[ModelSpec, ...]
    dataset: DatasetSpec
    schemes: tuple[str, ...] = ("float32", "dynamic", "float16", "int8")
    runtimes: tuple[str, ...] = ("litert",)
    threads: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1,)
    #: ``None`` measures latency alone.
    throughput: Throughput | None = None
    #: Selectors of the inventory.
    devices: tuple[str, ...] = ("all",)
    effort: str = "standard"
    #: Whether cases will be compared, which takes more attempts.
    compare: bool = False
    #: Attempts of a case, each as long as one of the effort's; ``None`` for as many as the effort has.
    attempts: int | None = None
    #: Whether devices are tuned while their lanes run, where the user may.
    tune: bool = False
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `from_json` makes the same suite."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Suite:
        """Undo `to_json`; raises `SuiteError` for what another version of farm wrote otherwise."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        try:
            values["models"] = tuple(ModelSpec.from_json(model) for model in plain["models"])
            values["dataset"] = DatasetSpec(**plain["dataset"])
            if plain.get("throughput") is not None:
                values["throughput"] = Throughput.from_json(plain["throughput"])
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise SuiteError(
                f"the suite that is stored with the run makes no sense here: {type(error).__name__}: {error}",
                hint="another version of farm wrote it; use that one for this run",
            ) from error


def built_in() -> Suite:
    """Return the suite of a bare `farm run`: tiny-cxr on synthetic phantoms."""
    return Suite(models=(ModelSpec(name="tiny-cxr", kind="tiny-cxr"),), dataset=DatasetSpec(kind="phantom"))


def load(path: Path) -> Suite:
    """Read a suite; raises `SuiteError` with file, line and the nearest right word."""
    document = documents.read(path, SuiteError)
    written = document.check(_Suite)
    for position, word in enumerate(written.runtimes):
        wrong = runtime_misfit(word)
        if wrong is not None:
            of_list = isinstance(document.data.get("runtimes"), list)
            raise document.complain(("runtimes", position) if of_list else ("runtimes",), wrong)
    for key, known in (("schemes", registry.names("scheme")), ("effort", tuple(EFFORTS))):
        value = getattr(written, key)
        for position, word in enumerate(value if isinstance(value, tuple) else (value,)):
            if word not in known:
                location = (key, position) if isinstance(document.data.get(key), list) else (key,)
                raise document.complain(location, f"no {key.removesuffix('s')} called {word!r}{nearest(word, known)}")
    suite = Suite(
        models=tuple(_model(document, position, model) for position, model in enumerate(written.models)),
        dataset=_dataset(document, written.dataset),
        schemes=written.schemes,
        runtimes=written.runtimes,
        threads=written.threads,
        batches=written.batches,
        throughput=None if written.throughput is None else Throughput(**written.throughput.model_dump()),
        devices=written.devices,
        effort=written.effort,
        compare=written.compare,
        attempts=written.attempts,
        tune=written.tune,
        seed=written.seed,
    )
    names = [model.name for model in suite.models]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise document.complain(
                ("models", position), f"a second model called {name!r}; give it a `name:` of its own"
            )
    return suite


def narrow(
    suite: Suite,
    *,
    devices: Sequence[str] = (),
    models: Sequence[str] = (),
    schemes: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    threads: Sequence[int] = (),
    throughput: Sequence[int] = (),
    effort: str | None = None,
    compare: bool = False,
    tune: bool = False,
    seed: int | None = None,
) -> Suite:
    """Return ``suite`` with what options say instead; raises `UnknownName` for what does not exist.

    ``models`` and ``schemes`` choose among what exists (any known scheme, whether or not the suite has it); the
    others replace what the suite says. ``throughput`` are numbers of interpreters.
    """
    own = {model.name: model for model in suite.models}
    _require("model", models, own)
    _require("scheme", schemes, registry.names("scheme"))
    _require("runtime", [runtime_name(word) for word in runtimes], RUNTIMES)
    for word in runtimes:
        wrong = runtime_misfit(word)
        if wrong is not None:
            raise SuiteError(f"--runtimes: {wrong}")
    _require("effort", [effort] if effort else [], EFFORTS)
    for option, counts in (("--threads", threads), ("--throughput", throughput)):
        if any(count < 1 for count in counts):
            raise SuiteError(f"{option} {','.join(map(str, counts))}: at least 1")
    offline = suite.throughput
    if throughput:
        batches = offline.batches if offline else suite.batches
        offline = Throughput(interpreters=tuple(dict.fromkeys(throughput)), batches=batches)
    return replace(
        suite,
        models=tuple(own[name] for name in dict.fromkeys(models)) or suite.models,
        schemes=tuple(dict.fromkeys(schemes)) or suite.schemes,
        runtimes=tuple(dict.fromkeys(runtimes)) or suite.runtimes,
        threads=tuple(dict.fromkeys(threads)) or suite.threads,
        throughput=offline,
        devices=tuple(devices) or suite.devices,
        effort=effort or suite.effort,
        compare=compare or suite.compare,
        tune=tune or suite.tune,
        seed=suite.seed if seed is None else seed,
    )


def runtime_name(text: str) -> str:
    """Return what ``text`` calls the runtime, whether or not there is such a one."""
    return re.split(r"[^\w-]", text, maxsplit=1)[0]


def runtime_misfit(text: str) -> str | None:
    """Return why ``text`` names no runtime, ``None`` where it does; whether a device can have it, only the device tells."""
    name = runtime_name(text)
    if name not in RUNTIMES:
        return f"no runtime called {name!r}{nearest(name, RUNTIMES)}"
    try:
        choice = RuntimeChoice.parse(text)
    except ValueError as error:
        return str(error)
    if (choice.argument is not None) != (name == "delegate"):
        return (
            "delegate needs the path of its library: delegate:/usr/lib/libedgetpu.so.1"
            if choice.argument is None
            else f"{text!r}: only delegate takes something behind a colon"
        )
    known = versions(name)
    if choice.version is not None and choice.version not in known:
        there = f"there are wheels of {', '.join(known)}" if known else "no other version of it can be brought along"
        return f"no version {choice.version} of {name}: {there}"
    return None


def _require(kind: str, asked: Sequence[str], known: Sequence[str] | Mapping[str, Any]) -> None:
    for name in asked:
        if name not in known:
            raise UnknownName(kind, name, known)


def _as_tuple(value: Any) -> Any:
    """Let people write ``threads: 1`` for ``threads: [1]``."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _one_or_more(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("at least one is needed")
    if len(set(value)) != len(value):
        raise ValueError("the same one twice")
    return value


_Words = Annotated[tuple[str, ...], pydantic.BeforeValidator(_as_tuple), pydantic.AfterValidator(_one_or_more)]
_Counts = Annotated[
    tuple[pydantic.PositiveInt, ...], pydantic.BeforeValidator(_as_tuple), pydantic.AfterValidator(_one_or_more)
]
_Channels = Annotated[tuple[float, ...], pydantic.BeforeValidator(_as_tuple)]
_Size = Annotated[tuple[pydantic.PositiveInt, ...], pydantic.BeforeValidator(_as_tuple)]


class _Preprocess(pydantic.BaseModel, extra="forbid"):
    size: _Size
    channels: int = 1
    scale: float = 1 / 255
    mean: _Channels = (0.0,)
    std: _Channels = (1.0,)

    @pydantic.model_validator(mode="after")
    def _fits(self) -> _Preprocess:
        if len(self.size) > 2:
            raise ValueError("size is one number, or [height, width]")
        if self.channels not in (1, 3):
            raise ValueError("channels is 1 or 3")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise ValueError(f"{name} has {len(values)} values for {self.channels} channels")
        if not all(self.std):
            raise ValueError("std may not be 0")
        return self


class _Plugged(pydantic.BaseModel, extra="allow"):
    kind: str | None = None


class _Model(_Plugged):
    name: str | None = None
    preprocess: _Preprocess | None = None


class _Throughput(pydantic.BaseModel, extra="forbid"):
    interpreters: _Counts
    batches: _Counts = (1,)


class _Suite(pydantic.BaseModel, extra="forbid"):
    models: Annotated[tuple[str | _Model, ...], pydantic.BeforeValidator(_as_tuple)]
    dataset: str | _Plugged
    schemes: _Words = ("float32", "dynamic", "float16", "int8")
    runtimes: _Words = ("litert",)
    threads: _Counts = (1,)
    batches: _Counts = (1,)
    throughput: _Throughput | None = None
    devices: _Words = ("all",)
    effort: str = "standard"
    compare: bool = False
    attempts: pydantic.PositiveInt | None = None
    tune: bool = False
    seed: int = 0


def _model(document: documents.Document, position: int, written: str | _Model) -> ModelSpec:
    location: tuple[str | int, ...] = ("models", position)
    if isinstance(written, str):
        _check_kind(document, location, "model", written)
        return ModelSpec(name=written, kind=written)
    kind = written.kind or ("keras" if "path" in (written.model_extra or {}) else written.name)
    if kind is None:
        raise document.complain(location, "a model needs a `kind:`")
    options = _options(document, location, "model", kind, written.model_extra or {})
    name = written.name or (Path(options["path"]).stem if "path" in options else kind)
    preprocess = None
    if written.preprocess is not None:
        said = written.preprocess
        height, width = (said.size * 2)[:2]
        preprocess = Preprocess(
            height=height, width=width, channels=said.channels, scale=said.scale, mean=said.mean, std=said.std
        )
    return ModelSpec(name=name, kind=kind, options=options, preprocess=preprocess)


def _dataset(document: documents.Document, written: str | _Plugged) -> DatasetSpec:
    if isinstance(written, str):
        _check_kind(document, ("dataset",), "dataset", written)
        return DatasetSpec(kind=written)
    kind = written.kind or "folder"
    return DatasetSpec(kind=kind, options=_options(document, ("dataset",), "dataset", kind, written.model_extra or {}))


def _check_kind(document: documents.Document, location: tuple[str | int, ...], what: str, kind: str) -> None:
    known = registry.names(what)
    if kind not in known:
        raise document.complain(location, f"no {what} called {kind!r}{nearest(kind, known)}")


def _options(
    document: documents.Document, location: tuple[str | int, ...], what: str, kind: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Check the plug-in's own keys against its signature, expand ``${…}``, and make paths absolute."""
    _check_kind(document, (*location, "kind"), what, kind)
    plug_in = registry.find(what, kind)
    parameters = inspect.signature(plug_in).parameters
    known = [name for name in parameters if name != "preprocess"]
    options = {}
    for key, value in extra.items():
        if key not in known:
            taken = [*known, "kind", *(("name", "preprocess") if what == "model" else ())]
            raise document.complain((*location, key), f"unknown key {key!r} of {what} {kind}{nearest(key, taken)}")
        plain = documents.expand(document, (*location, key), value) if isinstance(value, str) else value
        if key in ("path", "root"):
            plain = str(document.path.absolute().parent / Path(str(plain)).expanduser())
        options[key] = json.loads(json.dumps(plain, default=str))  # without the YAML library's own types
    missing = [name for name in known if parameters[name].default is inspect.Parameter.empty and name not in options]
    if missing:
        raise document.complain(location, f"{what} {kind} needs `{missing[0]}:`")
    wrong = registry.misfit(plug_in, options)
    if wrong is not None:
        named = [key for key in options if repr(key) in wrong]
        raise document.complain((*location, *named[:1]), f"{what} {kind}: {wrong}")
    return options
