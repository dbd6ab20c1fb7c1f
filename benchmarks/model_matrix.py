#!/usr/bin/env python3
"""Which `keras.applications` become which artifacts: every family × form × scheme, through farm's own builder.

    .venv/bin/python benchmarks/model_matrix.py --results matrix.jsonl             # an hour on two cores; continues where it was
    .venv/bin/python benchmarks/model_matrix.py --results matrix.jsonl --markdown docs/model-matrix.md

Each family once, the smallest of its sizes at the smallest image that it takes, 14 sigmoids, random weights. Batch normalization is
fitted to images and the last layer scaled, so that scores vary over images as those of a trained network do. A cell is ``ok`` where
farm builds the artifact, which compares its scores with those of the Keras model, and where its scores of 32 images follow those of Keras.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.models.builder import ModelBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A network of `keras.applications`."""

    function: str
    #: Height and width of the image.
    size: int = 32
    #: Whether it rescales pixels of 0 to 255 itself.
    rescales: bool = False
    #: What else its function is given.
    settings: Mapping[str, Any] | None = None


#: Every family once, smallest first.
FAMILIES = (
    Family(function="MobileNetV3Small", rescales=True),
    Family(function="MobileNetV2", settings={"alpha": 0.35}),
    Family(function="MobileNet", settings={"alpha": 0.25}),
    Family(function="EfficientNetB0", rescales=True),
    Family(function="EfficientNetV2B0", rescales=True),
    Family(function="NASNetMobile"),
    Family(function="DenseNet121"),
    Family(function="ResNet50"),
    Family(function="ResNet50V2"),
    Family(function="ConvNeXtTiny", rescales=True),
    Family(function="InceptionV3", size=75),
    Family(function="Xception", size=71),
    Family(function="VGG16"),
    Family(function="InceptionResNetV2", size=75),
)
FORMS = (".keras", ".h5", "SavedModel")
#: Scheme as a suite names it -> its options.
SCHEMES: Mapping[str, Mapping[str, Any]] = {
    "float32": {},
    "dynamic": {},
    "float16": {},
    "int8": {},
    "int8-io": {},
    "int16x8": {},
}
#: How well an artifact's scores must follow those of Keras over images: Pearson's r of all scores, each finding about its mean.
#: Random networks magnify rounding: what trained ones lose is measured elsewhere.
FOLLOWS: Mapping[str, float] = {"float32": 0.9999, "float16": 0.99}
FOLLOWS_LEAST = 0.5
IMAGES = 32
INTRODUCTION = """# Which Keras networks become which artifacts

Every family of `keras.applications` once, the smallest of its sizes at the smallest image that it takes, with 14 sigmoids and random weights, saved in three
forms and converted by six schemes. Made by `benchmarks/model_matrix.py` with farm's own builder; how to
repeat it is in [contributing](../CONTRIBUTING.md#the-matrix-of-models).

**ok** says that farm builds the artifact, checks included, and that its scores follow those of the Keras model over 32 images or more; the number is Pearson's r of all
scores, each finding about its mean. **=** marks a cell that was not built again: the float32 file of its form has the same bytes as that of an earlier form, so that the same graph is
converted. **no** names the sentence below the table, which is what `farm run` says too. Random networks magnify rounding: an r of 0.8 here says that the
right network was quantized, nothing of what a trained one loses, which [accuracy](accuracy.md) measures."""
#: Principal components of the features that the last layer reads.
DIRECTIONS = 4
FINDINGS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What became of one family in one form by one scheme."""

    family: str
    form: str
    scheme: str
    #: ``None`` where the artifact was built and scores like Keras, else one sentence.
    error: str | None = None
    size_bytes: int | None = None
    #: The largest difference of a score from Keras's on the images that artifacts are checked with.
    difference: float | None = None
    r: float | None = None
    seconds: float = 0.0
    #: The form whose float32 file has the same bytes, so that the same graph was converted: this cell was not built again.
    same_as: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells cells apart."""
        return self.family, self.form, self.scheme


def family_named(name: str) -> Family:
    return next(each for each in FAMILIES if each.function == name)


