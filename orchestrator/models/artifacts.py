"""Recipe to artifact: built once, kept by sha256, found again."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.datasets.base import Datasets
from orchestrator.domain.artifact import Artifact, Golden
from orchestrator.domain.image_list import ImageList
from orchestrator.domain.model import Preprocess
from orchestrator.errors import FarmError
from orchestrator.models import build_processes, class_match
from orchestrator.models.base import make_model
from orchestrator.models.blob_folder import BlobFolder, Recipes, digest
from orchestrator.models.build_processes import BuildLimits, Order
from orchestrator.models.image_sets import ImageSets
from orchestrator.models.schemes.base import make_scheme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.domain.artifact import ImageSet
    from orchestrator.domain.model import DatasetSpec, ModelSpec
    from orchestrator.models.build_processes import Answer

    #: Builds what orders say, within limits, with files in a folder; what builders print goes to a log.
    BuildAll = Callable[[Sequence[Order], BuildLimits, Path, Path], Iterator["Answer | Placed"]]

#: Images of the calibration part that int8 looks at.
CALIBRATION_IMAGES = 200
#: Images, of every class where the dataset knows them, that those are chosen among which an artifact is checked with.
CONSIDERED_IMAGES = 64
#: Raised whenever the way artifacts are converted or checked changes: older ones are then built anew.
CONVERSION = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A request: a model quantized by a scheme, for one batch size."""

    model: ModelSpec
    scheme: str
    batch: int
    #: What a suite gives the scheme: `orchestrator.domain.suite.Suite.scheme_options`.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Whose images quantization looks at; ``None`` for the calibration part of the dataset that is tested.
    calibration: DatasetSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An artifact is there."""

    build: Build
    artifact: Artifact
    reused: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An artifact can't be had, and why."""

    build: Build
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Some builds begin somewhere, or go on somewhere else, in a sentence."""

    what: str


class Artifacts:
    """Artifacts and image sets below ``root``: ``blobs/SHA256``, and ``recipes/`` that say what each blob is.

    ``datasets`` are those that were made already.
    """

    def __init__(self, root: Path, datasets: Datasets | None = None) -> None:
        self._datasets = datasets or Datasets()
        self._blobs, self._recipes = BlobFolder(root / "blobs"), Recipes(root / "recipes")
        self._images = ImageSets(self._blobs, self._recipes)
        self._root, self._log = root, root / "build.log"

    @property
    def blobs(self) -> Path:
        """The folder of all blobs, named by their sha256."""
        return self._blobs.root

    def path(self, sha256: str) -> Path:
        """Return where a blob is."""
        return self._blobs.path(sha256)

    def missing(self, builds: Sequence[Build], dataset: DatasetSpec) -> tuple[Build, ...]:
        """Return what `ensure` would have to build; does not import TensorFlow.

        What it would give up at once, a model whose file is gone, is not among them.
        """
        return tuple(build for build, found in self._looked_up(builds, dataset) if isinstance(found, dict))

    def kept(self, builds: Sequence[Build], dataset: DatasetSpec) -> Iterator[tuple[Build, Artifact]]:
        """Yield those of ``builds`` that are there; does not import TensorFlow."""
        return ((build, found) for build, found in self._looked_up(builds, dataset) if isinstance(found, Artifact))

    def ensure(
        self,
        builds: Sequence[Build],
        dataset: DatasetSpec,
        limits: BuildLimits | None = None,
        build_all: BuildAll = build_processes.run_all,
    ) -> Iterator[Built | Failed | Placed]:
        """Yield every build as it is there: kept ones at once, the others in the order that they are done.

        ``build_all`` builds what is not there; what it gives is adopted, wherever it was built.

        A model that can't be read, a conversion that fails, a builder that crashes or exceeds ``limits`` are `Failed`,
        not exceptions. The bytes of an artifact do not depend on what is built beside it.
        """
        wanted = []
        for build, found in self._looked_up(builds, dataset):
            if isinstance(found, FarmError):
                yield Failed(build=build, error=str(found))
            elif isinstance(found, Artifact):
                yield Built(build=build, artifact=found, reused=True, seconds=0.0)
            else:
                wanted.append((build, found))
        if wanted:
            yield from self._build(wanted, dataset, limits or BuildLimits(), build_all)

    def image_set(
        self,
        model: ModelSpec,
        dataset: DatasetSpec,
        *,
        limit: int | None = None,
        seed: int = 0,
        checks: Mapping[str, Any] | None = None,
    ) -> ImageSet:
        """Return the evaluation part at the model's size, decoding images only when something changed.

        With ``limit`` at most so many of its images, of whole patients drawn by ``seed``. ``checks`` are those of one of the
        model's artifacts. Raises `ModelError` or `DatasetError`.
        """
        made, source = make_model(model), self._datasets.of(dataset)
        matched = class_match.of_model(model, made, source, checks)
        return self._images.get(source, made.preprocess, matched, limit=limit, seed=seed)

    def find_image_set(
        self, model: ModelSpec, dataset: DatasetSpec, *, limit: int | None, seed: int, checks: Mapping[str, Any] | None
    ) -> ImageSet | None:
        """Return what `image_set` made before, not verified; ``None`` where it would decode images."""
        made, source = make_model(model), self._datasets.of(dataset)
        matched = class_match.of_model(model, made, source, checks)
        return self._images.find(source, made.preprocess, matched, limit=limit, seed=seed)

    def image_list(self, images: ImageSet) -> ImageList:
        """Return names, patients and labels of an image set."""
        return ImageList.from_bytes(self.path(images.image_list).read_bytes())

    def _looked_up(
        self, builds: Sequence[Build], dataset: DatasetSpec
    ) -> Iterator[tuple[Build, Artifact | dict[str, Any] | FarmError]]:
        """Yield each build with its artifact, else its recipe, else why it has none; the dataset is read once."""
        source = cache(lambda: self._datasets.of(dataset))
        fingerprint = cache(lambda: source().fingerprint())
        for build in builds:
            try:
                recipe = _recipe(build, fingerprint, self._datasets)
                found = self._find(recipe)
                class_match.of_model(build.model, make_model(build.model), source(), found.checks if found else None)
            except FarmError as error:
                yield build, error
            else:
                yield build, found or recipe

    def _find(self, recipe: Mapping[str, Any]) -> Artifact | None:
        kept = self._recipes.read(digest(recipe))
        if kept is None or not self._blobs.is_whole(kept["sha256"]):
            return None
        artifact = artifact_from_json(kept)
        if artifact.golden is not None and not self._blobs.is_whole(artifact.golden.pixels_sha256):
            return None
        return artifact

    def _build(
        self,
        wanted: Sequence[tuple[Build, dict[str, Any]]],
        dataset: DatasetSpec,
        limits: BuildLimits,
        build_all: BuildAll,
    ) -> Iterator[Built | Failed | Placed]:
        """Build in processes of their own: TensorFlow's memory dies with them, its chatter goes to ``build.log``."""
        orders = [_order(number, build, dataset) for number, (build, _) in enumerate(wanted)]
        with tempfile.TemporaryDirectory(dir=self._root, prefix="building-") as folder:
            for answer in build_all(orders, limits, Path(folder), self._log):
                if isinstance(answer, Placed):
                    yield answer
                    continue
                build, recipe = wanted[answer.number]
                if "error" in answer.plain:
                    yield Failed(build=build, error=answer.plain["error"])
                else:
                    artifact = self._adopt(build, recipe, answer.plain)
                    yield Built(build=build, artifact=artifact, reused=False, seconds=answer.seconds)

    def _adopt(self, build: Build, recipe: Mapping[str, Any], answer: Mapping[str, Any]) -> Artifact:
        path = Path(answer["path"])
        size_bytes = path.stat().st_size
        artifact = Artifact(
            sha256=self._blobs.keep_file(path),
            size_bytes=size_bytes,
            model=build.model.name,
            scheme=build.scheme,
            batch=build.batch,
            preprocess=make_model(build.model).preprocess,
            recipe={**recipe, "calibration_sha256": answer["calibration_sha256"]},
            checks=answer["checks"],
            golden=self._adopt_golden(answer["golden"]),
        )
        self._recipes.write(digest(recipe), asdict(artifact))
        return artifact

    def _adopt_golden(self, answer: Mapping[str, Any]) -> Golden | None:
        fields = {key: value for key, value in answer.items() if key != "path"}
        return Golden.from_json({**fields, "pixels_sha256": self._blobs.keep_file(Path(answer["path"]))})


