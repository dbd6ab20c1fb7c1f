"""A suite for files of models: what the files leave open is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import registry
from orchestrator.datasets.image_files import ENDINGS
from orchestrator.datasets.labelled_files import LEAVE_OUT, REFUSE
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.suite import Suite
from orchestrator.errors import ModelError, UnknownName, UsageError
from orchestrator.models import hdf5_file, keras_config, model_file, stated_preprocessing
from orchestrator.models.stated_preprocessing import RANGES, Normalization

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Ending -> kind of the model.
KINDS = {".tflite": "tflite", ".onnx": "onnx", ".keras": "keras", ".h5": "keras"}
#: Patients of the built-in images, three images each, that latency is measured with where no folder is given.
DRAWN_PATIENTS = 20
#: What numbers become where nothing is scored: they change no latency.
UNSCORED = "0..1"
#: How people find the answer that the file lacks.
ASK = (
    "ask whoever trained it, or take what is usual: --preprocess imagenet (DenseNet, ResNet of PyTorch), -1..1 (MobileNet), "
    "0..255 (EfficientNet of Keras), 0..1 (most others); a wrong one shows as an AUC near 0.5. Without --images latency alone needs no answer"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a person says where the files do not; ``None`` is no answer."""

    #: Height and width.
    size: tuple[int, int] | None = None
    normalization: Normalization | None = None
    #: What becomes of patients and images of ``test/`` that ``train/`` has too, as the dataset ``folder`` takes it.
    leaks: str = REFUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The suite, with a sentence for each thing that was not asked."""

    suite: Suite
    notes: tuple[str, ...]


def suite_of(files: Sequence[Path], images: Path | None, answers: Answers) -> Bench:
    """Return the suite of ``files`` on ``images``: a folder as the dataset ``folder`` reads it, one without labels, or ``None``.

    Several files make a comparison. Raises `UsageError` or `ModelError` for a file that can't be a model, and where neither it nor
    ``answers`` says what the model expects of an image.
    """
    dataset, is_scored, notes = _images(images, answers.leaks)
    names = _names(files)
    specs = []
    for path in files:
        spec, note = _model(path, names[path], answers, is_scored=is_scored)
        specs.append(spec)
        notes.append(f"{names[path]}: {note}")
    if not is_scored and "keras" in {spec.kind for spec in specs} and dataset.kind == "unlabelled":
        notes.append(f"int8 is calibrated on the same images: {dataset.options['root']}")
    suite = Suite(
        models=tuple(specs),
        dataset=dataset,
        calibration=dataset if dataset.kind == "unlabelled" else None,
        compare=len(files) > 1,
        accuracy="all" if is_scored else "none",
    )
    return Bench(suite=suite, notes=tuple(notes))


def _images(images: Path | None, leaks: str) -> tuple[DatasetSpec, bool, list[str]]:
    """Return the dataset, whether it has labels, and a sentence where it has none."""
    if leaks not in (REFUSE, LEAVE_OUT):
        raise UnknownName("way with leaks", leaks, (REFUSE, LEAVE_OUT))
    if images is None:
        spec = DatasetSpec(kind="phantom", options={"patients": DRAWN_PATIENTS, "labelled": False})
        return spec, False, ["latency alone, with drawn images; --images FOLDER measures with your own"]
    root = str(images.absolute())
    if (images / "test").is_dir() or (images / "train").is_dir():
        options = {"root": root} if leaks == REFUSE else {"root": root, "leaks": leaks}
        return DatasetSpec(kind="folder", options=options), True, []
    if not images.is_dir():
        what = "a file; it takes the folder that your images are in" if images.is_file() else "no such folder"
        raise UsageError(f"--images {images}: {what}")
    here = any(entry.suffix.lower() in ENDINGS for entry in images.iterdir() if entry.is_file())
    classes = sorted(entry.name for entry in images.iterdir() if entry.is_dir() and entry.name[0] != ".")
    if not here and len(classes) > 1:
        raise UsageError(
            f"--images {images}: {len(classes)} folders ({', '.join(classes[:3])}) and no image beside them",
            hint=f"if they are classes, move them into {images / 'test'}; for latency alone name one: --images {images / classes[0]}",
        )
    note = f"latency alone, with the images of {images}: without test/CLASS/ they have no labels, so no AUC"
    return DatasetSpec(kind="unlabelled", options={"root": root}), False, [note]


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each file: its stem, with its folder or ending where another has the same one."""
    if len({path.resolve() for path in files}) < len(files):
        raise UsageError("the same file twice: a comparison takes different files")
    ways = (lambda path: path.stem, lambda path: path.name, lambda path: f"{path.absolute().parent.name}-{path.name}")
    for way in ways:
        names = {path: _printable(way(path)) for path in files}
        if len(set(names.values())) == len(files):
            return names
    raise UsageError(f"{files[0].name}: several files have this name", hint="give the copies names of their own")


