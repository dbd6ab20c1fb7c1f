"""What to run: a ``suite.yaml``, or the built-in suite, narrowed by options."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import registry
from orchestrator.config import plugin_options, suite_path
from orchestrator.config import yaml_document as documents
from orchestrator.config.suite_schema import MAX_COUNT, MAX_SEED, SuiteFile
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.model import SHIPPED, DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.suite import Suite, Throughput, one_or_more
from orchestrator.errors import ModelError, PluginError, SuiteError, UnknownName, no_such, unknown_key
from orchestrator.runtimes import kernel_releases, names
from orchestrator.runtimes.catalogue import RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.config.suite_schema import ModelKeys, PlugInKeys, PreprocessKeys, SchemeKeys

    Location = tuple[str | int, ...]


#: Keys that every entry of ``models`` may have, beside those of its kind.
MODEL_KEYS = ("name", "preprocess", "classes", "absent")


def built_in(models: Sequence[str] = ()) -> Suite:
    """Return the suite of a bare `farm run`: small-cxr, or the shipped ``models``, on synthetic phantoms.

    Raises `UnknownName` for a model that does not ship with farm.
    """
    _require("model", models, SHIPPED)
    chosen = tuple(ModelSpec(name=name, kind=name) for name in models or SHIPPED[:1])
    return Suite(models=chosen, dataset=DatasetSpec(kind="phantom"))


def load(path: Path) -> Suite:
    """Read a suite; raises `SuiteError` with file, line and the nearest right word."""
    suite_path.refuse_model(path)
    try:
        document = documents.read(path, SuiteError)
    except SuiteError as error:
        raise suite_path.explained(path, error) from error.__cause__
    written = document.check(SuiteFile)
    for position, word in enumerate(written.runtimes):
        wrong = names.misfit(word)
        if wrong is not None:
            raise document.complain(("runtimes", position), wrong)
    if "effort" in written.model_fields_set and written.effort not in EFFORTS:
        raise document.complain(("effort",), no_such("effort", written.effort, EFFORTS))
    plain = written.model_fields_set - {"models", "dataset", "calibration", "throughput", "schemes"}
    schemes = _schemes(document, written.schemes)
    _check_compat(document, ("compat",), written.compat)
    return Suite(
        schemes=tuple(schemes),
        scheme_options={name: options for name, options in schemes.items() if options},
        models=_models(document, written.models),
        dataset=_dataset(document, "dataset", written.dataset),
        calibration=None if written.calibration is None else _dataset(document, "calibration", written.calibration),
        throughput=None if written.throughput is None else Throughput(**written.throughput.model_dump()),
        **{key: getattr(written, key) for key in plain},
    )


def narrow(
    suite: Suite,
    *,
    devices: str | Sequence[str] = (),
    models: str | Sequence[str] = (),
    schemes: str | Sequence[str] = (),
    runtimes: str | Sequence[str] = (),
    threads: int | Sequence[int] = (),
    throughput: int | Sequence[int] = (),
    effort: str | None = None,
    compare: bool = False,
    tune: bool = False,
    profile: bool = False,
    seed: int | None = None,
    accuracy: str | int | None = None,
) -> Suite:
    """Return ``suite`` with what options say instead; raises `UnknownName` for what does not exist.

    ``models`` and ``schemes`` choose among what exists (any known scheme, whether or not the suite has it); the
    others replace what the suite says. ``throughput`` are numbers of interpreters. One word or number may stand for a
    list of it.
    """
    chosen_runtimes, counts, interpreters = one_or_more(runtimes), one_or_more(threads), one_or_more(throughput)
    by_name = {model.name: model for model in suite.models}
    _require("model", one_or_more(models), by_name)
    _require("scheme", one_or_more(schemes), (*registry.names("scheme"), *suite.scheme_options))
    _require("runtime", [names.name_in(word) for word in chosen_runtimes], RUNTIMES)
    for word in chosen_runtimes:
        wrong = names.misfit(word)
        if wrong is not None:
            raise SuiteError(f"--runtimes: {wrong}")
    _require("effort", [effort] if effort else [], EFFORTS)
    for option, values in (("--threads", counts), ("--throughput", interpreters)):
        if not all(isinstance(value, int) and 1 <= value <= MAX_COUNT for value in values):
            raise SuiteError(f"{option} {','.join(map(str, values))}: must be whole numbers from 1 to {MAX_COUNT}")
    if compare:
        _require_standard(effort or suite.effort)
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise SuiteError(f"--seed {seed}: must be from 0 to {MAX_SEED}")
    offline = suite.throughput
    if interpreters:
        batches = offline.batches if offline else suite.batches
        offline = Throughput(interpreters=tuple(dict.fromkeys(interpreters)), batches=batches)
    return replace(
        suite,
        models=tuple(by_name[name] for name in dict.fromkeys(one_or_more(models))) or suite.models,
        schemes=tuple(dict.fromkeys(one_or_more(schemes))) or suite.schemes,
        runtimes=tuple(dict.fromkeys(chosen_runtimes)) or suite.runtimes,
        threads=tuple(dict.fromkeys(counts)) or suite.threads,
        throughput=offline,
        devices=one_or_more(devices) or suite.devices,
        effort=effort or suite.effort,
        compare=compare or suite.compare,
        tune=tune or suite.tune,
        profile=profile or suite.profile,
        seed=suite.seed if seed is None else seed,
        accuracy=suite.accuracy if accuracy is None else _accuracy(accuracy),
    )


def _require_standard(effort: str) -> None:
    """Raise `SuiteError` where asking for a comparison would change nothing."""
    if effort != "standard":
        raise SuiteError(
            f"--compare makes more attempts with effort standard alone, not with {effort}",
            hint="leave --effort out, or write `attempts: 7` into the suite",
        )


def _accuracy(value: str | int) -> str | int:
    """Return ``all``, ``none`` or a number of images; raises `SuiteError`."""
    text = str(value)
    if text in ("all", "none"):
        return text
    if not (text.isdecimal() and len(text) < 10 and int(text)):
        raise SuiteError(f"--accuracy {text[:40]}: all, none, or a number of images")
    return int(text)


def _require(kind: str, asked: Sequence[str], existing: Sequence[str] | Mapping[str, Any]) -> None:
    for name in asked:
        if name not in existing:
            raise UnknownName(kind, name, existing)


def _schemes(document: documents.Document, written: Sequence[str | SchemeKeys]) -> dict[str, dict[str, Any]]:
    """Return the schemes by name, each with its kind and options where it has any."""
    schemes: dict[str, dict[str, Any]] = {}
    for position, entry in enumerate(written):
        at = ("schemes", position)
        if isinstance(entry, str):
            name, options = entry, {}
            _check_kind(document, at, "scheme", name)
        else:
            name = entry.name
            options = _options(document, at, "scheme", entry.kind, entry.model_extra or {}) | {"kind": entry.kind}
            _check_compat(document, (*at, "compat"), entry.compat)
            options |= {} if entry.compat is None else {"compat": entry.compat}
            _check_name(document, at, "scheme", name)
            if name in registry.names("scheme"):
                raise document.complain(at, f"{name!r} is a scheme of farm's own; give this one another `name:`")
        if name in schemes:
            raise document.complain(at, f"a second scheme called {name!r}")
        schemes[name] = options
    return schemes


def _check_compat(document: documents.Document, location: Location, compat: str | None) -> None:
    if compat is not None:
        try:
            kernel_releases.release_in(compat)
        except ValueError as error:
            raise document.complain(location, str(error)) from None


def _check_name(document: documents.Document, location: Location, what: str, name: str) -> None:
    if not name.strip() or not name.isprintable() or re.search("[/,]", name):
        words = f"{name!r} can't be the name of a {what}: printable, without slash and comma; give it a `name:`"
        raise document.complain(location, words)


def _models(document: documents.Document, written: Sequence[str | ModelKeys]) -> tuple[ModelSpec, ...]:
    specs: list[ModelSpec] = []
    for position, entry in enumerate(written):
        spec = _model(document, ("models", position), entry)
        if spec.name in [other.name for other in specs]:
            words = f"a second model called {spec.name!r}; give it a `name:` of its own"
            raise document.complain(("models", position), words)
        _check_name(document, ("models", position), "model", spec.name)
        specs.append(spec)
    return tuple(specs)


def _model(document: documents.Document, location: Location, written: str | ModelKeys) -> ModelSpec:
    if isinstance(written, str):
        if Path(written).suffix.lower() in suite_path.MODEL_FILES:
            raise document.complain(location, f"{written}: a model of yours has a `path:`, as in {{path: {written}}}")
        _check_kind(document, location, "model", written)
        return ModelSpec(name=written, kind=written, place=document.place(location))
    kind = written.kind or _kind_of_file((written.model_extra or {}).get("path")) or written.name
    if kind is None:
        key = next(iter(written.model_extra or ()), None)
        words = unknown_key(key, ("path", "kind", *MODEL_KEYS)) if key else "a model requires a `path:` or a `kind:`"
        raise document.complain(location, words)
    options = _options(document, location, "model", kind, written.model_extra or {})
    if "folder" in plugin_options.names(registry.find("model", kind)):
        options.setdefault("folder", str(document.path.absolute().parent))
    name_of = getattr(registry.find("model", kind), "name_of", None)
    if name_of is not None:
        name = name_of(written.name, options)
    else:
        name = written.name or (Path(options["path"]).stem if "path" in options else kind)
    preprocess = None
    if written.preprocess is not None:
        preprocess = _preprocess(
            document, location, written.preprocess, _image_shape(document, location, kind, options)
        )
    return ModelSpec(
        name=name,
        kind=kind,
        options=options,
        preprocess=preprocess,
        classes=written.classes,
        absent=written.absent,
        place=document.place(location),
    )


def _kind_of_file(path: Any) -> str | None:
    """Return the kind of a model with a ``path:``, by its ending; ``None`` for a model without one."""
    if path is None:
        return None
    ending = Path(str(path)).suffix.lower()
    return ending[1:] if ending in (".tflite", ".onnx") else "keras"


def _image_shape(
    document: documents.Document, location: Location, kind: str, options: Mapping[str, Any]
) -> tuple[int | None, int | None, int] | None:
    """Return (height, width, channels) as the file of a model says them, ``None`` for kinds whose files are not asked.

    A height or width that the file leaves free is ``None``.
    """
    read = getattr(registry.find("model", kind), "image_shape", None)
    if read is None:
        return None
    try:
        height, width, channels = read(**options)
    except ModelError as error:
        raise document.complain(location, f"model {error.message}", hint=error.hint) from error
    return height, width, channels


def _preprocess(
    document: documents.Document,
    location: Location,
    keys: PreprocessKeys,
    image: tuple[int | None, int | None, int] | None,
) -> Preprocess:
    """Return what the suite says of a model's images, filled up with what its file says: ``image``."""
    at = (*location, "preprocess")
    height, width, file_channels = image or (None, None, 1)
    if keys.size is not None:
        height, width = (keys.size * 2)[:2]
    if height is None or width is None:
        free = ": the model's file leaves it free" if image else ""
        raise document.complain(at, f"preprocess needs a `size`{free}")
    channels = keys.channels or file_channels
    if any(side not in (None, given) for side, given in zip(image or (), (height, width, channels), strict=False)):
        words = f"the model's file takes {image}, `preprocess:` gives {(height, width, channels)}"
        raise document.complain(at, words, hint="leave size and channels out: they are in the file")
    wrong = keys.misfit(channels)
    if wrong is not None:
        raise document.complain(at, wrong)
    return Preprocess(height=height, width=width, channels=channels, scale=keys.scale, mean=keys.mean, std=keys.std)