def recipe_of(build: Build, dataset: DatasetSpec) -> dict[str, Any]:
    """Return everything that decides an artifact's content, as JSON values; does not import TensorFlow."""
    datasets = Datasets()
    return _recipe(build, lambda: datasets.of(dataset).fingerprint(), datasets)


def key_of(build: Build, dataset: DatasetSpec) -> str:
    """Return the name under which an artifact is found again."""
    return digest(recipe_of(build, dataset))


def ingredients(build: Build) -> dict[str, Any]:
    """Return what decides an artifact's content but for images, as JSON values: the model's hash, versions; raises `ModelError`."""
    model, scheme = make_model(build.model), make_scheme(build.scheme, build.options)
    found: dict[str, Any] = {
        "conversion": CONVERSION,
        "model": build.model.name,
        "model_sha256": model.sha256(),
        "preprocess": asdict(model.preprocess),
        "scheme": build.scheme,
        "options": dict(scheme.options),
        "batch": build.batch,
    }
    if scheme.takes != "tflite":
        found |= tool_versions()
        found |= getattr(model, "tools", {})
    return found


def _recipe(build: Build, fingerprint: Callable[[], str], datasets: Datasets) -> dict[str, Any]:
    recipe = ingredients(build)
    recipe["checked_on"] = fingerprint()  # checks and golden images are of one dataset
    scheme = make_scheme(build.scheme, build.options)
    if scheme.needs_calibration:
        recipe["calibration"] = {
            "dataset": datasets.of(build.calibration).fingerprint() if build.calibration else fingerprint(),
            "images": CALIBRATION_IMAGES,
        }
    return recipe


def artifact_from_json(plain: Mapping[str, Any]) -> Artifact:
    """Undo `dataclasses.asdict` and a trip through JSON."""
    values = {"preprocess": Preprocess.from_json(plain["preprocess"]), "golden": Golden.from_json(plain["golden"])}
    return Artifact(**{**plain, **values})


def _order(number: int, build: Build, dataset: DatasetSpec) -> Order:
    plain = {**asdict(build), "number": number, "dataset": asdict(dataset)}
    memory_bytes = build_processes.memory_of(_model_bytes(build.model))
    return Order(number=number, group=build.model.name, memory_bytes=memory_bytes, plain=plain)


def _model_bytes(model: ModelSpec) -> int:
    """Return the size of the files that a model is read from."""
    paths = [Path(str(model.options[key])) for key in ("path", "weights") if model.options.get(key)]
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


def tool_versions() -> dict[str, str]:
    """Return the versions of what converts models here, ``unknown`` for what is not installed; does not import it."""
    return {"tensorflow": _version("tensorflow-cpu", "tensorflow"), "keras": _version("keras")}


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