def _way_to(path: Path) -> str:
    """Return how a model of another kind is measured."""
    if not path.exists():
        return "and there is no such file"
    from orchestrator.models.keras_file import OTHER_FILES

    return OTHER_FILES.get(path.suffix.lower(), "other models are named in a suite: farm run suite.yaml")


def _printable(text: str) -> str:
    """Return ``text`` as a name that a suite takes."""
    return "".join(each if each.isprintable() and each != "," else "-" for each in text).strip() or "-"


def _model(path: Path, name: str, answers: Answers, *, is_scored: bool) -> tuple[ModelSpec, str]:
    kind = KINDS.get(path.suffix.lower(), "")
    if not kind:
        raise UsageError(
            f"{path}: no model that farm bench knows: it takes {', '.join(KINDS)}",
            hint=_way_to(path),
        )
    if not path.is_file():
        what = "a folder, not a model's file" if path.is_dir() else "no such file"
        raise UsageError(f"{path}: {what}", hint="its path counts from the folder that you are in")
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{path.name!r}: its path is not UTF-8", hint="give it another name") from None
    if kind == "keras":
        model_file.check(path)
        if path.suffix.lower() == ".h5":
            hdf5_file.refuse_other_files(path)
    height, width, channels = _sides(path, kind)
    asked = answers.size or (None, None)
    if answers.size is not None and (height or asked[0], width or asked[1]) != answers.size:
        raise UsageError(f"--size: {path} takes {height} × {width} pixels", hint="leave --size out: it is in the file")
    height, width = height or asked[0], width or asked[1]
    if height is None or width is None or channels not in (1, 3):
        raise ModelError(
            f"{path}: the file leaves the size of its images free",
            hint="say it: --size 224, or --size 224x192 for height and width",
        )
    normalization = answers.normalization or stated_preprocessing.of_file(path, kind)
    if normalization is None and is_scored:
        raise ModelError(
            f"{path}: how images were prepared when it was trained is not in the file, and accuracy depends on it",
            hint=ASK,
        )
    how = normalization or replace(
        RANGES[UNSCORED], source=f"{UNSCORED}, since the file does not say: latency does not depend on it"
    )
    if any(len(values) not in (1, channels) for values in (how.mean, how.std)):
        raise UsageError(
            f"{path}: it takes {channels} channel{'s' if channels > 1 else ''}, pixels become {how.source}: "
            f"{len(how.mean)} values of mean, {len(how.std)} of std",
            hint="say one value, or one for each channel: --mean X --std X",
        )
    spec = ModelSpec(
        name=name,
        kind=kind,
        options={"path": str(path.absolute())},
        preprocess=Preprocess(
            height=height, width=width, channels=channels, scale=how.scale, mean=how.mean, std=how.std
        ),
    )
    return spec, f"{height} × {width} × {channels}, pixels become {how.source}"


def _sides(path: Path, kind: str) -> tuple[int | None, int | None, int | None]:
    """Return (height, width, channels) as the file says them, ``None`` where it does not."""
    read = getattr(registry.find("model", kind), "image_shape", None)
    if read is not None:
        height, width, channels = read(path=str(path))
        return height, width, channels
    inputs = keras_config.ends(path).inputs
    if not inputs or len(inputs[0]) != 3:
        return None, None, 3
    height, width, channels = inputs[0]
    return height, width, channels
