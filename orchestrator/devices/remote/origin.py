"""What a device keeps of a run for controllers that do not know it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from agent import packing
from orchestrator.devices.remote.gate import ORIGIN_CHARACTERS, read_answer, unpack
from orchestrator.domain.artifact import Artifact, Golden, ImageSet, Shard
from orchestrator.domain.case import Case
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.suite import Suite
from orchestrator.errors import AnswerRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Of the JSON that the text unpacks to.
ORIGIN_BYTES = 1 << 20
#: Fields of images that an `ImageSet` has otherwise.
_APART = frozenset({"model", "columns"})
#: Of all cases together: so many steps are planned anew.
MOST_ATTEMPTS = 100_000

Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: A name, as a case holds it.
Word = Annotated[str, Field(pattern=r"\A[^\s/\x00-\x1f\x7f]{1,200}\z")]
Seed = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Few = Annotated[int, Field(ge=1, le=10_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptModel:
    """A model by its name, without the file that it is read from."""

    name: Word
    kind: Word
    untrained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptArtifact:
    """An artifact as the run had it."""

    sha256: Sha256
    size_bytes: int
    model: Word
    scheme: Word
    batch: Few
    preprocess: Preprocess
    recipe: dict[str, object]
    checks: dict[str, object]
    golden: Golden | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptImages:
    """The evaluation images of a model."""

    model: Word
    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    pixels_sha256: Sha256
    labels_sha256: Sha256
    image_list: Sha256
    images: int
    classes: tuple[str, ...]
    synthetic: bool
    shards: tuple[Shard, ...]
    #: Empty where the output's columns are the classes by place.
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A run, and what one of its devices measures: no path of its controller, no file, nothing to execute."""

    run: Annotated[str, Field(pattern=r"\A[A-Za-z0-9_.-]{1,64}\z")]
    farm_version: Annotated[str, Field(pattern=r"\A[A-Za-z0-9_.+-]{1,64}\z")]
    seed: Seed
    effort: Word
    compare: bool
    attempts: Few | None
    tune: bool
    profile: bool
    accuracy: Word
    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    dataset_kind: Word
    models: tuple[KeptModel, ...]
    #: Scheme -> the plug-in behind it.
    schemes: dict[str, str]
    facts: dict[str, object]
    cases: tuple[Case, ...]
    artifacts: tuple[KeptArtifact, ...]
    images: tuple[KeptImages, ...]

    @property
    def suite(self) -> Suite:
        """The suite as far as it is known here: models and dataset by name, without their files."""
        options = [{"untrained": True} if model.untrained else {} for model in self.models]
        return Suite(
            models=tuple(
                ModelSpec(name=model.name, kind=model.kind, options=each)
                for model, each in zip(self.models, options, strict=True)
            ),
            dataset=DatasetSpec(kind=self.dataset_kind, options={"name": self.dataset}),
            schemes=tuple(self.schemes),
            scheme_options={name: {"kind": kind} for name, kind in self.schemes.items() if kind != name},
            runtimes=tuple(dict.fromkeys(case.runtime for case in self.cases)),
            threads=tuple(dict.fromkeys(case.threads for case in self.cases)),
            batches=tuple(dict.fromkeys(case.batch for case in self.cases)),
            devices=tuple(dict.fromkeys(case.device for case in self.cases)),
            effort=self.effort,
            compare=self.compare,
            attempts=self.attempts,
            tune=self.tune,
            profile=self.profile,
            seed=self.seed,
            accuracy=int(self.accuracy) if self.accuracy.isdecimal() else self.accuracy,
        )

    @property
    def artifacts_by_key(self) -> dict[tuple[str, str, int], Artifact]:
        """Every artifact by model, scheme, batch."""
        names = KeptArtifact.__dataclass_fields__
        kept = (Artifact(**{name: getattr(each, name) for name in names}) for each in self.artifacts)
        return {(each.model, each.scheme, each.batch): each for each in kept}

    @property
    def images_by_model(self) -> dict[str, ImageSet]:
        """The evaluation images of each model."""
        return {
            each.model: ImageSet(
                **{name: getattr(each, name) for name in KeptImages.__dataclass_fields__ if name not in _APART},
                columns=each.columns or None,
            )
            for each in self.images
        }


