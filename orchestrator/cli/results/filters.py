"""Which results a command is about: the options that narrow it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import errors_console, project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow, RunRow

# Options that mean the same on every command that takes them.
Run = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", help="A run: its id, its beginning, its name, or latest.", autocompletion=candidates.run
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Only these devices: names, pi5-*, tag:x, arch:x, !name.",
        autocompletion=candidates.measured_devices,
    ),
]
Models = Annotated[
    str | None, typer.Option(metavar="A,B", help="Only these models.", autocompletion=candidates.measured_models)
]
Schemes = Annotated[
    str | None, typer.Option(metavar="A,B", help="Only these schemes.", autocompletion=candidates.measured_schemes)
]
Runtimes = Annotated[
    str | None, typer.Option(metavar="A,B", help="Only these runtimes.", autocompletion=candidates.measured_runtimes)
]
Threads = Annotated[str | None, typer.Option(metavar="1,4", help="Only these numbers of threads.")]
Batch = Annotated[str | None, typer.Option(metavar="1,8", help="Only these batch sizes.")]
Verdicts = Annotated[
    str | None,
    typer.Option("--verdict", metavar="A,B", help="Only VALID, WARN or INVALID.", autocompletion=candidates.verdicts),
]
Since = Annotated[
    str | None, typer.Option(metavar="DATE|AGE", help="Only what was measured since: 2026-11-20, 2026-11-20T14:30, 7d.")
]
VERDICTS = ("VALID", "WARN", "INVALID")
#: Written otherwise: 20.11.2026, 2026/11/20.
_DATES = (
    re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"),
    re.compile(r"(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a person asked for, as the store takes it."""

    #: Selectors of devices, as they were written.
    devices: str | None = None
    since: datetime | None = None
    #: By the field of a case, or ``verdict``.
    values: Mapping[str, tuple[str, ...] | tuple[int, ...]]

    @property
    def is_narrow(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.devices or self.since or self.values)

    def of(self, store: Queries, run: str | None, where: Path | None, db: str | None) -> dict[str, Any]:
        """Return keywords of `Queries.results`, its devices selected among those of the inventory and of the results."""
        chosen: dict[str, Any] = dict(self.values)
        if self.devices is not None:
            words = words_of(self.devices)
            plain = all(re.fullmatch(r"[\w.-]+", word) and word != "all" for word in words)
            chosen["device"] = words if plain else tuple(_selected(self.devices, store, run, where, db))
        return chosen


def filters(
    *,
    devices: str | None = None,
    models: str | None = None,
    schemes: str | None = None,
    runtimes: str | None = None,
    threads: str | None = None,
    batch: str | None = None,
    verdicts: str | None = None,
    since: str | None = None,
) -> Filters:
    """Read the options; raises `UsageError` with the nearest right form."""
    values: dict[str, tuple[str, ...] | tuple[int, ...]] = {}
    for name, text in (("model", models), ("scheme", schemes), ("runtime", runtimes)):
        if text is not None:
            values[name] = words_of(text)
    for name, text in (("threads", threads), ("batch", batch)):
        if text is not None:
            values[name] = _counts(f"--{name}", text)
    if verdicts is not None:
        values["verdict"] = _verdicts(verdicts)
    return Filters(devices=devices, since=None if since is None else parse_since(since), values=values)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a list with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """Return the moment of a date, a date with time (UTC unless it says otherwise), or an age such as ``7d`` or ``12h``.

    Raises `UsageError` with the nearest right form.
    """
    from orchestrator.domain.units import parse_seconds
    from orchestrator.errors import UsageError

    age = re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*(d|days?|w|weeks?)\s*", text)
    try:
        if age is not None:
            ago = timedelta(days=float(age[1]) * (7 if age[2].startswith("w") else 1))
        else:
            ago = timedelta(seconds=parse_seconds(text))
        return (now or datetime.now(UTC)) - ago
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        near = _date(text)
        meant = f"did you mean {near}? " if near else ""
        raise UsageError(
            f"--since {text[:40]}: neither a date nor an age",
            hint=f"{meant}write it as 2026-11-20, 2026-11-20T14:30, 7d or 12h",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(text: str) -> str | None:
    """Return a date that was written in another order as farm takes it."""
    for form in _DATES:
        if match := form.fullmatch(text.strip()):
            try:
                return f"{datetime(int(match['year']), int(match['month']), int(match['day']), tzinfo=UTC):%Y-%m-%d}"
            except ValueError:
                return None
    return None


def _counts(option: str, text: str) -> tuple[int, ...]:
    from orchestrator.errors import UsageError

    try:
        return tuple(int(word) for word in words_of(text))
    except ValueError:
        raise UsageError(f"{option} {text[:40]}: expected whole numbers, separated by commas, such as 1,4") from None


def _verdicts(text: str) -> tuple[str, ...]:
    from orchestrator.errors import UnknownName

    chosen = tuple(word.upper() for word in words_of(text))
    for word in chosen:
        if word not in VERDICTS:
            raise UnknownName("verdict", word, VERDICTS)
    return chosen


def _selected(text: str, store: Queries, run: str | None, where: Path | None, db: str | None) -> frozenset[str]:
    from orchestrator.cli.results.list import selected_devices

    return selected_devices(text, store.results(run=run), store, project(db, where))


def warn_of_unknown(store: Queries, run: str | None, chosen: Mapping[str, Any], of_run: RunRow | None) -> None:
    """Print on standard error which of several values no result has, with the nearest one that some result has."""
    from rich.markup import escape

    from orchestrator.reports import no_results

    existing: Sequence[ResultRow] | None = None
    for name, values in chosen.items():
        lacking = [value for value in values if not store.count_results(run=run, **{name: value})]
        if lacking and len(lacking) < len(values):
            existing = existing if existing is not None else store.results(run=run)
            for value in lacking:
                text = no_results.explain(existing, {name: value}, of_run)
                errors_console().print(escape(text), style="yellow", soft_wrap=True)
