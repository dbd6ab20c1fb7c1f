"""How much runs of the same case differ where nothing changed, as earlier runs show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.pooled_variance import Variance, prior
from orchestrator.analysis.rounds import LEAST_CASES, without_rounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.analysis.significance import Contrast, Side

#: Two runs show one difference; three begin to show how much runs differ.
LEAST_RUNS = 3
#: A step between two runs that is so many times the usual one is a change of the program, no variance of runs: 1 in 16,000 by chance.
CHANGE = 4.0
#: From fewer steps the usual one is unknown.
LEAST_STEPS = 8
#: Standard deviations in a median absolute deviation of a normal distribution.
OF_MAD = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVariance:
    """What a run does to logs of times on one device."""

    #: By case: between runs, beyond what the attempts of a run explain, with the degrees of freedom of the estimate.
    cases: Mapping[str, Variance]
    #: Between runs of the device as a whole; ``None`` where it is a part of ``cases``.
    device: Variance | None
    #: By case: how many runs show it.
    runs: Mapping[str, int]


def run_variance(runs: Sequence[Mapping[str, Side]], *, shifts_apart: bool) -> RunVariance:
    """Estimate from earlier ``runs``, each of them sides by case, how much runs differ.

    ``shifts_apart``: what a run did to all cases of the device is taken out first, as it is where a table of two runs has its
    common shift taken out; else it is a part of each case's variance. Variances of cases are moderated by each other
    (`orchestrator.analysis.pooled_variance`). Of a case that changed, the runs after its last change count; where those
    are too few, what the others have in common. Cases in fewer than `LEAST_RUNS` runs are left out.
    """
    names = [name for name in sorted({name for run in runs for name in run}) if _count(runs, name) >= LEAST_RUNS]
    means = [{number: run[name].mean for number, run in enumerate(runs) if name in run} for name in names]
    apart = shifts_apart and len(names) >= LEAST_CASES
    cleaned, correction = (
        without_rounds(means) if apart else (tuple(np.array(list(case.values())) for case in means), 1.0)
    )
    kept = _after_changes(cleaned)
    raw = {
        place: Variance(value=float(logs.var(ddof=1)) * correction, df=len(logs) - 1.0) for place, logs in kept.items()
    }
    common = prior(list(raw.values()))
    found = {}
    for place, name in enumerate(names):
        moderated = common.moderated(raw.get(place, Variance(value=0.0, df=0.0)))
        if not moderated.df:
            continue
        explained = np.mean([run[name].variance.value / len(run[name].rounds) for run in runs if name in run])
        found[name] = replace(moderated, value=max(0.0, moderated.value - float(explained)))
    return RunVariance(
        cases=found,
        device=_of_device(means, cleaned) if apart else None,
        runs={name: _count(runs, name) for name in found},
    )


def with_run_variance(contrast: Contrast, variance: Variance) -> Contrast:
    """Return a contrast of two runs whose error holds what each of them may do to the case.

    Degrees of freedom by Satterthwaite (Biometrics Bulletin 2, 1946).
    """
    total = contrast.error**2 + 2 * variance.value
    weights = contrast.error**4 / contrast.df + (2 * variance.value) ** 2 / variance.df
    return replace(contrast, error=total**0.5, df=total**2 / weights if weights else contrast.df)


def _after_changes(cases: Sequence[NDArray[np.float64]]) -> dict[int, NDArray[np.float64]]:
    """Return by place the runs of each case after its last change, as far as there are enough."""
    steps = np.concatenate([np.abs(np.diff(logs)) for logs in cases]) if cases else np.empty(0)
    most = CHANGE * OF_MAD * float(np.median(steps)) if len(steps) >= LEAST_STEPS else np.inf
    found = {}
    for place, logs in enumerate(cases):
        changes = np.flatnonzero(np.abs(np.diff(logs)) > most)
        since = logs[changes[-1] + 1 :] if len(changes) else logs
        if len(since) >= LEAST_RUNS:
            found[place] = since
    return found


def _count(runs: Sequence[Mapping[str, Side]], name: str) -> int:
    return sum(name in run for run in runs)


def _of_device(means: Sequence[Mapping[int, float]], cleaned: Sequence[NDArray[np.float64]]) -> Variance | None:
    """Return the variance of what runs did to all cases: the difference that `without_rounds` made."""
    effects = {
        number: value - left
        for case, kept in zip(means, cleaned, strict=True)
        for (number, value), left in zip(sorted(case.items()), kept, strict=True)
    }
    if len(effects) < LEAST_RUNS:
        return None
    return Variance(value=float(np.var(list(effects.values()), ddof=1)), df=len(effects) - 1.0)
