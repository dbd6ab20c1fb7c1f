"""What became of a run: its id, its counts, the devices that it lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from orchestrator.reports import skips

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from orchestrator.domain.case import Case
    from orchestrator.store.rows import EventRow, RunRow

_LOST = ("LaneSkipped", "LaneCrashed")


def show(run: RunRow, skipped: Sequence[tuple[Case, str]], events: Iterable[EventRow], console: Console) -> None:
    """Print the counts, then a line for each lost device, then one for each reason that left cases out."""
    lost = dict(lost_devices(events))
    console.print(escape(counts(run, len(skipped), len(lost))), soft_wrap=True)
    for device, reason in lost.items():
        console.print(f"[red]lost[/]     {escape(f'{device}: {reason}')}", soft_wrap=True)
    for line in skips.lines((case, reason) for case, reason in skipped if case.device not in lost):
        console.print(f"[yellow]skipped[/]  {escape(line)}", soft_wrap=True)
    console.print()


def counts(run: RunRow, skipped: int, lost: int) -> str:
    """Return ``run ID: 8 cases on 2 devices: 6 VALID, 2 WARN; 4 skipped; 1 device lost``."""
    verdicts = [f"{run.verdicts[word]} {word}" for word in ("VALID", "WARN", "INVALID") if run.verdicts.get(word)]
    words = [f"{_number(run.cases, 'case')} on {_number(len(run.devices), 'device')}"]
    words += [", ".join(verdicts)] if verdicts else []
    parts = [f"run {run.id}: {': '.join(words)}"]
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [f"{_number(lost, 'device')} lost"] if lost else []
    return "; ".join(parts)


def lost_devices(events: Iterable[EventRow]) -> Iterator[tuple[str, str]]:
    """Yield the devices that did nothing, or no more, with the last reason; one that answered later is not lost."""
    reasons: dict[str, str] = {}
    for event in events:
        if event.device is None:
            continue
        if event.kind in _LOST:
            reasons[event.device] = str(event.detail["reason"]).removeprefix(f"{event.device}: ")
        elif event.kind == "DeviceProbed":
            reasons.pop(event.device, None)
    yield from reasons.items()


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
