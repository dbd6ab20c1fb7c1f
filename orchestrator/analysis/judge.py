"""Judge cases by their stored records, at the end of a run or any time later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis import verdicts
from orchestrator.analysis.accuracy.reader import AccuracyReader
from orchestrator.domain.case import Case
from orchestrator.domain.effort import effort
from orchestrator.domain.event import CaseJudgedAgain
from orchestrator.domain.result import Reason, Verdict
from orchestrator.domain.suite import Suite
from orchestrator.errors import UsageError
from orchestrator.store.adoptions import adoptions, unlabelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.domain.result import CaseResult
    from orchestrator.store.rows import ResultRow
    from orchestrator.store.store import Store

#: Reasons that a run before showed, which may be pruned since: judging again keeps them.
STICKY = frozenset({"other-machine"})
#: A case that has this never was a measurement.
NEVER_MEASURED = "build-failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """A case judged again: the stored verdict beside the new one."""

    before: ResultRow
    after: CaseResult

    @property
    def changed(self) -> bool:
        """Whether the verdict, the reasons, or a figure that there was is another now."""
        codes = tuple(reason["code"] for reason in self.before.reasons)
        figures = self.after.figures
        same = all(
            figures.get(name) == getattr(self.before, name) for name in ("p50_ns", "p90_ns", "p99_ns", "auc_mean")
        )
        return not (
            same
            and self.before.verdict == self.after.verdict.value
            and codes == tuple(reason.code for reason in self.after.reasons)
        )


def judge(
    store: Store,
    run: str,
    suite: Suite,
    case: Case,
    *,
    sticky: Sequence[Reason] = (),
    accuracies: AccuracyReader | None = None,
) -> CaseResult:
    """Return what the store's raw data of a case say; nothing is stored.

    ``accuracies`` has the scores that were read for other cases of the run, ``sticky`` reasons that were recorded earlier.
    """
    is_kept = any(reason.code in STICKY for reason in sticky)
    accuracies = accuracies or AccuracyReader(store)
    measurements, scores = store.measurements(run, case), store.scores(run, case)
    artifacts = [attempt.artifact for attempt in measurements] + ([scores.artifact] if scores else [])
    artifact = store.artifact(artifacts[0], run, case) if artifacts else None
    return verdicts.judge(
        run=run,
        case=case,
        measurements=measurements,
        scores=scores,
        facts=store.facts(run, case.device),
        effort=effort(suite.effort, compare=suite.compare, attempts=suite.attempts),
        predecessor=None if is_kept else store.predecessor(run, case.device),
        golden=artifact.golden if artifact else None,
        auc=accuracies.estimates(run, case) if scores else None,
        auc_change=accuracies.change(run, case) if scores else None,
        sticky=sticky,
        scored=suite.is_scored(case.model),
        labels_of=None if scores else _labels_of(store, run, case),
    )


def _labels_of(store: Store, run: str, case: Case) -> str | None:
    """Return the dataset whose labels a run that was taken over from a device lacks here."""
    with store.reading() as session:
        detail = adoptions(session, [run]).get((run, case.device), {})
    return unlabelled(detail).get(case.model, {}).get("dataset")


def rejudge(store: Store, run: str) -> Iterator[Rejudged]:
    """Judge the cases of a run by the rules of today, store what comes out, and yield each.

    Raises `UnknownName`, or `UsageError` where samples were pruned: the figures that stay were made of them.
    """
    row = store.run(run)
    if store.samples_pruned(row.id):
        raise UsageError(
            f"run {row.id} can't be judged again: its samples were pruned", hint="its figures stay as they are"
        )
    suite = Suite.from_json(row.suite)
    accuracies = AccuracyReader(store)
    for before in store.results(run=row.id):
        if any(reason["code"] == NEVER_MEASURED for reason in before.reasons):
            continue
        case = Case.parse(before.case)
        sticky = [
            Reason(**{**reason, "verdict": Verdict(reason["verdict"])})  # type: ignore[arg-type]  # it was a Reason's own
            for reason in before.reasons
            if reason["code"] in STICKY
        ]
        after = judge(store, row.id, suite, case, sticky=sticky, accuracies=accuracies)
        store.record(CaseJudgedAgain(run=row.id, device=case.device, result=after))
        yield Rejudged(before=before, after=after)
