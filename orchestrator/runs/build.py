"""The artifacts that a run measures, built or found again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.domain.run_event import ArtifactReady, BuildFailed, BuildsPlaced, BuildStarted, ImagesListed
from orchestrator.errors import UsageError
from orchestrator.models.artifacts import Build, Built, Placed
from orchestrator.models.build_processes import run_all
from orchestrator.models.schemes.base import options_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.artifact import Artifact, ImageSet
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Plan
    from orchestrator.domain.suite import Suite
    from orchestrator.models.artifacts import BuildAll, Failed
    from orchestrator.runs.context import RunContext, Stage

    #: Model, scheme, batch.
    Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResults:
    """What is there to be measured."""

    artifacts: Mapping[Key, Artifact]
    #: Why an artifact cannot be had.
    failures: Mapping[Key, str]
    #: Model -> evaluation images at its size.
    images: Mapping[str, ImageSet]


def build(
    context: RunContext, plan: Plan, announced: Mapping[Key, str], before: BuildResults | None = None
) -> Stage[BuildResults]:
    """Build what the cases of ``plan`` need beyond what was built ``before``; return all of it. A build that fails is an event.

    ``announced`` are the sha256 of artifacts that this run has measured before. Raises `UsageError` where one of them
    would be another artifact now, and `ModelError` or `DatasetError` where images can't be read.
    """
    suite = context.suite
    specs = {model.name: model for model in suite.models}
    before = before or BuildResults(artifacts={}, failures={}, images={})
    artifacts, failures = dict(before.artifacts), dict(before.failures)
    known = artifacts.keys() | failures.keys()
    builds = tuple(each for each in wanted(suite, plan) if (each.model.name, each.scheme, each.batch) not in known)
    if not builds:
        return before
    yield BuildStarted(run=context.run, total=len(context.artifacts.missing(builds, suite.dataset)))
    outcomes = context.artifacts.ensure(builds, suite.dataset, context.build_limits, _builder_of(context))
    for outcome in outcomes:
        if isinstance(outcome, Placed):
            yield event_of(context.run, outcome)
            continue
        key = outcome.build.model.name, outcome.build.scheme, outcome.build.batch
        if isinstance(outcome, Built):
            artifacts[key] = outcome.artifact
            _refuse_another(context.run, key, outcome.artifact, announced)
        else:
            failures[key] = outcome.error
        yield event_of(context.run, outcome)
    checks = {model: artifact.checks for (model, _, _), artifact in artifacts.items()}
    images = {
        name: context.artifacts.image_set(
            specs[name], suite.dataset, limit=suite.scored_images, seed=suite.seed, checks=checks[name]
        )
        for name in specs
        if name in checks and name not in before.images
    }
    listed = {each.image_list for each in before.images.values()}
    for name, image_set in {each.image_list: each for each in images.values()}.items():
        if name not in listed:
            yield ImagesListed(run=context.run, image_list=context.artifacts.image_list(image_set))
    return BuildResults(artifacts=artifacts, failures=failures, images={**before.images, **images})


def _builder_of(context: RunContext) -> BuildAll:
    """Return what builds artifacts: workers of the cluster where there is one, else processes of this machine."""
    cluster = context.cluster
    return run_all if cluster is None else partial(cluster.build, context.datasets)


def event_of(run: str, outcome: Built | Failed | Placed) -> Event:
    """Return what became of a build, or where it begins, as an event of ``run``."""
    if isinstance(outcome, Placed):
        return BuildsPlaced(run=run, what=outcome.what)
    if isinstance(outcome, Built):
        return ArtifactReady(run=run, artifact=outcome.artifact, reused=outcome.reused, seconds=outcome.seconds)
    build = outcome.build
    return BuildFailed(run=run, model=build.model.name, scheme=build.scheme, batch=build.batch, error=outcome.error)


def wanted(suite: Suite, plan: Plan) -> tuple[Build, ...]:
    """Return a build for each artifact that the cases of ``plan`` need."""
    specs = {model.name: model for model in suite.models}
    keys = dict.fromkeys((case.model, case.scheme, case.batch) for case in plan.cases)
    return tuple(
        Build(
            model=specs[model],
            scheme=scheme,
            batch=batch,
            options=options_in(suite, scheme),
            calibration=suite.calibration,
        )
        for model, scheme, batch in keys
    )


def _refuse_another(run: str, key: Key, artifact: Artifact, announced: Mapping[Key, str]) -> None:
    """Raise `UsageError` where a resumed run would mix attempts of two artifacts in one case."""
    if announced.get(key, artifact.sha256) != artifact.sha256:
        raise UsageError(
            f"run {run} can't go on: {artifact.model} {artifact.scheme} is another artifact now, because the model, "
            "its calibration images or TensorFlow changed",
            hint="start a new run: farm run",
        )
