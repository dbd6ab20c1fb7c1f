"""One case compared with itself on a device: what differs there is noise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis import noise_floor as noise
from orchestrator.config import suite as suites
from orchestrator.devices.provisioning.choose import choose_runtime
from orchestrator.domain.calibration import Calibration
from orchestrator.domain.case import Case
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.event import AttemptEnded, CaseSkipped, LaneSkipped
from orchestrator.domain.run_event import BuildFailed
from orchestrator.errors import DeviceUnfit, UsageError
from orchestrator.runtimes.catalogue import BEST_FIRST, scheme_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from orchestrator.devices.session import Session
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.result import Measurement
    from orchestrator.domain.suite import Suite
    from orchestrator.runs.farm import Farm
    from orchestrator.store.store import Store

#: Enough for the 95th percentile to be the device's and not the draw's; with effort quick it is done in a minute or two.
ATTEMPTS = 20
SCHEME = "int8"


def calibrate(
    farm: Farm,
    device: Device,
    store: Store,
    session: Session,
    *,
    effort: str = "quick",
    attempts: int = ATTEMPTS,
    seed: int = 0,
    show: Callable[[Event], None] = lambda _: None,
) -> Calibration:
    """Measure tiny-cxr's int8 artifact ``attempts`` times on ``device``; store how alike the attempts are.

    The run is stored like any other; ``show`` gets its events. Raises `UsageError` for too few attempts, what probing
    raises, and `DeviceUnfit` where the device did not do them.
    """
    group = _group(effort, attempts)
    name = device.name
    runtime = choose_runtime(session.client(device).probe(BEST_FIRST), device.runtimes)
    case = Case(device=name, model="tiny-cxr", scheme=scheme_for(runtime, SCHEME), runtime=runtime, threads=1, batch=1)
    run, reason = "", "nothing was measured"
    for event in farm.run(_suite(case, effort, attempts, seed), [device], store, session=session):
        run = event.run
        show(event)
        reason = _failure(event) or reason
    good = [attempt for attempt in store.measurements(run, case) if attempt.error is None and attempt.latency_ns]
    if len(good) < 2 * group:
        raise DeviceUnfit(
            f"{name}: not calibrated: {len(good)} of {attempts} attempts worked and {2 * group} are needed: {reason}",
            hint=f"farm devices check {name}",
        )
    calibration = _of(good, run=run, effort=effort, group=group, seed=seed, facts=store.facts(run, name))
    store.record_calibration(calibration)
    return calibration


def _group(effort: str, attempts: int) -> int:
    """Return how many attempts a comparison has on each side."""
    suitable = [known.name for known in EFFORTS.values() if known.attempts > 1]
    if effort not in suitable:
        raise UsageError(f"--effort {effort}: a comparison takes several attempts: {', '.join(suitable)}")
    group = EFFORTS[effort].attempts
    if attempts < 2 * group:
        raise UsageError(f"--attempts {attempts}: {2 * group} at least, two groups of {effort}'s {group}")
    return group


def _suite(case: Case, effort: str, attempts: int, seed: int) -> Suite:
    chosen = suites.narrow(
        suites.built_in([case.model]),
        devices=[case.device],
        schemes=[case.scheme],
        runtimes=[case.runtime],
        threads=[case.threads],
        effort=effort,
        seed=seed,
        accuracy="none",
    )
    return replace(chosen, attempts=attempts)


def _failure(event: Event) -> str | None:
    """Return why ``event`` is a failure; else ``None``."""
    if isinstance(event, LaneSkipped | CaseSkipped):
        return event.reason
    if isinstance(event, BuildFailed):
        return event.error
    if isinstance(event, AttemptEnded) and event.measurement.error is not None:
        return event.measurement.error.strip().splitlines()[-1]
    return None


def _of(
    good: Sequence[Measurement], *, run: str, effort: str, group: int, seed: int, facts: Mapping[str, Any]
) -> Calibration:
    p50s = [float(np.median(attempt.per_invocation_ns)) for attempt in good]
    case = good[0].case
    return Calibration(
        device=case.device,
        at=datetime.now(UTC),
        run=run,
        case_name=str(case),
        effort=effort,
        attempts=len(good),
        group_size=group,
        noise_floor=noise.floor(p50s, group, seed=seed),
        observed=noise.observed(p50s, seed=seed),
        p50_ns=float(np.median(p50s)),
        loop_ns=_median([attempt.loop_ns for attempt in good]),
        clock_ns=_median([attempt.clock_ns for attempt in good]),
        governor=_governor(good, facts),
        hardware_key=facts.get("hardware_key"),
        seed=seed,
    )


def _median(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(float(np.median(known))) if known else None


def _governor(good: Sequence[Measurement], facts: Mapping[str, Any]) -> str | None:
    """Return the governor that the attempts ran under; one that changed is named as such."""
    seen = dict.fromkeys(name for attempt in good for name in attempt.governors)
    of_device = facts.get("governor")
    return " → ".join(seen) or (str(of_device) if of_device else None)
