"""Turn a matrix into a plan for devices whose facts are known."""

from __future__ import annotations

import hashlib
import itertools
import random
from typing import TYPE_CHECKING

from orchestrator import registry
from orchestrator.domain.case import Case
from orchestrator.domain.effort import effort
from orchestrator.domain.plan import Attempt, Lane, Plan, Profiling, Scoring, Skip, Step
from orchestrator.models.base import DEFAULT_SCHEMES, FORM_NAMES, forms_of, unwritable
from orchestrator.models.schemes.base import make_scheme, ways
from orchestrator.runs.chosen_runtimes import formats, of_artifact, schemes_of
from orchestrator.runtimes import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.model import ModelSpec
    from orchestrator.domain.suite import Suite


def plan(
    run: str,
    suite: Suite,
    devices: Sequence[str],
    *,
    unsupported: Mapping[tuple[str, str], str] | None = None,
    unreachable: Mapping[str, str] | None = None,
    uncalibrated: str | None = None,
) -> Plan:
    """Return lanes and skips; the same arguments give the same plan, ids included.

    ``unsupported`` says for (device, runtime) why that device can't offer that runtime, ``unreachable`` why a device does nothing,
    ``uncalibrated`` why there are no images for schemes that need calibration.
    Every step that would do the work of a skipped case is left out.
    """
    how_long = effort(suite.effort, compare=suite.compare, attempts=suite.attempts)
    unsupported, unreachable = unsupported or {}, unreachable or {}
    models = {model.name: model for model in suite.models}
    lanes, skips = [], []
    for device in devices:
        wanted = []
        for case in _cases(suite, device):
            reason = (
                unreachable.get(device)
                or _misfit(case, suite, models[case.model])
                or _missing(suite, case.scheme)
                or (uncalibrated if _needs_calibration(suite, case.scheme) else None)
                or unsupported.get((device, case.runtime))
            )
            if reason is None:
                wanted.append(case)
            else:
                skips.append(Skip(case=case, reason=reason))
        if wanted:
            lanes.append(lane_of(run, suite, wanted))
    return Plan(run=run, effort=how_long, seed=suite.seed, lanes=tuple(lanes), skips=tuple(skips), tune=suite.tune)


def lane_of(run: str, suite: Suite, cases: Sequence[Case]) -> Lane:
    """Return the lane that measures ``cases``, all of one device."""
    how_long = effort(suite.effort, compare=suite.compare, attempts=suite.attempts)
    steps: tuple[Step, ...] = (
        *_scorings(run, [case for case in cases if suite.is_scored(case.model)]),
        *_attempts(run, cases, how_long.attempts, suite.seed),
        *(_profilings(run, cases) if suite.profile else ()),
    )
    return Lane(device=cases[0].device, steps=steps)


def _missing(suite: Suite, scheme: str) -> str | None:
    """Return which package that builds artifacts of ``scheme`` is missing here, with its command."""
    missing = getattr(make_scheme(scheme, suite.scheme_options.get(scheme)), "missing", None)
    reason = None if missing is None else missing()
    return None if reason is None else f"scheme {scheme}: {reason}"


def _needs_calibration(suite: Suite, scheme: str) -> bool:
    return make_scheme(scheme, suite.scheme_options.get(scheme)).needs_calibration


def _misfit(case: Case, suite: Suite, model: ModelSpec) -> str | None:
    """Return why model, scheme and runtime of a case don't fit together, ``None`` where they do.

    Of a model whose kind does not state its forms, it is asked when its artifact is built.
    """
    forms, made_of = forms_of(model.kind), formats(suite, model, case.scheme)
    if not made_of:
        scheme = registry.find("scheme", suite.scheme_kind(case.scheme))
        what, fitting = " or ".join(FORM_NAMES[form] for form in forms), " or ".join(DEFAULT_SCHEMES[forms[0]])
        takes = " or ".join(FORM_NAMES[form] for form in ways(scheme))
        return f"scheme {case.scheme} takes {takes}, model {case.model} is {what}: use {fitting}"
    runtime, (form, made) = catalogue.find(case.runtime), next(iter(made_of.items()))
    if runtime is None or made in runtime.takes:
        missing = unwritable(model.kind, form) if forms else None
        return f"scheme {case.scheme} converts model {case.model}: {missing}" if missing else None
    counterparts = [name for taken in runtime.takes for name in catalogue.COUNTERPARTS.get(taken, {}).values()]
    schemes = [name for name in counterparts if not forms or registry.find("scheme", name).takes in forms]
    if forms and forms[0] in runtime.takes:
        schemes = list(DEFAULT_SCHEMES[forms[0]])
    other = (
        f"scheme{'s' * (len(schemes) > 1)} {' and '.join(schemes)}"
        if schemes
        else f"runtime {' or '.join(catalogue.takers(made))}"
    )
    takes = " or ".join(f".{taken}" for taken in runtime.takes)
    return f"scheme {case.scheme} makes .{made}, runtime {runtime.name} takes {takes}: use {other}"


def _cases(suite: Suite, device: str) -> list[Case]:
    kinds = [(batch, 0) for batch in suite.batches]
    if suite.throughput is not None:
        kinds += itertools.product(suite.throughput.batches, suite.throughput.interpreters)
    return [
        Case(
            device=device,
            model=model.name,
            scheme=scheme,
            runtime=runtime,
            threads=threads,
            batch=batch,
            interpreters=interpreters,
        )
        for model in suite.models
        for scheme in schemes_of(suite, model)
        for runtime, threads, (batch, interpreters) in itertools.product(
            of_artifact(suite, model, scheme), suite.threads, kinds
        )
    ]


def _scorings(run: str, cases: Sequence[Case]) -> list[Scoring]:
    """One for each artifact × runtime: threads don't change scores."""
    keys = dict.fromkeys(
        (case.device, case.model, case.scheme, case.runtime, case.batch)
        for case in cases
        if catalogue.has_scores(case.runtime)
    )
    return [
        Scoring(
            id=_step_id(run, "scoring", *key),
            device=device,
            model=model,
            scheme=scheme,
            runtime=runtime,
            batch=batch,
        )
        for key in keys
        for device, model, scheme, runtime, batch in [key]
    ]


def _attempts(run: str, cases: Sequence[Case], rounds: int, seed: int) -> list[Attempt]:
    """Round-robin, shuffled anew in every round, so that heat and time are not confounded with the scheme."""
    steps = []
    for number in range(1, rounds + 1):
        order = list(cases)
        random.Random(f"{seed}/{order[0].device}/{number}").shuffle(order)  # noqa: S311  an order, no secret
        steps += [Attempt(id=_step_id(run, "attempt", case, number), case=case, number=number) for case in order]
    return steps


def _profilings(run: str, cases: Sequence[Case]) -> list[Profiling]:
    """Return one for each case of single-stream latency, to be done when every attempt of the lane is over."""
    return [Profiling(id=_step_id(run, "profile", case), case=case) for case in cases if not case.interpreters]


def _step_id(run: str, *parts: object) -> str:
    """Return an id that exists before the step starts, the same when the run is planned again to be resumed."""
    return hashlib.sha256("\n".join(map(str, (run, *parts))).encode()).hexdigest()[:24]
