"""``farm models``: list what can be measured, look into a file, fit an architecture to a dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import Json, console, errors_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.training import Epoch

app = typer.Typer(
    name="models", no_args_is_help=True, rich_markup_mode=None, help="Built-in models, and training small ones."
)

SHOW_EPILOG = """Examples:

\b
  farm models show mine.tflite
  farm models show mobilenet.keras --schemes float32,int8 --json"""
DEBUG_EPILOG = """Examples:

\b
  farm models debug tiny-cxr
  farm models debug mobilenet --suite suite.yaml --images 200 --worst 20"""
TRAIN_EPILOG = """Examples:

\b
  farm models train tiny-cxr --dataset phantom --size 64 --epochs 10 --out tiny.keras
  farm models train mobilenetv2 --dataset folder --option root=chest_xray \\
      --size 128 --channels 3 --epochs 8 --out mobilenet.keras"""


@app.command("list", epilog="Example: farm models list --json")
def list_models(*, json: Json = False) -> None:
    """List built-in models, and architectures to train."""
    from orchestrator import registry

    known = {"models": registry.names("model"), "architectures": registry.names("architecture")}
    if json:
        import json as encoder

        typer.echo(encoder.dumps(known))
        return
    out = console()
    out.print("models for a suite:      " + ", ".join(known["models"]) + "   (keras, tflite: any file of yours)")
    out.print("architectures to train:  " + ", ".join(known["architectures"]))


@app.command("show", epilog=SHOW_EPILOG)
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .tflite, .keras, .h5 or SavedModel folder.")],
    schemes: Annotated[
        str, typer.Option(metavar="A,B", help="Artifacts of a Keras model: float32, dynamic, float16, int8.")
    ] = "float32,dynamic,float16,int8",
    size: Annotated[int, typer.Option(min=1, help="Height and width of an input whose sides are free.")] = 224,
    output: Annotated[str | None, typer.Option(metavar="NAME", help="Of a model with several outputs.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show what a model's file holds.

    Inputs, outputs and parameters; of each artifact the operators, and how many nodes XNNPACK takes.
    """
    from orchestrator import registry
    from orchestrator.errors import UnknownName, UsageError
    from orchestrator.models.inspection_process import inspect
    from orchestrator.reports import model_view as report

    if not file.exists():
        raise UsageError(f"{file}: no such file")
    words = [word.strip() for word in schemes.split(",") if word.strip()]
    for word in words:
        if word not in registry.names("scheme"):
            raise UnknownName("scheme", word, registry.names("scheme"))
    view = inspect(file, schemes=words, size=size, output=output)
    if json:
        typer.echo(report.as_json(view))
    else:
        report.show(view, console())


@app.command("debug", epilog=DEBUG_EPILOG)
def debug(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the suite.")],
    suite: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The suite.yaml with the model and its images (default: built in)."),
    ] = None,
    scheme: Annotated[
        str, typer.Option(metavar="NAME", help="int8, int16x8, or one that the suite makes of them.")
    ] = "int8",
    images: Annotated[int, typer.Option(min=1, help="Calibration images to compare on.")] = 50,
    worst: Annotated[int, typer.Option(min=1, help="Layers to show.")] = 10,
    *,
    json: Json = False,
) -> None:
    """Show which layers of a quantized model lose accuracy.

    Each layer's output is compared with float32 on calibration images, worst first.
    """
    from orchestrator.config import suite as suites
    from orchestrator.models.debug_process import debug as measure
    from orchestrator.reports import layer_errors as report

    whole = suites.load(suite) if suite else suites.built_in()
    chosen = suites.narrow(whole, models=model, schemes=scheme)
    options = whole.scheme_options.get(scheme, {})
    layers = measure(chosen.models[0], chosen.dataset, scheme, options, images=images)
    if json:
        typer.echo(report.as_json(layers))
    else:
        report.show(layers, console(), scheme=scheme, worst=worst)