def to_text(  # noqa: PLR0917  what a controller knows of a lane
    run: str,
    suite: Suite,
    farm_version: str,
    facts: Mapping[str, Any],
    cases: Iterable[Case],
    artifacts: Mapping[tuple[str, str, int], Artifact],
    images: Mapping[str, ImageSet],
) -> str:
    """Return what a device keeps of ``run`` and reads nothing of; empty where that is more than it takes."""
    built = [case for case in cases if (case.model, case.scheme, case.batch) in artifacts]
    keys = dict.fromkeys((case.model, case.scheme, case.batch) for case in built)
    models = dict.fromkeys(case.model for case in built)
    specs = [spec for spec in suite.models if spec.name in models]
    kept = Origin(
        run=run,
        farm_version=farm_version,
        seed=suite.seed,
        effort=suite.effort,
        compare=suite.compare,
        attempts=suite.attempts,
        tune=suite.tune,
        profile=suite.profile,
        accuracy=str(suite.accuracy),
        dataset=suite.dataset.name,
        dataset_kind=suite.dataset.kind,
        models=tuple(
            KeptModel(name=spec.name, kind=spec.kind, untrained=bool(spec.options.get("untrained"))) for spec in specs
        ),
        schemes={scheme: suite.scheme_kind(scheme) for _, scheme, _ in keys},
        facts=dict(facts),
        cases=tuple(built),
        artifacts=tuple(
            KeptArtifact(**{name: getattr(artifacts[key], name) for name in KeptArtifact.__dataclass_fields__})
            for key in keys
        ),
        images=tuple(
            KeptImages(
                model=model,
                columns=images[model].columns or (),
                **{
                    name: getattr(images[model], name) for name in KeptImages.__dataclass_fields__ if name not in _APART
                },
            )
            for model in models
        ),
    )
    text = json.dumps(asdict(kept), separators=(",", ":"), default=str).encode()
    packed = packing.pack_bytes(text)
    return packed if len(text) <= ORIGIN_BYTES and len(packed) <= ORIGIN_CHARACTERS else ""


def read(text: str, run: str, source: str) -> Origin:
    """Undo `to_text` for what a device sent; raises `AnswerRefused` where it is no such text, or contradicts itself or ``run``."""
    kept = read_answer(Origin, unpack(text, ORIGIN_BYTES, source), source)
    keys, models = set(kept.artifacts_by_key), {model.name for model in kept.models}
    if kept.run != run:
        raise AnswerRefused(f"{source} is of another run")
    if not kept.cases or len(set(kept.cases)) < len(kept.cases) or len({case.device for case in kept.cases}) > 1:
        raise AnswerRefused(f"{source} has no cases, the same case twice, or those of several devices")
    for case in kept.cases:
        try:
            is_whole = Case.parse(str(case)) == case and case.threads * case.batch > 0
        except ValueError:
            is_whole = False
        if not is_whole or not str(case).isprintable() or len(str(case)) > 600:
            raise AnswerRefused(f"{source} has a case that can't be one")
        if (case.model, case.scheme, case.batch) not in keys or case.model not in models & set(kept.images_by_model):
            raise AnswerRefused(f"{source} lacks the artifact, the model or the images of a case")
    if len(kept.cases) * (kept.attempts or 10) > MOST_ATTEMPTS:
        raise AnswerRefused(f"{source} has more than {MOST_ATTEMPTS} attempts")
    if not all(each.shards and all(_SHA256.fullmatch(shard.sha256) for shard in each.shards) for each in kept.images):
        raise AnswerRefused(f"{source} has images without shards, or of no hash")
    if not all(_SHA256.fullmatch(each.golden.pixels_sha256) for each in kept.artifacts if each.golden is not None):
        raise AnswerRefused(f"{source} has golden images of no hash")
    return kept
