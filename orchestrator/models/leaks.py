"""Refuses to score a model on what it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.models.training_record import record_of, refuse_seen

if TYPE_CHECKING:
    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.suite import Suite


def refuse_leaks(suite: Suite, dataset: Dataset) -> None:
    """Raise `DatasetError` where a model of ``suite`` has seen what ``dataset`` tests, as far as its training is recorded.

    Raises `ModelError` where a record of training is damaged.
    """
    for model in suite.models:
        record = record_of(model) if suite.is_scored(model.name) else None
        if record is not None:
            refuse_seen(model.name, record, dataset)