@app.command("train", epilog=TRAIN_EPILOG)
def train(
    architecture: Annotated[str, typer.Argument(metavar="ARCHITECTURE", help="tiny-cxr, mobilenetv2, densenet121.")],
    out: Annotated[Path, typer.Option(metavar="FILE.keras", help="Where the best model is saved.")],
    dataset: Annotated[str, typer.Option(metavar="KIND", help="phantom, folder, csv, chestxray14.")] = "phantom",
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="The dataset's own keys, as in a suite; repeatable.")
    ] = None,
    size: Annotated[int, typer.Option(min=16, help="Height and width of the model's input.")] = 64,
    channels: Annotated[int, typer.Option(help="1, or 3 for architectures that expect colour.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="How often the training part is gone through.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, order and augmentation.")] = 0,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Peak of a cosine decay.")] = 3e-3,
    augmentation: Annotated[
        float, typer.Option(min=0.0, max=4.0, help="Strength of random shifts and exposures of training images.")
    ] = 1.0,
    *,
    json: Json = False,
) -> None:
    """Train a small model on a dataset.

    Fits an architecture to the training part, keeps the best epoch, scores the evaluation part.
    """
    from orchestrator import registry
    from orchestrator.datasets.base import make_dataset
    from orchestrator.domain.model import DatasetSpec, Preprocess
    from orchestrator.errors import UsageError

    registry.find("architecture", architecture)
    if channels not in (1, 3):
        raise UsageError(f"--channels {channels}: 1 or 3")
    images = make_dataset(DatasetSpec(kind=dataset, options=dataset_options(dataset, option or [])))
    # 1/127.5 and 1.0: pixels become -1..1, the range in which the architectures' authors trained them
    preprocess = Preprocess(height=size, width=size, channels=channels, scale=1 / 127.5, mean=(1.0,))
    from orchestrator.models import training

    passes = training.fit(
        architecture,
        images,
        preprocess,
        out,
        epochs=epochs,
        seed=seed,
        learning_rate=learning_rate,
        augmentation=augmentation,
    )
    _show(passes, total=epochs)
    _tell(out, images, preprocess, as_json=json)


def _tell(path: Path, images: Dataset, preprocess: Preprocess, *, as_json: bool) -> None:
    """Score the evaluation part, and say what to write into a suite."""
    auc = _evaluated(path, images, preprocess)
    result: dict[str, Any] = {
        "path": str(path),
        "dataset": images.name,
        "synthetic": images.synthetic,
        "auc_mean": auc,
        "preprocess": as_a_suite_says(preprocess),
    }
    if as_json:
        import json

        typer.echo(json.dumps(result))
        return
    screen = console()
    synthetic = " (synthetic)" if images.synthetic else ""
    shown = "-" if auc is None else f"{auc:.3f}"
    screen.print(f"{path}: mean AUC-ROC {shown} on the evaluation part of {images.name}{synthetic}", markup=False)
    # every digit: a scale that is one float32 step off was seen to move an int8 zero point, and AUC-ROC by 0.006
    pairs = ", ".join(f"{key}: {value!r}" for key, value in result["preprocess"].items())
    screen.print(
        f"\nfor a suite.yaml:\n\nmodels:\n  - path: {path}\n    preprocess: {{{pairs}}}", markup=False, soft_wrap=True
    )


def as_a_suite_says(preprocess: Preprocess) -> dict[str, int | float]:
    """Return what ``preprocess:`` of a suite holds for a square image with one mean and standard deviation."""
    return {
        "size": preprocess.height,
        "channels": preprocess.channels,
        "scale": preprocess.scale,
        "mean": preprocess.mean[0],
        "std": preprocess.std[0],
    }


def dataset_options(kind: str, words: list[str]) -> dict[str, Any]:
    """Return the options of a dataset from KEY=VALUE words, each value read as YAML reads it."""
    import inspect

    import ruamel.yaml

    from orchestrator import registry
    from orchestrator.errors import UsageError, unknown_key

    known = inspect.signature(registry.find("dataset", kind)).parameters
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--option {word}: expected KEY=VALUE")
        if key not in known:
            raise UsageError(f"--option {word}: {unknown_key(key, known, of=f'dataset {kind}')}")
        found[key] = ruamel.yaml.YAML(typ="safe").load(value)
    missing = [name for name, parameter in known.items() if parameter.default is parameter.empty and name not in found]
    if missing:
        raise UsageError(f"dataset {kind} needs --option {missing[0]}=…")
    return found


def _show(passes: Iterator[Epoch], *, total: int) -> None:
    from rich.progress import Progress

    screen = errors_console()
    screen.print("loading images (TensorFlow takes a moment)")
    _import_tensorflow()
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("training", total=total)
        for epoch in passes:
            auc = "-" if epoch.auc is None else f"{epoch.auc:.3f}"
            bar.console.print(f"epoch {epoch.number}/{epoch.of}  loss {epoch.loss:.4f}  validation AUC-ROC {auc}")
            bar.advance(task)


def _import_tensorflow() -> None:
    """Import TensorFlow without what its libraries log at that; they write to file descriptor 2 and know no setting for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # as where artifacts are built
    screen = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a device
            os.dup2(nowhere.fileno(), 2)
        import keras  # noqa: F401
    finally:
        os.dup2(screen, 2)
        os.close(screen)


def _evaluated(path: Path, images: Dataset, preprocess: Preprocess) -> float | None:
    from orchestrator.models import training
    from orchestrator.models.keras_file import KerasFile

    model = KerasFile(str(path), preprocess=preprocess).load()
    part = images.load("evaluation", height=preprocess.height, width=preprocess.width)
    return training.evaluate(model.scores, part, preprocess)
