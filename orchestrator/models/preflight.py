"""Whatever files, a suite or labels show to be wrong, found before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.datasets.calibration import refuse_tested
from orchestrator.errors import DatasetError, ModelError
from orchestrator.models import class_match
from orchestrator.models.base import make_model
from orchestrator.models.leaks import refuse_leaks

if TYPE_CHECKING:
    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.model import ModelSpec
    from orchestrator.domain.suite import Suite


def check(suite: Suite, dataset: Dataset) -> None:
    """Raise `ModelError` or `DatasetError` where a run of ``suite`` could only fail.

    A model's file is missing or of another kind, nothing says what it expects of an image, it takes images of another size,
    gives scores for other classes than the dataset has, or was trained on what is tested; images for
    calibration are tested. What is wrong with a model is named with the line of the suite. TensorFlow is not imported here.
    """
    for spec in suite.models:
        try:
            _check_model(spec, dataset)
        except (ModelError, DatasetError) as error:
            place = f"{spec.place}: " if spec.place else ""
            raise type(error)(f"{place}{error.message}", hint=error.hint) from error
    scored = [spec.name for spec in suite.models if suite.is_scored(spec.name)]
    if scored and not dataset.classes:
        raise DatasetError(
            f"dataset {dataset.name}: its images have no labels to check accuracy with",
            hint="measure latency alone: --accuracy none, or `accuracy: none` in the suite",
        )
    refuse_leaks(suite, dataset)
    if scored and suite.calibration is not None:
        refuse_tested(suite.calibration, dataset)


def _check_model(spec: ModelSpec, dataset: Dataset) -> None:
    model = make_model(spec)
    stated = getattr(model, "check_ends", None)
    columns = None if stated is None else stated()
    names: tuple[str, ...] = getattr(model, "score_names", tuple)()
    class_match.of_model(spec, model, dataset, {"outputs": names} | ({} if columns is None else {"columns": columns}))