def _dataset(document: documents.Document, key: str, written: str | PlugInKeys) -> DatasetSpec:
    if isinstance(written, str):
        _check_kind(document, (key,), "dataset", written)
        return DatasetSpec(kind=written)
    kind = written.kind or "folder"
    return DatasetSpec(kind=kind, options=_options(document, (key,), "dataset", kind, written.model_extra or {}))


def _check_kind(document: documents.Document, location: Location, what: str, kind: str) -> None:
    if kind not in registry.names(what):
        raise document.complain(location, no_such(what, kind, registry.names(what)))
    if kind not in registry.BUILT_IN[what]:
        try:
            registry.find(what, kind)
        except PluginError as error:
            raise document.complain(location, error.message, hint=error.hint) from error


def _options(
    document: documents.Document, location: Location, what: str, kind: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Check the plug-in's own keys against its signature, expand ``${…}``, and make paths absolute."""
    _check_kind(document, (*location, "kind"), what, kind)
    plug_in = registry.find(what, kind)
    former: Mapping[str, str] = getattr(plug_in, "former_options", {})
    options = {}
    for key, value in extra.items():
        if key in former:
            raise document.complain((*location, key), former[key])
        plain = documents.expand(document, (*location, key), value) if isinstance(value, str) else value
        if key in ("path", "root", "weights", "folder") and isinstance(plain, str):
            plain = _absolute(document, (*location, key), plain)
        options[key] = json.loads(json.dumps(plain, default=str))  # a date is its text
    complaint = plugin_options.complaint(plug_in, options)
    if complaint is not None:
        words = complaint.words
        if complaint.key is not None:
            taken = [*plugin_options.names(plug_in), "kind", *(MODEL_KEYS if what == "model" else ())]
            words = unknown_key(complaint.key, taken, of=f"{what} {kind}")
        raise document.complain((*location, *complaint.location), f"{registry.label(what, kind)}: {words}")
    return options


def _absolute(document: documents.Document, location: Location, text: str) -> str:
    try:
        return str(document.path.absolute().parent / Path(text).expanduser())
    except RuntimeError as reason:  # ~nobody/images
        raise document.complain(location, f"{text}: {reason}") from None
