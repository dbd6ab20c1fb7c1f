"""Which runtimes measure an artifact, chosen by its format where a suite names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import registry
from orchestrator.models.base import default_schemes, forms_of
from orchestrator.models.schemes.base import ways
from orchestrator.runtimes import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.model import ModelSpec
    from orchestrator.domain.suite import Suite
    from orchestrator.models.base import Form


def schemes_of(suite: Suite, model: ModelSpec) -> tuple[str, ...]:
    """Return the schemes that a suite measures a model with."""
    return suite.schemes or default_schemes(model.kind)


def formats(suite: Suite, model: ModelSpec, scheme: str) -> Mapping[Form, str]:
    """Return the forms of a model that a scheme converts -> the format of what it makes; none where they don't fit.

    A plug-in that does not state its forms is taken to have all of them.
    """
    forms = forms_of(model.kind)
    made = ways(registry.find("scheme", suite.scheme_kind(scheme)))
    return {form: artifact_format for form, artifact_format in made.items() if not forms or form in forms}


def of_artifact(suite: Suite, model: ModelSpec, scheme: str) -> tuple[str, ...]:
    """Return the runtimes of a suite; of one that names none, the first that takes what ``scheme`` makes of ``model``."""
    if suite.runtimes:
        return suite.runtimes
    artifact_format = next(iter(formats(suite, model, scheme).values()), "tflite")
    return (catalogue.takers(artifact_format) or catalogue.BEST_FIRST)[:1]


def of_suite(suite: Suite) -> tuple[str, ...]:
    """Return every runtime that some artifact of a suite is measured in."""
    chosen = [of_artifact(suite, model, scheme) for model in suite.models for scheme in schemes_of(suite, model)]
    return suite.runtimes or tuple(dict.fromkeys(runtime for runtimes in chosen for runtime in runtimes))
