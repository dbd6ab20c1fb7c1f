"""What to run: a ``suite.yaml``, or the built-in suite, narrowed by options."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import registry
from orchestrator.config import yaml_document as documents
from orchestrator.config.suite_schema import SuiteFile
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.suite import Suite, Throughput
from orchestrator.errors import SuiteError, UnknownName, no_such, unknown_key
from orchestrator.runtimes import names
from orchestrator.runtimes.catalogue import RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.config.suite_schema import ModelKeys, PlugInKeys


def built_in() -> Suite:
    """Return the suite of a bare `farm run`: tiny-cxr on synthetic phantoms."""
    return Suite(models=(ModelSpec(name="tiny-cxr", kind="tiny-cxr"),), dataset=DatasetSpec(kind="phantom"))


def load(path: Path) -> Suite:
    """Read a suite; raises `SuiteError` with file, line and the nearest right word."""
    document = documents.read(path, SuiteError)
    written = document.check(SuiteFile)
    for position, word in enumerate(written.runtimes):
        wrong = names.misfit(word)
        if wrong is not None:
            of_list = isinstance(document.data.get("runtimes"), list)
            raise document.complain(("runtimes", position) if of_list else ("runtimes",), wrong)
    for key, known in (("schemes", registry.names("scheme")), ("effort", tuple(EFFORTS))):
        if key not in written.model_fields_set:
            continue
        value = getattr(written, key)
        for position, word in enumerate(value if isinstance(value, tuple) else (value,)):
            if word not in known:
                location = (key, position) if isinstance(document.data.get(key), list) else (key,)
                raise document.complain(location, no_such(key.removesuffix("s"), word, known))
    plain = written.model_fields_set - {"models", "dataset", "throughput"}
    suite = Suite(
        models=tuple(_model(document, position, model) for position, model in enumerate(written.models)),
        dataset=_dataset(document, written.dataset),
        throughput=None if written.throughput is None else Throughput(**written.throughput.model_dump()),
        **{key: getattr(written, key) for key in plain},
    )
    models = [model.name for model in suite.models]
    for position, name in enumerate(models):
        if name in models[:position]:
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
    _require("runtime", [names.name_in(word) for word in runtimes], RUNTIMES)
    for word in runtimes:
        wrong = names.misfit(word)
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


def _require(kind: str, asked: Sequence[str], known: Sequence[str] | Mapping[str, Any]) -> None:
    for name in asked:
        if name not in known:
            raise UnknownName(kind, name, known)


def _model(document: documents.Document, position: int, written: str | ModelKeys) -> ModelSpec:
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


def _dataset(document: documents.Document, written: str | PlugInKeys) -> DatasetSpec:
    if isinstance(written, str):
        _check_kind(document, ("dataset",), "dataset", written)
        return DatasetSpec(kind=written)
    kind = written.kind or "folder"
    return DatasetSpec(kind=kind, options=_options(document, ("dataset",), "dataset", kind, written.model_extra or {}))


def _check_kind(document: documents.Document, location: tuple[str | int, ...], what: str, kind: str) -> None:
    known = registry.names(what)
    if kind not in known:
        raise document.complain(location, no_such(what, kind, known))


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
            raise document.complain((*location, key), unknown_key(key, taken, of=f"{what} {kind}"))
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
