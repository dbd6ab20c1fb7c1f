"""Refuses to score a model on what it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.datasets import leaks
from orchestrator.models.training_record import record_of, refuse_seen

if TYPE_CHECKING:
    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.suite import Suite


def refuse_leaks(suite: Suite, dataset: Dataset) -> None:
    """Raise `DatasetError` where labels contradict each other, or a model of ``suite`` has seen what ``dataset`` tests.

    That is known of a model whose training is recorded. Of another, whatever is on the training side counts as seen. A suite of latency
    alone is not looked into. Raises `ModelError` where a record of training is damaged.
    """
    scored = [model for model in suite.models if suite.is_scored(model.name)]
    if not scored:
        return
    leaks.refuse_contradictions(dataset)
    records = {model.name: record_of(model) for model in scored}
    for name, record in records.items():
        if record is not None:
            refuse_seen(name, record, dataset)
    if None in records.values():
        leaks.refuse_leaks(dataset)
