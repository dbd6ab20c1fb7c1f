"""All that is shown of one run, asked from the store once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.analysis import best
from orchestrator.analysis.accuracy.reader import AccuracyReader
from orchestrator.analysis.table_rows import table_rows
from orchestrator.domain.case import Case
from orchestrator.errors import UsageError
from orchestrator.reports import run_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.analysis.accuracy.intervals import Estimates
    from orchestrator.analysis.accuracy.scored import Scored
    from orchestrator.analysis.best import Choice, FleetChoice
    from orchestrator.analysis.claims import Answered
    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.table_rows import TableRow
    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.profile import Profile
    from orchestrator.domain.result import Measurement, Scores
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow, RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccuracy:
    """The accuracy of a model, by scheme, on the first device that scored it."""

    model: str
    device: str
    scored: Mapping[str, Scored] = field(repr=False)
    estimates: Mapping[str, Estimates] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A run with everything that a page, a picture or a paper shows of it."""

    run: RunRow
    rows: tuple[ResultRow, ...]
    choices: tuple[Choice, ...]
    fleet: tuple[FleetChoice, ...]
    #: ``rows`` beside what they are compared with.
    table: tuple[TableRow, ...]
    #: Against float32 of the same setting, in the order of ``rows``.
    comparisons: tuple[Comparison, ...]
    #: By case; each with its samples.
    attempts: Mapping[str, tuple[Measurement, ...]] = field(repr=False)
    #: By case; those of one scoring are shared by several.
    scores: Mapping[str, Scores] = field(repr=False)
    #: By device, as they were in the run.
    facts: Mapping[str, Mapping[str, Any]]
    #: By model, scheme, batch.
    artifacts: tuple[Artifact, ...]
    #: By case, the newest that succeeded; of those that were profiled.
    profiles: Mapping[str, Profile] = field(default_factory=dict, repr=False)
    accuracies: tuple[ModelAccuracy, ...] = ()
    skips: tuple[tuple[Case, str], ...] = ()
    claims: tuple[Answered, ...] = ()
    #: Devices that did nothing, or no more, with the reason.
    lost: Mapping[str, str] = field(default_factory=dict)

    @property
    def lost_line(self) -> str:
        """Which devices are missing, and why, in one line; empty where none was lost."""
        reasons = [f"{device} ({reason.splitlines()[0]})" for device, reason in self.lost.items()]
        return f"Lost, so not in this answer: {', '.join(reasons)}." if reasons else ""

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices with a result, by name."""
        return tuple(sorted({row.device for row in self.rows}))

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes with a result, float32 first."""
        return tuple(dict.fromkeys(row.scheme for row in sorted(self.rows, key=lambda row: _order(row.scheme))))


def gather(store: Queries, run: str, labels: Path, limits: best.Limits | None = None) -> Dossier:
    """Ask the store for a run: its id, the unique beginning of one, or ``latest``.

    ``labels`` is the folder of farm's own files by sha256. Raises `UnknownName` for a run that does not exist, `UsageError`
    for one without a result.
    """
    row = store.run(run)
    rows = tuple(store.results(run=row.id))
    if not rows:
        raise UsageError(f"run {row.id} has no judged case yet", hint=f"farm run --resume {row.id}")
    table = table_rows(store, rows, labels)
    comparisons = tuple(each.against for each in table if each.against is not None)
    choices = best.choose(rows, {pair.b.case: pair for pair in comparisons}, limits or best.Limits())
    cases = {each.case: Case.parse(each.case) for each in rows}
    scores = {name: found for name, case in cases.items() if (found := store.scores(row.id, case)) is not None}
    return Dossier(
        run=row,
        rows=rows,
        choices=choices,
        fleet=best.for_fleet(choices),
        table=table,
        comparisons=comparisons,
        attempts={name: store.measurements(row.id, case) for name, case in cases.items()},
        scores=scores,
        accuracies=tuple(_accuracies(store, rows, cases)),
        facts={device: store.facts(row.id, device) for device in sorted({each.device for each in rows})},
        artifacts=tuple(_artifacts(store, rows, cases)),
        profiles=_profiles(store, row.id, cases),
        skips=store.skips(row.id),
        lost=dict(run_end.lost_devices(store.events(row.id))),
    )


def _profiles(store: Queries, run: str, cases: Mapping[str, Case]) -> dict[str, Profile]:
    newest = {
        name: next((each for each in store.profiles(run, case) if each.error is None), None)
        for name, case in cases.items()
    }
    return {name: profile for name, profile in newest.items() if profile is not None}


def _artifacts(store: Queries, rows: Sequence[ResultRow], cases: Mapping[str, Case]) -> Iterator[Artifact]:
    """Yield what was measured, each once: two models may share a file, with checks of their own."""
    keys = {(each.model, each.scheme, each.batch, each.artifact): each for each in rows if each.artifact}
    for (*_, sha256), row in sorted(keys.items()):
        found = store.artifact(str(sha256), row.run, cases[row.case])
        if found is not None:
            yield found


def _accuracies(store: Queries, rows: Sequence[ResultRow], cases: Mapping[str, Case]) -> Iterator[ModelAccuracy]:
    reader = AccuracyReader(store)
    for model in dict.fromkeys(row.model for row in rows):
        device = ""
        scored: dict[str, Scored] = {}
        estimates: dict[str, Estimates] = {}
        for row in rows:
            if row.model != model or row.scheme in scored or row.device != (device or row.device):
                continue
            of, auc = reader.scored(row.run, cases[row.case]), reader.estimates(row.run, cases[row.case])
            if of is not None and auc is not None and all(of.images == other.images for other in scored.values()):
                device, scored[row.scheme], estimates[row.scheme] = row.device, of, auc
        if scored:
            yield ModelAccuracy(model=model, device=device, scored=scored, estimates=estimates)


def _order(scheme: str) -> tuple[int, str]:
    schemes = ("float32", "float16", "dynamic", "int8", "int8-io")
    return (schemes.index(scheme) if scheme in schemes else len(schemes)), scheme