def network(family: Family, pixels: NDArray[np.float32], *, seed: int = 0) -> Any:
    """Return the Keras model, fitted to preprocessed ``pixels`` [n, size, size, 3] so that its scores vary over them."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(seed)
    model = getattr(keras.applications, family.function)(
        include_top=True,
        weights=None,
        input_shape=(family.size, family.size, 3),
        classes=FINDINGS,
        classifier_activation="sigmoid",
        **(family.settings or {}),
    )
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(pixels, training=True)
    for layer, before in zip(norms, momentum, strict=True):
        layer.momentum = before
    head = [layer for layer in model.layers if layer.weights][-1]
    features = np.asarray(keras.Model(model.inputs[0], head.input)(pixels, training=False)).reshape(len(pixels), -1)
    centre = features.mean(axis=0)
    # what varies most over images: rounding is small beside it
    directions = np.linalg.svd(features - centre, full_matrices=False)[2][:DIRECTIONS]
    kernel = directions.T @ np.random.default_rng(seed).normal(size=(len(directions), FINDINGS))
    kernel /= ((features - centre) @ kernel).std(axis=0)
    old = head.get_weights()[0]
    head.set_weights([kernel.reshape(old.shape).astype(old.dtype), (-centre @ kernel).astype(old.dtype)])
    return model


def saved(model: Any, form: str, folder: Path) -> Path:
    """Write ``model`` in a form of `FORMS` and return its path."""
    path = folder / ("model" + (form if form != "SavedModel" else ""))
    if form == "SavedModel":
        model.export(path, verbose=False)
    else:
        model.save(path)
    return path


class Builds:
    """The cells of one family, built in this process."""

    def __init__(self, family: Family) -> None:
        from agent import scoring
        from orchestrator.datasets.phantom import Phantom
        from orchestrator.domain.model import Preprocess

        scale, mean = (1.0, 0.0) if family.rescales else (1 / 127.5, 1.0)
        self._family = family
        self._how = Preprocess(height=family.size, width=family.size, channels=3, scale=scale, mean=(mean,))
        self._dataset = Phantom()
        sides = {"height": family.size, "width": family.size}
        self._pixels = self._dataset.load("evaluation", **sides, limit=IMAGES).pixels
        fitted = self._dataset.load("evaluation", **sides, limit=2 * IMAGES).pixels
        self._model = network(family, scoring.preprocess(fitted, self._how))
        #: sha256 of a float32 file -> the cells of the form that it was made of, by scheme.
        self._known: dict[str, dict[str, Cell]] = {}

    def cells(self, form: str, schemes: Iterable[str], before: Mapping[str, Cell]) -> Iterator[Cell]:
        """Yield the cells of a form that are not among those ``before``; float32 comes first, to know the graph by."""
        from agent import scoring
        from orchestrator.errors import brief
        from orchestrator.models.builder import ModelBuilder
        from orchestrator.models.keras_file import KerasFile

        with tempfile.TemporaryDirectory() as folder:
            try:
                source = KerasFile(str(saved(self._model, form, Path(folder))), preprocess=self._how)
                builder = ModelBuilder(source, self._dataset)
                expected = builder.source.scores(scoring.preprocess(self._pixels, self._how))
            except Exception as error:  # noqa: BLE001  what is raised is the figure
                words = brief(error).replace(f"{folder}/", "")
                yield from (Cell(family=self._family.function, form=form, scheme=each, error=words) for each in schemes)
                return
            float32, sha256 = self._cell(builder, expected, form, "float32", Path(folder))
            if "float32" not in before:
                yield float32
            alike = self._known.setdefault(sha256, {"float32": float32, **before})
            for scheme in schemes:
                if scheme == "float32":
                    continue
                if scheme in alike:
                    yield replace(alike[scheme], form=form, seconds=0.0, same_as=alike[scheme].form)
                else:
                    cell, _ = self._cell(builder, expected, form, scheme, Path(folder))
                    alike[scheme] = cell
                    yield cell

    def _cell(
        self, builder: ModelBuilder, expected: NDArray[np.float32], form: str, scheme: str, folder: Path
    ) -> tuple[Cell, str]:
        """Return what became of one conversion, and the file's sha256."""
        import numpy as np

        from agent import scoring
        from orchestrator.errors import brief
        from orchestrator.models.kernels import BY_FORMAT

        begun, path = time.monotonic(), folder / f"{scheme}.tflite"
        cell = Cell(family=self._family.function, form=form, scheme=scheme)
        try:
            answer = builder.build(scheme, 1, path, SCHEMES[scheme])
            loaded = BY_FORMAT["tflite"].usual(str(path))
            scores = scoring.scores(loaded, self._pixels, self._how, batch=1, classes=FINDINGS)
            one, other = (each - each.mean(axis=0) for each in (scores, expected))
            r = float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))
            least = FOLLOWS.get(scheme, FOLLOWS_LEAST)
            cell = replace(
                cell,
                error=None if r >= least else f"its scores follow Keras's weakly (r {r:.2f})",
                size_bytes=path.stat().st_size,
                difference=answer["checks"]["max_abs_difference"],
                r=r,
            )
        except Exception as error:  # noqa: BLE001  what is raised is the figure
            cell = replace(cell, error=brief(error).replace(f"{folder}/", ""))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
        path.unlink(missing_ok=True)
        return replace(cell, seconds=time.monotonic() - begun), sha256


