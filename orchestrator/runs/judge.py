"""Verdicts on the cases of one device in a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.analysis import judge as judging
from orchestrator.analysis.accuracy.reader import AccuracyReader
from orchestrator.domain.event import CaseJudged, LaneCrashed
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.errors import FarmError
from orchestrator.runs.crash import crashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orchestrator.domain.case import Case
    from orchestrator.domain.event import Event
    from orchestrator.runs.build import BuildResults
    from orchestrator.runs.context import RunContext, Stage
    from orchestrator.store.store import Store

#: Events that are stored together, at most, and how long one waits for others.
TOGETHER = 32
LONGEST_S = 0.5


def judge(context: RunContext, cases: Sequence[Case], built: BuildResults, store: Store) -> Iterator[Event]:
    """Judge each of ``cases``, all of one device, by what ``store`` holds of it."""
    accuracies = AccuracyReader(store)
    for case in cases:
        key = case.model, case.scheme, case.batch
        if key in built.failures:
            result = _unbuilt(context.run, case, built.failures[key])
        else:
            try:
                result = judging.judge(store, context.run, context.suite, case, accuracies=accuracies)
            except FarmError:
                raise
            except Exception as error:  # noqa: BLE001  the other cases get their verdicts, whatever it is
                crash = crashed(context.run, case.device, context.state, error)
                yield crash
                result = _unjudged(context.run, case, crash)
        yield CaseJudged(run=context.run, device=case.device, result=result)


def together(events: Iterable[Event], *, clock: Callable[[], float] = time.monotonic) -> Stage[tuple[Verdict, ...]]:
    """Yield ``events``, those several at once that come within a moment; return the verdicts in them."""
    verdicts: list[Verdict] = []
    waiting: list[Event] = []
    since = clock()
    for event in events:
        waiting.append(event)
        if isinstance(event, CaseJudged):
            verdicts.append(event.result.verdict)
        if len(waiting) >= TOGETHER or clock() - since >= LONGEST_S:
            yield tuple(waiting)
            waiting, since = [], clock()
    if waiting:
        yield tuple(waiting)
    return tuple(verdicts)


def _unbuilt(run: str, case: Case, error: str) -> CaseResult:
    why, _, what_to_do = error.partition("\n")
    return _invalid(
        run,
        case,
        code="build-failed",
        message=f"the artifact cannot be built: {why}",
        advice=what_to_do.strip() or "other schemes may still work; build.log in farm's own folder has the details",
    )


def _unjudged(run: str, case: Case, crash: LaneCrashed) -> CaseResult:
    return _invalid(
        run,
        case,
        code="not-judged",
        message="a bug in farm ended the judgement of this case; its measurements are stored",
        advice=f"report {crash.report or crash.reason}; then, with a version that has it fixed: farm results judge",
    )


def _invalid(run: str, case: Case, *, code: str, message: str, advice: str) -> CaseResult:
    reason = Reason(verdict=Verdict.INVALID, code=code, message=message, advice=advice)
    return CaseResult(
        run=run,
        case=case,
        artifact=None,
        size_bytes=None,
        attempts=0,
        samples=0,
        verdict=Verdict.INVALID,
        reasons=(reason,),
    )
