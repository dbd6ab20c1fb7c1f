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

RESUME = "farm run --resume"
_LOST = ("LaneSkipped", "LaneCrashed")


def show(run: RunRow, skipped: Sequence[tuple[Case, str]], events: Iterable[EventRow], console: Console) -> None:
    """Print the counts, then a line for each lost device, each retried one, each reason that left cases out."""
    events = tuple(events)
    lost = dict(lost_devices(events))
    console.print(escape(counts(run, len(skipped), len(lost))), soft_wrap=True)
    show_lost(run.id, events, console)
    for line in retried_devices(events):
        console.print(f"[yellow]retried[/]  {escape(line)}", soft_wrap=True)
    for line in skips.lines((case, reason) for case, reason in skipped if case.device not in lost):
        console.print(f"[yellow]skipped[/]  {escape(line)}", soft_wrap=True)
    console.print()


def show_lost(run: str, events: Sequence[EventRow], console: Console) -> None:
    """Print a line for each lost device, then what measures the rest."""
    lost = dict(lost_devices(events))
    for device, reason in lost.items():
        line = reason if reason.startswith(f"{device} ") else f"{device}: {reason}"
        line = line.replace("\n  ", "\n         ")  # what to do stands below the reason
        console.print(f"[red]lost[/]     {escape(line)}", soft_wrap=True)
    unnamed = [each for each in lost.items() if RESUME not in each[1]]  # the others name the command themselves
    if unnamed:
        answer = "they answer" if len(unnamed) > 1 else "it answers"
        console.print(f"         once {answer}: {_next_command(run, unnamed, events)}", soft_wrap=True)


def _next_command(run: str, lost: Sequence[tuple[str, str]], events: Sequence[EventRow]) -> str:
    """Return what measures the rest; what is out of runs is asked first, else it would be skipped again."""
    taken_out = {event.device for event in events if event.kind == "DeviceTakenOut"}
    out = [device for device, reason in lost if device in taken_out or reason.startswith(f"{device} is out since ")]
    return f"{'farm devices check ' + ' '.join(out) + ', then: ' if out else ''}{RESUME} {run}"


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


def retried_devices(events: Iterable[EventRow]) -> Iterator[str]:
    """Yield how often the link of each device broke, with the last reason."""
    reasons: dict[str, list[str]] = {}
    for event in events:
        if event.kind == "LinkLost" and event.device is not None:
            reasons.setdefault(event.device, []).append(str(event.detail["reason"]))
    for device, all_reasons in reasons.items():
        last = all_reasons[-1].removeprefix(f"{device}: ")
        yield f"{device}: its link was tried again {_number(len(all_reasons), 'time')}, the last one after: {last}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
