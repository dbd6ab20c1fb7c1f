"""Which column of a model's output is scored for which class of a dataset."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError
from orchestrator.models import class_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.model import ModelSpec
    from orchestrator.models.base import Model
    from orchestrator.models.class_names import ClassNames

#: Names that a message lists.
_LISTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMatch:
    """Classes of a dataset with the columns of a model's output."""

    #: Places of the classes that are scored, in the dataset's order.
    scored: tuple[int, ...]
    #: The column of each of them; ``None``: output and classes are the same by place, or the last of two columns is the one.
    columns: tuple[int, ...] | None


def of_model(spec: ModelSpec, model: Model, dataset: Dataset, checks: Mapping[str, Any] | None = None) -> ClassMatch:
    """Match ``model`` to ``dataset``; ``checks`` are those of one of its artifacts: they know its ``columns`` and ``outputs``.

    Raises `ModelError`; before an artifact is there, for what the suite, a file or the plug-in states.
    """
    known = checks or {}
    if not dataset.classes or not getattr(model, "trained", True):
        return ClassMatch(scored=tuple(range(len(dataset.classes))), columns=None)
    names = class_names.stated(spec)
    if names is None and (listed := known.get("outputs") or getattr(model, "classes", None)):
        names = class_names.of_outputs(listed)
    skip = spec.absent == "skip"
    return match(spec.name, names, known.get("columns"), dataset.name, dataset.classes, skip=skip)


def match(
    model: str, names: ClassNames | None, columns: int | None, dataset: str, classes: Sequence[str], *, skip: bool
) -> ClassMatch:
    """Match the output of ``model`` to the ``classes`` of ``dataset``: by name, where the model has ``names``.

    ``columns`` are the model's scores of an image, ``None`` before it is loaded. With ``skip``, classes that the model lacks are
    not scored. Raises `ModelError` with the names that are missing, or with both numbers.
    """
    every = tuple(range(len(classes)))
    if names is None:
        if columns not in (None, len(classes)) and (columns, len(classes)) != (2, 1):
            raise ModelError(
                f"model {model}: it gives {_scores(columns)} for an image, the dataset {dataset} has "
                f"{len(classes)} class{'es' if len(classes) != 1 else ''}",
                hint="measure it on the dataset it was trained for, or name its outputs in the suite: "
                "`classes: [NAME, …]`",
            )
        return ClassMatch(scored=every, columns=None)
    if (
        columns == 1 and len(names.names) == 2
    ):  # one score: that of the second, as image_dataset_from_directory counts them
        names = replace(names, names=names.names[1:])
    if columns not in (None, len(names.names)):
        raise ModelError(
            f"model {model}: it gives {_scores(columns)} for an image, {names.source} has {len(names.names)} names",
            hint="name each column in the order of the model's output: `classes: [NAME, …]` in the suite",
        )
    places = {class_names.key(name): place for place, name in enumerate(names.names) if name is not None}
    keys = [class_names.key(name) for name in classes]
    lacking = [name for name, key in zip(classes, keys, strict=True) if key not in places]
    scored = tuple(place for place in every if keys[place] in places)
    if not scored or (lacking and not skip):
        raise _lacks(model, names, dataset, lacking, is_all=not scored)
    chosen = tuple(places[keys[place]] for place in scored)
    plain = scored == every and chosen == tuple(range(len(names.names)))
    return ClassMatch(scored=scored, columns=None if plain else chosen)


def _lacks(model: str, names: ClassNames, dataset: str, lacking: Sequence[str], *, is_all: bool) -> ModelError:
    existing = [name for name in names.names if name is not None]
    near = [difflib.get_close_matches(name, existing, n=1, cutoff=0.75) for name in lacking]
    likely = ", ".join(f"{mine[0]!r} for {name!r}" for name, mine in zip(lacking, near, strict=True) if mine)
    hint = f"is it {likely}? Correct the names" if likely else "correct the names"
    hint += ": `classes: [NAME, …]` in the suite" if is_all else ", or score the others alone: `absent: skip`"
    what = "every class" if is_all else f"{len(lacking)} class{'es' if len(lacking) > 1 else ''}"
    return ModelError(
        f"model {model}: it lacks {what} of the dataset {dataset}: {_listed(lacking)}; {names.source} has {_listed(existing)}",
        hint=hint,
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _scores(columns: int | None) -> str:
    return f"{columns} score{'' if columns == 1 else 's'}"