def kept(results: Path) -> dict[tuple[str, str, str], Cell]:
    """Return the cells of a file of results, the last of each."""
    lines = results.read_text().splitlines() if results.exists() else []
    return {cell.key: cell for cell in (Cell(**json.loads(line)) for line in lines)}


def measure(results: Path, families: Iterable[str], forms: Iterable[str], schemes: Iterable[str]) -> None:
    """Append the cells that ``results`` lacks: a process for each family, whose crash is the next cell's sentence."""
    for name in families:
        while left := lacking(results, name, forms, schemes):
            argv = ["--child", "--results", str(results), "--families", name]
            argv += ["--forms", ",".join(forms), "--schemes", ",".join(schemes)]
            with subprocess.Popen(
                [sys.executable, __file__, *argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as child:
                assert child.stdout is not None  # noqa: S101
                for line in child.stdout:
                    add(results, Cell(**json.loads(line)))
            if child.returncode and (left := lacking(results, name, forms, schemes)):
                family, form, scheme = left[0]
                words = f"its process ends with status {child.returncode}"
                add(results, Cell(family=family, form=form, scheme=scheme, error=words))


def lacking(results: Path, family: str, forms: Iterable[str], schemes: Iterable[str]) -> list[tuple[str, str, str]]:
    done = kept(results)
    return [each for each in product([family], forms, schemes) if each not in done]


def build(results: Path, family: Family, forms: Iterable[str], schemes: Iterable[str]) -> Iterator[Cell]:
    """Yield the cells of a family that ``results`` lacks, in the child."""
    done, builds = kept(results), Builds(family)
    for form in forms:
        before = {scheme: cell for (name, of, scheme), cell in done.items() if (name, of) == (family.function, form)}
        left = [scheme for scheme in schemes if scheme not in before]
        if left or form == FORMS[0]:
            yield from builds.cells(form, left, before)


def page(cells: Mapping[tuple[str, str, str], Cell]) -> str:
    """Return the page of docs/model-matrix.md."""
    tried = sum(each in cells for each in product((one.function for one in FAMILIES), FORMS, SCHEMES))
    every = len(FAMILIES) * len(FORMS) * len(SCHEMES)
    works = sum(cell.error is None for cell in cells.values())
    state = f"Of {every} cells {tried} are tried so far: {works} are ok, {tried - works} are not."
    lines = [*INTRODUCTION.splitlines(), "", state, "", "| family | form | " + " | ".join(SCHEMES) + " |"]
    lines.append("|---|---|" + "---|" * len(SCHEMES))
    notes: dict[str, int] = {}
    for family in FAMILIES:
        for form in FORMS:
            words = [_shown(cells.get((family.function, form, scheme)), notes) for scheme in SCHEMES]
            lines.append(f"| {family.function} {family.size}² | `{form}` | " + " | ".join(words) + " |")
    lines += ["", *(f"{number}. {note}" for note, number in notes.items())]
    return "\n".join(lines) + "\n"


def _shown(cell: Cell | None, notes: dict[str, int]) -> str:
    if cell is None:
        return "not tried"
    if cell.error is not None:
        return f"no ({notes.setdefault(cell.error, len(notes) + 1)})"
    return f"ok {'=' if cell.same_as else ''} {cell.r:.3f}".replace("  ", " ")


def add(results: Path, cell: Cell) -> None:
    with results.open("a") as file:
        file.write(json.dumps(asdict(cell)) + "\n")
    print(
        f"{cell.family:18} {cell.form:10} {cell.scheme:14} {cell.seconds:5.0f} s  "
        + (cell.error or f"ok, r {cell.r:.4f}, off by {cell.difference:.2g}"),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--results", type=Path, help="file of JSON lines that cells are added to")
    parser.add_argument("--markdown", type=Path, help="write the table of the results to this page, measure nothing")
    for name, every in (("families", [each.function for each in FAMILIES]), ("forms", FORMS), ("schemes", SCHEMES)):
        parser.add_argument(f"--{name}", default=",".join(every), help="some of them (default: all)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    families, forms, schemes = (each.split(",") for each in (asked.families, asked.forms, asked.schemes))
    if asked.results is None:
        parser.error("--results FILE is required")
    elif asked.child:
        os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # TensorFlow prints there
        for cell in build(asked.results, family_named(families[0]), forms, schemes):
            print(json.dumps(asdict(cell)), file=answers, flush=True)
    elif asked.markdown is not None:
        asked.markdown.write_text(page(kept(asked.results)))
    else:
        measure(asked.results, families, forms, schemes)


if __name__ == "__main__":
    main()
