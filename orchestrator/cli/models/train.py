"""``farm models train``: fit an architecture to a dataset."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import Json, console, errors_console
from orchestrator.cli.dataset_options import dataset_options
from orchestrator.domain.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.training import Epoch
    from orchestrator.reports.charts.chart import Chart

#: A mean AUC-ROC below it is next to guessing.
LEARNED = 0.55
EPILOG = """Examples:

\b
  farm models train tiny-cxr --dataset phantom --size 64 --epochs 10 --output tiny.keras
  farm models train mobilenetv2 --dataset folder --option root=chest_xray \\
      --size 128 --channels 3 --epochs 8 --class-weights --patience 3 --curve curve.svg --output mobilenet.keras"""


CurveOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Draw loss and validation AUC by epoch: .svg or .png (extra report)."),
]
ClassWeights = Annotated[
    bool, typer.Option("--class-weights", help="Let rare findings weigh as much as frequent ones.")
]
Patience = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Stop after N epochs in a row without a better validation AUC.")
]
Weights = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        metavar="FILE.weights.h5",
        help="Begin with these weights of the architecture, not with random ones.",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a training that was interrupted, from its last whole epoch.")
]
Augmentation = Annotated[
    float, typer.Option(min=0.0, max=4.0, help="Strength of random shifts and exposures of training images.")
]
DatasetOption = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="The dataset's own keys, as in a suite; repeatable.")
]


def train(
    architecture: Annotated[
        str,
        typer.Argument(
            metavar="ARCHITECTURE", help="tiny-cxr, small-cxr, mobilenetv2, densenet121, or another of the zoo."
        ),
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.keras", help="Where the best model is saved.")],
    dataset: Annotated[
        str, typer.Option(metavar="KIND", help="phantom, folder, csv, medmnist, chestxray14.")
    ] = "phantom",
    option: DatasetOption = None,
    size: Annotated[int, typer.Option(min=16, help="Height and width of the model's input.")] = 64,
    channels: Annotated[int, typer.Option(help="1, or 3 for architectures that expect colour.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="How often the training part is gone through.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, order and augmentation.")] = 0,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Peak of a cosine decay.")] = 3e-3,
    augmentation: Augmentation = 1.0,
    class_weights: ClassWeights = False,
    patience: Patience = None,
    weights: Weights = None,
    resume: Resume = False,
    curve: CurveOption = None,
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
    from orchestrator.models.architectures import check_sides

    registry.find("architecture", architecture)
    check_sides(architecture, size, size)
    if channels not in (1, 3):
        raise UsageError(f"--channels {channels}: 1 or 3")
    draw = None if curve is None else _drawing(curve)
    images = make_dataset(DatasetSpec(kind=dataset, options=dataset_options(dataset, option or [])))
    # 1/127.5 and 1.0: pixels become -1..1, the range in which the architectures' authors trained them
    preprocess = Preprocess(height=size, width=size, channels=channels, scale=1 / 127.5, mean=(1.0,))
    from orchestrator.models import training

    course = training.Course(
        epochs=epochs,
        seed=seed,
        learning_rate=learning_rate,
        augmentation=augmentation,
        balanced=class_weights,
        patience=patience,
        weights=None if weights is None else str(weights.absolute()),
    )
    passes = training.fit(architecture, images, preprocess, out, course, resume=resume)
    done = _show(passes, total=epochs, title=f"{architecture} on {images.name}", draw=draw)
    _tell(out, images, preprocess, done, as_json=json)


def _drawing(path: Path) -> Callable[[str, Sequence[Epoch]], None]:
    """Return what draws a curve to ``path``; raises `UsageError` before hours of training where it can't."""
    from orchestrator.cli.report import write
    from orchestrator.errors import UsageError
    from orchestrator.reports.charts import draw
    from orchestrator.reports.charts.training import training

    draws: dict[str, Callable[[Chart], str | bytes]] = {".svg": draw.svg, ".png": draw.png}
    to = draws.get(path.suffix.lower())
    if to is None:
        raise UsageError(f"--curve {path}: a picture ends in .svg or .png")
    to(training("", ()))
    return lambda title, epochs: write(path, to(training(title, epochs)))


def _tell(path: Path, images: Dataset, preprocess: Preprocess, epochs: Sequence[Epoch], *, as_json: bool) -> None:
    """Score the evaluation part, and say what to write into a suite."""
    auc = _evaluated(path, images, preprocess)
    best = max((epoch.number for epoch in epochs if epoch.is_best), default=None)
    result: dict[str, Any] = {
        "path": str(path),
        "dataset": images.name,
        "synthetic": images.synthetic,
        "auc_mean": auc,
        "preprocess": as_a_suite_says(preprocess),
        "best_epoch": best,
        "stopped_early": len(epochs) < epochs[-1].of,
        "epochs": [asdict(epoch) for epoch in epochs],
    }
    if as_json:
        import json

        typer.echo(json.dumps(result))
        return
    screen = console()
    synthetic = " (synthetic)" if images.synthetic else ""
    shown = "-" if auc is None else f"{auc:.3f}"
    kept = f"epoch {best} of {len(epochs)} is kept"
    screen.print(
        f"{path}: mean AUC-ROC {shown} on the evaluation part of {images.name}{synthetic}; {kept}", markup=False
    )
    if advice := advice_on(auc, epochs=epochs[-1].of):
        screen.print(advice, markup=False, soft_wrap=True)
    # every digit: a scale that is one float32 step off was seen to move an int8 zero point, and AUC-ROC by 0.006
    pairs = ", ".join(f"{key}: {value!r}" for key, value in result["preprocess"].items())
    screen.print(
        f"\nfor a suite.yaml:\n\nmodels:\n  - path: {path}\n    preprocess: {{{pairs}}}", markup=False, soft_wrap=True
    )


def advice_on(auc: float | None, *, epochs: int) -> str:
    """Return what to do about a model that learned next to nothing in ``epochs``; empty for another."""
    if auc is None or auc >= LEARNED:
        return ""
    return f"that is next to guessing (0.5), so no figure of this model's accuracy will mean much: train on more images, or with more than --epochs {epochs}"


def as_a_suite_says(preprocess: Preprocess) -> dict[str, int | float]:
    """Return what ``preprocess:`` of a suite holds for a square image with one mean and standard deviation."""
    return {
        "size": preprocess.height,
        "channels": preprocess.channels,
        "scale": preprocess.scale,
        "mean": preprocess.mean[0],
        "std": preprocess.std[0],
    }


def _show(
    passes: Iterator[Epoch], *, total: int, title: str, draw: Callable[[str, Sequence[Epoch]], None] | None
) -> list[Epoch]:
    """Show each epoch, draw the curve anew after each, and return them all."""
    from rich.progress import Progress

    screen = errors_console()
    screen.print("loading images (TensorFlow takes a moment)")
    _import_tensorflow()
    done: list[Epoch] = []
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("training", total=total)
        for epoch in passes:
            done.append(epoch)
            auc = "-" if epoch.auc is None else f"{epoch.auc:.3f}"
            best = ", the best" if epoch.is_best else ""
            bar.console.print(
                f"epoch {epoch.number}/{epoch.of}  loss {epoch.loss:.4f}  validation AUC-ROC {auc}{best}  "
                f"{format_seconds(epoch.seconds)}"
            )
            bar.advance(task)
            if draw is not None:
                draw(title, done)
    return done


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
